//! Variants: the pair of sequences of each.

pub(crate) mod pair;
pub(crate) mod read;
pub(crate) mod windows;
