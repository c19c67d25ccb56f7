//! Sets that grow together.

use std::ops::Range;

/// Sets that grow together.
#[derive(Debug)]
pub(crate) struct UnionFind(Vec<u32>);

impl UnionFind {
    /// Each by itself.
    pub(crate) fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    /// Bytes that so many members take.
    pub(crate) fn memory(n: usize) -> u64 {
        (n * size_of::<u32>()) as u64
    }

    /// The least member of the set.
    pub(crate) fn root(&self, i: usize) -> usize {
        let mut i = i;
        while self.0[i] as usize != i {
            i = self.0[i] as usize;
        }
        i
    }

    /// Makes two sets one.
    pub(crate) fn unite(&mut self, a: usize, b: usize) {
        let (x, y) = (self.root(a), self.root(b));
        self.0[x.max(y)] = x.min(y) as u32;
        // Links along a chromosome from its end would make a chain as long as it is.
        self.shorten(a);
        self.shorten(b);
    }

    fn shorten(&mut self, i: usize) {
        let root = self.root(i) as u32;
        let mut i = i;
        while self.0[i] != root {
            i = std::mem::replace(&mut self.0[i], root) as usize;
        }
    }

    /// Makes every member point to the least.
    pub(crate) fn flatten(&mut self, members: Range<usize>) {
        for i in members {
            self.shorten(i);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A chromosome from its end: each link has a lower row than all before.
    #[test]
    fn a_chain_that_grows_at_its_head_stays_short() {
        let n = 100_000;
        let mut sets = UnionFind::new(n);
        let steps = |sets: &UnionFind, mut i: usize| {
            let mut steps = 0;
            while sets.0[i] as usize != i {
                i = sets.0[i] as usize;
                steps += 1;
            }
            steps
        };
        for i in (1..n).rev() {
            sets.unite(n - 1, i - 1);
            assert!(steps(&sets, n - 1) <= 1, "{i}");
        }
        assert_eq!(sets.root(n / 2), 0);
    }

    proptest! {
        #[test]
        fn sets_are_what_their_links_make(links in proptest::collection::vec((0..30usize, 0..30usize), 0..40)) {
            let mut sets = UnionFind::new(30);
            let mut labels: Vec<usize> = (0..30).collect();
            for (a, b) in links {
                sets.unite(a, b);
                let (from, to) = (labels[a].max(labels[b]), labels[a].min(labels[b]));
                labels.iter_mut().filter(|l| **l == from).for_each(|l| *l = to);
            }
            sets.flatten(0..30);
            prop_assert_eq!((0..30).map(|i| sets.root(i)).collect::<Vec<_>>(), labels);
        }
    }
}
