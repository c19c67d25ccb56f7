//! Motifs: a convolution over one-hot bases, and the place where each filter answers strongest.

pub(crate) mod filters;
pub(crate) mod residual;
pub(crate) mod second;
mod strongest;
