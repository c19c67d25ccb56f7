//! Shuffles that are far from what was shuffled.

use lingo_artifact::random::Stream;
use lingo_artifact::shuffle::dinucleotide_shuffle;

/// Of `tries` shuffles, the one that agrees with `sequence` at the fewest positions.
pub(crate) fn farthest_dinucleotide_shuffle(
    sequence: &[u8],
    tries: usize,
    stream: &mut Stream,
) -> Vec<u8> {
    let agreements = |other: &Vec<u8>| other.iter().zip(sequence).filter(|(a, b)| a == b).count();
    (0..tries)
        .map(|_| dinucleotide_shuffle(sequence, stream))
        .min_by_key(agreements)
        .unwrap_or_else(|| sequence.to_vec())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn dinucleotides(sequence: &[u8]) -> Vec<&[u8]> {
        let mut pairs: Vec<&[u8]> = sequence.windows(2).collect();
        pairs.sort_unstable();
        pairs
    }

    proptest! {
        #[test]
        fn dinucleotides_stay(sequence in "[ACGT]{0,40}|[ACGTN]{0,40}|A{0,50}C{0,3}[AC]{0,20}", seed: u64) {
            let shuffled = farthest_dinucleotide_shuffle(sequence.as_bytes(), 3, &mut Stream::new(seed, "test"));
            prop_assert_eq!(dinucleotides(&shuffled), dinucleotides(sequence.as_bytes()));
            prop_assert_eq!(shuffled.len(), sequence.len());
        }
    }

    #[test]
    fn the_order_changes() {
        let sequence = b"ACGATTGCATCGGATACC";
        let shuffled = farthest_dinucleotide_shuffle(sequence, 20, &mut Stream::new(1, "test"));
        let same = shuffled
            .iter()
            .zip(sequence)
            .filter(|(a, b)| a == b)
            .count();
        assert!(same <= sequence.len() / 2, "{same}");
    }

    /// Every sequence that has the dinucleotides of this one.
    fn all_with_the_same(sequence: &[u8]) -> Vec<Vec<u8>> {
        fn go(path: &mut Vec<u8>, left: &mut Vec<[u8; 2]>, found: &mut Vec<Vec<u8>>) {
            if left.is_empty() {
                found.push(path.clone());
                return;
            }
            for base in *b"ACGTN" {
                let edge = [path[path.len() - 1], base];
                if let Some(i) = left.iter().position(|e| *e == edge) {
                    left.swap_remove(i);
                    path.push(base);
                    go(path, left, found);
                    path.pop();
                    left.push(edge);
                }
            }
        }
        let mut left = sequence.windows(2).map(|p| [p[0], p[1]]).collect();
        let mut found = Vec::new();
        go(&mut vec![sequence[0]], &mut left, &mut found);
        found
    }

    #[test]
    fn every_eulerian_path_is_equally_likely() {
        fn t(sequence: &[u8], paths: usize) {
            let all = all_with_the_same(sequence);
            assert_eq!(all.len(), paths, "{all:?}");
            let draws = 2000 * paths;
            let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
            let mut stream = Stream::new(5, "uniform");
            for _ in 0..draws {
                *counts
                    .entry(dinucleotide_shuffle(sequence, &mut stream))
                    .or_default() += 1;
            }
            assert_eq!(counts.len(), paths);
            let expected = 2000.0;
            let chi_square: f64 = all
                .iter()
                .map(|path| (counts[path] as f64 - expected).powi(2) / expected)
                .sum();
            // Mean and variance of chi-square are n - 1 and 2 (n - 1): five standard deviations above the mean.
            let freedom = (paths - 1) as f64;
            assert!(
                chi_square <= freedom + 5.0 * (2.0 * freedom).sqrt(),
                "{chi_square}"
            );
        }
        t(b"ACAGATA", 6);
        t(b"AACCAACA", 12);
        t(b"ACGTACTGCA", 12);
        t(b"GGGGGGC", 1);
    }
}
