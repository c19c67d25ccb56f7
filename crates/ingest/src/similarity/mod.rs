//! Which sequences are the same, or nearly.

pub(crate) mod fingerprint;
pub(crate) mod sketches;
