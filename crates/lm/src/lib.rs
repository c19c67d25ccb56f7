//! The language models that adapters are trained on: BERT and OPT, written in plain burn
//! operations, read from and written to Hugging Face folders.
//!
//! | module | what it holds |
//! |---|---|
//! | [`device`] | which device computes, chosen at run time |
//! | `config` | the shape of a model; typed access to `config.json` |
//! | [`safetensors_file`], [`checkpoint`] | a model folder's weights: one file, its header checked before use, or shards |
//! | [`parameters`], [`initialise`] | the tensors of a model by name, trainable where asked for; random ones |
//! | [`batch`] | token ids and lengths of one batch |
//! | [`adaptation`] | what is added to a frozen model: low-rank deltas, new rows, dropout |
//! | `parts` | linear with a low-rank delta, layer norm, attention; the fused forms of some on the CPU |
//! | `families` | the families, one file each behind one trait: how they are read, what their layers are |
//! | `engine`, [`packing`] | a frozen model's blocks as custom operations on the CPU, and how they are held there |
//! | `model` | a loaded model and its forward pass |
//! | [`mlm`] | the masked-language-modelling head, for pretraining |
//! | [`save`] | a model folder, written whole or not at all |

pub mod adaptation;
pub mod batch;
mod config;
pub mod device;
mod engine;
pub mod error;
mod families;
mod model;
mod parts;
mod pickled;
mod weights;

pub use adaptation::{
    Adaptation, Bottleneck, BottleneckInput, Bottlenecks, DropoutSource, LowRank, SiteScale,
    Sublayer,
};
pub use batch::Batch;
pub use config::activation::Activation;
pub use config::family::Family;
pub use config::model_config::{ModelConfig, OfFamily};
pub use config::positions::{Positions, Rotary, RotaryScaling};
pub use device::{DeviceChoice, device_memory, device_name, open_device};
pub use engine::packing::{self, Packing};
pub use error::Error;
pub use families::family::{Classifier, Reads};
pub use lingo_kernels::{Kept, Level, Precision, Quantization, release_memory};
pub use model::loaded::{Hidden, Model, is_unused};
pub use model::mlm::{self, MlmHead};
pub use model::save;
pub use parts::pass::drop_out;
pub use parts::site::Site;
pub use pickled::import::{Imported, import};
pub use weights::parameters::{self, Parameters};
pub use weights::{checkpoint, initialise, safetensors_file};
