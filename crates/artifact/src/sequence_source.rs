//! The trait through which a stage reads a genome without knowing the file format behind it.

use std::borrow::Cow;

/// Named sequences that can be read in part: a FASTA file, or sequences in memory.
pub trait SequenceSource: Send + Sync {
    /// Names and lengths in bases, in the order of the file.
    fn sequences(&self) -> &[(String, u64)];

    /// The bases `start..end` (counted from 0, end not included) of a sequence, upper case, U as T.
    ///
    /// # Errors
    /// What the reader says, with file and name: an unknown name, an end beyond the sequence, a broken file.
    fn fetch(
        &self,
        name: &str,
        start: u64,
        end: u64,
    ) -> Result<Cow<'_, [u8]>, Box<dyn std::error::Error + Send + Sync>>;
}
