//! Bins of a genome, with a label for each file of peaks.

pub(crate) mod bins;
pub(crate) mod peaks;
pub(crate) mod read;
