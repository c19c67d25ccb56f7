//! What a report is about: given by whoever ran the pipeline, and kept beside the run so that the report can be rebuilt.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::floor::Floor;
use crate::report::data::conditions::Conditions;

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportPlan {
    /// The pipeline's name.
    pub name: String,
    /// What is typed behind `lingo-pipe run`, without the selection of cells: the pipeline file and the options that
    /// change results, for the commands that the report prints.
    pub pipeline: String,
    /// The folder of the run; cells are `run/<task>/<method>/seed-<n>/`.
    pub run: PathBuf,
    /// The tasks, in the order of the file.
    pub tasks: Vec<TaskInfo>,
    /// The methods' names, in the order of the file.
    pub methods: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Name and value, shown as they are: program version, model, device, date, command, ...
    pub facts: Vec<(String, String)>,
    /// What a reader must know before believing a number.
    pub warnings: Vec<String>,
    /// Everything that a cell was run under besides its method, by
    /// [`CellFolder::label`](lingo_artifact::run_folder::CellFolder::label): two methods are compared only where it is
    /// alike.
    #[serde(default)]
    pub conditions: BTreeMap<String, Conditions>,
    /// By a cell's label its files that are not as its record says, or are gone, in a sentence each.
    #[serde(default)]
    pub altered: BTreeMap<String, Vec<String>>,
    /// By a cell's label the program and the device that it was run by.
    #[serde(default)]
    pub run_by: BTreeMap<String, RunBy>,
    /// What went in: path, sha256 and size of each file.
    #[serde(default)]
    pub inputs: Vec<InputFile>,
    /// Paragraphs for an article, in Markdown: bold, italics, code, a title that is left out here.
    #[serde(default)]
    pub methods_text: String,
    /// Why the last try at a cell failed, by its label, for those that are not there.
    #[serde(default)]
    pub failures: BTreeMap<String, String>,
}

/// What a cell was run by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunBy {
    /// The program's version.
    pub version: String,
    /// The device that was asked for.
    pub device: String,
}

/// A file that went in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Where it lay.
    pub path: String,
    /// Of its content.
    pub sha256: Digest,
    /// Its size, where it is known.
    pub bytes: Option<u64>,
}

/// One task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskInfo {
    /// Its name, which is also its folder's.
    pub name: String,
    /// The cross-validated task that it is a fold of: the report averages over its folds.
    pub fold_of: Option<String>,
    /// What is to be predicted, in a sentence; may be empty.
    pub description: String,
    /// The classes' names, none for regression.
    pub classes: Vec<String>,
    /// Rows in train, dev and test.
    pub counts: [u64; 3],
    /// What `ingest` found, as it stands in `examples.parquet`.
    pub audit: serde_json::Value,
    /// The linear models on counts, where they were fitted.
    pub floors: Vec<Floor>,
    /// Numbers that others published on the same split.
    pub published: Vec<Published>,
    /// Why none of its cells can run (its data are not there), when that is so.
    pub missing: Option<String>,
}

/// A number from the literature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The model.
    pub model: String,
    /// Its test MCC, -1 to 1.
    pub mcc: f64,
    /// Where it stands.
    pub source: String,
}
