//! What passes between the stages of lingo-pipe.
//!
//! | module | what it holds |
//! |---|---|
//! | [`atomic`] | writing a file or a folder so that a reader sees all of it or nothing |
//! | [`bounded`], [`byte_size`] | numbers that cannot hold a bad value |
//! | [`digest`] | sha256 of files and bytes |
//! | [`error`] | the one error type of this crate |
//! | [`split`], [`strand`], [`label`] | small types that carry the rules of the field |
//! | [`example`], [`example_stream`] | labelled sequences: `examples.parquet`; writing them row group by row group |
//! | [`tokens`] | encoded examples: `tokens.parquet` |
//! | [`prediction`] | logits: `predictions.parquet` |
//! | [`placed_prediction`] | predictions on intervals without a known label |
//! | [`train_log`] | `train.jsonl`, one event a line |
//! | [`left_out`] | the words for what a source left out and counted |
//! | [`vocabulary`] | how DNA tokens become rows of a model's embedding: part of `lingo.json` |
//! | [`table`] | data frames in and out of Parquet, CSV and TSV |
//! | [`random`] | seeded, counter-based streams, one per purpose |
//! | [`sequence_source`] | the trait through which a stage reads a genome |
//! | [`progress`] | how a stage tells how far it is, and hears that it must stop |

pub mod atomic;
pub mod bounded;
pub mod byte_size;
pub mod digest;
pub mod error;
pub mod example;
pub mod example_stream;
mod id_lists;
pub mod label;
pub mod left_out;
pub mod placed_prediction;
pub mod prediction;
pub mod progress;
pub mod random;
pub mod sequence_source;
pub mod split;
pub mod strand;
pub mod table;
pub mod tokens;
pub mod train_log;
pub mod vocabulary;

pub use byte_size::ByteSize;
pub use error::Error;
pub use label::{Label, LabelKind};
pub use split::Split;
pub use strand::Strand;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;
