//! What stands beside the rows of `examples.parquet`: class names, sources, audit.

use serde::{Deserialize, Serialize};

use crate::files::digest::Digest;
use crate::value::label::LabelKind;

/// The hash of a file that examples were made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceHash {
    /// The path as it was given.
    pub path: String,
    /// Its sha256.
    pub sha256: Digest,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What stands beside the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExamplesMetadata {
    /// What the labels are, with the class names in order.
    pub labels: LabelKind,
    /// The files that the examples were made from.
    pub sources: Vec<SourceHash>,
    /// Counts, balance, lengths, leakage: what `ingest` found.
    pub audit: serde_json::Value,
}
