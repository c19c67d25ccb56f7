//! The rows of a padded batch that hold tokens, in chunks of whole sequences. A chunk is one task:
//! its intermediate values stay in one core's cache, and nothing is computed for padding. Chunks
//! depend on the batch alone, so that results do not depend on the number of threads.

use crate::attention::Sequence;

/// Rows that a chunk has at least, unless it is the last: enough to use a weight
/// again while it is in the cache, few enough to give every thread its share.
const ROWS: usize = 64;

/// A batch of sequences, padded behind to a common length.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// The real tokens of each sequence.
    pub lengths: &'a [u32],
    /// The length that they are padded to.
    pub padded: usize,
}

impl Shape<'_> {
    /// Rows of the padded batch.
    pub fn rows(&self) -> usize {
        self.lengths.len() * self.padded
    }
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

/// Divides a batch.
pub(crate) fn chunks(shape: &Shape) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (number, &length) in shape.lengths.iter().enumerate() {
        let first = number * shape.padded;
        let full = chunks.last().is_none_or(|chunk| chunk.rows.len() >= ROWS);
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
        let shape = Shape {
            lengths: &lengths,
            padded: 64,
        };
        let chunks = chunks(&shape);
        let rows: Vec<usize> = chunks.iter().flat_map(|c| c.rows.clone()).collect();
        let expected: Vec<usize> = (0..7)
            .flat_map(|s| (0..lengths[s] as usize).map(move |t| s * 64 + t))
            .collect();
        assert_eq!(rows, expected);
        let sizes: Vec<usize> = chunks.iter().map(|c| c.rows.len()).collect();
        assert_eq!(sizes, [83, 65, 64, 7]);
        assert_eq!((chunks[1].first, chunks[1].end), (3 * 64, 5 * 64));
    }
}
