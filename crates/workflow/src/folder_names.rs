//! Names in a run's folder, which no task and no method may take.

/// The folder of a run that holds the pretrained model.
pub const MODEL_FOLDER: &str = "model";

/// The record of a task's shared artifacts.
pub const TASK_RECORD: &str = "task.json";

/// What a run's folder holds beside the folders of its tasks.
pub(crate) const TAKEN_IN_RUN: [&str; 6] = [
    MODEL_FOLDER,
    "model.json",
    "lingo.lock",
    "report.html",
    "metrics.csv",
    "metrics.parquet",
];

/// What a task's folder holds beside the folders of the methods.
pub(crate) const TAKEN_IN_TASK: [&str; 3] = ["examples.parquet", "tokens.parquet", TASK_RECORD];
