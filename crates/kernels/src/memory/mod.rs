//! Memory of the kernels: aligned, counted without wrapping around, and used again.

pub(crate) mod buffer;
pub(crate) mod pool;
pub(crate) mod size;
