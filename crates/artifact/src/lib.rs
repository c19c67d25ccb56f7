//! What passes between the stages of lingo-pipe.
//!
//! | module | what it holds |
//! |---|---|
//! | [`atomic`] | writing a file or a folder so that a reader sees all of it or nothing |
//! | [`bounded`], [`byte_size`] | numbers that cannot hold a bad value |
//! | [`digest`] | sha256 of files and bytes |
//! | [`error`] | the one error type of this crate |
//! | [`split`], [`strand`], [`label`] | small types that carry the rules of the field |
//! | [`example`] | labelled sequences: `examples.parquet`, whole or written row group by row group |
//! | [`tokens`] | encoded examples: `tokens.parquet` |
//! | [`prediction`] | logits: `predictions.parquet` |
//! | [`placed_prediction`] | predictions on intervals without a known label |
//! | [`layer_states`] | the states of a model's layers for one sequence |
//! | [`model_folder`] | the folder of a language model: which files it has |
//! | [`run_folder`] | the folder of a run: the name and the place of everything in it |
//! | [`train_log`] | `train.jsonl`, one event a line |
//! | [`training`] | `training.json`: how a training went |
//! | [`resources`] | `resources.json`: the time and memory that a cell took |
//! | [`thresholds`] | `thresholds.json`: above which probabilities an adapter calls something positive |
//! | [`audit`] | what `ingest` found in the data of a task |
//! | [`left_out`] | the words for what a source left out and counted |
//! | [`vocabulary`] | how DNA tokens become rows of a model's embedding: part of `lingo.json` |
//! | [`table`] | data frames in and out of Parquet, CSV and TSV |
//! | [`random`] | seeded, counter-based streams, one per purpose |
//! | [`lbfgs`] | the minimum of a smooth convex objective, for linear models of two stages |
//! | [`sequence_source`] | the trait through which a stage reads a genome |
//! | [`readings`] | the trait through which training reaches the bases behind encoded rows |
//! | [`bases`] | bases as bytes |
//! | [`progress`] | how a stage tells how far it is, and hears that it must stop |

pub mod error;
mod files;
mod folders;
pub mod lbfgs;
pub mod progress;
pub mod random;
pub mod readings;
mod records;
pub mod sequence_source;
pub mod shuffle;
mod tables;
mod value;

pub use error::{Error, Result};
pub use files::{atomic, digest};
pub use folders::{model_folder, run_folder};
pub use records::{audit, left_out, resources, thresholds, train_log, training, vocabulary};
pub use tables::{example, layer_states, placed_prediction, prediction, table, tokens};
pub use value::byte_size::ByteSize;
pub use value::label::{Label, LabelKind};
pub use value::split::Split;
pub use value::strand::Strand;
pub use value::{bases, bounded, byte_size, label, split, strand};
