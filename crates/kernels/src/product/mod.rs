//! Matrix products: with packed weights, with weights in few bits, and the thin ones of low-rank additions.

pub(crate) mod low_rank;
pub(crate) mod packed;
pub(crate) mod quantized;
