//! A frozen transformer block: its description, and its packed weights.

pub(crate) mod packed;
pub(crate) mod values;
