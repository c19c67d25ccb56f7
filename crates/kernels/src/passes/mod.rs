//! The passes through a block.

pub(crate) mod adapters;
pub(crate) mod backward;
mod backward_chunk;
pub(crate) mod dropouts;
pub(crate) mod forward;
mod forward_chunk;
pub(crate) mod record;
mod rows;
