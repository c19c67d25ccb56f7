//! What a sequence is to a proxy, and the way back: from gradients of the features to those of soft bases.

pub mod kmers;
pub mod language_model;
pub mod one_hot;
pub mod soft;
pub mod together;

use crate::error::Error;
use crate::numbers::matrix::Matrix;

/// A token of a sequence: some bases side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its first base.
    pub start: usize,
    /// Its bases.
    pub width: usize,
    /// Whether it is read on the other strand, whose first base is the last one's complement.
    pub reverse: bool,
}

impl Token {
    /// How many tokens there are of its width.
    pub fn kinds(&self) -> usize {
        1 << (2 * self.width)
    }
}

/// Gradients with respect to one-hot tokens, token by token, of one sequence.
pub type TokenGradients = Vec<f64>;

/// Features of sequences of one length.
pub trait Features: Send + Sync {
    /// How many there are of a sequence.
    fn width(&self) -> usize;

    /// The tokens of a sequence.
    fn tokens(&self, length: usize) -> Vec<Token>;

    /// The features of sequences, a row each: the same bits alone and among others.
    ///
    /// # Errors
    /// A language model fails.
    fn of(&self, sequences: &[Vec<u8>]) -> Result<Matrix, Error>;

    /// The features, and gradients with respect to the tokens (as one-hot vectors) for gradients with respect to the
    /// features: `ask` is shown the features and answers with some of the latter, each a row for each sequence.
    ///
    /// # Errors
    /// As [`Features::of`].
    fn pull_back(
        &self,
        sequences: &[Vec<u8>],
        ask: &mut dyn FnMut(&Matrix) -> Vec<Matrix>,
    ) -> Result<Vec<Vec<TokenGradients>>, Error>;
}

/// Gradients of tokens from those of features, where each row stands for itself.
fn row_by_row(
    asked: &[Matrix],
    sequences: &[Vec<u8>],
    of_row: impl Fn(&[f64], &[u8]) -> TokenGradients,
) -> Vec<Vec<TokenGradients>> {
    let of_one = |asked: &Matrix| {
        let rows = asked.rows().zip(sequences);
        rows.map(|(row, sequence)| of_row(row, sequence)).collect()
    };
    asked.iter().map(of_one).collect()
}
