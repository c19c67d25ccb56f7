//! Dropout masks from a counter-based hash: the same for any number of threads, on any device.

use lingo_artifact::random::Stream;
use lingo_lm::{DropoutSource, Kept};
use rayon::prelude::*;

/// Where the masks of one run come from. Its whole state is the key, which the seed gives, and the counter.
#[derive(Clone, Debug)]
pub(crate) struct Dropout {
    key: u64,
    /// How many hashes were drawn.
    pub counter: u64,
}

/// Values that one hash decides: 16 bits each.
const PER_HASH: usize = 4;
/// Values of one piece of parallel work, a multiple of [`PER_HASH`].
const PIECE: usize = 1 << 14;

impl Dropout {
    pub fn new(seed: u64) -> Self {
        Self {
            key: Stream::new(seed, "dropout").next_u64(),
            counter: 0,
        }
    }
}

impl DropoutSource for Dropout {
    fn mask(&mut self, n: usize, p: f64) -> Vec<f32> {
        let keep = (1.0 / (1.0 - p)) as f32;
        let (begin, drop_below) = self.next(n, p);
        let mut mask = vec![0.0f32; n];
        mask.par_chunks_mut(PIECE)
            .enumerate()
            .for_each(|(piece, values)| {
                let first = begin + (piece * PIECE / PER_HASH) as u64;
                fill(values, self.key, first, drop_below, keep);
            });
        mask
    }

    fn kept(&mut self, n: usize, p: f64) -> Kept {
        let (begin, drop_below) = self.next(n, p);
        Kept::draw(n, self.key, begin, drop_below, (1.0 / (1.0 - p)) as f32)
    }
}

impl Dropout {
    /// The first hash of `n` decisions, and the bound of those that drop.
    fn next(&mut self, n: usize, p: f64) -> (u64, u16) {
        let begin = self.counter;
        self.counter += Kept::hashes(n);
        (begin, (p * 65536.0).round().min(65535.0) as u16)
    }
}

/// Fills a piece of a mask from the hashes from `first` on.
fn fill(values: &mut [f32], key: u64, first: u64, drop_below: u16, keep: f32) {
    let decide = |bits: u64| {
        if (bits as u16) < drop_below {
            0.0
        } else {
            keep
        }
    };
    let (fours, rest) = values.as_chunks_mut::<PER_HASH>();
    let mut counter = first;
    for four in fours {
        let bits = mix(key, counter);
        *four = [bits, bits >> 16, bits >> 32, bits >> 48].map(decide);
        // A checked sum would be a branch in every turn.
        counter = counter.wrapping_add(1);
    }
    let mut bits = mix(key, counter);
    for value in rest {
        *value = decide(bits);
        bits >>= 16;
    }
}

/// splitmix64 (Steele, Lea and Flood 2014) at one place of its sequence.
fn mix(key: u64, counter: u64) -> u64 {
    let mut z = key.wrapping_add(counter.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_their_share_and_scale() {
        for p in [0.05, 0.1, 0.5] {
            let n = 400_000;
            let mask = Dropout::new(1).mask(n, p);
            let dropped = mask.iter().filter(|&&v| v == 0.0).count() as f64 / n as f64;
            // Five standard deviations.
            assert!(
                (dropped - p).abs() < 5.0 * (p * (1.0 - p) / n as f64).sqrt() + 1e-5,
                "{p}: {dropped}"
            );
            assert!(
                mask.iter()
                    .all(|&v| v == 0.0 || v == (1.0 / (1.0 - p)) as f32)
            );
        }
    }

    #[test]
    fn bits_are_the_mask() {
        for (n, p) in [(1, 0.5), (1000, 0.1), (300_007, 0.05)] {
            let mask = Dropout::new(3).mask(n, p);
            let mut source = Dropout::new(3);
            let kept = source.kept(n, p);
            assert!((0..n).all(|i| kept.keeps(i) == (mask[i] != 0.0)));
            assert_eq!(kept.scale(), (1.0 / (1.0 - p)) as f32);
            assert_eq!(source.counter, n.div_ceil(PER_HASH) as u64);
        }
    }

    #[test]
    fn threads_change_nothing_and_the_counter_brings_masks_back() {
        let draw = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let mut source = Dropout::new(5);
                (
                    source.mask(100_001, 0.1),
                    source.mask(7, 0.3),
                    source.counter,
                )
            })
        };
        assert_eq!(draw(1), draw(3));
        let (_, second, _) = draw(1);
        let mut again = Dropout::new(5);
        again.counter = 100_001usize.div_ceil(PER_HASH) as u64;
        assert_eq!(again.mask(7, 0.3), second);
    }
}
