//! Whether a sequence holds a stretch of bases that others hold, on either strand.

use std::collections::HashSet;

use lingo_artifact::bases::reverse_complement;

/// Neighbouring bases by which one sequence is known to be another's, where both are as long.
pub(crate) const SHARED: usize = 32;

/// The stretches of some sequences.
pub(crate) struct SharedBases {
    stretch: usize,
    known: HashSet<u64>,
}

impl SharedBases {
    /// Of `stretch` bases, from 1 to 32, each.
    pub fn new(stretch: usize) -> Self {
        Self {
            stretch: stretch.clamp(1, SHARED),
            known: HashSet::new(),
        }
    }

    /// Takes up those of a sequence.
    pub fn add(&mut self, bases: &[u8]) {
        self.known.extend(words_of(bases, self.stretch));
    }

    /// Whether a sequence, or its reverse complement, holds one that was taken up.
    pub fn has(&self, bases: &[u8]) -> bool {
        let turned = reverse_complement(bases);
        words_of(bases, self.stretch)
            .chain(words_of(&turned, self.stretch))
            .any(|word| self.known.contains(&word))
    }
}

/// Every stretch of so many bases, at most 32, as two bits a base; none that has an N.
fn words_of(bases: &[u8], stretch: usize) -> impl Iterator<Item = u64> + '_ {
    let (mut word, mut length) = (0u64, 0);
    let unused = 64 - 2 * stretch as u32;
    bases.iter().filter_map(move |base| {
        match b"ACGT".iter().position(|letter| letter == base) {
            Some(code) => (word, length) = (word << 2 | code as u64, length + 1),
            None => length = 0,
        }
        (length >= stretch).then_some(word << unused)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_whole_stretches() {
        let bases = b"ACGT".repeat(9);
        assert_eq!(words_of(&bases, SHARED).count(), 36 - SHARED + 1);
        assert_eq!(words_of(&bases, SHARED).collect::<HashSet<_>>().len(), 4);
        let mut broken = bases.clone();
        broken[10] = b'N';
        assert_eq!(words_of(&broken, SHARED).count(), 0);
        assert_eq!(words_of(&bases[..31], SHARED).count(), 0);
        // Shorter ones, wherever they stand.
        let short = |bases: &[u8]| words_of(bases, 4).collect::<Vec<_>>();
        assert_eq!(
            short(b"GACGTNCGT"),
            [short(b"GACG"), short(b"ACGT")].concat()
        );
    }

    #[test]
    fn a_stretch_is_known_on_either_strand() {
        let mut known = SharedBases::new(6);
        known.add(b"TTGACCAGTA");
        assert!(known.has(b"CCTTGACCCC") && known.has(&reverse_complement(b"CCTTGACCCC")));
        assert!(!known.has(b"CCTTGATTGACTT"));
    }
}
