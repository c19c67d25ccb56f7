//! Labelled sequences, made by `ingest`: `examples.parquet`, whole in memory, or written row group by row group as
//! Parquet, CSV, TSV or FASTA with no more than one group in memory.

mod borrowed;
mod examples;
pub(crate) mod format;
pub(crate) mod known_labels;
pub(crate) mod metadata;
pub(crate) mod parquet;
pub(crate) mod reader;
pub(crate) mod row;
pub(crate) mod text;

pub use borrowed::{ExampleRef, Shape};
pub use examples::Examples;
pub use format::ExampleFormat;
pub use metadata::{ExamplesMetadata, SourceHash};
pub use parquet::{ParquetStream, frame};
pub use reader::ExampleReader;
pub use row::{Example, Interval, SequenceRow};
pub use text::TextEncoder;
