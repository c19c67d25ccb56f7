//! The folder of a run: the name and the place of everything in it.
//!
//! ```text
//! runs/<pipeline>/               RunFolder
//!   lingo.lock                   inputs and results with their hashes
//!   report.html                  the report; its numbers are in the next three
//!   metrics.csv
//!   metrics.parquet
//!   differences.csv
//!   figures/                     the report's figures, each as a drawing and as a table
//!   model/                       the pretrained model, where the pipeline pretrains one
//!   model.json                   what it was pretrained from
//!   .digests.json                hashes of input files, remembered by size and time
//!   .running                     locked while a run is at work here
//!   .model.checkpoints/          where pretraining goes on; removed at its end
//!   <task>/                      TaskFolder
//!     examples.parquet           what `ingest` makes
//!     tokens.parquet             what `tokenize` makes
//!     task.json                  what the two were made from
//!     .states/                   output of frozen blocks, while cells need it
//!     <method>/seed-<n>/         CellFolder
//!       adapter/                 what was trained, as Hugging Face PEFT has it
//!       model/                   the whole model, where more than an adapter was trained
//!       predictions.parquet      logits of dev and test
//!       train.jsonl              the training log
//!       training.json            how the training went
//!       metrics.json             how good the predictions are
//!       .stem/                   networks of motifs while they are trained; removed at the end
//!       checkpoints/             where a training goes on; removed when the cell is finished
//!       started.json             which cell is at work; removed when it is finished
//!       failure.json             why the last try failed; removed by the next
//!       cell.json                which cell is finished; written last
//! ```

use std::path::{Path, PathBuf};

const LOCK: &str = "lingo.lock";
const REPORT: &str = "report.html";
const METRICS_CSV: &str = "metrics.csv";
const METRICS_PARQUET: &str = "metrics.parquet";
const DIFFERENCES: &str = "differences.csv";
const FIGURES: &str = "figures";
const MODEL: &str = "model";
const MODEL_RECORD: &str = "model.json";
const DIGESTS: &str = ".digests.json";
const RUNNING: &str = ".running";
const WORK: &str = ".work";
const LOCKS: &str = ".locks";
const PLAN: &str = "plan.json";
const JOBS: &str = "jobs.tsv";
const SLURM: &str = "slurm";

const EXAMPLES: &str = "examples.parquet";
const TOKENS: &str = "tokens.parquet";
const TASK_RECORD: &str = "task.json";
const STATES: &str = ".states";

const ADAPTER: &str = "adapter";
const PREDICTIONS: &str = "predictions.parquet";
const TRAIN_LOG: &str = "train.jsonl";
const TRAINING: &str = "training.json";
const METRICS: &str = "metrics.json";
const CHECKPOINTS: &str = "checkpoints";
const STEM: &str = ".stem";
const STARTED: &str = "started.json";
const FINISHED: &str = "cell.json";
const FAILURE: &str = "failure.json";

/// `runs/<pipeline>/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The files of the report, by their names.
    pub const REPORT_FILES: [&'static str; 4] = [REPORT, METRICS_CSV, METRICS_PARQUET, DIFFERENCES];

    /// The folder of the report's figures, by its name.
    pub const FIGURES: &'static str = FIGURES;

    /// The folder of a pretrained model, by its name.
    pub const MODEL: &'static str = MODEL;

    /// Names that no task can have. (Names that begin with a dot are refused for all.)
    pub const TAKEN: [&'static str; 11] = [
        MODEL,
        MODEL_RECORD,
        LOCK,
        REPORT,
        METRICS_CSV,
        METRICS_PARQUET,
        DIFFERENCES,
        FIGURES,
        PLAN,
        JOBS,
        SLURM,
    ];

    /// The folder at `path`; it need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the run of a pipeline goes when nobody says otherwise.
    pub fn of_pipeline(name: &str) -> Self {
        Self(Path::new("runs").join(name))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Inputs and results with their hashes.
    pub fn lock(&self) -> PathBuf {
        self.0.join(LOCK)
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.0.join(REPORT)
    }

    /// The report's numbers as text.
    pub fn metrics_csv(&self) -> PathBuf {
        self.0.join(METRICS_CSV)
    }

    /// The report's numbers as Parquet.
    pub fn metrics_parquet(&self) -> PathBuf {
        self.0.join(METRICS_PARQUET)
    }

    /// The differences between methods as text.
    pub fn differences(&self) -> PathBuf {
        self.0.join(DIFFERENCES)
    }

    /// The folder of the report's figures.
    pub fn figures(&self) -> PathBuf {
        self.0.join(FIGURES)
    }

    /// The folder of the pretrained model.
    pub fn model(&self) -> PathBuf {
        self.0.join(MODEL)
    }

    /// What the pretrained model was made from.
    pub fn model_record(&self) -> PathBuf {
        self.0.join(MODEL_RECORD)
    }

    /// Remembered hashes of input files.
    pub fn digests(&self) -> PathBuf {
        self.0.join(DIGESTS)
    }

    /// The file that is locked while a run is at work.
    pub fn running(&self) -> PathBuf {
        self.0.join(RUNNING)
    }

    /// Where jobs of a plan train the cell of this label and id until its result is whole, each try in a folder of its own.
    /// Cells with the same settings under two names have one id, so that the label is in it, too.
    pub fn work(&self, label: &str, id: &str) -> PathBuf {
        let name = format!("{}.{id}", label.replace('/', "."));
        self.0.join(WORK).join(name)
    }

    /// Whose lock a process holds while it makes what is called `name`: the model, or what a task's cells share.
    pub fn lock_of(&self, name: &str) -> PathBuf {
        self.0.join(LOCKS).join(name)
    }

    /// The jobs that other processes do.
    pub fn plan(&self) -> PathBuf {
        self.0.join(PLAN)
    }

    /// The jobs as a table.
    pub fn jobs(&self) -> PathBuf {
        self.0.join(JOBS)
    }

    /// Scripts for Slurm, what was submitted, and what the jobs printed.
    pub fn slurm(&self) -> PathBuf {
        self.0.join(SLURM)
    }

    /// The folder of a task.
    pub fn task(&self, task: &str) -> TaskFolder {
        TaskFolder(self.0.join(task))
    }

    /// The folder of a cell.
    pub fn cell(&self, task: &str, method: &str, seed: u64) -> CellFolder {
        self.task(task).cell(method, seed)
    }
}

/// `runs/<pipeline>/<task>/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFolder(PathBuf);

impl TaskFolder {
    /// The files that the task's cells share, by their names. No method can be called so.
    pub const FILES: [&'static str; 3] = [EXAMPLES, TOKENS, TASK_RECORD];

    /// The folder at `path`; it need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The labelled sequences.
    pub fn examples(&self) -> PathBuf {
        self.0.join(EXAMPLES)
    }

    /// The encoded sequences.
    pub fn tokens(&self) -> PathBuf {
        self.0.join(TOKENS)
    }

    /// What examples and tokens were made from, and what was found in them.
    pub fn record(&self) -> PathBuf {
        self.0.join(TASK_RECORD)
    }

    /// Why the last try to make examples, tokens or floor failed.
    pub fn failure(&self) -> PathBuf {
        self.0.join(FAILURE)
    }

    /// Where the output of frozen blocks is kept while cells need it.
    pub fn states(&self) -> PathBuf {
        self.0.join(STATES)
    }

    /// The folder of a cell.
    pub fn cell(&self, method: &str, seed: u64) -> CellFolder {
        CellFolder(self.0.join(method).join(seed_name(seed)))
    }
}

/// `runs/<pipeline>/<task>/<method>/seed-<n>/`, or the folder that `lingo-pipe adapt` writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellFolder(PathBuf);

impl CellFolder {
    /// The records that say which cell is in the folder: no part of its result.
    pub const RECORDS: [&'static str; 3] = [FINISHED, STARTED, FAILURE];

    /// The folders that are there while a cell is trained: no part of its result.
    pub const WORK: [&'static str; 3] = [CHECKPOINTS, STEM, STATES];

    /// The folder at `path`; it need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder of the cell whose adapter folder is `adapter`; nothing when the path has no parent.
    pub fn of_adapter(adapter: &Path) -> Option<Self> {
        Some(Self(adapter.parent()?.to_path_buf()))
    }

    /// `task/method/seed-n`: the cell's folder below that of the run, and the cell's name in messages.
    pub fn label(task: &str, method: &str, seed: u64) -> String {
        format!("{task}/{method}/{}", seed_name(seed))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What was trained.
    pub fn adapter(&self) -> PathBuf {
        self.0.join(ADAPTER)
    }

    /// The whole model, where more than an adapter was trained.
    pub fn model(&self) -> PathBuf {
        self.0.join(MODEL)
    }

    /// Logits of dev and test.
    pub fn predictions(&self) -> PathBuf {
        self.0.join(PREDICTIONS)
    }

    /// The training log.
    pub fn train_log(&self) -> PathBuf {
        self.0.join(TRAIN_LOG)
    }

    /// How the training went.
    pub fn training(&self) -> PathBuf {
        self.0.join(TRAINING)
    }

    /// How good the predictions are.
    pub fn metrics(&self) -> PathBuf {
        self.0.join(METRICS)
    }

    /// Where an interrupted training goes on.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join(CHECKPOINTS)
    }

    /// Where the networks of motifs are while they are trained.
    pub fn stem(&self) -> PathBuf {
        self.0.join(STEM)
    }

    /// Which cell is at work here.
    pub fn started(&self) -> PathBuf {
        self.0.join(STARTED)
    }

    /// Which cell is finished here.
    pub fn finished(&self) -> PathBuf {
        self.0.join(FINISHED)
    }

    /// Why the cell's last try failed; gone when it is tried again.
    pub fn failure(&self) -> PathBuf {
        self.0.join(FAILURE)
    }

    /// Where `lingo-pipe adapt` keeps the output of frozen blocks: it has no task's folder around it.
    pub fn own_states(&self) -> PathBuf {
        self.0.join(STATES)
    }
}

fn seed_name(seed: u64) -> String {
    format!("seed-{seed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_way_from_the_run_to_the_cell() {
        let run = RunFolder::of_pipeline("demo");
        let cell = run.cell("binding", "lora", 3);
        assert_eq!(cell.path(), Path::new("runs/demo/binding/lora/seed-3"));
        assert_eq!(
            cell.path(),
            run.path().join(CellFolder::label("binding", "lora", 3))
        );
        assert_eq!(CellFolder::of_adapter(&cell.adapter()), Some(cell));
    }

    #[test]
    fn what_may_stand_beside_tasks_and_methods_is_a_taken_name_or_hidden() {
        let hidden_or = |path: PathBuf, taken: &[&str]| {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            assert!(
                name.starts_with('.') || taken.contains(&name.as_str()),
                "{name}"
            );
        };
        let run = RunFolder::new("r");
        for path in [
            run.lock(),
            run.report(),
            run.metrics_csv(),
            run.metrics_parquet(),
            run.differences(),
            run.figures(),
            run.model(),
            run.model_record(),
            run.digests(),
            run.running(),
        ] {
            hidden_or(path, &RunFolder::TAKEN);
        }
        let task = run.task("t");
        for path in [task.examples(), task.tokens(), task.record(), task.states()] {
            hidden_or(path, &TaskFolder::FILES);
        }
    }
}
