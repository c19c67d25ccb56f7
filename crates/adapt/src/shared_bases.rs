//! Whether a sequence holds a stretch of bases that others hold, on either strand.

use std::collections::{HashMap, HashSet};

use lingo_artifact::bases::reverse_complement;

/// Neighbouring bases by which one sequence is known to be another's, where both are as long.
pub(crate) const SHARED: usize = 32;

/// The stretches of some sequences. Those of a sequence that has none (it is shorter, or an N is in each) are the whole of it.
pub(crate) struct SharedBases {
    stretch: usize,
    known: HashSet<u64>,
    whole: HashSet<Vec<u8>>,
}

impl SharedBases {
    /// Of `stretch` bases, from 1 to 32, each.
    pub fn new(stretch: usize) -> Self {
        Self {
            stretch: stretch.clamp(1, SHARED),
            known: HashSet::new(),
            whole: HashSet::new(),
        }
    }

    /// Takes up those of a sequence.
    pub fn add(&mut self, bases: &[u8]) {
        let mut words = words_of(bases, self.stretch).peekable();
        if words.peek().is_none() {
            self.whole.insert(bases.to_vec());
        }
        self.known.extend(words);
    }

    /// Whether a sequence, or its reverse complement, holds one that was taken up.
    pub fn has(&self, bases: &[u8]) -> bool {
        let turned = reverse_complement(bases);
        let is_whole = |bases: &[u8]| !self.whole.is_empty() && self.whole.contains(bases);
        is_whole(bases)
            || is_whole(&turned)
            || words_of(bases, self.stretch)
                .chain(words_of(&turned, self.stretch))
                .any(|word| self.known.contains(&word))
    }
}

/// The stretches of [`SHARED`] bases that tasks hold out, each with the task, so that a row is looked up once for all of them.
#[derive(Default)]
pub(crate) struct HeldOut {
    known: HashMap<u64, Owner>,
    whole: HashMap<Vec<u8>, Owner>,
}

/// Which task holds something out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    One(u32),
    Several,
}

impl HeldOut {
    /// A sequence that the task of this number holds out.
    pub fn add(&mut self, bases: &[u8], task: u32) {
        let mut any = false;
        for word in words_of(bases, SHARED) {
            any = true;
            held_by(&mut self.known, word, task);
        }
        if !any {
            held_by(&mut self.whole, bases.to_vec(), task);
        }
    }

    /// Whether another task than that of this number holds out what a sequence, on either strand, holds.
    pub fn by_another(&self, bases: &[u8], task: u32) -> bool {
        let turned = reverse_complement(bases);
        let is_other = |owner: Option<&Owner>| owner.is_some_and(|o| *o != Owner::One(task));
        let whole = |bases: &[u8]| !self.whole.is_empty() && is_other(self.whole.get(bases));
        whole(bases)
            || whole(&turned)
            || words_of(bases, SHARED)
                .chain(words_of(&turned, SHARED))
                .any(|word| is_other(self.known.get(&word)))
    }
}

fn held_by<K: std::hash::Hash + Eq>(known: &mut HashMap<K, Owner>, what: K, task: u32) {
    let owner = known.entry(what).or_insert(Owner::One(task));
    if *owner != Owner::One(task) {
        *owner = Owner::Several;
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
        known.add(b"ACGNA");
        assert!(known.has(b"ACGNA") && known.has(b"TNCGT") && !known.has(b"TACGNA"));
    }

    #[test]
    fn what_is_held_out_is_held_out_from_other_tasks() {
        let (long, short) = (b"ACGGTTCA".repeat(5), b"ACGTTG");
        let mut held = HeldOut::default();
        for bases in [&long[..], short] {
            held.add(bases, 0);
            held.add(bases, 0);
            assert!(!held.by_another(bases, 0) && held.by_another(bases, 1));
            assert!(held.by_another(&reverse_complement(bases), 1));
            held.add(bases, 2);
            assert!((0..3).all(|task| held.by_another(bases, task)));
        }
        // What is short is no part of what is longer.
        assert!(!held.by_another(b"AAACGTTGAA", 1));
    }
}
