//! A linear model on the words (k-mers) of a row's sequences: the roots of their counts, times weights.

use lingo_artifact::bases::reverse_complement;

use crate::error::Error;
use crate::reading::Beside;
use crate::settings::motif_cnn::WordCounts;

/// Where words are counted.
pub(crate) struct Counter {
    settings: WordCounts,
    /// For each length of words the column of each word, in the order A < C < G < T.
    columns: Vec<Vec<u32>>,
    /// Columns of one sequence.
    pub width: usize,
}

impl Counter {
    pub fn new(settings: WordCounts) -> Self {
        let mut width = 0u32;
        let mut columns = Vec::new();
        for k in settings.shortest.get()..=settings.longest.get() {
            let mut of_length: Vec<u32> = Vec::with_capacity(1 << (2 * k));
            for code in 0..1usize << (2 * k) {
                let other = match settings.both_strands {
                    true => other_strand(code, k),
                    false => code,
                };
                of_length.push(if other < code {
                    of_length[other]
                } else {
                    width += 1;
                    width - 1
                });
            }
            columns.push(of_length);
        }
        Self {
            settings,
            columns,
            width: width as usize,
        }
    }

    /// The columns of a row's words, growing, each with the root of its count. The second sequence of a pair has columns of
    /// its own; words with a letter that is no base are left out.
    pub fn count(&self, sequences: &[Vec<u8>]) -> Vec<(u32, f32)> {
        let mut found: Vec<u32> = Vec::new();
        for (i, bases) in sequences.iter().enumerate() {
            let first = (i * self.width) as u32;
            for (k, columns) in (self.settings.shortest.get()..).zip(&self.columns) {
                let (mask, mut code, mut whole) = (columns.len() - 1, 0, 0);
                for base in bases {
                    let Some(base) = b"ACGT".iter().position(|letter| letter == base) else {
                        whole = 0;
                        continue;
                    };
                    code = (code << 2 | base) & mask;
                    whole += 1;
                    if whole >= k {
                        found.push(first + columns[code]);
                    }
                }
            }
        }
        found.sort_unstable();
        let equal = found.chunk_by(|a, b| a == b);
        equal
            .map(|equal| (equal[0], (equal.len() as f32).sqrt()))
            .collect()
    }
}

/// The reverse complement of a word of `k` bases.
fn other_strand(code: usize, k: u32) -> usize {
    let letters: Vec<u8> = (0..k)
        .rev()
        .map(|at| b"ACGT"[code >> (2 * at) & 3])
        .collect();
    let other = reverse_complement(&letters);
    let place = |base: &u8| {
        b"ACGT"
            .iter()
            .position(|letter| letter == base)
            .unwrap_or(0)
    };
    other.iter().fold(0, |code, base| code << 2 | place(base))
}

/// `[columns, outputs]`, and behind them a bias of each output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights(pub Vec<f32>);

impl Weights {
    /// The logits of counted words.
    pub fn logits(&self, words: &[(u32, f32)], outputs: usize) -> Vec<f32> {
        let bias = self.0.len() - outputs;
        let mut sums: Vec<f64> = self.0[bias..].iter().map(|&b| f64::from(b)).collect();
        for &(column, count) in words {
            let first = column as usize * outputs;
            for (sum, weight) in sums.iter_mut().zip(&self.0[first..first + outputs]) {
                *sum += f64::from(*weight) * f64::from(count);
            }
        }
        sums.into_iter().map(|sum| sum as f32).collect()
    }
}

/// The logits of the model that was trained without a row, or of the mean of all for a row that none was trained on.
pub(crate) struct Words {
    counter: Counter,
    outputs: usize,
    folds: Vec<Weights>,
    mean: Weights,
    without: Vec<Option<u32>>,
}

impl Words {
    /// Of models, each without one part of the rows: `without` says which was trained without a row, by its place in the
    /// table.
    pub fn new(
        counter: Counter,
        outputs: usize,
        folds: Vec<Weights>,
        without: Vec<Option<u32>>,
    ) -> Self {
        let share = 1.0 / folds.len().max(1) as f64;
        let mut mean = vec![0.0; folds.first().map_or(0, |fold| fold.0.len())];
        for fold in &folds {
            let pairs = mean.iter_mut().zip(&fold.0);
            pairs.for_each(|(mean, w): (&mut f64, _)| *mean += share * f64::from(*w));
        }
        Self {
            counter,
            outputs,
            folds,
            mean: Weights(mean.into_iter().map(|w| w as f32).collect()),
            without,
        }
    }

    /// Of the mean alone, as it stands in a file.
    pub fn of_mean(settings: WordCounts, outputs: usize, mean: Weights) -> Self {
        Self {
            counter: Counter::new(settings),
            outputs,
            folds: Vec::new(),
            mean,
            without: Vec::new(),
        }
    }

    /// Outputs of a row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The mean of all models.
    pub fn mean(&self) -> &Weights {
        &self.mean
    }
}

impl Beside for Words {
    fn logits(&self, place: usize, bases: &[Vec<u8>]) -> Result<Vec<f32>, Error> {
        let fold = self.without.get(place).copied().flatten();
        let weights = fold.and_then(|fold| self.folds.get(fold as usize));
        let words = self.counter.count(bases);
        Ok(weights.unwrap_or(&self.mean).logits(&words, self.outputs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(text: &str) -> Counter {
        Counter::new(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_word_and_its_other_strand_have_one_column() {
        let counter = counter(r#"{"shortest": 1, "longest": 5}"#);
        assert_eq!(counter.width, 2 + 10 + 32 + 136 + 512);
        let one = counter.count(&[b"ACCGTNTTA".to_vec()]);
        assert_eq!(one, counter.count(&[reverse_complement(b"ACCGTNTTA")]));
        // A or T five times, C or G three.
        assert_eq!(one[..2], [(0, 5f32.sqrt()), (1, 3f32.sqrt())]);
        // Nothing goes over the N: of five bases there are two sequences of words up to 5 and 3.
        let words: f32 = one.iter().map(|(_, count)| count * count).sum();
        assert!((words - (15.0 + 6.0)).abs() < 1e-4, "{words}");
    }

    #[test]
    fn strands_and_sequences_of_a_pair_are_kept_apart_where_that_is_asked_for() {
        let counter = counter(r#"{"shortest": 2, "longest": 2, "both_strands": false}"#);
        assert_eq!(counter.width, 16);
        let found = counter.count(&[b"AAC".to_vec(), b"GTT".to_vec()]);
        assert_eq!(found, [(0, 1.0), (1, 1.0), (16 + 11, 1.0), (16 + 15, 1.0)]);
    }

    #[test]
    fn a_row_is_judged_by_the_model_that_has_not_seen_it() {
        let settings = r#"{"shortest": 1, "longest": 1}"#;
        let folds = vec![
            Weights(vec![1.0, 0.0, 0.0, 1.0, 0.5, 0.0]),
            Weights(vec![3.0, 0.0, 0.0, 1.0, 0.5, 0.0]),
        ];
        let words = Words::new(counter(settings), 2, folds, vec![Some(1), None]);
        let of = |place| words.logits(place, &[b"AAAAC".to_vec()]).unwrap();
        assert_eq!(of(0), [3.0 * 2.0 + 0.5, 1.0]);
        assert_eq!(of(1), [2.0 * 2.0 + 0.5, 1.0]);
        assert_eq!(of(9), of(1));
        let settings = serde_json::from_str(settings).unwrap();
        let again = Words::of_mean(settings, 2, words.mean().clone());
        assert_eq!(again.logits(0, &[b"AAAAC".to_vec()]).unwrap(), of(1));
    }
}
