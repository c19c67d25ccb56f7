//! Frozen transformer blocks on the CPU: weights packed once, low-rank adapters inside the same
//! product, attention, norms, activations and dropout fused, forward and backward.
//!
//! Knows no model by name: a [`Block`] is put together from a few parts, and a model is a row of blocks.
//!
//! All of its `unsafe` rests on two things. Kernels run only through `forward::call`, whose instruction
//! set `Block::new` (or `Level::detect`) found to be here; and their pointers come from matrices whose
//! sizes the passes check (`Block::forward`, `Block::backward`) or made themselves, rows a multiple of
//! every vector long.
//!
//! - [`level`]: which instructions are used, found at run time or forced
//! - `simd`: what the kernels ask of a processor, and who answers
//! - `buffer`, `element`: memory that is used again; `f32` and `bf16`
//! - `product`: products with packed matrices
//! - `low_rank`: the thin products of adapters
//! - [`attention`], [`norm`], [`activation`], [`dropout`]: the parts
//! - [`block`]: a block's description and its packed weights
//! - [`batch`]: the real tokens of a padded batch, in chunks
//! - [`forward`], [`backward`]: the passes

pub mod activation;
pub mod attention;
pub mod backward;
pub mod batch;
pub mod block;
mod buffer;
pub mod dropout;
mod element;
pub mod forward;
pub mod level;
mod low_rank;
pub mod norm;
mod product;
mod simd;

pub use activation::Activation;
pub use attention::{Heads, Positions};
pub use backward::{Gradients, LowRankGradient};
pub use batch::{Shape, ShapeError};
pub use block::{Block, BlockValues, LinearValues, NormPlace, NormValues, Precision, SITES, Site};
pub use buffer::release_memory;
pub use dropout::Kept;
pub use forward::{Dropouts, LowRank, Record};
pub use level::Level;
pub use norm::NormKind;
