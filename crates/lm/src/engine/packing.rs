//! How a frozen model is held on the CPU.

use lingo_kernels::Precision;

/// How a model is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packing {
    /// How the blocks' weights are held and multiplied.
    pub precision: Precision,
    /// Whether gradients will be asked for. Without, the weights take half the memory.
    pub gradients: bool,
}
