//! 128 bits that stand for a sequence: equal sequences have equal ones, different sequences do not, but for a chance of about one
//! in 10^24 for ten million of them (n^2 / 2^127).
//!
//! Two hashes with seeds of their own. They stay in memory: another version of the library may give others. They are no defence
//! against sequences made to collide.

use std::hash::Hasher as _;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// Digits of pi, as in every hash that needs numbers without a meaning.
const SEEDS: [u64; 4] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
];

static SHARED: [SharedSeed; 2] = [
    SharedSeed::from_u64(SEEDS[0]),
    SharedSeed::from_u64(SEEDS[1]),
];

/// Of a sequence, the second empty, or of a pair.
pub(crate) fn of_two(first: &[u8], second: &[u8]) -> u128 {
    let half = |i: usize| {
        let mut hasher = FoldHasher::with_seed(SEEDS[2 + i], &SHARED[i]);
        hasher.write(first);
        // Where the second begins.
        hasher.write_u64(first.len() as u64);
        hasher.write(second);
        hasher.finish()
    };
    u128::from(half(0)) << 64 | u128::from(half(1))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use lingo_artifact::random::Stream;

    use super::*;

    fn of(bytes: &[u8]) -> u128 {
        of_two(bytes, b"")
    }

    #[test]
    fn neighbours_differ_in_half_of_the_bits() {
        let mut stream = Stream::new(1, "fingerprint");
        let mut seen = HashSet::new();
        let (mut flipped, mut pairs) = ([0u64; 128], 0u64);
        for length in [1, 2, 7, 15, 16, 17, 31, 33, 60, 100] {
            for _ in 0..100 {
                let mut bases: Vec<u8> = (0..length).map(|_| b"ACGT"[stream.below(4)]).collect();
                let before = of(&bases);
                seen.insert(bases.clone());
                for i in 0..length {
                    let base = bases[i];
                    for other in b"ACGT".iter().filter(|b| **b != base) {
                        bases[i] = *other;
                        let differ = before ^ of(&bases);
                        pairs += 1;
                        for (bit, n) in flipped.iter_mut().enumerate() {
                            *n += (differ >> bit & 1) as u64;
                        }
                        seen.insert(bases.clone());
                    }
                    bases[i] = base;
                }
            }
        }
        let fingerprints: HashSet<u128> = seen.iter().map(|bases| of(bases)).collect();
        assert_eq!(fingerprints.len(), seen.len());
        // 84,600 pairs: a fair bit lies within 1/2 +- 0.0086 (five standard deviations).
        assert_eq!(pairs, 84_600);
        for n in flipped {
            assert!(
                (n as f64 / pairs as f64 - 0.5).abs() < 0.012,
                "{n} of {pairs}"
            );
        }
    }

    #[test]
    fn where_a_pair_is_cut_matters() {
        let all = [
            of_two(b"AC", b"GT"),
            of_two(b"A", b"CGT"),
            of_two(b"ACGT", b""),
            of_two(b"GT", b"AC"),
            of_two(b"AC\0", b"GT"),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }
}
