//! What is known of a task's examples and tokens: `task.json`.

use lingo_adapt::Lengths;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::TaskFolder;
use lingo_artifact::{LabelKind, atomic};
use lingo_evaluate::{Floor, Threshold};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Error;

/// What is known of a task's shared artifacts: `task.json` in the task's folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskRecord {
    /// The id of `examples.parquet`.
    pub examples: Option<Digest>,
    /// The id of `tokens.parquet`.
    pub tokens: Option<Digest>,
    /// What the labels are.
    pub labels: Option<LabelKind>,
    /// Rows in train, dev and test.
    pub counts: [u64; 3],
    /// What ingest found.
    pub audit: Value,
    /// Sequences that lost DNA at their ends, by split.
    pub truncated: [u64; 3],
    /// Unknown tokens, by split.
    pub unknown: [u64; 3],
    /// The longest sequence of tokens.
    pub longest: u32,
    /// Training rows by their number of tokens.
    #[serde(default)]
    pub lengths: Lengths,
    /// New embedding vectors that are trained.
    pub new_vectors: u32,
    /// The id of the linear models on counts.
    pub floor: Option<Digest>,
    /// The linear models on counts.
    pub floors: Vec<Floor>,
    /// Whether they counted both strands.
    pub floors_of_both: bool,
    /// How the thresholds of their probabilities were found.
    pub floors_threshold: Threshold,
}

impl TaskRecord {
    /// The record in a task's folder; an empty one where there is none that can be read.
    pub fn read(folder: &TaskFolder) -> Self {
        atomic::read_json(&folder.record()).unwrap_or_default()
    }

    /// What the results of the three stages say.
    pub(super) fn joined(
        examples: Option<&Self>,
        tokens: Option<&Self>,
        floor: Option<&Self>,
    ) -> Self {
        let mut joined = examples.cloned().unwrap_or_default();
        if let Some(of) = tokens {
            joined.tokens = of.tokens;
            joined.truncated = of.truncated;
            joined.unknown = of.unknown;
            joined.longest = of.longest;
            joined.lengths.clone_from(&of.lengths);
            joined.new_vectors = of.new_vectors;
        }
        if let Some(of) = floor {
            joined.floor = of.floor;
            joined.floors.clone_from(&of.floors);
            joined.floors_of_both = of.floors_of_both;
            joined.floors_threshold = of.floors_threshold;
        }
        joined
    }

    pub(super) fn write(&self, folder: &TaskFolder) -> Result<(), Error> {
        Ok(atomic::write_json(&folder.record(), self)?)
    }
}
