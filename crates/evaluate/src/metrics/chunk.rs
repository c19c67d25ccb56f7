//! How many rows are one piece of work.

/// Rows whose numbers are added together before they are added to those of others: the same for any number of threads,
/// so that the sum is.
pub(crate) const CHUNK: usize = 1 << 16;
