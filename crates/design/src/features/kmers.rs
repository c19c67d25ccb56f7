//! Counts of k-mers, a k-mer and its other strand as one; or which k-mer stands where.

use super::{Features, Token, TokenGradients, row_by_row};
use crate::error::Error;
use crate::numbers::matrix::Matrix;
use crate::sequences::dna;

/// Counts of overlapping k-mers.
pub struct KmerCounts {
    k: usize,
    /// The column of each k-mer.
    columns: Vec<usize>,
    /// Columns from place to place: none where both strands of a sequence have the same counts, whatever stands where.
    step: usize,
    width: usize,
}

impl KmerCounts {
    /// Of k bases, both strands as one.
    ///
    /// # Errors
    /// [`Error::Settings`] for sequences shorter than a k-mer.
    pub fn new(k: usize, length: usize) -> Result<Self, Error> {
        fits(k, length)?;
        let mut columns: Vec<usize> = Vec::with_capacity(1 << (2 * k));
        let mut width = 0;
        for code in 0..1 << (2 * k) {
            let other = dna::code(&dna::reverse_complement(&dna::of_code(code, k)));
            columns.push(if other < code {
                columns[other]
            } else {
                width += 1;
                width - 1
            });
        }
        Ok(Self {
            k,
            columns,
            step: 0,
            width,
        })
    }

    /// Which k-mer of k bases stands at which place, of the strand that is written.
    ///
    /// # Errors
    /// As [`KmerCounts::new`].
    pub fn by_place(k: usize, length: usize) -> Result<Self, Error> {
        fits(k, length)?;
        let step = 1 << (2 * k);
        Ok(Self {
            k,
            columns: (0..step).collect(),
            step,
            width: step * (length + 1 - k),
        })
    }
}

/// Whether a sequence has a k-mer.
pub(crate) fn fits(k: usize, length: usize) -> Result<(), Error> {
    if k > length {
        return Err(Error::Settings(format!(
            "k-mers of {k} bases do not fit into sequences of {length}"
        )));
    }
    Ok(())
}

impl Features for KmerCounts {
    fn width(&self) -> usize {
        self.width
    }

    fn tokens(&self, length: usize) -> Vec<Token> {
        (0..=length - self.k)
            .map(|start| Token {
                start,
                width: self.k,
                reverse: false,
            })
            .collect()
    }

    fn of(&self, sequences: &[Vec<u8>]) -> Result<Matrix, Error> {
        let mut counts = Matrix::zeros(sequences.len(), self.width);
        let rows = counts.values.chunks_exact_mut(self.width);
        for (row, sequence) in rows.zip(sequences) {
            for (place, window) in sequence.windows(self.k).enumerate() {
                row[place * self.step + self.columns[dna::code(window)]] += 1.0;
            }
        }
        Ok(counts)
    }

    fn pull_back(
        &self,
        sequences: &[Vec<u8>],
        ask: &mut dyn FnMut(&Matrix) -> Vec<Matrix>,
    ) -> Result<Vec<Vec<TokenGradients>>, Error> {
        let asked = ask(&self.of(sequences)?);
        let of_row = |row: &[f64], sequence: &[u8]| -> TokenGradients {
            let places = 0..=sequence.len() - self.k;
            let of = |place: usize| self.columns.iter().map(move |c| row[place * self.step + c]);
            places.flat_map(of).collect()
        };
        Ok(row_by_row(&asked, sequences, of_row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kmers_are_counted_on_both_strands_or_by_place() {
        // ACG: AC is GT on the other strand, CG is its own.
        let [one, other] = [vec![0, 1, 2], vec![1, 2, 3]];
        let counts = KmerCounts::new(2, 3).unwrap();
        let of = counts.of(&[one.clone(), other.clone()]).unwrap();
        assert_eq!((of.width, of.row(0)), (10, of.row(1)));
        let by_place = KmerCounts::by_place(2, 3).unwrap();
        let of = by_place.of(&[one, other]).unwrap();
        let ones = |row: usize| {
            (0..32)
                .filter(|&c| of.row(row)[c] == 1.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (of.width, ones(0), ones(1)),
            (32, vec![1, 16 + 6], vec![6, 16 + 11])
        );
        let mut ask = |of: &Matrix| vec![of.clone()];
        let found = by_place.pull_back(&[vec![0, 1, 2]], &mut ask).unwrap();
        assert_eq!(found[0][0], of.row(0));
        assert!(KmerCounts::by_place(4, 3).is_err());
    }
}
