//! The language models that adapters are trained on: BERT and OPT, written in plain burn
//! operations, read from and written to Hugging Face folders.
//!
//! - [`device`]: which device computes, chosen at run time
//! - [`config`]: `config.json`, read and written
//! - [`safetensors_file`]: tensors of a `model.safetensors`, its header checked before use
//! - [`checkpoint`]: a model folder's weights, one file or shards
//! - [`parameters`]: the tensors of a model by name; trainable where asked for
//! - [`batch`]: token ids and lengths of one batch
//! - [`adaptation`]: what is added to a frozen model: low-rank deltas, new rows, dropout
//! - `layers`: linear with a low-rank delta, layer norm, attention
//! - `bert`, `opt`: the two families
//! - `engine`: a frozen model's blocks as custom operations on the CPU
//! - [`packing`]: how a frozen model is held on the CPU
//! - `fused`: softmax, layer norm and GELU in one pass each, on the CPU
//! - [`model`]: a loaded model and its forward pass
//! - [`mlm`]: the masked-language-modelling head, for pretraining
//! - [`initialise`]: random weights for a model trained from nothing
//! - [`save`]: a model folder, written whole or not at all

pub mod adaptation;
pub mod batch;
mod bert;
pub mod checkpoint;
pub mod config;
mod config_keys;
pub mod device;
#[cfg(feature = "cpu")]
mod engine;
pub mod error;
#[cfg(feature = "cpu")]
mod fused;
pub mod initialise;
mod layers;
pub mod mlm;
pub mod model;
mod opt;
pub mod packing;
pub mod parameters;
pub mod safetensors_file;
pub mod save;

pub use adaptation::{Adaptation, DropoutSource, LowRank};
pub use batch::Batch;
pub use config::{Activation, Family, ModelConfig};
pub use device::{DeviceChoice, device_memory, device_name, open_device};
pub use error::Error;
pub use layers::drop_out;
pub use lingo_kernels::{Kept, Level, Precision, release_memory};
pub use mlm::MlmHead;
pub use model::{Hidden, Model, Site};
pub use packing::Packing;
pub use parameters::Parameters;
