//! A shuffle that keeps every dinucleotide (Altschul and Erickson 1985): a random Eulerian path
//! through the graph whose edges are the dinucleotides.

use lingo_artifact::random::Stream;

/// A random sequence with the dinucleotides, and so the first and last base, of `sequence`.
fn dinucleotide_shuffle(sequence: &[u8], stream: &mut Stream) -> Vec<u8> {
    let Some(&first) = sequence.first() else {
        return Vec::new();
    };
    loop {
        // Most random orders of the edges close into one path; the others are drawn again.
        let mut edges: [Vec<u8>; 256] = std::array::from_fn(|_| Vec::new());
        for pair in sequence.windows(2) {
            edges[usize::from(pair[0])].push(pair[1]);
        }
        edges.iter_mut().for_each(|next| stream.shuffle(next));
        let mut path = vec![first];
        let mut last = first;
        while let Some(next) = edges[usize::from(last)].pop() {
            path.push(next);
            last = next;
        }
        if path.len() == sequence.len() {
            return path;
        }
    }
}

/// Of `tries` shuffles, the one that agrees with `sequence` at the fewest positions.
pub(super) fn farthest_dinucleotide_shuffle(
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
    use proptest::prelude::*;

    use super::*;

    fn dinucleotides(sequence: &[u8]) -> Vec<&[u8]> {
        let mut pairs: Vec<&[u8]> = sequence.windows(2).collect();
        pairs.sort_unstable();
        pairs
    }

    proptest! {
        #[test]
        fn dinucleotides_stay(sequence in "[ACGT]{0,40}", seed: u64) {
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
}
