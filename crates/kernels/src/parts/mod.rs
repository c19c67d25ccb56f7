//! What a block is put together from, beside its linear layers.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod norm;
