//! Sequences that are nearly the same, found without comparing each with each.
//!
//! A sequence is sketched by the 32 smallest hashes of its canonical 15-mers (a k-mer and its reverse complement are one): the
//! bottom sketch of Broder (1997), as in Mash (Ondov et al. 2016). Both strands of a sequence have the same sketch. The share of the
//! smallest hashes of two sketches together that stand in both estimates the Jaccard index of their 15-mers, with a standard
//! deviation of at most 0.09. An index of 0.5 is about 97 % identity over the whole length, or a shift by a third of it.
//!
//! Two sketches that agree in a share `bound` of their hashes have one in common among the first `len x (1 - bound)` of each, plus one:
//! let x be the smallest hash in both, and `shared` of `all` hashes in both; those of a sketch before x are in it alone, so they are at
//! most `len - shared`, and `shared >= bound x all >= bound x len`. Only these first hashes are indexed: nothing over the bound is missed,
//! but for one limit. Of a hash that stands in more than [`MOST`] sequences only the first so many are compared; how often that cut
//! a search short is counted.

/// Bases of a k-mer: random sequences of a few thousand bases share none.
const K: usize = 15;
/// Hashes of a sketch.
const SKETCH: usize = 32;
/// The most sequences of one hash that a search looks at.
pub(crate) const MOST: usize = 1024;

/// The sketches of many sequences.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketches {
    hashes: Vec<u32>,
    ends: Vec<usize>,
}

impl Sketches {
    /// Bytes that so many sketches take at most.
    pub(crate) fn memory(sequences: usize) -> u64 {
        (sequences * (SKETCH * size_of::<u32>() + size_of::<usize>())) as u64
    }

    /// None yet, with room for so many.
    pub(crate) fn with_room(sequences: usize) -> Self {
        Self {
            hashes: Vec::with_capacity(sequences * SKETCH),
            ends: Vec::with_capacity(sequences),
        }
    }

    /// Forgets all, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.hashes.clear();
        self.ends.clear();
    }

    /// Adds the sketch of a sequence, or of a pair as a whole.
    pub(crate) fn push(&mut self, first: &[u8], second: Option<&[u8]>) {
        let kmers = |sequence: &[u8]| (sequence.len() + 1).saturating_sub(K) as u64;
        let all = kmers(first) + second.map_or(0, kmers);
        // Hashes are even: three times as many as are wanted lie below this. Few that are distinct do where k-mers repeat.
        let guess = u64::from(u32::MAX) * 3 * SKETCH as u64 / all.max(1);
        let mut smallest = Smallest::below(u32::try_from(guess).unwrap_or(u32::MAX));
        smallest.add_both(first, second);
        if smallest.finish().len() < SKETCH {
            smallest = Smallest::below(u32::MAX);
            smallest.add_both(first, second);
        }
        self.hashes.extend_from_slice(smallest.finish());
        self.ends.push(self.hashes.len());
    }

    /// Adds all of another's.
    pub(crate) fn extend(&mut self, other: &Self) {
        let before = self.hashes.len();
        self.hashes.extend_from_slice(&other.hashes);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    /// The hashes of a sequence, from small to large; none when it has no 15 bases without another letter among them.
    pub(crate) fn get(&self, i: usize) -> &[u32] {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.hashes[start..self.ends[i]]
    }
}

/// The smallest hashes seen so far.
struct Smallest {
    kept: Vec<u32>,
    /// Whatever is not below cannot be among them.
    bound: u32,
}

/// Two bits of each base, 4 for any other letter.
const CODE: [u8; 256] = {
    let mut table = [4; 256];
    let mut i = 0;
    while i < 4 {
        table[b"ACGT"[i] as usize] = i as u8;
        i += 1;
    }
    table
};

impl Smallest {
    fn below(bound: u32) -> Self {
        Self {
            kept: Vec::with_capacity(4 * SKETCH),
            bound,
        }
    }

    fn add_both(&mut self, first: &[u8], second: Option<&[u8]>) {
        self.add(first, 0);
        // The k-mers of the second sequence are others than the same ones of the first.
        second.inspect(|second| self.add(second, 0x5851_f42d_4c95_7f2d));
    }

    fn add(&mut self, sequence: &[u8], salt: u64) {
        const MASK: u64 = (1 << (2 * K)) - 1;
        let (mut forward, mut backward, mut bases) = (0u64, 0u64, 0);
        for base in sequence {
            let code = u64::from(CODE[*base as usize]);
            if code > 3 {
                bases = 0;
                continue;
            }
            forward = (forward << 2 | code) & MASK;
            backward = backward >> 2 | (3 - code) << (2 * (K - 1));
            bases += 1;
            if bases >= K {
                let hash = hash(forward.min(backward) ^ salt);
                if hash < self.bound {
                    self.kept.push(hash);
                    if self.kept.len() == 4 * SKETCH {
                        self.shrink();
                    }
                }
            }
        }
    }

    fn shrink(&mut self) {
        self.kept.sort_unstable();
        self.kept.dedup();
        if self.kept.len() > SKETCH {
            self.kept.truncate(SKETCH);
            self.bound = self.kept[SKETCH - 1];
        } else if self.kept.len() == SKETCH {
            self.bound = self.kept[SKETCH - 1];
        }
    }

    fn finish(&mut self) -> &[u32] {
        self.shrink();
        &self.kept
    }
}

/// The upper half of splitmix64's mixing function (Steele et al. 2014).
fn hash(kmer: u64) -> u32 {
    let mut x = kmer.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 32) as u32
}

/// Whether two sketches agree in at least a share `bound` of their smallest hashes.
pub(crate) fn is_near(a: &[u32], b: &[u32], bound: f64) -> bool {
    let (mut i, mut j, mut all, mut shared) = (0, 0, 0, 0);
    while all < SKETCH && (i < a.len() || j < b.len()) {
        let (x, y) = (a.get(i), b.get(j));
        let both = x == y;
        shared += usize::from(both);
        let first = both || y.is_none() || x.is_some_and(|x| y.is_some_and(|y| x < y));
        i += usize::from(first);
        j += usize::from(both || !first);
        all += 1;
    }
    all > 0 && shared as f64 >= bound * all as f64
}

/// How many of the first hashes of a sketch must be looked at.
fn prefix(hashes: usize, bound: f64) -> usize {
    // A hair more, so that rounding never takes one away.
    hashes.min((hashes as f64 * (1.0 - bound) + 1e-9) as usize + 1)
}

/// Which sequences have a hash among their first.
pub(crate) struct Index<'a> {
    sketches: &'a Sketches,
    bound: f64,
    /// Where the entries of each bucket begin.
    starts: Vec<usize>,
    /// Hash and sequence, bucket by bucket, sequences in order.
    entries: Vec<(u32, u32)>,
    bits: u32,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// What was looked for.
    Found,
    /// There is none.
    Nothing,
    /// None among those that were looked at, and not all were.
    Cut,
}

impl<'a> Index<'a> {
    /// Of some sequences.
    pub(crate) fn new(
        sketches: &'a Sketches,
        members: impl Iterator<Item = usize> + Clone,
        bound: f64,
    ) -> Self {
        let first_hashes = |i: usize| {
            let hashes = sketches.get(i);
            &hashes[..prefix(hashes.len(), bound)]
        };
        let entries: usize = members.clone().map(|i| first_hashes(i).len()).sum();
        let bits = (entries.max(2) as u64).ilog2().min(28);
        let mut starts = vec![0usize; (1 << bits) + 1];
        for i in members.clone() {
            for hash in first_hashes(i) {
                starts[bucket(*hash, bits) + 1] += 1;
            }
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut at = starts.clone();
        let mut all = vec![(0, 0); entries];
        for i in members {
            for hash in first_hashes(i) {
                let place = &mut at[bucket(*hash, bits)];
                all[*place] = (*hash, i as u32);
                *place += 1;
            }
        }
        Self {
            sketches,
            bound,
            starts,
            entries: all,
            bits,
        }
    }

    /// Bytes that an index of so many sequences takes at most.
    pub(crate) fn memory(sequences: usize, bound: f64) -> u64 {
        let entries = sequences * prefix(SKETCH, bound);
        (entries * (size_of::<(u32, u32)>() + 2 * size_of::<usize>())) as u64
    }

    /// Looks for sequences near to `i` among those that are `wanted`, until `found` says that one is enough.
    pub(crate) fn search(
        &self,
        i: usize,
        mut wanted: impl FnMut(usize) -> bool,
        mut found: impl FnMut(usize) -> bool,
    ) -> Search {
        let hashes = self.sketches.get(i);
        let mut cut = false;
        for hash in &hashes[..prefix(hashes.len(), self.bound)] {
            let bucket = bucket(*hash, self.bits);
            let entries = &self.entries[self.starts[bucket]..self.starts[bucket + 1]];
            let mut looked_at = 0;
            for (_, other) in entries.iter().filter(|(h, _)| h == hash) {
                let other = *other as usize;
                if other == i {
                    continue;
                }
                looked_at += 1;
                if looked_at > MOST {
                    cut = true;
                    break;
                }
                if wanted(other)
                    && is_near(hashes, self.sketches.get(other), self.bound)
                    && found(other)
                {
                    return Search::Found;
                }
            }
        }
        if cut { Search::Cut } else { Search::Nothing }
    }
}

/// Small hashes are the rule in sketches: mixed again they spread over the buckets.
fn bucket(hash: u32, bits: u32) -> usize {
    let mixed = (u64::from(hash) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - bits)) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lingo_artifact::random::Stream;
    use proptest::prelude::*;

    use super::*;
    use crate::iupac::reverse_complement;

    fn sketch(sequence: &[u8]) -> Vec<u32> {
        let mut sketches = Sketches::default();
        sketches.push(sequence, None);
        sketches.get(0).to_vec()
    }

    /// Word for word from the definition.
    fn naive(sequence: &[u8]) -> Vec<u32> {
        let code = |kmer: &[u8]| {
            let digit = |b: &u8| b"ACGT".iter().position(|x| x == b).unwrap() as u64;
            kmer.iter().fold(0, |code, b| code * 4 + digit(b))
        };
        let all: BTreeSet<u32> = sequence
            .windows(K)
            .filter(|kmer| kmer.iter().all(|b| b"ACGT".contains(b)))
            .map(|kmer| hash(code(kmer).min(code(&reverse_complement(kmer)))))
            .collect();
        all.into_iter().take(SKETCH).collect()
    }

    proptest! {
        #[test]
        fn a_sketch_is_of_both_strands(sequence in "[ACGT]{0,300}|[ACGTNR]{0,100}|[AC]{0,40}N{0,5}[GT]{0,500}") {
            let sequence = sequence.as_bytes();
            prop_assert_eq!(sketch(sequence), naive(sequence));
            prop_assert_eq!(sketch(&reverse_complement(sequence)), naive(sequence));
        }

        #[test]
        fn the_index_finds_what_comparing_all_finds(seed: u64, bound in 1..=10u32, n in 2..40usize) {
            let bound = f64::from(bound) / 10.0;
            let mut stream = Stream::new(seed, "similarity");
            // Descendants of few ancestors, of all degrees of likeness.
            let ancestors: Vec<Vec<u8>> = (0..3).map(|_| (0..80).map(|_| b"ACGT"[stream.below(4)]).collect()).collect();
            let mut sketches = Sketches::default();
            for _ in 0..n {
                let mut sequence = ancestors[stream.below(3)].clone();
                for _ in 0..stream.below(8) {
                    let at = stream.below(sequence.len());
                    sequence[at] = b"ACGT"[stream.below(4)];
                }
                sequence.drain(..stream.below(30));
                sketches.push(&sequence, None);
            }
            let index = Index::new(&sketches, 0..n, bound);
            for i in 0..n {
                let mut found = BTreeSet::new();
                let search = index.search(i, |_| true, |other| { found.insert(other); false });
                prop_assert_eq!(search, Search::Nothing);
                let all: BTreeSet<usize> = (0..n)
                    .filter(|j| *j != i && is_near(sketches.get(i), sketches.get(*j), bound))
                    .collect();
                prop_assert_eq!(found, all);
            }
        }
    }

    #[test]
    fn likeness_is_the_share_of_the_smallest() {
        assert!(is_near(&[1, 2, 3], &[1, 2, 3], 1.0));
        assert!(is_near(&[1, 2, 3], &[2, 3, 4], 0.5));
        assert!(!is_near(&[1, 2, 3], &[2, 3, 4], 0.51));
        assert!(!is_near(&[], &[], 0.0));
        // Beyond the 32 smallest of both together nothing counts.
        let a: Vec<u32> = (0..32).collect();
        let b: Vec<u32> = (16..48).collect();
        assert!(is_near(&a, &b, 0.5) && !is_near(&a, &b, 0.51));
    }

    #[test]
    fn a_search_that_is_cut_says_so() {
        let mut sketches = Sketches::default();
        let sequence = b"ACGTTGCAAGCTAGCTAGGATCGATTAGC";
        for _ in 0..MOST + 2 {
            sketches.push(sequence, None);
        }
        let index = Index::new(&sketches, 0..MOST + 2, 0.5);
        assert_eq!(index.search(0, |_| false, |_| true), Search::Cut);
        assert_eq!(index.search(0, |_| true, |_| true), Search::Found);
    }
}
