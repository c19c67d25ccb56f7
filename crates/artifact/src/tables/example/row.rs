//! One labelled sequence, and where it lies.

use crate::value::label::Label;
use crate::value::split::Split;
use crate::value::strand::Strand;

/// One labelled sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// BED name, else `chrom:start-end(strand)`; for CSV `split:row`.
    pub id: String,
    /// Train, dev or test.
    pub split: Split,
    /// The bases, upper case, U as T.
    pub sequence: String,
    /// The second sequence of a pair.
    pub sequence2: Option<String>,
    /// What is to be predicted.
    pub label: Label,
    /// Where it lies, when it came from a genome.
    pub interval: Option<Interval>,
}

/// One sequence whose label may be unknown; the other fields are those of [`Example`].
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceRow {
    /// As [`Example::id`].
    pub id: String,
    /// As [`Example::split`].
    pub split: Split,
    /// As [`Example::sequence`].
    pub sequence: String,
    /// As [`Example::sequence2`].
    pub sequence2: Option<String>,
    /// What is known to be true of it.
    pub label: Option<Label>,
    /// As [`Example::interval`].
    pub interval: Option<Interval>,
}

/// A piece of a genome, counted from 0, end not included.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// Name of the sequence in the FASTA.
    pub chrom: String,
    /// First base.
    pub start: u64,
    /// One behind the last base.
    pub end: u64,
    /// The strand that was read.
    pub strand: Strand,
}
