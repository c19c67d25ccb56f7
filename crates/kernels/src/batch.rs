//! The rows of a padded batch that hold tokens, in chunks of whole sequences. A chunk is one task:
//! its intermediate values stay in one core's cache, and nothing is computed for padding. Chunks
//! depend on the batch alone, so that results do not depend on the number of threads.

use std::fmt;

/// Rows that a chunk has at least, unless it is the last: enough to use a weight
/// again while it is in the cache, few enough to give every thread its share.
pub(crate) const ROWS: usize = 64;

/// A batch of sequences, padded behind to a common length: no sequence is longer than that, and its
/// rows can be counted. The kernels rely on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape<'a> {
    lengths: &'a [u32],
    padded: usize,
    rows: usize,
}

/// Why there is no batch of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeError {
    /// A sequence is longer than what all are padded to.
    TooLong {
        /// Its number in the batch.
        sequence: usize,
        /// Its real tokens.
        length: u32,
        /// The length that all are padded to.
        padded: usize,
    },
    /// The padded batch has more rows than memory could hold.
    TooLarge {
        /// How many sequences.
        sequences: usize,
        /// The length that they are padded to.
        padded: usize,
    },
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong {
                sequence,
                length,
                padded,
            } => write!(
                f,
                "sequence {sequence} has {length} tokens, but the batch is padded to {padded}"
            ),
            Self::TooLarge { sequences, padded } => write!(
                f,
                "{sequences} sequences of {padded} tokens are more than memory could hold"
            ),
        }
    }
}

impl std::error::Error for ShapeError {}

impl<'a> Shape<'a> {
    /// The shape of sequences with `lengths` real tokens, padded to `padded`.
    ///
    /// # Errors
    /// [`ShapeError`], naming what does not fit.
    pub fn new(lengths: &'a [u32], padded: usize) -> Result<Self, ShapeError> {
        for (sequence, &length) in lengths.iter().enumerate() {
            if length as usize > padded {
                return Err(ShapeError::TooLong {
                    sequence,
                    length,
                    padded,
                });
            }
        }
        // Checked by hand: this crate is compiled without overflow checks.
        let sequences = lengths.len();
        let rows = sequences
            .checked_mul(padded)
            .ok_or(ShapeError::TooLarge { sequences, padded })?;
        Ok(Self {
            lengths,
            padded,
            rows,
        })
    }

    /// The real tokens of each sequence.
    pub fn lengths(&self) -> &'a [u32] {
        self.lengths
    }

    /// The length that they are padded to.
    pub fn padded(&self) -> usize {
        self.padded
    }

    /// Rows of the padded batch.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// One sequence of a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    /// Its first row in the chunk.
    pub row: usize,
    /// Its real tokens.
    pub length: usize,
    /// Its number in the batch.
    pub number: usize,
}

/// Some of a batch's sequences.
pub(crate) struct Chunk {
    pub sequences: Vec<Sequence>,
    /// For each row of the chunk, its row in the padded batch.
    pub rows: Vec<usize>,
    /// The chunk's first row in the padded batch, and the row behind its last.
    pub first: usize,
    pub end: usize,
}

/// Divides a batch: a chunk ends with the sequence that brings it to `rows` tokens.
pub(crate) fn chunks(shape: &Shape, rows: usize) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (number, &length) in shape.lengths.iter().enumerate() {
        let first = number * shape.padded;
        let full = chunks.last().is_none_or(|chunk| chunk.rows.len() >= rows);
        if full {
            chunks.push(Chunk {
                sequences: Vec::new(),
                rows: Vec::new(),
                first,
                end: first,
            });
        }
        if let Some(chunk) = chunks.last_mut() {
            let length = length as usize;
            if length > 0 {
                chunk.sequences.push(Sequence {
                    row: chunk.rows.len(),
                    length,
                    number,
                });
            }
            chunk.rows.extend(first..first + length);
            chunk.end = first + shape.padded;
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_every_token_once() {
        let lengths = [3, 40, 40, 1, 64, 64, 7];
        let shape = Shape::new(&lengths, 64).unwrap();
        let chunks = chunks(&shape, ROWS);
        let rows: Vec<usize> = chunks.iter().flat_map(|c| c.rows.clone()).collect();
        let expected: Vec<usize> = (0..7)
            .flat_map(|s| (0..lengths[s] as usize).map(move |t| s * 64 + t))
            .collect();
        assert_eq!(rows, expected);
        let sizes: Vec<usize> = chunks.iter().map(|c| c.rows.len()).collect();
        assert_eq!(sizes, [83, 65, 64, 7]);
        assert_eq!((chunks[1].first, chunks[1].end), (3 * 64, 5 * 64));
    }

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        let half = usize::MAX / 2 + 1;
        // Twice half of all there is wraps around to no row at all.
        let error = Shape::new(&[1, 1], half).unwrap_err();
        let sequences = 2;
        let padded = half;
        assert_eq!(error, ShapeError::TooLarge { sequences, padded });
        assert!(error.to_string().contains("more than memory could hold"));
        let error = Shape::new(&[4, 5], 4).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sequence 1 has 5 tokens, but the batch is padded to 4"
        );
        let shape = Shape::new(&[4, 0], 4).unwrap();
        assert_eq!((shape.rows(), shape.padded()), (8, 4));
        assert_eq!(shape.lengths(), [4, 0]);
    }
}
