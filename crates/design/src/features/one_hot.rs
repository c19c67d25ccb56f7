//! Which base stands where, and which two stand at which two places: no strand, no motif, only places.

use super::{Features, Token, TokenGradients, row_by_row};
use crate::error::Error;
use crate::numbers::matrix::Matrix;

/// A one for the base of each place, and with pairs for the two bases of each two places.
pub struct OneHot {
    length: usize,
    pairs: bool,
}

impl OneHot {
    /// Of sequences of a length.
    pub fn new(length: usize, pairs: bool) -> Self {
        Self { length, pairs }
    }

    /// Two places, and where the columns of their 16 pairs begin.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let length = if self.pairs { self.length } else { 0 };
        let places = (0..length).flat_map(move |i| (i + 1..length).map(move |j| (i, j)));
        let first = 4 * self.length;
        (places.enumerate()).map(move |(pair, (i, j))| (i, j, first + 16 * pair))
    }
}

impl Features for OneHot {
    fn width(&self) -> usize {
        4 * self.length + 16 * self.pairs().count()
    }

    fn tokens(&self, length: usize) -> Vec<Token> {
        (0..length)
            .map(|start| Token {
                start,
                width: 1,
                reverse: false,
            })
            .collect()
    }

    fn of(&self, sequences: &[Vec<u8>]) -> Result<Matrix, Error> {
        let width = self.width();
        let mut ones = Matrix::zeros(sequences.len(), width);
        for (row, sequence) in ones.values.chunks_exact_mut(width).zip(sequences) {
            for (place, &base) in sequence.iter().enumerate() {
                row[4 * place + usize::from(base)] = 1.0;
            }
            for (i, j, first) in self.pairs() {
                row[first + usize::from(4 * sequence[i] + sequence[j])] = 1.0;
            }
        }
        Ok(ones)
    }

    /// A pair is the product of its bases: the gradient of one goes through what stands at the other place.
    fn pull_back(
        &self,
        sequences: &[Vec<u8>],
        ask: &mut dyn FnMut(&Matrix) -> Vec<Matrix>,
    ) -> Result<Vec<Vec<TokenGradients>>, Error> {
        let asked = ask(&self.of(sequences)?);
        let of_row = |row: &[f64], sequence: &[u8]| -> TokenGradients {
            let mut gradient = row[..4 * self.length].to_vec();
            for (i, j, first) in self.pairs() {
                for base in 0..4 {
                    gradient[4 * i + base] += row[first + 4 * base + usize::from(sequence[j])];
                    gradient[4 * j + base] += row[first + 4 * usize::from(sequence[i]) + base];
                }
            }
            gradient
        };
        Ok(row_by_row(&asked, sequences, of_row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_pairs_have_their_columns() {
        let features = OneHot::new(3, true);
        let found = features.of(&[vec![2, 0, 3]]).unwrap();
        let ones: Vec<usize> = (0..found.width)
            .filter(|&c| found.values[c] == 1.0)
            .collect();
        // G A T at 2, 4, 11; GA is 8 of the pair 0-1, GT 11 of 0-2, AT 3 of 1-2.
        assert_eq!(ones, [2, 4, 11, 12 + 8, 28 + 11, 44 + 3]);
        assert_eq!(features.width(), 60);
        assert_eq!(OneHot::new(8, false).width(), 32);
    }

    /// A function that is linear in the features changes by its gradient where one base is exchanged, as far as the other
    /// places stay.
    #[test]
    fn gradients_are_the_differences_of_exchanged_bases() {
        let features = OneHot::new(4, true);
        let sequence = vec![1, 3, 0, 2];
        let weights: Vec<f64> = (0..features.width())
            .map(|c| (c as f64 * 0.7).sin())
            .collect();
        let value = |bases: &Vec<u8>| {
            let row = features.of(std::slice::from_ref(bases)).unwrap();
            crate::numbers::matrix::dot(&row.values, &weights)
        };
        let mut ask = |_: &Matrix| {
            vec![Matrix {
                width: weights.len(),
                values: weights.clone(),
            }]
        };
        let found = features
            .pull_back(std::slice::from_ref(&sequence), &mut ask)
            .unwrap();
        for place in 0..4 {
            for base in 0..4u8 {
                let mut other = sequence.clone();
                other[place] = base;
                let at = |base: u8| found[0][0][4 * place + usize::from(base)];
                let expected = value(&other) - value(&sequence);
                assert!((at(base) - at(sequence[place]) - expected).abs() < 1e-12);
            }
        }
    }
}
