//! Seeded, counter-based streams on the host: one per purpose, so that adding a draw in one place moves nothing elsewhere.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};

use crate::files::digest::Digest;

/// A reproducible stream of random numbers. Its whole state is (seed, purpose, position).
pub struct Stream {
    generator: ChaCha8Rng,
}

impl Stream {
    /// The stream of `seed` for `purpose` ("shuffle", "rank-sampling", ...), at its start.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut text = seed.to_le_bytes().to_vec();
        text.extend_from_slice(purpose.as_bytes());
        Self {
            generator: ChaCha8Rng::from_seed(*Digest::of_bytes(&text).bytes()),
        }
    }

    /// How many 32-bit words were drawn: what a checkpoint stores.
    pub fn position(&self) -> u64 {
        u64::try_from(self.generator.get_word_pos()).unwrap_or(u64::MAX)
    }

    /// Goes to a stored position.
    pub fn set_position(&mut self, position: u64) {
        self.generator.set_word_pos(u128::from(position));
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..`bound`, without bias; 0 when `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        if bound == 0 {
            return 0;
        }
        // Values below this are skipped, because with them some remainders would be more likely than others. It is less
        // than `bound`, so it has to be worked out only for the few values that are below `bound` themselves.
        let skip = || bound.wrapping_neg() % bound;
        loop {
            let x = self.next_u64();
            if x >= bound || x >= skip() {
                return (x % bound) as usize;
            }
        }
    }

    /// Standard normal (Box-Muller; one of the pair is used, so that every draw takes the same number of words).
    pub fn normal(&mut self) -> f64 {
        let u = 1.0 - self.uniform();
        let v = self.uniform();
        (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }

    /// Shuffles in place (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// `n` of the items (all, when there are fewer), without replacement, in random order.
    pub fn choose<T: Copy>(&mut self, items: &[T], n: usize) -> Vec<T> {
        let mut pool = items.to_vec();
        self.shuffle(&mut pool);
        pool.truncate(n);
        pool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_brings_the_stream_back() {
        let mut a = Stream::new(7, "dropout");
        for _ in 0..1234 {
            a.next_u64();
        }
        let mut b = Stream::new(7, "dropout");
        b.set_position(a.position());
        assert_eq!(
            (0..100).map(|_| a.next_u64()).collect::<Vec<_>>(),
            (0..100).map(|_| b.next_u64()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn purposes_and_seeds_differ() {
        let first = |seed, purpose| Stream::new(seed, purpose).next_u64();
        assert_ne!(first(1, "a"), first(1, "b"));
        assert_ne!(first(1, "a"), first(2, "a"));
        assert_eq!(first(1, "a"), first(1, "a"));
    }

    #[test]
    fn bounded_draws_cover_their_range_evenly() {
        let mut stream = Stream::new(3, "test");
        let mut seen = [0usize; 7];
        for _ in 0..70_000 {
            seen[stream.below(7)] += 1;
        }
        // 10,000 expected, standard deviation about 93: six of them either way.
        assert!(seen.iter().all(|n| n.abs_diff(10_000) < 560), "{seen:?}");
    }

    #[test]
    fn normal_draws_have_mean_zero_and_variance_one() {
        let mut stream = Stream::new(3, "test");
        let draws: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03,
            "{mean} {variance}"
        );
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<usize> = (0..100).collect();
        Stream::new(1, "shuffle").shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
