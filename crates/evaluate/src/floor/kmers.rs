//! A linear model on how often each 6-mer occurs: what motifs a bag of words can see.
//!
//! The counts are divided by their standard deviations over the training rows (`StandardScaler(with_mean=False)`), so
//! that they stay sparse. The penalty is chosen on dev.

use lingo_artifact::LabelKind;
use lingo_artifact::example::Example;
use lingo_artifact::lbfgs;
use lingo_artifact::random::Stream;

use crate::cell::{Scored, class, multi, value};
use crate::floor::logistic::{probabilities, softmax};
use crate::metrics::classes::Classes;
use crate::metrics::values::Values;
use crate::probability::sigmoid;

/// Steps of a fit at most.
const STEPS: usize = 500;

/// The length of the words.
pub const K: usize = 6;
/// Inverse penalties (scikit-learn's `C`; a ridge has `alpha = 1 / C`) among which dev chooses.
pub const STRENGTHS: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];
/// Without dev rows.
const WITHOUT_DEV: f64 = 1e-3;
/// Of the steepest slope at the beginning; more exact than scikit-learn's default, which is 1e-4 of a mean loss.
const TOLERANCE: f64 = 1e-6;
/// So many words times outputs are looked at in a pass at most; of more training rows some are drawn.
const WORK: u64 = 20_000_000;
/// With more classes or labels than these there is no such floor: it would take hours.
pub const MOST_OUTPUTS: usize = 64;

/// Rows of words: their numbers, one for each place of the sequence.
pub struct Words {
    words: Vec<u16>,
    /// Where each row begins in `words`, and the end.
    begins: Vec<usize>,
}

/// Which words there are.
pub struct Vocabulary {
    /// The number of a 6-mer, first base in the highest bits.
    of: Vec<u16>,
    size: usize,
    pairs: bool,
}

impl Vocabulary {
    /// With `both` strands a word and its reverse complement are one.
    pub fn new(both: bool, pairs: bool) -> Self {
        let all = 1usize << (2 * K);
        let reverse_complement = |word: usize| {
            (0..K).fold(0, |found, place| {
                found << 2 | (3 - (word >> (2 * place) & 3))
            })
        };
        let mut of = vec![0; all];
        let mut size = 0;
        for word in 0..all {
            let other = reverse_complement(word);
            if both && other < word {
                of[word] = of[other];
            } else {
                of[word] = size;
                size += 1;
            }
        }
        Self {
            of,
            size: usize::from(size),
            pairs,
        }
    }

    /// How many different words; those of the second sequence of a pair are others than those of the first.
    pub fn size(&self) -> usize {
        self.size * if self.pairs { 2 } else { 1 }
    }

    /// The words of these rows; what holds anything but A, C, G, T counts nowhere.
    pub fn read<'a>(&self, rows: impl Iterator<Item = &'a Example>) -> Words {
        let mut found = Words {
            words: Vec::new(),
            begins: vec![0],
        };
        for row in rows {
            self.add(&row.sequence, 0, &mut found.words);
            if let (true, Some(second)) = (self.pairs, &row.sequence2) {
                self.add(second, self.size as u16, &mut found.words);
            }
            found.begins.push(found.words.len());
        }
        found
    }

    fn add(&self, sequence: &str, from: u16, words: &mut Vec<u16>) {
        let (mut word, mut known) = (0usize, 0usize);
        for letter in sequence.bytes() {
            let base = match letter.to_ascii_uppercase() {
                b'A' => 0,
                b'C' => 1,
                b'G' => 2,
                b'T' => 3,
                _ => {
                    known = 0;
                    continue;
                }
            };
            word = (word << 2 | base) & (self.of.len() - 1);
            known += 1;
            if known >= K {
                words.push(from + self.of[word]);
            }
        }
    }
}

impl Words {
    fn rows(&self) -> impl Iterator<Item = &[u16]> {
        self.begins.windows(2).map(|w| &self.words[w[0]..w[1]])
    }

    /// One over the standard deviation of each word's count over the rows; 1 for a count that never varies.
    fn scales(&self, width: usize) -> Vec<f64> {
        let n = (self.begins.len() - 1).max(1) as f64;
        let (mut sums, mut squares) = (vec![0.0; width], vec![0.0; width]);
        let mut counts = vec![0.0f64; width];
        for row in self.rows() {
            row.iter().for_each(|w| counts[usize::from(*w)] += 1.0);
            for &word in row {
                let count = std::mem::take(&mut counts[usize::from(word)]);
                sums[usize::from(word)] += count;
                squares[usize::from(word)] += count * count;
            }
        }
        sums.iter()
            .zip(&squares)
            .map(|(sum, square)| {
                let variance = square / n - (sum / n) * (sum / n);
                if variance > 1e-12 {
                    1.0 / variance.sqrt()
                } else {
                    1.0
                }
            })
            .collect()
    }
}

/// Some of the rows, drawn at random (by a fixed seed), so that a pass over them has bounded work; all of them where they are few.
pub fn thinned<'a>(rows: &[&'a Example], outputs: usize) -> Vec<&'a Example> {
    let bases = |row: &&Example| {
        let second = row.sequence2.as_ref().map_or(0, String::len);
        (row.sequence.len() + second) as u64
    };
    let work = rows.iter().map(bases).sum::<u64>() * outputs.max(1) as u64;
    if work <= WORK {
        return rows.to_vec();
    }
    let share = WORK as f64 / work as f64;
    let mut stream = Stream::new(0, "rows of the floor");
    let mut some = rows.to_vec();
    some.retain(|_| stream.uniform() < share);
    some
}

/// What is to be predicted of each row.
enum Targets {
    /// Class numbers among the seen ones.
    Classes(Vec<usize>),
    /// One list of flags a label.
    Labels(Vec<Vec<bool>>),
    Values(Vec<f64>),
}

impl Targets {
    fn of(kind: &LabelKind, seen: &[usize], rows: &[&Example]) -> Self {
        match kind {
            LabelKind::Classes(_) => Self::Classes(
                rows.iter()
                    .map(|r| {
                        let truth = class(&r.label);
                        // A class of dev that train lacks is taken for the first one: no penalty can be right about it.
                        seen.iter().position(|s| *s == truth).unwrap_or(0)
                    })
                    .collect(),
            ),
            LabelKind::Multilabel(names) => {
                let flags: Vec<Vec<u8>> = rows.iter().map(|r| multi(&r.label)).collect();
                let of_label = |l: usize| flags.iter().map(|f| f[l] != 0).collect();
                Self::Labels((0..names.len()).map(of_label).collect())
            }
            LabelKind::Regression => Self::Values(rows.iter().map(|r| value(&r.label)).collect()),
        }
    }

    /// Rows of weights.
    fn outputs(&self, seen: usize) -> usize {
        match self {
            // Two classes share one, as in scikit-learn.
            Self::Classes(_) if seen <= 2 => 1,
            Self::Classes(_) => seen,
            Self::Labels(labels) => labels.len(),
            Self::Values(_) => 1,
        }
    }

    /// The loss of one row's scores, and its derivatives in their place.
    fn loss(&self, row: usize, scores: &mut [f64]) -> f64 {
        let logistic = |score: &mut f64, yes: bool| {
            let s = *score;
            let y = f64::from(u8::from(yes));
            *score = sigmoid(s) - y;
            // ln(1 + e^s) - y s, without overflow.
            s.max(0.0) + (-s.abs()).exp().ln_1p() - y * s
        };
        match self {
            Self::Classes(truth) if scores.len() == 1 => logistic(&mut scores[0], truth[row] == 1),
            Self::Classes(truth) => {
                let at = scores[truth[row]];
                let (log, shares) = softmax(scores);
                scores.copy_from_slice(&shares);
                scores[truth[row]] -= 1.0;
                log - at
            }
            Self::Labels(labels) => labels
                .iter()
                .zip(scores)
                .map(|(flags, score)| logistic(score, flags[row]))
                .sum(),
            Self::Values(values) => {
                let residual = scores[0] - values[row];
                scores[0] = residual;
                0.5 * residual * residual
            }
        }
    }
}

/// A fitted model.
pub struct Model {
    /// `[outputs][words + 1]`: weights of plain counts, and the intercept.
    weights: Vec<f64>,
    width: usize,
    seen: Vec<usize>,
    /// The inverse penalty that was chosen.
    pub strength: f64,
}

/// Fits on `train`; of the penalties the one with the lowest loss on `dev`.
pub fn fit(
    kind: &LabelKind,
    vocabulary: &Vocabulary,
    train: &[&Example],
    dev: &[&Example],
    strengths: &[f64],
) -> Model {
    let mut seen: Vec<usize> = match kind {
        LabelKind::Classes(_) => train.iter().map(|r| class(&r.label)).collect(),
        _ => Vec::new(),
    };
    seen.sort_unstable();
    seen.dedup();
    let width = vocabulary.size();
    let words = vocabulary.read(train.iter().copied());
    let scales = words.scales(width);
    let targets = Targets::of(kind, &seen, train);
    let held = vocabulary.read(dev.iter().copied());
    let held_targets = Targets::of(kind, &seen, dev);
    let outputs = targets.outputs(seen.len());
    let only = [WITHOUT_DEV];
    let strengths = if dev.is_empty() { &only } else { strengths };
    if seen.len() == 1 {
        return Model {
            weights: Vec::new(),
            width,
            seen,
            strength: WITHOUT_DEV,
        };
    }
    let mut best: Option<(f64, Model)> = None;
    // Each begins where the stronger penalty ended: the optimum does not depend on it, the way there is shorter.
    let mut scaled = vec![0.0; outputs * (width + 1)];
    if let Targets::Values(values) = &targets {
        scaled[width] = values.iter().sum::<f64>() / values.len().max(1) as f64;
    }
    let mut slope = vec![0.0; scaled.len()];
    penalised(&scaled, &mut slope, &words, &targets, &scales, 1.0);
    let steepest = slope.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    for &strength in strengths {
        scaled = lbfgs::minimise(scaled, (TOLERANCE * steepest, STEPS), |point, gradient| {
            penalised(point, gradient, &words, &targets, &scales, strength)
        });
        let mut weights = scaled.clone();
        for row in weights.chunks_mut(width + 1) {
            row.iter_mut().zip(&scales).for_each(|(w, s)| *w *= s);
        }
        let model = Model {
            weights,
            width,
            seen: seen.clone(),
            strength,
        };
        let loss: f64 = held
            .rows()
            .enumerate()
            .map(|(i, row)| held_targets.loss(i, &mut model.scores(row)))
            .sum();
        if best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
            best = Some((loss, model));
        }
    }
    best.map_or_else(
        || Model {
            weights: scaled,
            width,
            seen,
            strength: WITHOUT_DEV,
        },
        |(_, model)| model,
    )
}

/// The summed loss of the rows and the squared weights over twice `strength`; intercepts are free.
fn penalised(
    point: &[f64],
    gradient: &mut [f64],
    words: &Words,
    targets: &Targets,
    scales: &[f64],
    strength: f64,
) -> f64 {
    let width = scales.len();
    let outputs = point.len() / (width + 1);
    // One word's weights of all outputs stand side by side: a row of words reads each once.
    let mut plain = vec![0.0; width * outputs];
    for (o, row) in point.chunks(width + 1).enumerate() {
        for (j, scale) in scales.iter().enumerate() {
            plain[j * outputs + o] = row[j] * scale;
        }
    }
    let mut of_words = vec![0.0; width * outputs];
    let mut of_intercepts = vec![0.0; outputs];
    let mut scores = vec![0.0; outputs];
    let mut loss = 0.0;
    for (i, row) in words.rows().enumerate() {
        for (o, score) in scores.iter_mut().enumerate() {
            *score = point[o * (width + 1) + width];
        }
        for &word in row {
            let from = usize::from(word) * outputs;
            let weights = &plain[from..from + outputs];
            scores.iter_mut().zip(weights).for_each(|(s, w)| *s += w);
        }
        loss += targets.loss(i, &mut scores);
        for &word in row {
            let from = usize::from(word) * outputs;
            let sums = &mut of_words[from..from + outputs];
            sums.iter_mut().zip(&scores).for_each(|(g, s)| *g += s);
        }
        of_intercepts
            .iter_mut()
            .zip(&scores)
            .for_each(|(g, s)| *g += s);
    }
    for (o, (row, of_row)) in gradient
        .chunks_mut(width + 1)
        .zip(point.chunks(width + 1))
        .enumerate()
    {
        for (j, scale) in scales.iter().enumerate() {
            row[j] = of_words[j * outputs + o] * scale + of_row[j] / strength;
            loss += 0.5 * of_row[j] * of_row[j] / strength;
        }
        row[width] = of_intercepts[o];
    }
    loss
}

impl Model {
    /// Weights and intercepts.
    pub fn parameters(&self) -> u64 {
        self.weights.len() as u64
    }

    fn scores(&self, words: &[u16]) -> Vec<f64> {
        self.weights
            .chunks(self.width + 1)
            .map(|row| {
                let of_words = words.iter().map(|w| row[usize::from(*w)]).sum::<f64>();
                of_words + row[self.width]
            })
            .collect()
    }

    /// Scores rows.
    pub(crate) fn score(
        &self,
        kind: &LabelKind,
        vocabulary: &Vocabulary,
        rows: &[&Example],
    ) -> Scored<'static> {
        let words = vocabulary.read(rows.iter().copied());
        let scores = words.rows().map(|row| self.scores(row));
        match kind {
            LabelKind::Classes(names) => {
                let truth = rows.iter().map(|r| class(&r.label) as u32).collect();
                let all = scores
                    .flat_map(|s| probabilities(&self.seen, &s, names.len()))
                    .collect();
                Scored::Classes(Classes::new(names, truth, all))
            }
            LabelKind::Multilabel(names) => {
                let flags: Vec<Vec<u8>> = rows.iter().map(|r| multi(&r.label)).collect();
                let all: Vec<Vec<f64>> = scores
                    .map(|s| s.into_iter().map(sigmoid).collect())
                    .collect();
                Scored::of_flags(names, flags, all)
            }
            LabelKind::Regression => Scored::Values(Values {
                truth: rows.iter().map(|r| value(&r.label)).collect(),
                predicted: scores.map(|s| s[0]).collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(vocabulary: &Vocabulary, sequence: &str) -> Vec<u16> {
        let mut words = Vec::new();
        vocabulary.add(sequence, 0, &mut words);
        words
    }

    #[test]
    fn a_word_and_its_reverse_complement_are_one_where_there_is_no_strand() {
        let (one, both) = (Vocabulary::new(false, false), Vocabulary::new(true, false));
        // 4^6, and half of it with the 64 palindromes counted once.
        assert_eq!((one.size(), both.size()), (4096, 2080));
        let sequence = "ACGGTTCAGNTTGACca";
        let reversed = "TGGTCAANCTGAACCGT";
        let (mut a, mut b) = (words(&both, sequence), words(&both, reversed));
        b.reverse();
        assert_eq!(a, b);
        // Nine bases, then seven behind what is no base.
        assert_eq!(a.len(), 4 + 2);
        a.dedup();
        assert_ne!(words(&one, sequence), words(&one, reversed));
        assert_eq!(words(&one, "AAAAAA"), [0]);
        assert_eq!(words(&one, "TTTTTT"), [4095]);
    }

    #[test]
    fn of_very_many_bases_some_rows_are_read() {
        let row = Example {
            id: String::new(),
            split: lingo_artifact::Split::Train,
            sequence: "A".repeat(WORK as usize / 400),
            sequence2: None,
            label: lingo_artifact::Label::Class(0),
            interval: None,
        };
        assert_eq!(thinned(&[&row; 400], 1).len(), 400);
        for (rows, outputs) in [(800, 1), (400, 2)] {
            let some = thinned(&vec![&row; rows], outputs).len();
            assert!(some.abs_diff(400 / outputs) < 60 / outputs, "{some}");
        }
    }
}
