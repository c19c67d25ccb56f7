//! How a frozen model is held on the CPU.

use lingo_kernels::{Precision, Quantization};

/// How a model is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packing {
    /// How the blocks' weights are held and multiplied.
    pub precision: Precision,
    /// In how many bits they are held, if in fewer.
    pub quantization: Option<Quantization>,
    /// Whether gradients will be asked for. Without, weights that are held in full take half the memory.
    pub gradients: bool,
}
