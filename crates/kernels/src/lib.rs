//! Frozen transformer blocks on the CPU: weights packed once, low-rank adapters inside the same
//! product, attention, norms, activations and dropout fused, forward and backward.
//!
//! Knows no model by name: a [`Block`] is put together from a few parts, and a model is a row of blocks.
//!
//! All of its `unsafe` rests on two things. Kernels run only on an instruction set that `on_level` found
//! to be here; and their pointers come from matrices whose sizes the passes check (`Block::forward`,
//! `Block::backward`) or made themselves, rows a multiple of every vector long.
//!
//! The rooms, each resting on those above it:
//! - `memory`: aligned, counted without wrapping around, used again
//! - `simd`: instruction sets, found at run time or forced, and what the kernels ask of them
//! - `numbers`: `f32` and `bf16`, in matrices
//! - `dropout`: decisions as bits
//! - `batch`: the real tokens of a padded batch, in chunks
//! - `product`: products with packed matrices, or with matrices in few bits, and the thin ones of adapters
//! - `parts`: activations, norms, attention
//! - `block`: a block's description and its packed weights
//! - `passes`: forward and backward
//! - `motifs`: a convolution over bases, and where each filter answers strongest; a second one over these answers, or residual ones
//! - `dots`: dot products of the rows of two matrices, for a kernel machine

mod batch;
mod block;
mod dots;
mod dropout;
mod memory;
mod motifs;
mod numbers;
mod parts;
mod passes;
mod product;
mod simd;

pub use batch::{Shape, ShapeError};
pub use block::packed::Block;
pub use block::values::{
    BlockValues, LinearValues, NormPlace, NormValues, Precision, SITES, Site, Weight,
};
pub use dots::{dots, exponentials};
pub use dropout::kept::Kept;
pub use memory::pool::release_memory;
pub use motifs::filters::{Answers, Distance, Learnt, Motifs, code};
pub use motifs::residual::{ResidualGroup, ResidualLayers};
pub use motifs::second::{LearntRows, SecondLayer};
pub use parts::activation::Activation;
pub use parts::attention::heads::{Heads, Positions};
pub use parts::norm::NormKind;
pub use passes::adapters::LowRank;
pub use passes::backward::{Gradients, LowRankGradient};
pub use passes::dropouts::Dropouts;
pub use passes::record::Record;
pub use product::quantized::{Quantization, QuantizedMatrix};
pub use simd::level::Level;
