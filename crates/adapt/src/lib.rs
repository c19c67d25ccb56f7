//! Low-rank adapters on frozen language models: rank allocation, the trainer, PEFT folders.
//!
//! | module | what it holds |
//! |---|---|
//! | `method` | what is trained: the methods of the pipeline file, one file each behind one trait |
//! | `settings` | what the pipeline file says of training |
//! | `plan` | steps, parameters and allocations of a cell, before it starts; the modules of a model, and which of them are adapted |
//! | [`rank`] | which triplets live: AdaLoRA, adaptive rank sampling |
//! | `network` | a model with deltas, new embedding rows and a head; the values that are trained, on the host |
//! | `reading` | rows as networks read them: tokens or bases, as they are, moved, or from the other strand |
//! | `masking` | tokens that are hidden and asked for, of rows without labels |
//! | `batching` | rows to batches |
//! | `train` | the loop; optimizer, loss, dropout; checkpoints and log; the output of frozen blocks, kept on disk |
//! | `folder` | what is left: `adapter/` as HF PEFT has it, with `lingo.json`; a whole model |
//! | `predict` | what predicting is made of |
//! | [`predictor`] | a trained adapter on new rows, loaded once |
//! | [`merge`](mod@merge) | a trained adapter added to the weights of its model, as a model folder |
//! | `cell` | one cell: check, train, select on dev, predict, write |
//! | [`adapt_first`](mod@adapt_first) | one adapter over several tasks, or from DNA without labels, merged into the model that each is then adapted from |
//! | [`pretrain`](mod@pretrain) | a base model from nothing, by masked-language modelling |
//! | `shared_bases` | stretches of DNA that sequences have in common |
//! | `tensor_file` | tensors in a safetensors file |
//! | [`error`] | why a run stopped |

pub mod adapt_first;
mod batching;
mod cell;
pub mod error;
mod folder;
mod masking;
pub mod merge;
mod method;
mod network;
mod plan;
mod predict;
pub mod predictor;
pub mod pretrain;
pub mod rank;
mod reading;
mod settings;
mod shared_bases;
mod tensor_file;
mod train;

pub use adapt_first::{
    AdaptFirstRequest, AdaptedFirst, FirstTask, LearntDna, OtherTask, UnlabelledDna, adapt_first,
};
pub use cell::adapt::adapt;
pub use cell::check_targets::{check_targets, check_targets_of_pretrained};
pub use cell::kept::{forget_checkpoints, last_checkpoint};
pub use cell::models::Models;
pub use cell::request::AdaptRequest;
pub use error::{Error, Kind};
pub use folder::adapter::Description;
pub use folder::peft::PeftFacts;
pub use merge::{LogitDifference, MergeRequest, Merged, merge};
pub use method::adalora::Adalora;
pub use method::adaptive_rank_sampling::{AdaptiveRankSampling, Lambda, Variant};
pub use method::bitfit::Bitfit;
pub use method::bottleneck::{Bottleneck, NonLinearity, Placement};
pub use method::full::Full;
pub use method::head::HeadMethod;
pub use method::ia3::Ia3;
pub use method::lora::Lora;
pub use method::methods::Method;
pub use method::prefix_tuning::PrefixTuning;
pub use method::prompt_tuning::PromptTuning;
pub use plan::model_shape::ModelShape;
pub use plan::model_summary::{LayerSummary, ModelSummary};
pub use plan::steps::{Lengths, StepPlan, plan};
pub use predict::base_folder;
pub use predictor::{LoadRequest, PredictRequest, Predictor, predict};
pub use pretrain::{PretrainConfig, PretrainOutcome, PretrainRequest, pretrain};
pub use settings::average::{Average, Ema};
pub use settings::checkpoint_every::CheckpointEvery;
pub use settings::class_weights::ClassWeights;
pub use settings::head::HeadShape;
pub use settings::layers::LayerRange;
pub use settings::masked_dna::MaskedDna;
pub use settings::motif_cnn::{MotifCnn, WordCounts};
pub use settings::train_config::{Pooling, RateDecay, SelectBy, TrainConfig};
pub use settings::word_kernel::{WordKernel, WordKernelChoice};
pub use settings::{layers, train_config};
pub use train::target_scale::TargetScale;
