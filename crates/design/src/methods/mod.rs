//! The searches.

pub(crate) mod ascent;
pub(crate) mod bdi;
pub(crate) mod evolution;
pub(crate) mod exhaustive;
pub(crate) mod genetic;
mod logits;
mod pulled;
pub(crate) mod random;
