//! How numbers are held: `f32` or `bf16`, in matrices.

pub(crate) mod element;
pub(crate) mod matrix;
