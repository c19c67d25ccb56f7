//! The `ingest` section of a task.

pub(crate) mod check;
pub(crate) mod downsample;
pub mod genomes;
pub(crate) mod ingest_config;
pub(crate) mod leakage;
pub(crate) mod negatives;
pub mod sources;
pub(crate) mod split;

pub use check::class_of;
pub use downsample::Downsample;
pub use genomes::{GenomeFile, Genomes};
pub use ingest_config::{
    DEFAULT_MAX_UNCOMPRESSED_BYTES, IngestConfig, LabelKindPlan, PROGRAM_MEMORY, input_files,
    missing_files,
};
pub use leakage::{Leakage, NearLeakage, OnLeak};
pub use negatives::{GenomicNegatives, NegativesPlan, ShuffledNegatives};
pub use sources::{BedLabel, BedSource, CsvSource, Source};
pub use split::{ChromosomeSplit, ClusterSplit, FoldSplit, Folds, FoldsBy, RatioSplit, SplitPlan};
