//! Dropout masks from a counter-based hash: the same for any number of threads, on any device.

use lingo_artifact::random::Stream;
use lingo_lm::{DropoutSource, Kept};

/// Where the masks of one run come from. Its whole state is the key, which the seed gives, and the counter.
#[derive(Clone, Debug)]
pub(crate) struct Dropout {
    key: u64,
    /// How many hashes were drawn.
    pub counter: u64,
}

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
        self.kept(n, p).mask(n)
    }

    fn kept(&mut self, n: usize, p: f64) -> Kept {
        let begin = self.counter;
        self.counter += Kept::hashes(n);
        let drop_below = (p * 65536.0).round().min(65535.0) as u16;
        Kept::draw(n, self.key, begin, drop_below, (1.0 / (1.0 - p)) as f32)
    }
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
        again.counter = Kept::hashes(100_001);
        assert_eq!(again.mask(7, 0.3), second);
    }
}
