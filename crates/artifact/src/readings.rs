//! The trait through which training reaches the bases behind encoded rows, without knowing how they are encoded.

use std::borrow::Cow;

/// Why bases could not be read or encoded.
pub type ReadingError = Box<dyn std::error::Error + Send + Sync>;

/// The sequences behind the rows of a `tokens.parquet`, and how others become ids in the same way.
pub trait Readings: Send + Sync {
    /// The bases of a row, by its place in the table, upper case: one sequence, or the two of a pair.
    ///
    /// # Errors
    /// There is no such row; what the reader of a genome says.
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError>;

    /// What stands in the genome before and behind a row's sequence, on the strand that it is read from: at most `most`
    /// bases each, fewer at the end of a chromosome. `None` where the row has no place in a genome, or the genome is not
    /// at hand.
    ///
    /// # Errors
    /// What the reader of the genome says.
    fn flanks(&self, _row: usize, _most: usize) -> Result<Option<[Vec<u8>; 2]>, ReadingError> {
        Ok(None)
    }

    /// The sequences of rows that are not in the table because nobody is to see their scores: nothing may be learnt from them
    /// either.
    fn hidden(&self) -> Vec<Cow<'_, [u8]>> {
        Vec::new()
    }

    /// The `input_ids` of one sequence, or of a pair.
    ///
    /// # Errors
    /// What the encoder says.
    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError>;
}
