//! A linear model on the words (k-mers) of a row's sequences: the roots of their counts, times weights.

use lingo_artifact::LabelKind;
use lingo_artifact::bases::reverse_complement;

use crate::error::Error;
use crate::reading::Beside;
use crate::settings::motif_cnn::WordCounts;

/// Where words are counted.
pub(crate) struct Counter {
    tables: Vec<Table>,
    /// Columns of one sequence.
    pub width: usize,
    /// Bases of the longest sequence whose places all have columns.
    pub bases: usize,
}

/// Words of one length.
struct Table {
    k: u32,
    /// The first column.
    first: u32,
    /// The word of each code, in the order A < C < G < T: a word and its reverse complement are one where strands are.
    words: Vec<u32>,
    /// Different words: the columns of a stretch.
    count: u32,
    /// Places of a stretch, and how many stretches there are; none where the whole sequence is one.
    every: Option<(u32, u32)>,
}

impl Counter {
    /// For sequences of up to so many bases; of longer ones places behind that count where places do not matter.
    pub fn new(settings: &[WordCounts], bases: usize) -> Self {
        let mut tables = Vec::new();
        let mut first = 0;
        for group in settings {
            for k in group.shortest.get()..=group.longest.get() {
                let mut words: Vec<u32> = Vec::with_capacity(1 << (2 * k));
                let mut count = 0;
                for code in 0..1usize << (2 * k) {
                    let other = match group.both_strands {
                        true => other_strand(code, k),
                        false => code,
                    };
                    words.push(if other < code {
                        words[other]
                    } else {
                        count += 1;
                        count - 1
                    });
                }
                let stretches = group.stretches(k, bases) as u32;
                tables.push(Table {
                    k,
                    first,
                    words,
                    count,
                    every: group.every.map(|every| (every.get(), stretches)),
                });
                first += stretches * count;
            }
        }
        Self {
            tables,
            width: first as usize,
            bases,
        }
    }

    /// The columns of a row's words, growing, each with the root of its count. The second sequence of a pair has columns of
    /// its own; words with a letter that is no base are left out.
    pub fn count(&self, sequences: &[Vec<u8>]) -> Vec<(u32, f32)> {
        let mut found: Vec<u32> = Vec::new();
        for (i, bases) in sequences.iter().enumerate() {
            for table in &self.tables {
                let first = (i * self.width) as u32 + table.first;
                table.add(bases, first, &mut found);
            }
        }
        found.sort_unstable();
        let equal = found.chunk_by(|a, b| a == b);
        equal
            .map(|equal| (equal[0], (equal.len() as f32).sqrt()))
            .collect()
    }
}

impl Table {
    fn add(&self, bases: &[u8], first: u32, found: &mut Vec<u32>) {
        let (mask, mut code, mut whole) = (self.words.len() - 1, 0, 0);
        for (place, base) in (1u32..).zip(bases) {
            let Some(base) = b"ACGT".iter().position(|letter| letter == base) else {
                whole = 0;
                continue;
            };
            code = (code << 2 | base) & mask;
            whole += 1;
            if whole < self.k {
                continue;
            }
            let stretch = match self.every {
                None => 0,
                Some((every, stretches)) => match (place - self.k) / every {
                    beyond if beyond >= stretches => break,
                    stretch => stretch,
                },
            };
            found.push(first + stretch * self.count + self.words[code]);
        }
    }
}

/// The reverse complement of a word of `k` bases.
pub(crate) fn other_strand(code: usize, k: u32) -> usize {
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

/// Values that a linear model gives: one where there are two classes, whose logits are half of it with either sign.
pub(crate) fn heads_of(labels: &LabelKind) -> usize {
    match labels {
        LabelKind::Classes(names) if names.len() == 2 => 1,
        _ => labels.outputs(),
    }
}

/// The logits of `outputs` outputs from what a linear model gives.
pub(crate) fn spread(heads: &[f64], outputs: usize, logits: &mut Vec<f32>) {
    match heads {
        [value] if outputs == 2 => logits.extend([-value / 2.0, value / 2.0].map(|l| l as f32)),
        heads => logits.extend(heads.iter().map(|value| *value as f32)),
    }
}

/// `[columns, heads]`, and behind them a bias of each head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights(pub Vec<f32>);

impl Weights {
    /// The logits of counted words.
    pub fn logits(&self, words: &[(u32, f32)], [heads, outputs]: [usize; 2]) -> Vec<f32> {
        let bias = self.0.len() - heads;
        let mut sums: Vec<f64> = self.0[bias..].iter().map(|&b| f64::from(b)).collect();
        for &(column, count) in words {
            let first = column as usize * heads;
            for (sum, weight) in sums.iter_mut().zip(&self.0[first..first + heads]) {
                *sum += f64::from(*weight) * f64::from(count);
            }
        }
        let mut logits = Vec::with_capacity(outputs);
        spread(&sums, outputs, &mut logits);
        logits
    }

    fn scaled(&self, factor: f64) -> Self {
        let scaled = self.0.iter().map(|w| (f64::from(*w) * factor) as f32);
        Self(scaled.collect())
    }
}

/// The logits of the model that was trained without a row, or of the mean of all for a row that none was trained on.
pub(crate) struct Words {
    counter: Counter,
    /// Heads and outputs.
    shape: [usize; 2],
    folds: Vec<Weights>,
    mean: Weights,
    without: Vec<Option<u32>>,
}

impl Words {
    /// Of models, each without one part of the rows: `without` says which was trained without a row, by its place in the
    /// table.
    pub fn new(
        counter: Counter,
        shape: [usize; 2],
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
            shape,
            folds,
            mean: Weights(mean.into_iter().map(|w| w as f32).collect()),
            without,
        }
    }

    /// Of the mean alone, as it stands in a file.
    pub fn of_mean(counter: Counter, shape: [usize; 2], mean: Weights) -> Self {
        Self {
            counter,
            shape,
            folds: Vec::new(),
            mean,
            without: Vec::new(),
        }
    }

    /// The same with other units: all logits are multiplied.
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            folds: self.folds.iter().map(|fold| fold.scaled(factor)).collect(),
            mean: self.mean.scaled(factor),
            ..self
        }
    }

    /// Values of a row before they are logits.
    pub fn heads(&self) -> usize {
        self.shape[0]
    }

    /// Bases of the longest sequence whose places all have columns.
    pub fn bases(&self) -> usize {
        self.counter.bases
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
        Ok(weights.unwrap_or(&self.mean).logits(&words, self.shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(text: &str) -> Counter {
        Counter::new(&[serde_json::from_str(text).unwrap()], 9)
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
            Weights(vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.5, 0.0, 0.0]),
            Weights(vec![3.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.5, 0.0, 0.0]),
        ];
        let words = Words::new(counter(settings), [3, 3], folds, vec![Some(1), None]);
        let of = |place| words.logits(place, &[b"AAAAC".to_vec()]).unwrap();
        assert_eq!(of(0), [3.0 * 2.0 + 0.5, 1.0, 0.0]);
        assert_eq!(of(1), [2.0 * 2.0 + 0.5, 1.0, 0.0]);
        assert_eq!(of(9), of(1));
        let again = Words::of_mean(counter(settings), [3, 3], words.mean().clone());
        assert_eq!(again.logits(0, &[b"AAAAC".to_vec()]).unwrap(), of(1));
        let half = again.scaled(0.5);
        assert_eq!(half.logits(0, &[b"AAAAC".to_vec()]).unwrap()[0], 2.25);
    }

    #[test]
    fn places_have_their_own_words() {
        let counter =
            counter(r#"{"shortest": 2, "longest": 2, "both_strands": false, "every": 3}"#);
        // Eight places of nine bases, in stretches of 3, 3 and 2.
        assert_eq!(counter.width, 3 * 16);
        let found = counter.count(&[b"AAAAACGTT".to_vec()]);
        let [a, b] = [3f32.sqrt(), 1.0];
        // AA three times; AA, AC, CG; GT, TT.
        assert_eq!(
            found,
            [
                (0, a),
                (16, b),
                (17, b),
                (16 + 6, b),
                (32 + 11, b),
                (32 + 15, b)
            ]
        );
        // What stands behind the last place has no column.
        assert_eq!(counter.count(&[b"AAAAACGTTGGGG".to_vec()])[..5], found[..5]);
        assert_eq!(counter.count(&[b"AAAAACGTTGGGG".to_vec()]).len(), 7);
    }
}
