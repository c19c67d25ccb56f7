//! Sequences that are nearly the same over most of the shorter, found by short pieces that they share.
//!
//! Every second, or of long sequences every fourth, k-mer is indexed with its place; a search looks up each k-mer of its sequence. So
//! any 16 bases (18 in large data) that two sequences have in common, in the same order or turned around, are found, and what they
//! point to is compared base by base ([`crate::similarity::alignment`]): what is called near is near. Two sequences of n bases with
//! m exchanges have (n - m) / (m + 1) bases in a row in common, which for 5 % is 16 or more from 100 bases on.
//!
//! Time and memory stay bounded. Where the index would take more than its room, fewer k-mers are indexed, and what has few in common is
//! missed. Of a k-mer that stands in more than 1,024 places only the first so many are looked at, rare k-mers come
//! first, and a search compares at most [`MOST_HITS`] places; how often that cut one short is counted.

use std::ops::ControlFlow;

use crate::similarity::alignment::{BAND, Bases, Packed, near_on, near_within};
use crate::similarity::sketches::{MOST, Search};

/// The sequences of rows: one each, or two where rows are pairs.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    pub(crate) packed: Packed,
    pub(crate) pairs: bool,
    /// Bytes that an index may take.
    pub(crate) room: u64,
}

impl Sequences {
    fn per_row(&self) -> usize {
        1 + usize::from(self.pairs)
    }
}

/// Bases in all from which on k-mers are longer: there are more that are the same by chance.
const LARGE: u64 = 1 << 26;
/// Bases from which on a sequence is long: of those every fifth k-mer is looked up in large data.
const LONG: usize = 400;
/// The most places that one search compares.
const MOST_HITS: usize = 1 << 14;
/// By how much fewer k-mers are indexed at most where room is short.
const MOST_SCALE: usize = 1 << 10;
/// A k-mer in fewer places is rare.
const RARE: usize = 32;
/// Every how manieth k-mer is looked up at a glance. It has no divisor with the index's step: every diagonal has places that both
/// take.
const GLANCE: usize = 13;
/// Bits of an entry for the place in the sequence; k-mers beyond are not indexed.
const PLACE: u32 = 22;
/// Bits of an entry that tell k-mers of a bucket apart.
const TAG: u32 = 9;

/// Which sequences have a k-mer, and where.
pub(crate) struct Index<'a> {
    sequences: &'a Sequences,
    /// There are so many bases that long sequences have more k-mers than are needed.
    large: bool,
    k: usize,
    bits: u32,
    /// Where the entries of each bucket begin.
    starts: Vec<u32>,
    /// Sequence, place, strand and tag.
    entries: Vec<u64>,
}

/// A k-mer of either strand.
struct Kmer {
    at: usize,
    hash: u64,
    /// The reverse complement is the smaller.
    turned: bool,
}

/// The first k-mers of a sequence, no more than `most`, of each `step` one.
fn kmers(bases: Bases, k: usize, most: usize, step: usize) -> impl Iterator<Item = Kmer> {
    let all = (bases.len() + 1).saturating_sub(k).min(most);
    (0..all).step_by(step).map(move |at| {
        let (forward, backward) = bases.kmer(at, k);
        Kmer {
            at,
            hash: (forward.min(backward) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            turned: backward < forward,
        }
    })
}

/// Every how manieth k-mer of a sequence is indexed, in small data.
fn stride(bases: usize) -> usize {
    match bases {
        0..64 => 1,
        64..160 => 2,
        _ => 4,
    }
}

/// How many k-mers of a sequence are indexed.
fn indexed(bases: usize, k: usize, scale: usize) -> usize {
    let kmers = (bases + 1).saturating_sub(k).min(1 << PLACE);
    kmers.div_ceil(scale * stride(bases))
}

/// So many k-mers are read before their buckets are gone to: memory is slow, and many places of it are fetched at a time.
const BATCH: usize = 128;

/// Hands on each item once [`BATCH`] of them are made, until one is enough.
fn in_batches<T>(
    mut items: impl Iterator<Item = T>,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.extend(items.by_ref().take(BATCH));
        if batch.is_empty() {
            return ControlFlow::Continue(());
        }
        batch.drain(..).try_for_each(&mut take)?;
    }
}

/// Bytes of an entry and, at most, of its bucket.
const ENTRY: u64 = (size_of::<u64>() + size_of::<u32>()) as u64;

impl<'a> Index<'a> {
    /// Of the sequences of some rows.
    pub(crate) fn new(
        sequences: &'a Sequences,
        rows: impl DoubleEndedIterator<Item = usize> + Clone,
    ) -> Self {
        let per_row = sequences.per_row();
        let members = || {
            rows.clone()
                .flat_map(|row| row * per_row..(row + 1) * per_row)
        };
        let bases: u64 = members()
            .map(|i| sequences.packed.get(i).len() as u64)
            .sum();
        let (k, mut scale) = if bases > LARGE { (15, 2) } else { (13, 1) };
        let count = |scale| -> usize {
            let lengths = members().map(|i| sequences.packed.get(i).len());
            lengths.map(|bases| indexed(bases, k, scale)).sum()
        };
        let mut entries = count(scale);
        while entries as u64 * ENTRY > sequences.room && scale < MOST_SCALE {
            scale *= 2;
            entries = count(scale);
        }
        let indexed = |i: usize| {
            let bases = sequences.packed.get(i);
            let stride = scale * stride(bases.len());
            kmers(bases, k, 1 << PLACE, stride)
        };
        let bits = (entries as u64).max(4).ilog2().min(28);
        let mut starts = vec![0u32; (1 << bits) + 1];
        let bucket = |kmer: &Kmer| (kmer.hash >> (64 - bits)) as usize;
        for i in members() {
            let buckets = indexed(i).map(|kmer| bucket(&kmer));
            let _ = in_batches(buckets, |bucket| {
                starts[bucket + 1] += 1;
                ControlFlow::Continue(())
            });
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut all = vec![0; entries];
        // From behind: where each bucket ends becomes where it begins.
        starts.remove(0);
        starts.push(entries as u32);
        for i in members().rev() {
            let with_bucket = |kmer: Kmer| {
                let tag = kmer.hash >> (64 - bits - TAG) & ((1 << TAG) - 1);
                let entry = (i as u64) << 32
                    | (kmer.at as u64) << (TAG + 1)
                    | u64::from(kmer.turned) << TAG
                    | tag;
                (bucket(&kmer), entry)
            };
            let _ = in_batches(indexed(i).map(with_bucket), |(bucket, entry)| {
                let place = &mut starts[bucket];
                *place -= 1;
                all[*place as usize] = entry;
                ControlFlow::Continue(())
            });
        }
        Self {
            sequences,
            large: bases > LARGE,
            k,
            bits,
            starts,
            entries: all,
        }
    }

    /// As [`Index::search`], with a few k-mers and without gaps: what lies over one place of a genome is found at once, and much else
    /// is not. Of pairs nothing is.
    pub(crate) fn glance(&self, row: usize, mut found: impl FnMut(usize) -> bool) -> Search {
        if self.sequences.pairs {
            return Search::Nothing;
        }
        let own = self.sequences.packed.get(row);
        let mut turned = None;
        for kmer in kmers(own, self.k, usize::MAX, GLANCE) {
            let range = self.bucket(&kmer);
            let few = range.start..range.end.min(range.start + RARE);
            for hit in self.hits_of(&kmer, few, own.len()) {
                let other = self.sequences.packed.get(hit.sequence());
                let is_near = if hit.turned() {
                    let turned = turned.get_or_insert_with(|| own.turned());
                    near_on(&turned.get(0), &other, hit.diagonal())
                } else {
                    near_on(&own, &other, hit.diagonal())
                };
                if is_near && hit.sequence() != row && found(hit.sequence()) {
                    return Search::Found;
                }
            }
        }
        Search::Nothing
    }

    /// Looks for rows near to a row among those that are `wanted`, until `found` says that one is enough. A pair is near to another when
    /// each of its sequences is near to one of the other's, in either order.
    ///
    /// What is no longer `open` when its turn comes is not compared. Which k-mers are looked up does not depend on it, so that whatever
    /// is found first, the same is found in the end.
    pub(crate) fn search(
        &self,
        row: usize,
        wanted: impl Fn(usize) -> bool,
        open: impl Fn(usize) -> bool,
        mut found: impl FnMut(usize) -> bool,
    ) -> Search {
        let per_row = self.sequences.per_row();
        let mut cut = false;
        if per_row == 1 {
            let wanted = |i| i != row && wanted(i);
            return match self.search_one(row, wanted, open, &mut found, &mut cut) {
                true => Search::Found,
                false if cut => Search::Cut,
                false => Search::Nothing,
            };
        }
        let mut of_each = [Vec::new(), Vec::new()];
        for (which, near) in of_each.iter_mut().enumerate() {
            let of_other_row = |i: usize| i / 2 != row && wanted(i / 2);
            let of_open_row = |i: usize| open(i / 2);
            let mut keep = |i| {
                near.push(i);
                false
            };
            self.search_one(
                2 * row + which,
                of_other_row,
                of_open_row,
                &mut keep,
                &mut cut,
            );
        }
        let [mut first, second] = of_each;
        first.sort_unstable();
        let mut last = None;
        for i in second {
            let (other, partner) = (i / 2, i ^ 1);
            if last != Some(other) && first.binary_search(&partner).is_ok() {
                last = Some(other);
                if found(other) {
                    return Search::Found;
                }
            }
        }
        if cut { Search::Cut } else { Search::Nothing }
    }

    /// As [`Index::search`], of one sequence among all; `found` gets each sequence once, in their order.
    fn search_one(
        &self,
        i: usize,
        wanted: impl Fn(usize) -> bool,
        open: impl Fn(usize) -> bool,
        found: &mut impl FnMut(usize) -> bool,
        cut: &mut bool,
    ) -> bool {
        let own = self.sequences.packed.get(i);
        let mut hits: Vec<Hit> = Vec::new();
        let mut frequent = Vec::new();
        // A step that has no divisor with the index's: every diagonal has places that both take.
        let step = if self.large && own.len() >= LONG {
            5
        } else {
            1
        };
        let with_bucket = |kmer| (self.bucket(&kmer), kmer);
        let looked_up = kmers(own, self.k, usize::MAX, step).map(with_bucket);
        let ended = in_batches(looked_up, |(range, kmer)| {
            if range.len() < RARE {
                self.collect(&kmer, range, own.len(), &wanted, &mut hits);
            } else {
                frequent.push((range.len(), kmer));
            }
            match hits.len() > MOST_HITS {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        *cut |= ended.is_break();
        frequent.sort_by_key(|(places, kmer)| (*places, kmer.at));
        for (places, kmer) in frequent {
            if hits.len() + places.min(MOST) > MOST_HITS {
                *cut = true;
                break;
            }
            *cut |= places > MOST;
            let start = self.bucket(&kmer).start;
            let range = start..start + places.min(MOST);
            self.collect(&kmer, range, own.len(), &wanted, &mut hits);
        }
        hits.sort_unstable();
        let (mut turned, mut room) = (None, Room::default());
        for of_sequence in hits.chunk_by(|a, b| a.sequence() == b.sequence()) {
            let sequence = of_sequence[0].sequence();
            if !open(sequence) {
                continue;
            }
            let other = self.sequences.packed.get(sequence);
            let mut strands = of_sequence.chunk_by(|a, b| a.turned() == b.turned());
            let is_near = strands.any(|hits| {
                if hits[0].turned() {
                    let turned = turned.get_or_insert_with(|| own.turned());
                    near(&turned.get(0), &other, hits, &mut room)
                } else {
                    near(&own, &other, hits, &mut room)
                }
            });
            if is_near && found(sequence) {
                return true;
            }
        }
        false
    }

    /// The entries among which those of a k-mer are.
    fn bucket(&self, kmer: &Kmer) -> std::ops::Range<usize> {
        let bucket = (kmer.hash >> (64 - self.bits)) as usize;
        self.starts[bucket] as usize..self.starts[bucket + 1] as usize
    }

    fn collect(
        &self,
        kmer: &Kmer,
        range: std::ops::Range<usize>,
        len: usize,
        wanted: &impl Fn(usize) -> bool,
        hits: &mut Vec<Hit>,
    ) {
        let hits_of = self.hits_of(kmer, range, len);
        hits.extend(hits_of.filter(|hit| wanted(hit.sequence())));
    }

    /// Where else a k-mer stands, among some entries of its bucket.
    fn hits_of(
        &self,
        kmer: &Kmer,
        range: std::ops::Range<usize>,
        len: usize,
    ) -> impl Iterator<Item = Hit> {
        let tag = kmer.hash >> (64 - self.bits - TAG) & ((1 << TAG) - 1);
        let (at, kmer_turned) = (kmer.at, kmer.turned);
        let entries = self.entries[range].iter();
        let same = entries.filter(move |entry| *entry & ((1 << TAG) - 1) == tag);
        same.map(move |entry| {
            let turned = (entry >> TAG & 1 == 1) != kmer_turned;
            let own = if turned { len - self.k - at } else { at };
            let other = (*entry as u32 >> (TAG + 1)) as i64;
            Hit::new((entry >> 32) as u32, turned, own as i64 - other)
        })
    }
}

/// A k-mer that two sequences share: in one number, that sorts by the other sequence, the strand and the diagonal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hit(u64);

/// What is added to a diagonal, so that none is negative.
const SHIFT: i64 = 1 << PLACE;
/// Bits of a diagonal.
const DIAGONAL: u32 = 31;

impl Hit {
    fn new(sequence: u32, turned: bool, diagonal: i64) -> Self {
        let diagonal = (diagonal + SHIFT) as u64 & ((1 << DIAGONAL) - 1);
        Self(u64::from(sequence) << 32 | u64::from(turned) << DIAGONAL | diagonal)
    }

    fn sequence(self) -> usize {
        (self.0 >> 32) as usize
    }

    fn turned(self) -> bool {
        self.0 >> DIAGONAL & 1 == 1
    }

    fn diagonal(self) -> i64 {
        (self.0 & ((1 << DIAGONAL) - 1)) as i64 - SHIFT
    }
}

/// How many diagonals of one sequence are looked at: repeats have very many.
const DIAGONALS: usize = 16;

/// Whether what shares k-mers on one strand, given by diagonal, is near; `room` is for what is counted.
fn near(own: &Bases, other: &Bases, hits: &[Hit], room: &mut Room) -> bool {
    if hits[0] == hits[hits.len() - 1] {
        return near_on(own, other, hits[0].diagonal());
    }
    let Room {
        by_place,
        diagonals,
    } = room;
    by_place.clear();
    by_place.extend(
        hits.chunk_by(|a, b| a == b)
            .map(|same| (same.len(), same[0].diagonal())),
    );
    diagonals.clone_from(by_place);
    diagonals.sort_unstable_by_key(|(n, diagonal)| (std::cmp::Reverse(*n), *diagonal));
    diagonals.truncate(DIAGONALS);
    if diagonals
        .iter()
        .any(|(_, diagonal)| near_on(own, other, *diagonal))
    {
        return true;
    }
    // Gaps leave k-mers on several diagonals side by side; a few that are the same by chance seldom do.
    if hits.len() <= 3 {
        return false;
    }
    let best = diagonals[0].1;
    let beside = |(_, diagonal): &&(usize, i64)| (diagonal - best).abs() < BAND / 2 - 4;
    let band = || by_place.iter().filter(beside);
    let seeds: usize = band().map(|(n, _)| n).sum();
    match (band().next(), band().next_back()) {
        (Some((_, low)), Some((_, high))) if low < high && seeds > 3 => {
            near_within(own, other, low - 4..=high + 4)
        }
        _ => false,
    }
}

/// How many k-mers each diagonal has, kept from one pair of sequences to the next.
#[derive(Default)]
struct Room {
    by_place: Vec<(usize, i64)>,
    diagonals: Vec<(usize, i64)>,
}
