//! Whether a sequence holds a stretch of bases that others hold, on either strand.

use std::collections::{BTreeMap, HashMap};

use lingo_artifact::bases::reverse_complement;

/// Neighbouring bases by which one sequence is known to be another's, where both are as long.
pub(crate) const SHARED: usize = 32;

/// What has no so many bases side by side is looked for as a whole sequence only: in longer ones, fewer are found by chance.
const SHORTEST: usize = 16;

/// The stretches of some sequences, each with what is known of those that have it. Of a sequence without one of the length that is
/// asked for (it is shorter, or an N is in each) the longest stretch that it has, wherever it stands in another; of one that has
/// not even [`SHORTEST`] bases side by side the whole.
struct Stretches<T> {
    /// By length.
    known: BTreeMap<usize, HashMap<u64, T>>,
    whole: HashMap<Vec<u8>, T>,
}

impl<T: Clone> Stretches<T> {
    fn new() -> Self {
        Self {
            known: BTreeMap::new(),
            whole: HashMap::new(),
        }
    }

    /// Takes up those of a sequence: `of` what is new, `again` what is there.
    fn add(&mut self, bases: &[u8], stretch: usize, of: &T, again: impl Fn(&mut T)) {
        let longest = bases.split(|base| !b"ACGT".contains(base)).map(<[u8]>::len);
        let length = longest.max().unwrap_or(0).min(stretch);
        if length < SHORTEST.min(stretch) {
            let known = self.whole.entry(bases.to_vec());
            known.and_modify(&again).or_insert_with(|| of.clone());
            return;
        }
        let known = self.known.entry(length).or_default();
        for word in words_of(bases, length) {
            let known = known.entry(word);
            known.and_modify(&again).or_insert_with(|| of.clone());
        }
    }

    /// Whether a sequence, or its reverse complement, holds one of which `is` holds.
    fn any(&self, bases: &[u8], is: impl Fn(&T) -> bool) -> bool {
        let turned = reverse_complement(bases);
        [bases, &turned].into_iter().any(|bases| {
            (!self.whole.is_empty() && self.whole.get(bases).is_some_and(&is))
                || self.known.iter().any(|(length, known)| {
                    words_of(bases, *length).any(|word| known.get(&word).is_some_and(&is))
                })
        })
    }
}

/// The stretches of some sequences.
pub(crate) struct SharedBases {
    stretch: usize,
    stretches: Stretches<()>,
}

impl SharedBases {
    /// Of `stretch` bases, from 1 to 32, each.
    pub fn new(stretch: usize) -> Self {
        Self {
            stretch: stretch.clamp(1, SHARED),
            stretches: Stretches::new(),
        }
    }

    /// Takes up those of a sequence.
    pub fn add(&mut self, bases: &[u8]) {
        self.stretches.add(bases, self.stretch, &(), |()| {});
    }

    /// Whether a sequence, or its reverse complement, holds one that was taken up.
    pub fn has(&self, bases: &[u8]) -> bool {
        self.stretches.any(bases, |()| true)
    }
}

/// The stretches of [`SHARED`] bases that tasks hold out, each with the task, so that a row is looked up once for all of them.
pub(crate) struct HeldOut {
    stretch: usize,
    stretches: Stretches<Owner>,
}

/// Which task holds something out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    One(u32),
    Several,
}

impl HeldOut {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::of_stretches(SHARED)
    }

    /// The same of stretches of so many bases, from 1 to 32: what is looked up may have no more.
    pub fn of_stretches(stretch: usize) -> Self {
        Self {
            stretch: stretch.clamp(1, SHARED),
            stretches: Stretches::new(),
        }
    }

    /// A sequence that the task of this number holds out.
    pub fn add(&mut self, bases: &[u8], task: u32) {
        let own = Owner::One(task);
        self.stretches.add(bases, self.stretch, &own, |owner| {
            if *owner != own {
                *owner = Owner::Several;
            }
        });
    }

    /// Whether another task than that of this number holds out what a sequence, on either strand, holds.
    pub fn by_another(&self, bases: &[u8], task: u32) -> bool {
        self.stretches
            .any(bases, |owner| *owner != Owner::One(task))
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
    use std::collections::HashSet;

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
        let mut held = HeldOut::new();
        for bases in [&long[..], short] {
            held.add(bases, 0);
            held.add(bases, 0);
            assert!(!held.by_another(bases, 0) && held.by_another(bases, 1));
            assert!(held.by_another(&reverse_complement(bases), 1));
            held.add(bases, 2);
            assert!((0..3).all(|task| held.by_another(bases, task)));
        }
        // So short a one is in others by chance.
        assert!(!held.by_another(b"AAACGTTGAA", 1));
    }

    #[test]
    fn a_sequence_shorter_than_the_stretch_is_found_within_others() {
        let short = b"GGCATTACGGATCCAGTTCA";
        let within = [&b"TTTTTT"[..], short, b"CCCC"].concat();
        let mut known = SharedBases::new(SHARED);
        known.add(short);
        assert!(known.has(&within) && known.has(&reverse_complement(&within)));
        assert!(!known.has(&within[7..]) && known.has(&within[6..]));
        // Of one with an N in every stretch, the longest without.
        let broken = [&b"ACGTACGTN"[..], short, b"NACGTTTGA"].concat();
        let mut known = SharedBases::new(SHARED);
        known.add(&broken);
        assert!(known.has(&within) && !known.has(&broken[..28]));
        let mut held = HeldOut::new();
        held.add(short, 0);
        assert!(held.by_another(&within, 1) && !held.by_another(&within, 0));
    }
}
