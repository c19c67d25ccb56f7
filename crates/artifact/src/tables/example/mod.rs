//! Labelled sequences: `examples.parquet`, made by `ingest`.

mod examples;
pub(crate) mod metadata;
pub(crate) mod row;

pub use examples::Examples;
pub use metadata::{ExamplesMetadata, SourceHash};
pub use row::{Example, Interval};
