//! Counts of k-mers, a k-mer and its other strand as one.

use super::{Features, Token, TokenGradients};
use crate::error::Error;
use crate::numbers::matrix::Matrix;
use crate::sequences::dna;

/// Counts of overlapping k-mers; both strands of a sequence have the same.
pub struct KmerCounts {
    k: usize,
    /// The column of each k-mer.
    columns: Vec<usize>,
    width: usize,
}

impl KmerCounts {
    /// Of k bases.
    ///
    /// # Errors
    /// [`Error::Settings`] for sequences shorter than a k-mer.
    pub fn new(k: usize, length: usize) -> Result<Self, Error> {
        if k > length {
            return Err(Error::Settings(format!(
                "k-mers of {k} bases do not fit into sequences of {length}"
            )));
        }
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
        Ok(Self { k, columns, width })
    }
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
            for window in sequence.windows(self.k) {
                row[self.columns[dna::code(window)]] += 1.0;
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
        let of_row = |(row, sequence): (&[f64], &Vec<u8>)| -> TokenGradients {
            let one: Vec<f64> = self.columns.iter().map(|&column| row[column]).collect();
            one.repeat(sequence.len() + 1 - self.k)
        };
        Ok(asked
            .iter()
            .map(|asked| asked.rows().zip(sequences).map(of_row).collect())
            .collect())
    }
}
