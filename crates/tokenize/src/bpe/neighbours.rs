//! Which tokens may stand side by side: those whose joined text the merges would cut at the same place.
//!
//! Merging goes through the ranks in order. As long as nothing crosses the border between two tokens l and r, what
//! touches it is one of the *spine* of each: l, its right part, that one's right part ..., and r, its left part ....
//! A merge (x, y) crosses the border when x is in the spine of l, y in that of r, and both are still there at the
//! merge's rank. Two neighbours are allowed when no merge crosses.

use std::collections::HashMap;

use crate::bpe::vocabulary::{ALPHABET, Vocabulary};

/// Vocabularies with more tokens keep the forbidden neighbours as intervals: the square of bits would take over 8 MiB.
const MOST_FOR_BITS: usize = 1 << 13;

/// For each token on the left, which tokens may not follow it.
pub struct Neighbours {
    /// The column of each token.
    columns: Vec<u32>,
    forbidden: Forbidden,
}

enum Forbidden {
    /// A square of bits, for up to [`MOST_FOR_BITS`] tokens.
    Bits(Bits),
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
        let mut columns = order.columns.clone();
        let forbidden = if tokens <= most_for_bits {
            Forbidden::Bits(Bits::new(rows, &mut columns))
        } else {
            let mut starts = vec![0];
            let mut intervals = Vec::new();
            for row in rows {
                intervals.extend(row);
                starts.push(intervals.len());
            }
            Forbidden::Intervals { starts, intervals }
        };
        Self { columns, forbidden }
    }

    /// Whether `right` may stand behind `left`.
    #[inline]
    pub fn allow(&self, left: u32, right: u32) -> bool {
        let column = self.columns[right as usize];
        match &self.forbidden {
            Forbidden::Bits(bits) => !bits.get(left, column),
            Forbidden::Intervals { starts, intervals } => {
                let row = &intervals[starts[left as usize]..starts[left as usize + 1]];
                let before = row.partition_point(|(from, _)| *from <= column);
                before == 0 || row[before - 1].1 <= column
            }
        }
    }
}

/// A square of bits without equal rows and columns: many tokens have the same neighbours, and the smaller the square,
/// the more of it stays in the processor's cache.
struct Bits {
    /// For each token on the left, where its row begins.
    starts: Vec<u32>,
    rows: Vec<u64>,
}

impl Bits {
    /// From the intervals of each row; `columns` become those of the square.
    fn new(rows: impl Iterator<Item = Vec<(u32, u32)>>, columns: &mut [u32]) -> Self {
        let mut distinct: HashMap<Vec<(u32, u32)>, u32> = HashMap::new();
        let classes: Vec<u32> = rows
            .map(|row| {
                let next = distinct.len() as u32;
                *distinct.entry(row).or_insert(next)
            })
            .collect();
        let mut ordered: Vec<(Vec<(u32, u32)>, u32)> = distinct.into_iter().collect();
        ordered.sort_unstable_by_key(|(_, class)| *class);
        // Between two ends of intervals all columns are equal: one stands for them.
        let mut begins = vec![0u32; columns.len() + 1];
        let ends = ordered.iter().flat_map(|(row, _)| row);
        for (from, to) in ends {
            begins[*from as usize] = 1;
            begins[*to as usize] = 1;
        }
        let mut stretches = 0;
        let stretch_of: Vec<u32> = begins
            .into_iter()
            .map(|begin| {
                stretches += begin;
                stretches
            })
            .collect();
        // A column is the rows that have it set; in the order of the rows, so that equal ones are equal lists.
        let mut of_stretch: Vec<Vec<u32>> = vec![Vec::new(); stretches as usize + 1];
        for (row, class) in &ordered {
            for (from, to) in row {
                for stretch in stretch_of[*from as usize]..stretch_of[*to as usize] {
                    of_stretch[stretch as usize].push(*class);
                }
            }
        }
        let mut distinct: HashMap<&[u32], u32> = HashMap::new();
        let numbers: Vec<u32> = of_stretch
            .iter()
            .map(|set| {
                let next = distinct.len() as u32;
                *distinct.entry(set).or_insert(next)
            })
            .collect();
        for column in columns.iter_mut() {
            *column = numbers[stretch_of[*column as usize] as usize];
        }
        let words = distinct.len().div_ceil(64);
        let mut bits = vec![0; words * ordered.len()];
        for (set, column) in distinct {
            for class in set {
                bits[*class as usize * words + column as usize / 64] |= 1 << (column % 64);
            }
        }
        Self {
            starts: classes.into_iter().map(|c| c * words as u32).collect(),
            rows: bits,
        }
    }

    #[inline]
    fn get(&self, left: u32, column: u32) -> bool {
        let word = self.rows[self.starts[left as usize] as usize + column as usize / 64];
        word >> (column % 64) & 1 == 1
    }
}

/// The tokens, ordered so that what a merge forbids on the right is one interval.
struct Order<'a> {
    vocabulary: &'a Vocabulary,
    /// The column of each token: it comes behind all that begin with it by merging, earlier ranks first.
    columns: Vec<u32>,
    /// For each token: the column of the first token that begins with it by merging.
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
