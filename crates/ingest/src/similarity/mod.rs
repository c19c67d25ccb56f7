//! Which sequences are the same, or nearly, or lie over one another.

pub(crate) mod alignment;
pub(crate) mod fingerprint;
pub(crate) mod overlaps;
pub(crate) mod seeds;
pub(crate) mod sketches;
pub(crate) mod union_find;
