//! Whether two sequences are nearly the same: one stretch of both with 90 % identity that takes 80 % of the shorter.
//!
//! Where only bases are exchanged, the two lie on one diagonal, and are compared 32 bases at a time. Where some are missing, a
//! banded alignment looks for the stretch.

use std::ops::RangeInclusive;

/// Sequences of two bits a base, each from a word of its own on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    words: Vec<u64>,
    /// Where each ends, in words, and its bases.
    ends: Vec<(usize, u32)>,
}

/// Bases of a word.
const WORD: usize = 32;
/// The least stretch: shorter ones are alike by chance.
const LEAST: usize = 30;
/// Of ten columns so many must be the same.
const IDENTITY: (i32, i32) = (9, 10);

/// What is more often wrong than right counts as many exchanges.
const WRONG: i32 = -IDENTITY.0;

impl Packed {
    /// Bytes that so many sequences with so many bases in all take at most.
    pub(crate) fn memory(sequences: usize, bases: u64) -> u64 {
        bases / 4 + (sequences * (size_of::<u64>() + size_of::<(usize, u32)>())) as u64
    }

    /// None yet, with room for so many sequences with so many bases in all: growing would take twice as much for a while.
    pub(crate) fn with_room(sequences: usize, bases: u64) -> Self {
        Self {
            words: Vec::with_capacity(bases as usize / WORD + sequences),
            ends: Vec::with_capacity(sequences),
        }
    }

    /// Forgets all, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.ends.clear();
    }

    /// Adds a sequence. What is no base becomes one, another in each sequence: such places are alike by chance only.
    pub(crate) fn push(&mut self, sequence: &[u8]) {
        let mut noise = Noise(0);
        for chunk in sequence.chunks(WORD) {
            let mut word = 0;
            let (eights, rest) = chunk.as_chunks::<8>();
            for (i, eight) in eights.iter().enumerate() {
                let codes = codes_of(*eight).unwrap_or_else(|| {
                    let code = |base: &u8| code_of(*base).unwrap_or_else(|| noise.next(sequence));
                    packed(eight.iter().map(code))
                });
                word |= codes << (16 * i);
            }
            let code = |base: &u8| code_of(*base).unwrap_or_else(|| noise.next(sequence));
            if !rest.is_empty() {
                word |= packed(rest.iter().map(code)) << (16 * eights.len());
            }
            self.words.push(word);
        }
        self.ends.push((self.words.len(), sequence.len() as u32));
    }

    /// Adds all of another's.
    pub(crate) fn extend(&mut self, other: &Self) {
        let before = self.words.len();
        self.words.extend_from_slice(&other.words);
        let moved = other.ends.iter().map(|(end, bases)| (before + end, *bases));
        self.ends.extend(moved);
    }

    /// A sequence.
    pub(crate) fn get(&self, i: usize) -> Bases<'_> {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before].0);
        Bases {
            words: &self.words[start..self.ends[i].0],
            len: self.ends[i].1 as usize,
        }
    }
}

/// The code of a base; none of what is no base.
fn code_of(base: u8) -> Option<u64> {
    b"ACGT".iter().position(|b| *b == base).map(|i| i as u64)
}

/// Codes, the first in the lowest bits.
fn packed(codes: impl Iterator<Item = u64>) -> u64 {
    codes
        .zip(0..)
        .fold(0, |all, (code, i)| all | code << (2 * i))
}

/// The codes of eight bases, all at once; none where one of them is no base.
fn codes_of(bases: [u8; 8]) -> Option<u64> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let bases = u64::from_le_bytes(bases);
    // Bits 1 and 2 tell the letters apart: A 00, C 01, T 10, G 11. Of T bits 0 and 4 are others too.
    let low = bases >> 1 & ONES;
    let high = bases >> 2 & ONES;
    let of_a = u64::from(b'A') * ONES;
    let letters = (of_a | (low << 1) | (high << 2)) ^ ((high & !low) * 0x11);
    if letters != bases {
        return None;
    }
    let codes = (low ^ high) | high << 1;
    let codes = (codes | codes >> 6) & 0x000f_000f_000f_000f;
    let codes = (codes | codes >> 12) & 0x0000_00ff_0000_00ff;
    Some((codes | codes >> 24) & 0xffff)
}

/// The codes of what is no base; of another sequence others.
struct Noise(u64);

impl Noise {
    fn next(&mut self, sequence: &[u8]) -> u64 {
        if self.0 == 0 {
            let add = |hash, base: &u8| mixed(hash ^ u64::from(*base));
            self.0 = sequence.iter().fold(1, add) | 1;
        }
        self.0 = mixed(self.0);
        self.0 >> 62
    }
}

fn mixed(x: u64) -> u64 {
    let x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// One packed sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bases<'a> {
    words: &'a [u64],
    len: usize,
}

impl Bases<'_> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The code of a base: 0 to 3.
    pub(crate) fn base(&self, i: usize) -> u64 {
        self.words[i / WORD] >> (2 * (i % WORD)) & 3
    }

    /// The 32 bases from a place on; beyond the end anything.
    fn word(&self, i: usize) -> u64 {
        let (word, shift) = (i / WORD, 2 * (i % WORD));
        let low = self.words.get(word).map_or(0, |w| w >> shift);
        match shift {
            0 => low,
            _ => low | self.words.get(word + 1).map_or(0, |w| w << (64 - shift)),
        }
    }

    /// The `k` bases from a place on, at most 32 and all within the sequence, as one number with the first base on top, and those
    /// of the reverse complement.
    pub(crate) fn kmer(&self, at: usize, k: usize) -> (u64, u64) {
        let mask = u64::MAX >> (64 - 2 * k);
        let word = self.word(at) & mask;
        (reversed(word) >> (64 - 2 * k), !word & mask)
    }

    /// The reverse complement.
    pub(crate) fn turned(&self) -> Packed {
        let mut words = vec![0; self.words.len()];
        for i in 0..self.len {
            words[i / WORD] |= (3 - self.base(self.len - 1 - i)) << (2 * (i % WORD));
        }
        Packed {
            ends: vec![(words.len(), self.len as u32)],
            words,
        }
    }
}

/// The bases of a word from the last to the first.
fn reversed(word: u64) -> u64 {
    let word = word.swap_bytes();
    let word = (word >> 4 & 0x0f0f_0f0f_0f0f_0f0f) | (word & 0x0f0f_0f0f_0f0f_0f0f) << 4;
    (word >> 2 & 0x3333_3333_3333_3333) | (word & 0x3333_3333_3333_3333) << 2
}

/// The least bases of the shorter sequence that a stretch must take.
fn needed(a: &Bases, b: &Bases) -> usize {
    (4 * a.len.min(b.len)).div_ceil(5).max(LEAST)
}

/// The lower bit of each base.
const ONE_EACH: u64 = 0x5555_5555_5555_5555;

/// One bit, the lower of two, for each base in which two words differ.
fn differ(a: u64, b: u64) -> u64 {
    let x = a ^ b;
    (x | x >> 1) & ONE_EACH
}

/// Whether two sequences are near without a gap, base i of the first beside base i - `diagonal` of the second.
pub(crate) fn near_on(a: &Bases, b: &Bases, diagonal: i64) -> bool {
    let first = diagonal.max(0);
    let past = (a.len as i64).min(b.len as i64 + diagonal);
    let need = needed(a, b);
    if past - first < need as i64 {
        return false;
    }
    let (from_a, from_b) = (first as usize, (first - diagonal) as usize);
    let len = (past - first) as usize;
    // Whatever lies beside the stretch may all be wrong.
    let most = need / 10 + len - need;
    let chunk = |at: usize| {
        let wrong = differ(a.word(from_a + at), b.word(from_b + at));
        match len - at {
            rest if rest < WORD => wrong & ((1 << (2 * rest)) - 1),
            _ => wrong,
        }
    };
    // Every stretch takes what is in the middle: most of what is alike by chance ends here.
    let mut wrong = 0;
    for at in (len - need..need.saturating_sub(WORD)).step_by(WORD) {
        wrong += chunk(at).count_ones() as usize;
        if wrong * 10 > len {
            return false;
        }
    }
    let mut wrong = 0;
    for at in (0..len).step_by(WORD) {
        wrong += chunk(at).count_ones() as usize;
        if wrong > most {
            return false;
        }
    }
    if wrong * 10 <= len {
        return true;
    }
    // The sums before each base, of 1 for what is the same and -9 for what is not: a stretch is near when it does not fall.
    let mut sums = Vec::with_capacity(len + 1);
    let mut sum = 0i32;
    sums.push(0);
    for at in (0..len).step_by(WORD) {
        let wrong = chunk(at);
        for i in 0..WORD.min(len - at) {
            sum += if wrong >> (2 * i) & 1 == 0 { 1 } else { WRONG };
            sums.push(sum);
        }
    }
    let mut least = i32::MAX;
    (need..=len).any(|end| {
        least = least.min(sums[end - need]);
        sums[end] >= least
    })
}

/// The widest band.
pub(crate) const BAND: i64 = 64;

/// Whether two sequences are near with gaps, on diagonals of a band.
pub(crate) fn near_within(a: &Bases, b: &Bases, band: RangeInclusive<i64>) -> bool {
    let (low, high) = (*band.start(), (*band.end()).min(*band.start() + BAND - 1));
    // Windows that are shifted too far have no room for a stretch on any diagonal.
    let need = needed(a, b) as i64;
    let room = |d: i64| (a.len as i64).min(b.len as i64 + d) - d.max(0);
    if (low..=high).all(|d| room(d) < need) {
        return false;
    }
    let possible = if a.len <= b.len {
        may_be_near(a, b, low..=high)
    } else {
        may_be_near(b, a, -high..=-low)
    };
    possible && aligned(a, b, low..=high)
}

/// Runs of fewer same bases are taken to be everywhere.
const RUN: usize = 4;
/// So many places are tried as one.
const STARTS: usize = 8;

/// Whether two sequences, the first no longer than the second, can be near on diagonals of a band: false only where
/// [`aligned`] finds nothing, and nearly always there.
///
/// A stretch is made of runs of same bases, each on one diagonal, and between two runs at least one base is wrong. Here a run may
/// follow any other, however far apart their diagonals are, and whoever takes the run that reaches furthest, base by base of the
/// shorter sequence, needs the fewest wrong ones (the idea of SneakySnake; Alser et al. 2020).
fn may_be_near(short: &Bases, long: &Bases, band: RangeInclusive<i64>) -> bool {
    let need = needed(short, long);
    let skip = short.len.saturating_sub(need);
    // Of each place, where the furthest run that begins there ends; then, that begins there or before.
    let mut reach: Vec<u32> = (0..short.len as u32).collect();
    for diagonal in band {
        runs(short, long, diagonal, |from, past| {
            reach[from] = reach[from].max(past as u32);
        });
    }
    let mut furthest = 0;
    for (at, reach) in reach.iter_mut().enumerate() {
        furthest = furthest.max(*reach);
        *reach = furthest.max((at + RUN - 1).min(short.len) as u32);
    }
    (0..=skip).step_by(STARTS).any(|from| {
        let mut at = (from + STARTS - 1).min(skip);
        let mut wrong = 0;
        loop {
            at = reach.get(at).map_or(at, |past| *past as usize);
            // Of what is the same there must be nine times as much as of what is wrong.
            if at - from >= need && 9 * wrong <= at - from {
                return true;
            }
            at += 1;
            wrong += 1;
            if at > short.len || 9 * wrong > short.len - from {
                return false;
            }
        }
    })
}

/// Tells every run of at least [`RUN`] same bases on a diagonal: where in the first sequence it begins, and where it is past.
fn runs(a: &Bases, b: &Bases, diagonal: i64, mut found: impl FnMut(usize, usize)) {
    let first = diagonal.max(0);
    let past = (a.len as i64).min(b.len as i64 + diagonal);
    let (from_a, from_b) = (first as usize, (first - diagonal) as usize);
    let len = (past - first).max(0) as usize;
    let same = |at: usize| {
        let same = !differ(a.word(from_a + at), b.word(from_b + at)) & ONE_EACH;
        match len.saturating_sub(at) {
            rest if rest < WORD => same & ((1 << (2 * rest)) - 1),
            _ => same,
        }
    };
    let (mut this, mut before) = (same(0), 0);
    for at in (0..len).step_by(WORD) {
        let next = same(at + WORD);
        // The bases from here on of which each of the next three is the same too, and not the one before.
        let two = this & (this >> 2 | next << 62);
        let next_two = next & next >> 2;
        let four = two & (two >> 4 | next_two << 60);
        let mut begins = four & !(this << 2 | before);
        while begins != 0 {
            let from = begins.trailing_zeros() as usize / 2;
            begins &= begins - 1;
            let mut past = at + WORD;
            let mut wrong = (!this & ONE_EACH) >> (2 * from) << (2 * from);
            while wrong == 0 {
                wrong = !same(past) & ONE_EACH;
                past += WORD;
            }
            past = past - WORD + wrong.trailing_zeros() as usize / 2;
            found(from_a + at + from, from_a + past);
        }
        before = this >> 62;
        this = next;
    }
}

/// Whether the best way through the diagonals of a band makes two sequences near.
fn aligned(a: &Bases, b: &Bases, band: RangeInclusive<i64>) -> bool {
    // Of the best way to each cell: its sum, and the base of the shorter sequence where it begins.
    type Cell = (i32, u32);
    const NOTHING: Cell = (i32::MIN / 2, 0);
    let need = needed(a, b);
    let shorter_is_a = a.len <= b.len;
    let skip = a.len.min(b.len).saturating_sub(need);
    let (low, high) = (*band.start(), *band.end());
    let width = (high - low + 1) as usize;
    let mut before = vec![NOTHING; width + 2];
    let mut row = before.clone();
    for i in 0..a.len {
        let mut highest = i32::MIN;
        // Cell c + 1 is base i of the first beside base j = i - low - c of the second: to the right, j falls.
        for c in (0..width).rev() {
            let j = i as i64 - low - c as i64;
            if j < 0 || j >= b.len as i64 {
                row[c + 1] = NOTHING;
                continue;
            }
            let at = if shorter_is_a { i } else { j as usize };
            let same = a.base(i) == b.base(j as usize);
            let mut best = before[c + 1];
            if best.0 < 0 && at <= skip {
                best = (0, at as u32);
            }
            best.0 += if same { 1 } else { WRONG };
            // A base of the first alone: from the row before, the diagonal below. Of the second alone: from this row.
            for (score, start) in [before[c], row[c + 2]] {
                if score + WRONG > best.0 {
                    best = (score + WRONG, start);
                }
            }
            row[c + 1] = best;
            highest = highest.max(best.0);
            if best.0 >= 0 && at + 1 - best.1 as usize >= need {
                return true;
            }
        }
        // Where nothing may begin any more, and what has begun cannot come up again with the bases that are left.
        let least = if shorter_is_a {
            i as i64
        } else {
            i as i64 - high
        };
        let left = (a.len - 1 - i) as i32;
        if least > skip as i64 && highest.saturating_add(left) < 0 {
            return false;
        }
        row[0] = NOTHING;
        row[width + 1] = NOTHING;
        std::mem::swap(&mut before, &mut row);
    }
    false
}

#[cfg(test)]
mod tests {
    use lingo_artifact::random::Stream;
    use proptest::prelude::*;

    use super::*;
    use crate::iupac::reverse_complement;

    fn pack(sequences: &[&[u8]]) -> Packed {
        let mut packed = Packed::default();
        sequences.iter().for_each(|s| packed.push(s));
        packed
    }

    /// Word for word from the definition.
    fn naive(a: &[u8], b: &[u8], diagonal: i64) -> bool {
        let need = (0.8 * a.len().min(b.len()) as f64).ceil().max(30.0) as usize;
        let same: Vec<bool> = (0..a.len() as i64)
            .filter(|i| (0..b.len() as i64).contains(&(i - diagonal)))
            .map(|i| a[i as usize] == b[(i - diagonal) as usize])
            .collect();
        (0..same.len()).any(|from| {
            (from + need..=same.len()).any(|past| {
                let stretch = &same[from..past];
                stretch.iter().filter(|same| **same).count() * 10 >= 9 * stretch.len()
            })
        })
    }

    /// The alignment of every pair for which a diagonal has room.
    fn plain(a: &Bases, b: &Bases, band: RangeInclusive<i64>) -> bool {
        let room = |d: i64| (a.len as i64).min(b.len as i64 + d) - d.max(0);
        let need = needed(a, b) as i64;
        band.clone().any(|d| room(d) >= need) && aligned(a, b, band)
    }

    proptest! {
        #[test]
        fn a_diagonal_is_compared_as_base_by_base(
            bases in "[ACGT]{20,150}", other in "[ACGT]{0,60}", cut in 0..60usize, wrong in proptest::collection::vec(0..150usize, 0..25),
        ) {
            let a = bases.as_bytes();
            let mut b = a[cut.min(a.len())..].to_vec();
            b.extend_from_slice(other.as_bytes());
            for i in wrong {
                if let Some(base) = b.get_mut(i) {
                    *base = if *base == b'A' { b'C' } else { b'A' };
                }
            }
            let packed = pack(&[a, &b]);
            for diagonal in [cut as i64, 0, -3] {
                let expected = naive(a, &b, diagonal);
                prop_assert_eq!(near_on(&packed.get(0), &packed.get(1), diagonal), expected);
                // Where a band has one diagonal, what is found is on it.
                let found = near_within(&packed.get(0), &packed.get(1), diagonal..=diagonal);
                prop_assert!(!found || expected);
            }
        }

        #[test]
        fn what_cannot_be_near_is_not_aligned_to_be(
            seed: u64, len in 30..400usize, other in 0..400usize, rates in (0..25usize, 0..10usize), low in -80..40i64, width in 1..=BAND, few in any::<bool>(),
        ) {
            let mut stream = Stream::new(seed, "banded");
            let letters: &[u8] = if few { b"AC" } else { b"ACGT" };
            let mut bases = |n: usize| -> Vec<u8> { (0..n).map(|_| letters[stream.below(letters.len())]).collect() };
            let (a, around) = (bases(len), bases(other));
            let mut b = around[..other / 3].to_vec();
            let (exchanged, gaps) = rates;
            // Near the limit of a tenth, which gaps and exchanges share.
            for base in &a {
                match stream.below(100) {
                    n if n < exchanged => b.push(letters[stream.below(letters.len())]),
                    n if n < exchanged + gaps => {}
                    n if n < exchanged + 2 * gaps => b.extend([*base, letters[stream.below(letters.len())]]),
                    _ => b.push(*base),
                }
            }
            b.extend_from_slice(&around[other / 3..]);
            let packed = pack(&[&a, &b]);
            let (a, b) = (packed.get(0), packed.get(1));
            for from in [low, low - other as i64 / 3] {
                let band = from..=from + width - 1;
                prop_assert_eq!(near_within(&a, &b, band.clone()), plain(&a, &b, band));
                let band = 1 - from - width..=-from;
                prop_assert_eq!(near_within(&b, &a, band.clone()), plain(&b, &a, band));
            }
        }

        #[test]
        fn runs_are_those_of_base_by_base(a in "[AC]{1,150}", b in "[AC]{1,150}|A{60,140}", diagonal in -160..160i64) {
            let packed = pack(&[a.as_bytes(), b.as_bytes()]);
            let mut found = Vec::new();
            runs(&packed.get(0), &packed.get(1), diagonal, |from, past| found.push((from, past)));
            let same = |i: i64| {
                let base = |s: &str, i: i64| usize::try_from(i).ok().and_then(|i| s.as_bytes().get(i).copied());
                base(&a, i).is_some() && base(&a, i) == base(&b, i - diagonal)
            };
            let begins = (0..a.len() as i64).filter(|i| same(*i) && !same(i - 1));
            let expected: Vec<(usize, usize)> = begins
                .map(|from| (from as usize, (from..).find(|i| !same(*i)).unwrap() as usize))
                .filter(|(from, past)| past - from >= RUN)
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn bases_are_packed_as_one_by_one(sequence in "[ACGT]{0,100}|[ACGTNRacgt@U]{0,100}|[ACGT]{30}.{1,30}") {
            let sequence = sequence.as_bytes();
            let packed = pack(&[sequence]);
            let mut noise = Noise(0);
            for (i, base) in sequence.iter().enumerate() {
                let code = match base {
                    b'A' => 0,
                    b'C' => 1,
                    b'G' => 2,
                    b'T' => 3,
                    _ => noise.next(sequence),
                };
                prop_assert_eq!(packed.get(0).base(i), code);
            }
            prop_assert_eq!(packed.get(0).len(), sequence.len());
        }

        #[test]
        fn a_kmer_is_read_as_its_bases(bases in "[ACGT]{32,100}", at in 0..100usize, k in 1..=32usize) {
            let packed = pack(&[bases.as_bytes()]);
            let at = at % (bases.len() - k + 1);
            let number = |bases: &Packed, at: usize| {
                (at..at + k).fold(0, |number, i| number << 2 | bases.get(0).base(i))
            };
            let turned = packed.get(0).turned();
            let expected = (number(&packed, at), number(&turned, bases.len() - at - k));
            prop_assert_eq!(packed.get(0).kmer(at, k), expected);
        }

        #[test]
        fn turned_is_the_reverse_complement(bases in "[ACGT]{0,100}") {
            let packed = pack(&[bases.as_bytes()]);
            let turned = packed.get(0).turned();
            let expected = pack(&[&reverse_complement(bases.as_bytes())]);
            prop_assert_eq!(turned.words, expected.words);
        }
    }

    #[test]
    fn a_stretch_may_begin_and_end_with_what_is_wrong() {
        let a = b"ACGTTGCAAGCTAGCTAGGATCGATTAGCA";
        for wrong in [vec![27, 28, 29], vec![0, 1, 29], vec![0, 1, 2]] {
            let mut b = a.to_vec();
            for i in &wrong {
                b[*i] = if b[*i] == b'A' { b'C' } else { b'A' };
            }
            let packed = pack(&[a, &b]);
            let (a, b) = (packed.get(0), packed.get(1));
            assert!(may_be_near(&a, &b, 0..=0), "{wrong:?}");
            assert_eq!(near_within(&a, &b, -1..=1), plain(&a, &b, -1..=1));
        }
    }

    #[test]
    fn gaps_are_found_and_counted() {
        let mut stream = Stream::new(1, "gaps");
        let a: Vec<u8> = (0..300).map(|_| b"ACGT"[stream.below(4)]).collect();
        let gapped = |gaps: usize| {
            let mut b = a.clone();
            for i in 0..gaps {
                b.remove((i + 1) * 300 / (gaps + 1) - i - 1);
            }
            b
        };
        for (gaps, expected) in [(1, true), (10, true), (24, true), (60, false)] {
            let packed = pack(&[&a, &gapped(gaps)]);
            let near = |a, b, band| near_within(&packed.get(a), &packed.get(b), band);
            assert_eq!(near(0, 1, -2..=61), expected, "{gaps}");
            assert_eq!(near(1, 0, -61..=2), expected, "{gaps}");
        }
        // What is no base is like nothing.
        let n = [b'N'; 100];
        let packed = pack(&[
            &[&a[..50], &n[..]].concat(),
            &[&a[100..150], &n[..]].concat(),
        ]);
        assert!(!near_on(&packed.get(0), &packed.get(1), 0));
    }
}
