//! An example that is being written, and the columns that its table has.

use std::borrow::Cow;

use crate::tables::example::row::Example;
use crate::value::label::Label;
use crate::value::split::Split;
use crate::value::strand::Strand;

/// An example that borrows its texts.
#[derive(Clone, Debug)]
pub struct ExampleRef<'a> {
    /// As [`Example::id`].
    pub id: Cow<'a, str>,
    /// As [`Example::split`].
    pub split: Split,
    /// As [`Example::sequence`]: ASCII letters.
    pub sequence: &'a [u8],
    /// As [`Example::sequence2`].
    pub sequence2: Option<&'a [u8]>,
    /// As [`Example::label`].
    pub label: Label,
    /// Chromosome, start, end and strand: as [`Example::interval`].
    pub interval: Option<(&'a str, u64, u64, Strand)>,
}

impl<'a> From<&'a Example> for ExampleRef<'a> {
    fn from(e: &'a Example) -> Self {
        Self {
            id: Cow::Borrowed(&e.id),
            split: e.split,
            sequence: e.sequence.as_bytes(),
            sequence2: e.sequence2.as_deref().map(str::as_bytes),
            label: e.label.clone(),
            interval: e
                .interval
                .as_ref()
                .map(|i| (i.chrom.as_str(), i.start, i.end, i.strand)),
        }
    }
}

/// Which of the columns that not every data set has are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// `sequence2`.
    pub pairs: bool,
    /// `chrom`, `start`, `end`, `strand`.
    pub intervals: bool,
}
