//! Matrix products: with packed weights, and the thin ones of low-rank additions.

pub(crate) mod low_rank;
pub(crate) mod packed;
