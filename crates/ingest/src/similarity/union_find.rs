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
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b) as u32;
        self.shorten(a.max(b));
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
