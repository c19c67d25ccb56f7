//! `pytorch_model.bin`, read without running anything in it, and written as safetensors.

pub(crate) mod import;
pub(crate) mod pickle;
pub(crate) mod torch_file;
