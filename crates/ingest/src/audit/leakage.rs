//! Which rows of one split stand, as they are, turned around or nearly so, in another.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use lingo_artifact::bounded::Probability;
use rayon::prelude::*;

use crate::config::leakage::Leakage;
use crate::iupac;
use crate::rows::dataset::DataSet;
use crate::similarity::alignment::Packed;
use crate::similarity::fingerprint;
use crate::similarity::overlaps::Overlaps;
use crate::similarity::seeds;
use crate::similarity::seeds::Sequences;
use crate::similarity::sketches::{Index, Search, Sketches};
use crate::similarity::union_find::UnionFind;

/// What sequences are compared by, in the order of the output.
#[derive(Default)]
pub(crate) struct Evidence {
    /// A fingerprint of each row's sequence, the same for both strands but for the [`STRAND`] bits.
    pub(crate) keys: Vec<u128>,
    /// A sketch of each, where a Jaccard index is asked for.
    pub(crate) sketches: Option<Sketches>,
    /// The sequences, where near-duplicates are looked for.
    pub(crate) sequences: Option<Sequences>,
    /// Where the rows lie, where they lie in a genome.
    pub(crate) overlaps: Overlaps,
}

/// The two lowest bits of a key say which strand was seen: a sequence and its reverse complement differ in them only.
pub(crate) const STRAND: u128 = 3;
pub(crate) const LOWER: u128 = 0;
pub(crate) const HIGHER: u128 = 1;
/// The sequence is its own reverse complement.
pub(crate) const BOTH: u128 = 2;

/// The key of a sequence or a pair; `other` is room for the reverse complements.
pub(crate) fn key(first: &[u8], second: Option<&[u8]>, other: &mut [Vec<u8>; 2]) -> u128 {
    other.iter_mut().for_each(Vec::clear);
    iupac::append_reverse_complement(first, &mut other[0]);
    iupac::append_reverse_complement(second.unwrap_or_default(), &mut other[1]);
    let this = fingerprint::of_two(first, second.unwrap_or_default());
    let turned = fingerprint::of_two(&other[0], &other[1]);
    let strand = match this.cmp(&turned) {
        std::cmp::Ordering::Less => LOWER,
        std::cmp::Ordering::Greater => HIGHER,
        std::cmp::Ordering::Equal => BOTH,
    };
    (this.min(turned) & !STRAND) | strand
}

/// Which sequences are looked for beside the same ones.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Likeness {
    /// Those that are nearly the same.
    pub(crate) near: bool,
    /// Those with this Jaccard index of 15-mers.
    pub(crate) jaccard: Option<f64>,
}

impl Likeness {
    /// What an audit looks for.
    pub(crate) fn of(leakage: &Leakage) -> Self {
        match leakage {
            Leakage::Near(near) => Self::near(near.jaccard),
            Leakage::Exact | Leakage::Unexamined => Self::default(),
        }
    }

    /// What is nearly the same, and what has a Jaccard index.
    pub(crate) fn near(jaccard: Option<Probability>) -> Self {
        Self {
            near: true,
            jaccard: jaccard.map(Probability::get),
        }
    }
}

/// From which share of a row's bases on `on_leak` acts on an overlap; nothing where it does not.
pub(crate) fn least_overlap(leakage: &Leakage) -> Option<f64> {
    match leakage {
        Leakage::Near(near) => Some(near.overlap.get()),
        Leakage::Exact | Leakage::Unexamined => None,
    }
}

/// Bytes that looking for the same and for near-duplicates takes at most, beside the index of k-mers, which has a room of its own.
pub(crate) fn memory(data: &DataSet, likeness: Likeness) -> u64 {
    let rows = data.len();
    let of_sketches = |bound| Sketches::memory(rows) + Index::memory(rows, bound);
    let of_sequences = match likeness.near {
        true => Packed::memory(data.sequences(), data.bases()),
        false => 0,
    };
    rows as u64 * ROW + likeness.jaccard.map_or(0, of_sketches) + of_sequences
}

/// Bytes of a row whose key is compared: the key, its place in order, its entry in a set of keys, which is filled to seven sixteenths at
/// least, and what was found.
const ROW: u64 = {
    let key = size_of::<u128>();
    let in_set = (key + 1) * 16 / 7;
    let found = size_of::<Leak>() + 2;
    (key + size_of::<u32>() + in_set + size_of::<usize>() + found) as u64
};

/// How rows of one split are found in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leak {
    /// As they are or turned around.
    pub(crate) exact: bool,
    /// Nearly so, and not exactly.
    pub(crate) near: bool,
    /// Too many had to be compared, and none of those that were is near.
    pub(crate) cut: bool,
}

/// Rows among which others are looked for.
pub(crate) struct Among<'a> {
    keys: &'a [u128],
    /// The keys of the rows, without their strand.
    all: HashSet<u128>,
    sketches: Option<Index<'a>>,
    seeds: Option<seeds::Index<'a>>,
}

impl Among<'_> {
    /// Of each place in `of`, whether its sequence stands among these.
    pub(crate) fn leaks(&self, of: Range<usize>) -> Vec<Leak> {
        of.into_par_iter().map(|place| self.leak(place)).collect()
    }

    fn leak(&self, place: usize) -> Leak {
        if self.all.contains(&(self.keys[place] | STRAND)) {
            return Leak {
                exact: true,
                ..Leak::default()
            };
        }
        let mut search = match &self.sketches {
            Some(index) => index.search(place, |_| true, |_| true),
            None => Search::Nothing,
        };
        if let Some(seeds) = self.seeds.as_ref().filter(|_| search != Search::Found) {
            let mut told = seeds.glance(place, |_| true);
            if told != Search::Found {
                told = seeds.search(place, |_| true, |_| true, |_| true);
            }
            if told != Search::Nothing {
                search = told;
            }
        }
        Leak {
            exact: false,
            near: search == Search::Found,
            cut: search == Search::Cut,
        }
    }
}

impl Evidence {
    /// The rows at some places, made ready for looking others up.
    pub(crate) fn among(&self, places: &[Range<usize>], likeness: Likeness) -> Among<'_> {
        let mut all = HashSet::with_capacity(places.iter().map(Range::len).sum());
        // Of equal sequences one stands for all: what repeats must not fill up a search.
        let distinct: Vec<usize> = places
            .iter()
            .cloned()
            .flatten()
            .filter(|place| all.insert(self.keys[*place] | STRAND))
            .collect();
        Among {
            keys: &self.keys,
            sketches: self.sketch_index(&distinct, likeness),
            seeds: self.seed_index(&distinct),
            all,
        }
    }

    fn sketch_index(&self, rows: &[usize], likeness: Likeness) -> Option<Index<'_>> {
        let (sketches, bound) = self.sketches.as_ref().zip(likeness.jaccard)?;
        Some(Index::new(sketches, rows.iter().copied(), bound))
    }

    fn seed_index(&self, rows: &[usize]) -> Option<seeds::Index<'_>> {
        let sequences = self.sequences.as_ref()?;
        Some(seeds::Index::new(sequences, rows.iter().copied()))
    }

    /// Of each place in `of`, whether a search from one of `others` finds it nearly the same: nothing is left that an audit would find.
    fn near_others(&self, of: Range<usize>, others: &[Range<usize>]) -> Vec<bool> {
        let mut keys = HashSet::with_capacity(of.len());
        let distinct: Vec<usize> = of
            .clone()
            .filter(|place| keys.insert(self.keys[*place] | STRAND))
            .collect();
        let Some(index) = self.seed_index(&distinct) else {
            return vec![false; of.len()];
        };
        let searching: Vec<usize> = others.iter().cloned().flatten().collect();
        // What is found is not compared again: whoever finds it first, it is found.
        let known: Vec<AtomicBool> = of.clone().map(|_| AtomicBool::new(false)).collect();
        let is_open = |other: usize| !known[other - of.start].load(Ordering::Relaxed);
        let found = |other: usize| {
            known[other - of.start].store(true, Ordering::Relaxed);
            false
        };
        searching.into_par_iter().for_each(|place| {
            index.glance(place, found);
            index.search(place, |_| true, is_open, found);
        });
        let found: HashSet<u128> = distinct
            .into_iter()
            .filter(|place| !is_open(*place))
            .map(|place| self.keys[place] | STRAND)
            .collect();
        of.clone()
            .map(|place| found.contains(&(self.keys[place] | STRAND)))
            .collect()
    }

    /// Tells the rows of `of` that lie over rows of `others`, of which at least a share of the bases lies in rows of `of`.
    fn under_leaking(
        &self,
        of: Range<usize>,
        others: &[Range<usize>],
        share: f64,
        mut found: impl FnMut(usize),
    ) {
        let is_own = |row: u32| of.contains(&(row as usize));
        let is_other = |row: u32| others.iter().any(|places| places.contains(&(row as usize)));
        let mut leaks = vec![false; self.keys.len()];
        self.overlaps.covers(is_other, is_own, |cover| {
            leaks[cover.row.row as usize] = cover.reaches(share);
        });
        let leaks = |row: u32| leaks[row as usize];
        self.overlaps
            .covers(is_own, leaks, |cover| found(cover.row.row as usize));
    }

    /// The cluster of each place: the least place that it is linked to, by equality, by strand or by likeness, over any number of
    /// steps. And how many searches were cut short.
    pub(crate) fn clusters(&self, likeness: Likeness) -> (UnionFind, u64) {
        let n = self.keys.len();
        let mut sets = UnionFind::new(n);
        // Equal sequences have equal sketches: one of them stands for all.
        let mut places: Vec<u32> = (0..n as u32).collect();
        let family = |place: &u32| self.keys[*place as usize] | STRAND;
        places.par_sort_unstable_by_key(|place| (family(place), *place));
        let mut firsts = Vec::new();
        for same in places.chunk_by(|a, b| family(a) == family(b)) {
            firsts.push(same[0] as usize);
            for other in &same[1..] {
                sets.unite(same[0] as usize, *other as usize);
            }
        }
        drop(places);
        firsts.sort_unstable();
        let index = self.sketch_index(&firsts, likeness);
        let seeds = self.seed_index(&firsts);
        let mut cut = 0;
        for batch in firsts.chunks(1 << 12) {
            // Links within a set that is known to be one are not looked for again: what becomes one does not depend on it.
            let found: Vec<(Vec<usize>, bool)> = batch
                .par_iter()
                .map(|place| {
                    let own = sets.root(*place);
                    let roots = RefCell::new(Vec::new());
                    let wanted = |other: usize| other < *place && sets.root(other) != own;
                    let is_open = |other| !roots.borrow().contains(&sets.root(other));
                    let mut link = |other| {
                        if is_open(other) {
                            roots.borrow_mut().push(sets.root(other));
                        }
                        false
                    };
                    let by_sketch = index.as_ref().map(|i| i.search(*place, wanted, &mut link));
                    // Every second k-mer of the other is indexed: what one search misses the other way round may find.
                    let elsewhere = |other: usize| sets.root(other) != own;
                    let by_seeds = seeds
                        .as_ref()
                        .map(|i| i.search(*place, elsewhere, is_open, &mut link));
                    let was_cut = [by_sketch, by_seeds].contains(&Some(Search::Cut));
                    (roots.into_inner(), was_cut)
                })
                .collect();
            for (place, (roots, was_cut)) in batch.iter().zip(found) {
                cut += u64::from(was_cut);
                for root in roots {
                    sets.unite(*place, root);
                }
            }
        }
        sets.flatten(0..n);
        (sets, cut)
    }
}

/// Rows that were taken out because another split has their sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) train: u64,
    pub(crate) dev: u64,
}

/// Takes out of train what dev or test has, and out of dev what test has: what the report shows stays whole.
pub(crate) fn drop_leaking(data: &mut DataSet, evidence: &Evidence, leakage: &Leakage) -> Dropped {
    let [train, dev, test] = data.places();
    let likeness = Likeness::of(leakage);
    let mut drop = vec![false; data.len()];
    let mut take_out = |of: Range<usize>, others: &[Range<usize>]| {
        let leaks = evidence.among(others, likeness).leaks(of.clone());
        let near = evidence.near_others(of.clone(), others);
        for ((drop, leak), near) in drop[of.clone()].iter_mut().zip(leaks).zip(near) {
            *drop = leak.exact || leak.near || near;
        }
        if let Some(share) = least_overlap(leakage) {
            evidence.under_leaking(of.clone(), others, share, |row| drop[row] = true);
        }
        drop[of].iter().filter(|drop| **drop).count() as u64
    };
    let dropped = Dropped {
        train: take_out(train, &[dev.clone(), test.clone()]),
        dev: take_out(dev, &[test]),
    };
    let mut drop = drop.into_iter();
    data.order.retain(|_| !drop.next().unwrap_or(false));
    dropped
}
