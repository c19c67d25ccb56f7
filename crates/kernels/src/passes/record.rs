//! What a forward pass keeps for the backward pass.

use crate::batch::Chunk;
use crate::block::values::SITES;
use crate::numbers::element::{Bf16, Element};
use crate::numbers::matrix::Matrix;
use crate::parts::norm::Normed;
use crate::passes::adapters::Adapters;
use crate::passes::dropouts::Dropouts;

/// What the backward pass needs of a forward pass.
pub struct Record {
    pub(crate) chunks: Chunks,
    pub(crate) adapters: Adapters,
    pub(crate) dropouts: Dropouts,
    pub(crate) padded: usize,
    pub(crate) rows: usize,
    /// The block that made it.
    pub(crate) block: u64,
}

/// What each chunk keeps.
pub(crate) enum Chunks {
    F32(Vec<(Chunk, Saved<f32>)>),
    Bf16(Vec<(Chunk, Saved<Bf16>)>),
}

/// What one chunk keeps.
pub(crate) struct Saved<E: Element> {
    /// The input of attention, where no norm stands before it.
    pub input: Option<Matrix<E>>,
    pub qkv: [Matrix<E>; 3],
    pub attended: Matrix<E>,
    pub attention_norm: Normed<E>,
    /// The first feed-forward layer's output, and the gate's.
    pub first: Matrix<E>,
    pub gate: Option<Matrix<E>>,
    pub feed_forward_norm: Normed<E>,
    /// What each site's input was projected to, `[rows, rank]`.
    pub projected: [Option<Matrix<f32>>; SITES],
}

/// A number format in which chunks are kept.
pub(crate) trait Recorded: Element {
    /// What chunks keep, as one of two kinds.
    fn chunks(saved: Vec<(Chunk, Saved<Self>)>) -> Chunks;
}

impl Recorded for f32 {
    fn chunks(saved: Vec<(Chunk, Saved<Self>)>) -> Chunks {
        Chunks::F32(saved)
    }
}

impl Recorded for Bf16 {
    fn chunks(saved: Vec<(Chunk, Saved<Self>)>) -> Chunks {
        Chunks::Bf16(saved)
    }
}
