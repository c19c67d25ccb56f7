//! Negatives where only positives are given.

pub(crate) mod make;
pub(crate) mod shuffle;
