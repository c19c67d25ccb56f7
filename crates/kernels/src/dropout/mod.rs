//! Dropout: decisions as bits, and where a kernel finds those of its values.

pub(crate) mod kept;
pub(crate) mod mask;
