//! Tensors of a model folder by name, read, held and made.

pub mod checkpoint;
pub mod initialise;
pub mod parameters;
pub mod safetensors_file;
