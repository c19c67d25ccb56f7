//! Which tokens may stand side by side: those whose joined text the merges would cut at the same place.
//!
//! Merging goes through the ranks in order. As long as nothing crosses the border between two tokens l and r, what
//! touches it is one of the *spine* of each: l, its right part, that one's right part ..., and r, its left part ....
//! A merge (x, y) crosses the border when x is in the spine of l, y in that of r, and both are still there at the
//! merge's rank. Two neighbours are allowed when no merge crosses.

use super::vocabulary::{ALPHABET, Vocabulary};

/// Above so many tokens (8 MiB of bits) the forbidden neighbours stay intervals.
const MOST_FOR_BITS: usize = 1 << 13;

/// For each token on the left, which tokens may not follow it.
pub struct Neighbours {
    /// The column of each token: a token comes behind all that begin with it by merging, earlier ranks first.
    columns: Vec<u32>,
    forbidden: Forbidden,
}

enum Forbidden {
    /// A row of bits for each token.
    Bits { words: usize, rows: Vec<u64> },
    /// Sorted, disjoint intervals of columns for each token, ends excluded; where those of each token begin.
    Intervals {
        starts: Vec<usize>,
        intervals: Vec<(u32, u32)>,
    },
}

impl Neighbours {
    /// For a regular vocabulary ([`Vocabulary::is_regular`]).
    pub fn new(vocabulary: &Vocabulary) -> Self {
        Self::with(vocabulary, MOST_FOR_BITS)
    }

    fn with(vocabulary: &Vocabulary, most_for_bits: usize) -> Self {
        let tokens = vocabulary.texts.len();
        let order = Order::new(vocabulary);
        let rows = (0..tokens as u32).map(|left| order.forbidden_behind(left));
        let forbidden = if tokens <= most_for_bits {
            let words = tokens.div_ceil(64);
            let mut bits = Vec::with_capacity(words * tokens);
            for row in rows {
                let from = bits.len();
                bits.resize(from + words, 0);
                for column in row.into_iter().flat_map(|(from, to)| from..to) {
                    bits[from + column as usize / 64] |= 1 << (column % 64);
                }
            }
            Forbidden::Bits { words, rows: bits }
        } else {
            let mut starts = vec![0];
            let mut intervals = Vec::new();
            for row in rows {
                intervals.extend(row);
                starts.push(intervals.len());
            }
            Forbidden::Intervals { starts, intervals }
        };
        Self {
            columns: order.columns,
            forbidden,
        }
    }

    /// Whether `right` may stand behind `left`.
    #[inline]
    pub fn allow(&self, left: u32, right: u32) -> bool {
        let column = self.columns[right as usize];
        match &self.forbidden {
            Forbidden::Bits { words, rows } => {
                let word = rows[left as usize * words + column as usize / 64];
                word >> (column % 64) & 1 == 0
            }
            Forbidden::Intervals { starts, intervals } => {
                let row = &intervals[starts[left as usize]..starts[left as usize + 1]];
                let before = row.partition_point(|(from, _)| *from <= column);
                before == 0 || row[before - 1].1 <= column
            }
        }
    }
}

/// The tokens, ordered so that what a merge forbids on the right is one interval.
struct Order<'a> {
    vocabulary: &'a Vocabulary,
    columns: Vec<u32>,
    /// For each token: its column of the first token that begins with it by merging.
    firsts: Vec<u32>,
    /// For each token: the merges whose left part it is, first learned first.
    merges_of: Vec<Vec<u32>>,
}

impl<'a> Order<'a> {
    fn new(vocabulary: &'a Vocabulary) -> Self {
        let tokens = vocabulary.texts.len();
        let mut merges_of: Vec<Vec<u32>> = vec![Vec::new(); tokens];
        for (rank, step) in (0..).zip(&vocabulary.steps) {
            merges_of[step.left as usize].push(rank);
        }
        let mut order = Self {
            vocabulary,
            columns: vec![0; tokens],
            firsts: vec![0; tokens],
            merges_of,
        };
        let mut next = 0;
        for letter in 0..ALPHABET.len() as u32 {
            order.place(letter, &mut next);
        }
        order
    }

    /// Gives columns to all tokens that begin with `token`, then to itself; a stack, for chains may be long.
    fn place(&mut self, token: u32, next: &mut u32) {
        let mut stack = vec![(token, 0)];
        self.firsts[token as usize] = *next;
        while let Some((token, child)) = stack.pop() {
            match self.merges_of[token as usize].get(child) {
                Some(rank) => {
                    let made = self.vocabulary.steps[*rank as usize].made;
                    self.firsts[made as usize] = *next;
                    stack.push((token, child + 1));
                    stack.push((made, 0));
                }
                None => {
                    self.columns[token as usize] = *next;
                    *next += 1;
                }
            }
        }
    }

    /// The columns of what may not stand behind `left`: sorted, disjoint intervals.
    fn forbidden_behind(&self, left: u32) -> Vec<(u32, u32)> {
        let letters = ALPHABET.len() as u32;
        let mut intervals = Vec::new();
        let mut x = left;
        // x is there until it is merged into what it is the right part of; as a right part it goes first in a tie
        // (AA then A: the first two As of three are merged).
        let mut until = u32::MAX;
        loop {
            for rank in &self.merges_of[x as usize] {
                if *rank >= until {
                    break;
                }
                intervals.push(self.still_there(*rank));
            }
            if x < letters {
                break;
            }
            until = x - letters;
            x = self.vocabulary.steps[until as usize].right;
        }
        intervals.sort_unstable();
        let mut disjoint: Vec<(u32, u32)> = Vec::with_capacity(intervals.len());
        for (from, to) in intervals {
            match disjoint.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => disjoint.push((from, to)),
            }
        }
        disjoint
    }

    /// The columns of the tokens that still begin with the right part y of a merge when its rank comes: y itself, and
    /// all that begin with what y becomes at that rank (in a tie the left one goes first) or later.
    fn still_there(&self, rank: u32) -> (u32, u32) {
        let y = self.vocabulary.steps[rank as usize].right as usize;
        let later = self.merges_of[y].partition_point(|other| *other < rank);
        let first = match self.merges_of[y].get(later) {
            Some(other) => self.firsts[self.vocabulary.steps[*other as usize].made as usize],
            None => self.columns[y],
        };
        (first, self.columns[y] + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bpe::vocabulary::{merge, tests::regular};

    proptest! {
        #[test]
        fn neighbours_are_what_the_merges_leave_apart(vocabulary in regular(40)) {
            let pairs = vocabulary.pairs();
            let bits = Neighbours::new(&vocabulary);
            let intervals = Neighbours::with(&vocabulary, 0);
            let tokens = (0..vocabulary.texts.len() as u32).filter(|id| *id != crate::bpe::vocabulary::N);
            for left in tokens.clone() {
                for right in tokens.clone() {
                    let [l, r] = [left, right].map(|id| vocabulary.texts[id as usize].as_str());
                    let apart = merge(&format!("{l}{r}"), &pairs) == [left, right];
                    prop_assert_eq!(bits.allow(left, right), apart, "{} {}", l, r);
                    prop_assert_eq!(intervals.allow(left, right), apart, "{} {}", l, r);
                }
            }
        }
    }
}
