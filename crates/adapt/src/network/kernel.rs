//! A kernel machine on words: how much a row is like each of many training rows, times a weight of each.

use lingo_kernels::{Level, dots, exponentials};
use rayon::prelude::*;

use crate::error::Error;
use crate::network::words::{Counter, other_strand, spread};
use crate::reading::Beside;
use crate::settings::motif_cnn::WordCounts;

/// How fast the kernel falls with what two rows do not share: `e^(GAMMA (likeness - 1))`.
const GAMMA: f32 = 2.0;
/// Lengths of the words whose mean counts are taken off.
const SHORT: [u32; 3] = [3, 4, 5];
/// Bases between the two halves, of four bases each, of longer words; 0: a word of eight bases.
const GAPS: usize = 5;
/// What each length of short words, words of eight bases, and all words with a gap make of the likeness.
const SHARES: [f64; 3] = [1.0 / 6.0, 1.0 / 6.0, 2.0 / 6.0];
/// Words of eight bases.
const EIGHTS: usize = 1 << 16;
/// Rows that are answered together.
pub(crate) const BLOCK: usize = 32;

/// What rows are compared by: the roots of their words' counts.
pub(crate) struct Features {
    /// Of the short words, length by length.
    counters: Vec<Counter>,
    /// Which word of eight bases each counts as: the smaller of its two strands, or itself.
    counted_as: Vec<u32>,
    /// Sequences of a row.
    sequences: usize,
    /// What is taken off the roots of the short words' counts, `[width]`.
    means: Vec<f32>,
}

/// One row as it is compared; the product with another's is their likeness.
pub(crate) struct Compared {
    /// Of the short words, filled up with zeros: `[Features::stride]`.
    dense: Vec<f32>,
    /// Of the longer words, by their numbers, which grow.
    sparse: Vec<(u32, f32)>,
}

impl Features {
    /// With means that are zero.
    pub fn new(both_strands: bool, sequences: usize) -> Self {
        let counter = |k: u32| {
            let k = std::num::NonZeroU32::new(k).unwrap_or(std::num::NonZeroU32::MIN);
            let of_length = WordCounts {
                shortest: k,
                longest: k,
                both_strands,
                every: None,
            };
            Counter::new(&[of_length], 0)
        };
        let counters: Vec<Counter> = SHORT.into_iter().map(counter).collect();
        let counted_as = (0..EIGHTS).map(|word| match both_strands {
            true => word.min(other_strand(word, 8)) as u32,
            false => word as u32,
        });
        let width: usize = counters.iter().map(|c| c.width * sequences).sum();
        Self {
            counted_as: counted_as.collect(),
            counters,
            sequences,
            means: vec![0.0; width],
        }
    }

    /// The same with these means, if they are as many as there are short words.
    pub fn with_means(self, means: Vec<f32>) -> Option<Self> {
        (means.len() == self.means.len()).then_some(Self { means, ..self })
    }

    /// The same with the means over these rows.
    pub fn centred(self, rows: &[Vec<Vec<u8>>]) -> Self {
        let counted: Vec<Vec<(usize, f32)>> = rows.par_iter().map(|row| self.short(row)).collect();
        // One after another: any number of threads gives the same bits.
        let mut sums = vec![0.0f64; self.means.len()];
        for (column, root) in counted.iter().flatten() {
            sums[*column] += f64::from(*root);
        }
        let count = rows.len().max(1) as f64;
        let means = sums.into_iter().map(|sum| (sum / count) as f32).collect();
        Self { means, ..self }
    }

    /// What is taken off the roots of the short words' counts.
    pub fn means(&self) -> &[f32] {
        &self.means
    }

    /// Sequences of a row.
    pub fn sequences(&self) -> usize {
        self.sequences
    }

    /// Values of [`Compared::dense`]: a whole number of vectors.
    fn stride(&self) -> usize {
        padded(self.means.len())
    }

    /// A row's short words: columns and the roots of their counts.
    fn short(&self, row: &[Vec<u8>]) -> Vec<(usize, f32)> {
        let row = &row[..row.len().min(self.sequences)];
        let mut found = Vec::new();
        let mut first = 0;
        for counter in &self.counters {
            let counted = counter.count(row).into_iter();
            found.extend(counted.map(|(column, root)| (first + column as usize, root)));
            first += counter.width * self.sequences;
        }
        found
    }

    /// A row's longer words: numbers and how often each stands there.
    fn long(&self, row: &[Vec<u8>]) -> Vec<(u32, u32)> {
        let mut found: Vec<u32> = Vec::new();
        for (sequence, bases) in row.iter().take(self.sequences).enumerate() {
            let fours = fours(bases);
            for gap in 0..GAPS {
                let first = ((sequence * GAPS + gap) * EIGHTS) as u32;
                let behind = fours.iter().skip(4 + gap);
                for (one, other) in fours.iter().zip(behind) {
                    if let (Some(one), Some(other)) = (one, other) {
                        let word = usize::from(*one) << 8 | usize::from(*other);
                        found.push(first + self.counted_as[word]);
                    }
                }
            }
        }
        found.sort_unstable();
        let equal = found.chunk_by(|a, b| a == b);
        equal.map(|equal| (equal[0], equal.len() as u32)).collect()
    }

    /// A row as it is compared: each length of short words, the words of eight bases, and the words with a gap are a vector
    /// each, whose squared length is its share of the likeness.
    pub fn of(&self, row: &[Vec<u8>]) -> Compared {
        let mut dense = vec![0.0f32; self.stride()];
        for (value, mean) in dense.iter_mut().zip(&self.means) {
            *value = -mean;
        }
        for (column, root) in self.short(row) {
            dense[column] += root;
        }
        let mut first = 0;
        for counter in &self.counters {
            let end = first + counter.width * self.sequences;
            let squares: f64 = dense[first..end].iter().map(|v| f64::from(v * v)).sum();
            if squares > 0.0 {
                let factor = (SHARES[0] / squares).sqrt() as f32;
                dense[first..end].iter_mut().for_each(|v| *v *= factor);
            }
            first = end;
        }
        let words = self.long(row);
        let has_gap = |word: u32| !(word as usize / EIGHTS).is_multiple_of(GAPS);
        // The squares of the roots are the counts.
        let mut counts = [0u32; 2];
        for (word, count) in &words {
            counts[usize::from(has_gap(*word))] += count;
        }
        let sparse = words.into_iter().map(|(word, count)| {
            let kind = usize::from(has_gap(word));
            let square = SHARES[1 + kind] * f64::from(count) / f64::from(counts[kind]);
            (word, square.sqrt() as f32)
        });
        Compared {
            dense,
            sparse: sparse.collect(),
        }
    }

    /// Different longer words, with a place for those that are counted as others.
    fn long_words(&self) -> usize {
        self.sequences * GAPS * EIGHTS
    }
}

/// The four bases that begin at each place, where they are A, C, G or T.
fn fours(bases: &[u8]) -> Vec<Option<u8>> {
    let place = |base: &u8| b"ACGT".iter().position(|letter| letter == base);
    let word = |four: &[u8]| {
        four.iter()
            .try_fold(0u8, |word, base| Some(word << 2 | place(base)? as u8))
    };
    bases.windows(4).map(word).collect()
}

/// The next whole number of vectors.
fn padded(n: usize) -> usize {
    n.next_multiple_of(16)
}

/// Training rows that others are compared with.
pub(crate) struct Landmarks {
    features: Features,
    level: Level,
    /// How many there are.
    count: usize,
    /// `[count, Features::stride]`.
    dense: Vec<f32>,
    /// Where the rows of each longer word begin, and one past the last.
    starts: Vec<usize>,
    /// Row by row within a word: the row, and the word's value in it.
    postings: Vec<(u32, f32)>,
}

impl Landmarks {
    /// Of rows that `features` has compared.
    pub fn new(features: Features, rows: &[Compared]) -> Self {
        let mut starts = vec![0; features.long_words() + 1];
        for (word, _) in rows.iter().flat_map(|row| &row.sparse) {
            starts[*word as usize + 1] += 1;
        }
        for word in 1..starts.len() {
            starts[word] += starts[word - 1];
        }
        let mut next = starts.clone();
        let mut postings = vec![(0, 0.0); starts[starts.len() - 1]];
        for (i, row) in (0u32..).zip(rows) {
            for (word, value) in &row.sparse {
                let at = &mut next[*word as usize];
                postings[*at] = (i, *value);
                *at += 1;
            }
        }
        let mut dense = Vec::with_capacity(rows.len() * features.stride());
        rows.iter().for_each(|row| dense.extend(&row.dense));
        Self {
            level: Level::detect(),
            count: rows.len(),
            dense,
            starts,
            postings,
            features,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The same, filled up to whole vectors: the values of a row of kernels.
    pub fn width(&self) -> usize {
        padded(self.count)
    }

    /// What rows are compared by.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The instructions that products are made with.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The kernels of rows with the landmarks from `first` on, `[rows, Landmarks::width]`, in their columns; others are left as
    /// they are. Each is the same bits whatever else is asked for.
    pub fn kernels(&self, rows: &[Compared], first: usize, kernels: &mut [f32]) {
        let (stride, width) = (self.features.stride(), self.width());
        if first >= self.count || rows.is_empty() {
            return;
        }
        let mut dense = Vec::with_capacity(rows.len() * stride);
        rows.iter().for_each(|row| dense.extend(&row.dense));
        let landmarks = &self.dense[first * stride..];
        let to = &mut kernels[first..];
        dots(self.level, &dense, landmarks, stride, to, width);
        for (row, kernels) in rows.iter().zip(kernels.chunks_mut(width)) {
            for (word, value) in &row.sparse {
                let own =
                    &self.postings[self.starts[*word as usize]..self.starts[*word as usize + 1]];
                let before = match first {
                    0 => 0,
                    first => own.partition_point(|(i, _)| (*i as usize) < first),
                };
                for (i, of_landmark) in &own[before..] {
                    kernels[*i as usize] += value * of_landmark;
                }
            }
            exponentials(self.level, GAMMA, &mut kernels[first..self.count]);
        }
    }

    /// What `alphas`, `[heads, Landmarks::width]`, make of the kernels of one row, `[Landmarks::width]`: `[heads]`.
    fn answers(&self, kernels: &[f32], alphas: &[f32]) -> Vec<f64> {
        // Of many weights with either sign little is left, so they are summed in f64.
        let heads = alphas.chunks_exact(self.width().max(1)).map(|alphas| {
            let pairs = kernels.iter().zip(alphas).take(self.count);
            let products = pairs.map(|(kernel, alpha)| f64::from(*kernel) * f64::from(*alpha));
            products.sum()
        });
        heads.collect()
    }
}

/// The logits of the machine that was fitted without a row, or of the mean of all for a row that none was fitted on.
pub(crate) struct WordMachine {
    landmarks: Landmarks,
    /// The bases of the landmarks.
    bases: Vec<Vec<Vec<u8>>>,
    /// Heads and outputs.
    shape: [usize; 2],
    /// The weights of the landmarks in each machine, `[heads, Landmarks::width]`, zeros behind.
    folds: Vec<Vec<f32>>,
    mean: Vec<f32>,
    without: Vec<Option<u32>>,
}

impl WordMachine {
    /// Of machines, each without one part of the rows: `without` says which was fitted without a row, by its place in the
    /// table. `bases` are those of the landmarks.
    pub fn new(
        landmarks: Landmarks,
        bases: Vec<Vec<Vec<u8>>>,
        shape: [usize; 2],
        folds: Vec<Vec<f32>>,
        without: Vec<Option<u32>>,
    ) -> Self {
        let share = 1.0 / folds.len().max(1) as f64;
        let mut mean = vec![0.0; shape[0] * landmarks.width()];
        for fold in &folds {
            let pairs = mean.iter_mut().zip(fold);
            pairs.for_each(|(mean, a): (&mut f64, _)| *mean += share * f64::from(*a));
        }
        Self {
            landmarks,
            bases,
            shape,
            folds,
            mean: mean.into_iter().map(|a| a as f32).collect(),
            without,
        }
    }

    /// Of the mean alone, as it stands in a file: `alphas` are `[landmarks, heads]`. Nothing where they are not as many.
    pub fn of_mean(
        features: Features,
        bases: Vec<Vec<Vec<u8>>>,
        shape: [usize; 2],
        alphas: &[f32],
    ) -> Option<Self> {
        let heads = shape[0];
        if alphas.len() != bases.len() * heads {
            return None;
        }
        let compared: Vec<Compared> = bases.par_iter().map(|row| features.of(row)).collect();
        let landmarks = Landmarks::new(features, &compared);
        let width = landmarks.width();
        let mut mean = vec![0.0; heads * width];
        for (i, of_row) in alphas.chunks(heads.max(1)).enumerate() {
            for (head, alpha) in of_row.iter().enumerate() {
                mean[head * width + i] = *alpha;
            }
        }
        Some(Self {
            landmarks,
            bases,
            shape,
            folds: Vec::new(),
            mean,
            without: Vec::new(),
        })
    }

    /// The same with other units: all logits are multiplied.
    pub fn scaled(self, factor: f64) -> Self {
        let scaled = |alphas: &Vec<f32>| -> Vec<f32> {
            let scaled = alphas.iter().map(|a| (f64::from(*a) * factor) as f32);
            scaled.collect()
        };
        Self {
            folds: self.folds.iter().map(scaled).collect(),
            mean: scaled(&self.mean),
            ..self
        }
    }

    /// Values of a row before they are logits.
    pub fn heads(&self) -> usize {
        self.shape[0]
    }

    /// The rows that others are compared with.
    pub fn landmarks(&self) -> &Landmarks {
        &self.landmarks
    }

    /// Their bases.
    pub fn bases(&self) -> &[Vec<Vec<u8>>] {
        &self.bases
    }

    /// The mean weights of the landmarks, `[landmarks, heads]`.
    pub fn alphas(&self) -> Vec<f32> {
        let width = self.landmarks.width();
        let heads = 0..self.heads();
        (0..self.landmarks.count)
            .flat_map(|i| heads.clone().map(move |head| (head, i)))
            .map(|(head, i)| self.mean[head * width + i])
            .collect()
    }

    /// The logits of a few rows, by their places in the table.
    fn logits_of_few(&self, rows: &[(usize, &[Vec<u8>])]) -> Vec<Vec<f32>> {
        let (landmarks, width) = (&self.landmarks, self.landmarks.width());
        let features = &landmarks.features;
        let compared: Vec<Compared> = rows.iter().map(|(_, row)| features.of(row)).collect();
        let mut kernels = vec![0.0; rows.len() * width];
        landmarks.kernels(&compared, 0, &mut kernels);
        let kernels = rows.iter().zip(kernels.chunks(width.max(1)));
        let logits = kernels.map(|((place, _), kernels)| {
            let fold = self.without.get(*place).copied().flatten();
            let alphas = fold.and_then(|fold| self.folds.get(fold as usize));
            let heads = landmarks.answers(kernels, alphas.unwrap_or(&self.mean));
            let mut logits = Vec::with_capacity(self.shape[1]);
            spread(&heads, self.shape[1], &mut logits);
            logits
        });
        logits.collect()
    }
}

impl Beside for WordMachine {
    fn logits(&self, place: usize, bases: &[Vec<u8>]) -> Result<Vec<f32>, Error> {
        Ok(self.logits_of_few(&[(place, bases)]).concat())
    }

    fn logits_of_all(&self, rows: &[(usize, &[Vec<u8>])]) -> Result<Vec<Vec<f32>>, Error> {
        // The landmarks come from memory once for the rows of a block. How these are cut changes no bit.
        let block = rows.len().div_ceil(rayon::current_num_threads());
        let blocks = rows.par_chunks(block.clamp(1, BLOCK));
        let found: Vec<_> = blocks.map(|rows| self.logits_of_few(rows)).collect();
        Ok(found.concat())
    }
}

#[cfg(test)]
mod tests {
    use lingo_artifact::bases::reverse_complement;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn machine(rows: &[&[u8]], both_strands: bool) -> Landmarks {
        let rows: Vec<Vec<Vec<u8>>> = rows.iter().map(|row| vec![row.to_vec()]).collect();
        let features = Features::new(both_strands, 1).centred(&rows);
        let compared: Vec<Compared> = rows.iter().map(|row| features.of(row)).collect();
        Landmarks::new(features, &compared)
    }

    fn kernels(landmarks: &Landmarks, row: &[u8]) -> Vec<f32> {
        let mut kernels = vec![0.0; landmarks.width()];
        let row = landmarks.features().of(&[row.to_vec()]);
        landmarks.kernels(&[row], 0, &mut kernels);
        kernels[..landmarks.count()].to_vec()
    }

    const ROWS: [&[u8]; 3] = [
        b"ACGTTGCATGACTCAGGTACCA",
        b"TTTTTACGNACGTACCCTGATT",
        b"GATTACAGATTACACCATGG",
    ];

    proptest! {
        #[test]
        fn a_sequence_and_its_other_strand_are_alike(letters in "[ACGTN]{0,40}") {
            let bases = letters.into_bytes();
            let other = reverse_complement(&bases);
            let landmarks = machine(&ROWS, true);
            let of = kernels(&landmarks, &bases);
            prop_assert_eq!(&of, &kernels(&landmarks, &other));
            prop_assert!(of.iter().all(|kernel| (0.0..=1.0 + 1e-5).contains(kernel)));
        }

        #[test]
        fn kernels_are_the_same_whatever_else_is_asked_for(first in 0usize..3) {
            let landmarks = machine(&ROWS, true);
            let rows: Vec<Compared> = ROWS.iter().map(|row| landmarks.features().of(&[row.to_vec()])).collect();
            let width = landmarks.width();
            let mut some = vec![-1.0; 3 * width];
            landmarks.kernels(&rows, first, &mut some);
            for (i, row) in ROWS.iter().enumerate() {
                let all = kernels(&landmarks, row);
                prop_assert_eq!(&some[i * width + first..][..3 - first], &all[first..]);
                prop_assert!(some[i * width..][..first].iter().all(|v| *v == -1.0));
                // And symmetric.
                for j in 0..3 {
                    prop_assert_eq!(all[j], kernels(&landmarks, ROWS[j])[i]);
                }
                prop_assert!((all[i] - 1.0).abs() < 2e-5);
            }
        }
    }

    /// tests/oracles/adapt_kernel.py
    #[test]
    fn kernels_are_those_of_numpy() {
        let golden: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/kernel.json")).unwrap();
        let read = |key: &str| serde_json::from_value(golden[key].clone()).unwrap();
        let (rows, others): (Vec<String>, Vec<String>) = (read("sequences"), read("others"));
        for (both_strands, key) in [(true, "kernels"), (false, "kernels_of_one_strand")] {
            let expected: Vec<Vec<f64>> = serde_json::from_value(golden[key].clone()).unwrap();
            let rows: Vec<&[u8]> = rows.iter().map(|row| row.as_bytes()).collect();
            let landmarks = machine(&rows, both_strands);
            for (other, expected) in others.iter().zip(expected) {
                let found = kernels(&landmarks, other.as_bytes());
                for (found, expected) in found.into_iter().zip(expected) {
                    let found = f64::from(found);
                    assert!((found - expected).abs() < 1e-5, "{key}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn sequences_of_a_pair_are_compared_each_with_its_own() {
        let (one, other) = (ROWS[0].to_vec(), ROWS[2].to_vec());
        let rows = [
            vec![one.clone(), other.clone()],
            vec![other, one.clone()],
            vec![one.clone(), one],
        ];
        let features = Features::new(true, 2).centred(&rows);
        let compared: Vec<Compared> = rows.iter().map(|row| features.of(row)).collect();
        let landmarks = Landmarks::new(features, &compared);
        let mut kernels = vec![0.0; 3 * landmarks.width()];
        landmarks.kernels(&compared, 0, &mut kernels);
        assert!((kernels[0] - 1.0).abs() < 2e-5);
        assert!(kernels[1] < kernels[2] && kernels[2] < 0.9, "{kernels:?}");
    }

    #[test]
    fn a_row_is_answered_by_the_machine_that_has_not_seen_it() {
        let landmarks = machine(&ROWS, true);
        let of_row = kernels(&landmarks, ROWS[0]);
        let mut folds = vec![vec![0.0; landmarks.width()]; 2];
        folds[0][1] = 1.0;
        folds[1][0] = 3.0;
        let bases: Vec<Vec<Vec<u8>>> = ROWS.iter().map(|row| vec![row.to_vec()]).collect();
        let without = vec![Some(1), Some(0), None];
        let machine = WordMachine::new(landmarks, bases.clone(), [1, 2], folds, without);
        let of = |place| machine.logits(place, &bases[0]).unwrap();
        assert_eq!(of(0), [-1.5 * of_row[0], 1.5 * of_row[0]]);
        assert_eq!(of(1)[1], 0.5 * of_row[1]);
        let mean = (1.5 * f64::from(of_row[0]) + 0.5 * f64::from(of_row[1])) / 2.0;
        assert!((f64::from(of(2)[1]) - mean).abs() < 1e-6);
        assert_eq!(of(9), of(2));
        let all = [(0, &bases[0][..]), (9, &bases[0][..])];
        assert_eq!(machine.logits_of_all(&all).unwrap(), [of(0), of(9)]);
        let machine = machine.scaled(0.5);
        let features = Features::new(true, 1).centred(&bases);
        let again = WordMachine::of_mean(features, bases.clone(), [1, 2], &machine.alphas());
        let again = again.unwrap().logits(0, &bases[0]).unwrap();
        assert_eq!(again, machine.logits(9, &bases[0]).unwrap());
    }
}
