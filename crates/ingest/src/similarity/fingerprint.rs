//! 128 bits that stand for a sequence: equal sequences have equal ones, different sequences do not, but for a chance of about one
//! in 10^24 for ten million of them (n^2 / 2^127).
//!
//! Two lanes of multiply-and-fold (as wyhash and foldhash mix) over 16 bytes at a time. It is fixed for all time and machines, and
//! no defence against sequences made to collide.

/// Digits of pi, as in every hash that needs numbers without a meaning.
const SECRET: [u64; 4] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
];

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Of a sequence, the second empty, or of a pair.
pub(crate) fn of_two(first: &[u8], second: &[u8]) -> u128 {
    let mut lanes = [
        SECRET[0] ^ first.len() as u64,
        SECRET[1] ^ second.len() as u64,
    ];
    for bytes in [first, second] {
        let (blocks, rest) = bytes.as_chunks::<16>();
        let mut take = |block: &[u8; 16]| {
            let word = u128::from_le_bytes(*block);
            let (low, high) = (word as u64, (word >> 64) as u64);
            lanes = [
                fold(low ^ lanes[0], high ^ SECRET[2]),
                fold(high ^ lanes[1], low ^ SECRET[3]).rotate_left(23) ^ lanes[0],
            ];
        };
        blocks.iter().for_each(&mut take);
        if !rest.is_empty() {
            let mut last = [0; 16];
            last[..rest.len()].copy_from_slice(rest);
            take(&last);
        }
    }
    let a = fold(lanes[0] ^ SECRET[3], SECRET[1]);
    let b = fold(lanes[1] ^ lanes[0] ^ SECRET[2], SECRET[0] | 1);
    u128::from(a ^ lanes[1]) << 64 | u128::from(b ^ lanes[0])
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
