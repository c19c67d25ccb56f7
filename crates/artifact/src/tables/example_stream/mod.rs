//! Writing examples row group by row group: Parquet, CSV, TSV or FASTA, with no more than one group in memory.

pub(crate) mod format;
pub(crate) mod parquet;
pub(crate) mod row;
pub(crate) mod text;

pub use format::ExampleFormat;
pub use parquet::{ParquetStream, frame};
pub use row::{ExampleRef, Shape};
pub use text::TextEncoder;
