//! A frozen model's blocks as custom operations on the CPU.

#[cfg(feature = "cpu")]
pub(crate) mod operation;
pub mod packing;
