//! How often each row was drawn, for many replicates at once.

use lingo_artifact::progress::StopFlag;
use lingo_artifact::random::Stream;
use rayon::prelude::*;

/// Replicates that are computed together: their weights of a row stand side by side.
pub const LANES: usize = 32;

/// Weights of so many bytes are held at once, or of one block where that is more.
pub const MOST_BYTES: usize = 256 << 20;

/// One number for each replicate of a block.
pub type Lanes<T> = [T; LANES];

/// The weights of [`LANES`] replicates.
pub struct Block {
    rows: Vec<Lanes<u8>>,
    /// How many of the lanes are replicates that were asked for; the others have no weights.
    lanes: usize,
}

impl Block {
    /// The replicates from `first` on, up to `end`; nothing once the flag is raised.
    pub fn new(seed: u64, rows: usize, first: u32, end: u32, stop: &StopFlag) -> Option<Self> {
        let lanes = ((end - first) as usize).min(LANES);
        let mut all = vec![[0; LANES]; rows];
        let mut weights = vec![0u8; rows];
        for lane in 0..lanes {
            if stop.is_raised() {
                return None;
            }
            let mut stream = of_replicate(seed, "rows", first + lane as u32);
            redraw(&mut stream, &mut weights);
            for (row, weight) in all.iter_mut().zip(&weights) {
                row[lane] = *weight;
            }
        }
        Some(Self { rows: all, lanes })
    }

    /// The weights of a row.
    #[inline]
    pub fn of(&self, row: usize) -> &Lanes<u8> {
        &self.rows[row]
    }

    /// The weights of every row.
    pub fn rows(&self) -> &[Lanes<u8>] {
        &self.rows
    }

    /// Replicates.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Of each replicate the sum of `values` over the rows that were drawn.
    pub fn sums(&self, values: &[f64]) -> Lanes<f64> {
        let mut sums = [0.0; LANES];
        for (weights, value) in self.rows.iter().zip(values) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += f64::from(*weight) * value;
            }
        }
        sums
    }
}

/// Calls `each` with as many blocks at a time as [`MOST_BYTES`] have room for, until all replicates had their turn.
/// Nothing once the flag is raised.
pub fn in_batches(
    seed: u64,
    rows: usize,
    resamples: u32,
    stop: &StopFlag,
    each: impl FnMut(&[Block]) -> Option<()>,
) -> Option<()> {
    in_batches_of(MOST_BYTES, (seed, rows, resamples), stop, each)
}

fn in_batches_of(
    most_bytes: usize,
    (seed, rows, resamples): (u64, usize, u32),
    stop: &StopFlag,
    mut each: impl FnMut(&[Block]) -> Option<()>,
) -> Option<()> {
    let at_once = (most_bytes / (LANES * rows.max(1))).max(1);
    let firsts: Vec<u32> = (0..resamples).step_by(LANES).collect();
    for firsts in firsts.chunks(at_once) {
        let blocks = firsts
            .par_iter()
            .map(|first| Block::new(seed, rows, *first, resamples, stop))
            .collect::<Option<Vec<Block>>>()?;
        each(&blocks)?;
    }
    Some(())
}

/// The stream of one replicate.
pub(crate) fn of_replicate(seed: u64, what: &str, replicate: u32) -> Stream {
    Stream::new(seed, &format!("bootstrap {what} {replicate}"))
}

/// Draws as many rows as there are (fewer than 2^32), with replacement: `weights[i]` is how often row `i` was drawn.
///
/// A weight stops at 255. Of a row's weight the mean is 1: that it is more than 255 has a probability below 1e-500.
fn redraw(stream: &mut Stream, weights: &mut [u8]) {
    weights.fill(0);
    let rows = weights.len() as u32;
    let mut word = Halves { stream, held: None };
    for _ in 0..rows {
        let row = word.below(rows) as usize;
        weights[row] = weights[row].saturating_add(1);
    }
}

/// 32 random bits at a time.
struct Halves<'a> {
    stream: &'a mut Stream,
    held: Option<u32>,
}

impl Halves<'_> {
    #[inline]
    fn next(&mut self) -> u32 {
        if let Some(held) = self.held.take() {
            return held;
        }
        let both = self.stream.next_u64();
        self.held = Some((both >> 32) as u32);
        both as u32
    }

    /// Uniform in 0..`bound`, without bias: Lemire (2019), Fast Random Integer Generation in an Interval, ACM
    /// Transactions on Modeling and Computer Simulation 29(1).
    #[inline]
    fn below(&mut self, bound: u32) -> u32 {
        loop {
            let product = u64::from(self.next()) * u64::from(bound);
            let low = product as u32;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replicate_is_the_same_however_they_are_cut() {
        let all = |most_bytes| {
            let mut found: Vec<Vec<u8>> = Vec::new();
            in_batches_of(most_bytes, (3, 50, 70), &StopFlag::default(), |blocks| {
                for block in blocks {
                    for lane in 0..block.lanes() {
                        found.push(block.rows().iter().map(|w| w[lane]).collect());
                    }
                }
                Some(())
            })
            .unwrap();
            found
        };
        let (one, several) = (all(1), all(1 << 20));
        assert_eq!(one, several);
        assert_eq!(one.len(), 70);
        let drawn = |w: &Vec<u8>| w.iter().map(|w| u32::from(*w)).sum::<u32>() == 50;
        assert!(one.iter().all(drawn));
        assert_ne!(one[0], one[1]);
    }

    #[test]
    fn a_raised_flag_stops() {
        let stop = StopFlag::default();
        stop.raise();
        assert!(in_batches(0, 10, 10, &stop, |_| Some(())).is_none());
    }

    #[test]
    fn rows_are_drawn_evenly() {
        let mut sums = [0u32; 7];
        let mut weights = [0u8; 7];
        let mut stream = Stream::new(5, "weights");
        for _ in 0..10_000 {
            redraw(&mut stream, &mut weights);
            sums.iter_mut()
                .zip(weights)
                .for_each(|(s, w)| *s += u32::from(w));
        }
        // 10,000 expected, standard deviation 93.
        assert!(sums.iter().all(|n| n.abs_diff(10_000) < 560), "{sums:?}");
    }
}
