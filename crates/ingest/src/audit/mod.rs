//! What a reader of a result must know about its data.

pub(crate) mod count;
pub(crate) mod leakage;
