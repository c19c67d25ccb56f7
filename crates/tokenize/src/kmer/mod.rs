//! k-mers: overlapping as DNABERT has them, side by side as the Nucleotide Transformer has them.
//!
//! Ids: the 4^k k-mers in the order A < C < G < T; then, side by side only, the single bases A, C, G, T;
//! then N, which also stands for what is unknown.

mod windows;

use crate::kmer::windows::{BLOCK, indices_of_block};
use crate::nucleotide::{BASES, base_index};
use crate::scheme::KmerScheme;

impl KmerScheme {
    /// How many k-mers there are: 4^k.
    pub fn kmers(self) -> u32 {
        4u32.pow(self.k() as u32)
    }

    /// Whether the scheme has single bases as tokens too: they stand at the end of a sequence and beside an N, where no
    /// whole k-mer fits.
    pub fn has_single_bases(self) -> bool {
        self.stride() > 1
    }

    /// The id of N and of everything unknown: the last.
    pub fn unknown(self) -> u32 {
        self.kmers() + if self.has_single_bases() { 4 } else { 0 }
    }

    /// The text of each id.
    pub fn texts(self) -> Vec<String> {
        let kmer = |mut index: u32| {
            let mut letters = vec![b'A'; self.k()];
            for letter in letters.iter_mut().rev() {
                *letter = BASES[(index % 4) as usize];
                index /= 4;
            }
            letters.into_iter().map(char::from).collect::<String>()
        };
        let mut texts: Vec<String> = (0..self.kmers()).map(kmer).collect();
        if self.has_single_bases() {
            texts.extend(BASES.iter().map(|b| char::from(*b).to_string()));
        }
        texts.push("N".to_string());
        texts
    }

    /// The index of a window among the k-mers; `None` when it is short or holds an N.
    fn index(self, window: &[u8]) -> Option<u32> {
        if window.len() != self.k() {
            return None;
        }
        window
            .iter()
            .try_fold(0, |index, b| Some(4 * index + base_index(*b)?))
    }

    /// Appends the ids of a sequence: either case, U as T, every other letter as N.
    ///
    /// Stride 1: one id for each window, N's id where the window holds an N (DNABERT's `seq2kmer` and its
    /// vocabulary); a sequence shorter than k has none. Stride k: the leftmost k-mer wherever k bases
    /// without N follow, a single base elsewhere (the Nucleotide Transformer's leftmost-longest match).
    pub fn encode(self, sequence: &[u8], ids: &mut Vec<u32>) {
        let encode = match self.k() {
            1 => Self::encode_k::<1>,
            2 => Self::encode_k::<2>,
            3 => Self::encode_k::<3>,
            4 => Self::encode_k::<4>,
            5 => Self::encode_k::<5>,
            6 => Self::encode_k::<6>,
            7 => Self::encode_k::<7>,
            _ => Self::encode_k::<8>,
        };
        encode(self, sequence, ids);
    }

    fn encode_k<const K: usize>(self, sequence: &[u8], ids: &mut Vec<u32>) {
        let mut indices = [0; BLOCK];
        let mut rest = sequence;
        if !self.has_single_bases() {
            ids.reserve((sequence.len() + 1).saturating_sub(K));
            while rest.len() >= K {
                let windows = indices_of_block::<K>(rest, &mut indices);
                if windows > 0 {
                    ids.extend(indices[..windows].iter().map(|i| u32::from(*i)));
                } else {
                    self.windows_with_n(&rest[..rest.len().min(BLOCK + K - 1)], ids);
                }
                rest = rest.get(BLOCK..).unwrap_or_default();
            }
            return;
        }
        ids.reserve(sequence.len() / K + K);
        while !rest.is_empty() {
            let windows = indices_of_block::<K>(rest, &mut indices);
            let side_by_side = indices[..windows].iter().step_by(K);
            let mut taken = side_by_side.len() * K;
            ids.extend(side_by_side.map(|i| u32::from(*i)));
            while taken < BLOCK && taken < rest.len() {
                let (id, bases) = self.leftmost_longest(&rest[taken..]);
                ids.push(id);
                taken += bases;
            }
            rest = &rest[taken..];
        }
    }

    /// Overlapping windows of a stretch in which some letters may not be bases.
    fn windows_with_n(self, letters: &[u8], ids: &mut Vec<u32>) {
        let (mut index, mut bases) = (0, 0);
        for (i, letter) in letters.iter().enumerate() {
            match base_index(*letter) {
                Some(base) => {
                    index = (index * 4 + base) % self.kmers();
                    bases += 1;
                }
                None => bases = 0,
            }
            if i + 1 >= self.k() {
                let whole = bases >= self.k();
                ids.push(if whole { index } else { self.unknown() });
            }
        }
    }

    /// The first token side by side, of a sequence that is not empty, and how many letters it takes.
    fn leftmost_longest(self, sequence: &[u8]) -> (u32, usize) {
        match sequence.get(..self.k()).and_then(|w| self.index(w)) {
            Some(id) => (id, self.k()),
            None => {
                let base = sequence.first().and_then(|b| base_index(*b));
                (base.map_or(self.unknown(), |i| self.kmers() + i), 1)
            }
        }
    }

    /// The sequence of ids; overlapping windows are laid over one another, N stands where no k-mer reaches.
    pub fn decode(self, ids: &[u32]) -> String {
        let texts = |id: &u32| -> Vec<u8> {
            if *id >= self.kmers() {
                let single = BASES.get((*id - self.kmers()) as usize);
                return match single {
                    Some(base) if self.has_single_bases() => vec![*base],
                    _ => b"N".to_vec(),
                };
            }
            let place = |p: usize| BASES[((id >> (2 * (self.k() - 1 - p))) & 3) as usize];
            (0..self.k()).map(place).collect()
        };
        if self.has_single_bases() {
            return ids.iter().flat_map(texts).map(char::from).collect();
        }
        if ids.is_empty() {
            return String::new();
        }
        let mut sequence = vec![b'N'; ids.len() + self.k() - 1];
        for (start, id) in ids.iter().enumerate() {
            if *id < self.kmers() {
                sequence[start..start + self.k()].copy_from_slice(&texts(id));
            }
        }
        sequence.into_iter().map(char::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(scheme: KmerScheme, sequence: &str) -> Vec<u32> {
        let mut ids = vec![7];
        scheme.encode(sequence.as_bytes(), &mut ids);
        assert_eq!(ids.remove(0), 7, "ids are appended");
        ids
    }

    /// Letter by letter, as the definition says.
    fn encode_plainly(scheme: KmerScheme, sequence: &str) -> Vec<u32> {
        let letters = sequence.as_bytes();
        if !scheme.has_single_bases() {
            let windows = letters.windows(scheme.k());
            return windows
                .map(|w| scheme.index(w).unwrap_or(scheme.unknown()))
                .collect();
        }
        let mut ids = Vec::new();
        let mut at = 0;
        while at < letters.len() {
            let (id, bases) = scheme.leftmost_longest(&letters[at..]);
            ids.push(id);
            at += bases;
        }
        ids
    }

    proptest! {
        #[test]
        fn blocks_give_what_single_windows_give(
            parts in prop::collection::vec("([ACGTacgtuU]{0,700})|([ACGTN]{0,300})", 0..5),
        ) {
            let sequence = parts.concat();
            for k in 1..=8 {
                for stride in [1, k] {
                    let scheme = KmerScheme::new(k, stride).unwrap();
                    let plain = encode_plainly(scheme, &sequence);
                    prop_assert_eq!(encode(scheme, &sequence), plain, "{:?}", scheme);
                }
            }
        }
    }

    #[test]
    fn ids_are_lexicographic() {
        let texts = KmerScheme::new(3, 3).unwrap().texts();
        assert_eq!(texts.len(), 69);
        assert_eq!(texts[..2], ["AAA", "AAC"]);
        assert_eq!(texts[63..], ["TTT", "A", "C", "G", "T", "N"]);
        assert!(texts[..64].is_sorted());
        assert_eq!(KmerScheme::new(2, 1).unwrap().texts()[15..], ["TT", "N"]);
        assert_eq!(
            KmerScheme::new(1, 1).unwrap().texts(),
            ["A", "C", "G", "T", "N"]
        );
    }

    #[test]
    fn tokens_of_a_sequence() {
        fn t(k: u8, stride: u8, sequence: &str, expected: &[&str]) {
            let scheme = KmerScheme::new(k, stride).unwrap();
            let texts = scheme.texts();
            let found: Vec<&str> = encode(scheme, sequence)
                .iter()
                .map(|i| texts[*i as usize].as_str())
                .collect();
            assert_eq!(found, expected, "{k}:{stride} {sequence}");
        }
        t(3, 3, "ACGTAC", &["ACG", "TAC"]);
        t(3, 3, "ACGTA", &["ACG", "T", "A"]);
        t(3, 3, "ACNACG", &["A", "C", "N", "ACG"]);
        t(3, 3, "ACGNNTTTT", &["ACG", "N", "N", "TTT", "T"]);
        t(3, 3, "", &[]);
        t(3, 1, "ACGTA", &["ACG", "CGT", "GTA"]);
        t(3, 1, "ACGNACG", &["ACG", "N", "N", "N", "ACG"]);
        t(3, 1, "AC", &[]);
        t(1, 1, "ACN", &["A", "C", "N"]);
    }

    #[test]
    fn overlapping_windows_are_laid_over_one_another() {
        let scheme = KmerScheme::new(3, 1).unwrap();
        for sequence in ["ACGNACG", "ACGTA", "ACG", ""] {
            assert_eq!(scheme.decode(&encode(scheme, sequence)), sequence);
        }
    }
}
