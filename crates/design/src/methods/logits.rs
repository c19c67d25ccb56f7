//! Candidates as logits of the bases at each place.

use lingo_artifact::bounded::NonNegative;
use lingo_artifact::random::Stream;

use crate::sequences::constraints::Constraints;

/// The draws of first logits.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// Their standard deviation.
    pub deviation: f64,
    /// Whether there is one for all candidates.
    pub shared: bool,
}

impl Noise {
    /// As settings say it.
    pub fn new(deviation: NonNegative, shared: bool) -> Self {
        Self {
            deviation: deviation.get(),
            shared,
        }
    }
}

/// The first logits of candidates: a draw in which the largest value of each place is changed with
/// that of the candidate's base, so that its own sequence is the most probable.
pub fn begin(sequences: &[Vec<u8>], noise: Noise, seed: u64) -> Vec<Vec<f64>> {
    let length = sequences.first().map_or(0, Vec::len);
    let mut stream = Stream::new(seed, "design: first logits");
    let mut draw = || -> Vec<f64> {
        let draws = (0..4 * length).map(|_| noise.deviation * stream.normal());
        draws.collect()
    };
    let mut drawn = draw();
    let of = |bases: &Vec<u8>| {
        let mut logits = drawn.clone();
        if !noise.shared {
            drawn = draw();
        }
        let (places, _) = logits.as_chunks_mut::<4>();
        for (place, &base) in places.iter_mut().zip(bases) {
            let most = (0..4).max_by(|a, b| place[*a].total_cmp(&place[*b]));
            place.swap(most.unwrap_or(0), usize::from(base));
        }
        logits
    };
    sequences.iter().map(of).collect()
}

/// Lets fixed places stay.
pub fn hold(gradient: &mut [f64], constraints: &Constraints) {
    let (places, _) = gradient.as_chunks_mut::<4>();
    for (place, fixed) in places.iter_mut().zip(&constraints.fixed) {
        if fixed.is_some() {
            *place = [0.0; 4];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::soft;

    #[test]
    fn a_candidate_begins_as_its_own_sequence() {
        let sequences = vec![vec![0, 1, 2, 3, 3], vec![2, 2, 2, 0, 1]];
        let noise = |shared| Noise {
            deviation: 0.01,
            shared,
        };
        let logits = begin(&sequences, noise(true), 7);
        for (sequence, logits) in sequences.iter().zip(&logits) {
            assert_eq!(soft::hard(logits), *sequence);
        }
        // The draw is shared: the same values, in another order.
        let sorted = |logits: &[f64]| {
            let mut place = logits[..4].to_vec();
            place.sort_by(f64::total_cmp);
            place
        };
        assert_eq!(sorted(&logits[0]), sorted(&logits[1]));
        let own = begin(&sequences, noise(false), 7);
        assert_eq!(own[0], logits[0]);
        assert_ne!(sorted(&own[0]), sorted(&own[1]));
        assert_eq!(soft::hard(&own[1]), sequences[1]);
    }
}
