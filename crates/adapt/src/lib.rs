//! Low-rank adapters on frozen language models: rank allocation, the trainer, PEFT folders.
//!
//! - [`method`], [`train_config`], [`layers`]: what the pipeline file says
//! - [`plan`](mod@plan): steps, parameters and allocations of a run, before it starts
//! - [`adapt`](mod@adapt): one cell: train, select on dev, predict, write
//! - [`predict`](mod@predict): a trained adapter on new rows
//! - [`adapter_folder`]: `adapter/` as HF PEFT has it, with `lingo.json`
//! - [`pretrain`](mod@pretrain): a base model from nothing, by masked-language modelling
//! - `targets`, `model_shape`: the modules of a model, and which of them are adapted
//! - [`rank`]: which triplets live: AdaLoRA, adaptive rank sampling
//! - `store`, `optimizer`: trained values on the host, AdamW, the learning rate
//! - `network`, `new_rows`: a model with deltas, new embedding rows and a head
//! - `states`: the output of frozen blocks, kept on disk
//! - `trainer`, `trained`: the loop, and what it leaves
//! - `batching`, `dropout`, `loss`, `mcc`: the parts of a training step and of an evaluation
//! - `checkpoint`, `train_log`, `tensor_file`: what is written on the way
//! - [`error`]: why a run stopped

pub mod adapt;
pub mod adapter_folder;
mod batching;
mod checkpoint;
mod dropout;
pub mod error;
pub mod layers;
mod loss;
mod mcc;
pub mod method;
mod model_shape;
mod models;
mod network;
mod new_rows;
mod optimizer;
pub mod plan;
pub mod predict;
pub mod pretrain;
pub mod rank;
mod states;
mod store;
mod targets;
mod tensor_file;
pub mod train_config;
mod train_log;
mod trained;
mod trainer;

pub use adapt::{AdaptRequest, Outcome, adapt};
pub use adapter_folder::Description;
pub use error::{Error, Kind};
pub use layers::LayerRange;
pub use method::{Adalora, AdaptiveRankSampling, Full, HeadMethod, Lora, Method, Variant};
pub use models::Models;
pub use plan::{Lengths, StepPlan, plan};
pub use predict::{PredictRequest, base_folder, predict};
pub use pretrain::{PretrainConfig, PretrainOutcome, pretrain};
pub use train_config::{Pooling, SelectBy, TrainConfig};
