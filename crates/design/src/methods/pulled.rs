//! Gradients of sequences, kept from step to step.
//!
//! In the straight-through form a gradient is taken at the most probable tokens: it depends on the sequence that a candidate
//! reads and on nothing else of it. Candidates change their sequence seldom and meet each other often, so most gradients
//! that a step asks for were computed before, to the same bits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::error::Error;
use crate::features::{Features, TokenGradients};
use crate::numbers::matrix::Matrix;

/// Numbers that are kept at most: 256 MiB.
const MOST: usize = 1 << 25;

/// What is known of a sequence.
pub(crate) struct Pulled<T> {
    /// Gradients with respect to its tokens, in the order in which they were asked for.
    pub gradients: Vec<TokenGradients>,
    /// What was seen of its features.
    pub seen: T,
}

/// What is known of sequences.
pub(crate) struct Memo<T> {
    known: HashMap<Vec<u8>, Arc<Pulled<T>>>,
    held: usize,
    most: usize,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            held: 0,
            most: MOST,
        }
    }
}

impl<T> Memo<T> {
    /// Of each sequence what is known, computed for those that were not met before: `ask` as in [`Features::pull_back`],
    /// `look` is shown the features of a sequence.
    pub fn of(
        &mut self,
        features: &dyn Features,
        sequences: &[Vec<u8>],
        ask: &mut dyn FnMut(&Matrix) -> Vec<Matrix>,
        look: &dyn Fn(&[f64]) -> T,
    ) -> Result<Vec<Arc<Pulled<T>>>, Error> {
        let mut met: HashSet<&Vec<u8>> = HashSet::new();
        let mut new: Vec<Vec<u8>> = Vec::new();
        for bases in sequences {
            if !self.known.contains_key(bases) && met.insert(bases) {
                new.push(bases.clone());
            }
        }
        if !new.is_empty() {
            let mut seen: Vec<T> = Vec::new();
            let found = features.pull_back(&new, &mut |features| {
                seen = features.rows().map(look).collect();
                ask(features)
            })?;
            let mut by_gradient: Vec<_> = found.into_iter().map(Vec::into_iter).collect();
            for (bases, seen) in new.into_iter().zip(seen) {
                let gradients = by_gradient.iter_mut().filter_map(Iterator::next);
                let gradients: Vec<TokenGradients> = gradients.collect();
                self.held += gradients.iter().map(Vec::len).sum::<usize>();
                self.known
                    .insert(bases, Arc::new(Pulled { gradients, seen }));
            }
        }
        let pulled = sequences.iter().map(|bases| self.known[bases].clone());
        let pulled = pulled.collect();
        if self.held > self.most {
            self.known.clear();
            self.held = 0;
        }
        Ok(pulled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::kmers::KmerCounts;

    #[test]
    fn a_sequence_is_looked_at_once_and_memory_is_bounded() {
        let features = KmerCounts::new(2, 4).unwrap();
        let sequences = vec![vec![0, 1, 2, 3], vec![3, 3, 0, 0], vec![0, 1, 2, 3]];
        let (mut asked, look) = (Vec::new(), |row: &[f64]| row.to_vec());
        let mut ask = |features: &Matrix| {
            asked.push(features.len());
            vec![features.clone(), features.clone()]
        };
        let mut memo = Memo::default();
        let first = memo.of(&features, &sequences, &mut ask, &look).unwrap();
        let again = memo.of(&features, &sequences, &mut ask, &look).unwrap();
        memo.most = 1;
        let third = memo.of(&features, &sequences, &mut ask, &look).unwrap();
        let fourth = memo
            .of(&features, &sequences[1..2], &mut ask, &look)
            .unwrap();
        assert_eq!(asked, [2, 1]);
        let counts = features.of(&sequences).unwrap();
        let alone = |bases: &Vec<u8>| {
            let mut same = |of: &Matrix| vec![of.clone()];
            features
                .pull_back(std::slice::from_ref(bases), &mut same)
                .unwrap()[0][0]
                .clone()
        };
        for found in [&first, &again, &third] {
            for (i, pulled) in found.iter().enumerate() {
                assert_eq!(pulled.seen, counts.row(i));
                assert_eq!(pulled.gradients, [0, 0].map(|_| alone(&sequences[i])));
            }
        }
        assert_eq!(fourth[0].seen, counts.row(1));
    }
}
