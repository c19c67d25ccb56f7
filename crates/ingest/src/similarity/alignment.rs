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

    /// Forgets all, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.ends.clear();
    }

    /// Adds a sequence. What is no base becomes one, another in each sequence: such places are alike by chance only.
    pub(crate) fn push(&mut self, sequence: &[u8]) {
        let mut noise = 0;
        for chunk in sequence.chunks(WORD) {
            let mut word = 0;
            for (i, base) in chunk.iter().enumerate() {
                let code = match base {
                    b'A' => 0,
                    b'C' => 1,
                    b'G' => 2,
                    b'T' => 3,
                    _ => {
                        if noise == 0 {
                            noise = noise_of(sequence);
                        }
                        noise = mixed(noise);
                        noise >> 62
                    }
                };
                word |= code << (2 * i);
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

fn noise_of(sequence: &[u8]) -> u64 {
    let add = |hash, base: &u8| mixed(hash ^ u64::from(*base));
    sequence.iter().fold(1, add) | 1
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

/// The least bases of the shorter sequence that a stretch must take.
fn needed(a: &Bases, b: &Bases) -> usize {
    (4 * a.len.min(b.len)).div_ceil(5).max(LEAST)
}

/// One bit, the lower of two, for each base in which two words differ.
fn differ(a: u64, b: u64) -> u64 {
    let x = a ^ b;
    (x | x >> 1) & 0x5555_5555_5555_5555
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
    // Of the best way to each cell: its sum, and the base of the shorter sequence where it begins.
    type Cell = (i32, u32);
    const NOTHING: Cell = (i32::MIN / 2, 0);
    let need = needed(a, b);
    let shorter_is_a = a.len <= b.len;
    let skip = a.len.min(b.len).saturating_sub(need);
    let (low, high) = (*band.start(), (*band.end()).min(*band.start() + BAND - 1));
    // Windows that are shifted too far have no room for a stretch on any diagonal.
    let room = |d: i64| (a.len as i64).min(b.len as i64 + d) - d.max(0);
    if (low..=high).all(|d| room(d) < need as i64) {
        return false;
    }
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
        fn turned_is_the_reverse_complement(bases in "[ACGT]{0,100}") {
            let packed = pack(&[bases.as_bytes()]);
            let turned = packed.get(0).turned();
            let expected = pack(&[&reverse_complement(bases.as_bytes())]);
            prop_assert_eq!(turned.words, expected.words);
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
