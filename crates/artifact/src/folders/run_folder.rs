//! The folder of a run: the name and the place of everything in it.
//!
//! ```text
//! runs/<pipeline>/               RunFolder
//!   lingo.lock                   inputs and results with their hashes
//!   report.html                  the report; its numbers are in the next three
//!   metrics.csv
//!   metrics.parquet
//!   differences.csv
//!   metrics_mqc.json             for MultiQC: the scores as a table, and as bars
//!   metrics_plot_mqc.json
//!   software_versions.yml        program, model and kernels, as nf-core's pipelines tell them
//!   trace.tsv                    time and memory of each cell, as Nextflow's trace
//!   methods.md                   what was done, as a paragraph for an article; what it cites
//!   references.bib
//!   pipeline.yaml                the pipeline file as it was typed
//!   ro-crate-metadata.json       the run as a Workflow Run RO-Crate
//!   figures/                     the report's figures, each as a drawing and as a table
//!   model/                       the pretrained model, where the pipeline pretrains one
//!   model.json                   what it was pretrained from
//!   .digests.json                hashes of input files, remembered by size and time
//!   store/<id>/                  results by what they were made from; the files below are hard links to them
//!     result.json                what it is and what made it; written last
//!   .work/<id>/<try>/            where a result is made until it is whole
//!   .running                     locked while a run is at work here
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
//!       designs.fasta            of a run of designs: the sequences
//!       designs.tsv              the same with what is known of each
//!       steps.tsv                how the search for them went, step by step
//!       metrics.json             how good the predictions are, or the designs
//!       resources.json           the time and memory that it took; no part of the result
//!       .stem/                   networks of motifs while they are trained; removed at the end
//!       checkpoints/             where a training goes on; removed when the cell is finished
//!       started.json             which cell is at work; removed when it is finished
//!       failure.json             why the last try failed; removed by the next
//!       cell.json                which cell is finished; written last
//! ```

use std::path::{Path, PathBuf};

use crate::files::digest::Digest;

const LOCK: &str = "lingo.lock";
const REPORT: &str = "report.html";
const METRICS_CSV: &str = "metrics.csv";
const METRICS_PARQUET: &str = "metrics.parquet";
const DIFFERENCES: &str = "differences.csv";
const METRICS_MQC: &str = "metrics_mqc.json";
const METRICS_PLOT_MQC: &str = "metrics_plot_mqc.json";
const SOFTWARE_VERSIONS: &str = "software_versions.yml";
const TRACE: &str = "trace.tsv";
const METHODS: &str = "methods.md";
const REFERENCES: &str = "references.bib";
const PIPELINE: &str = "pipeline.yaml";
const RO_CRATE: &str = "ro-crate-metadata.json";
const FIGURES: &str = "figures";
const MODEL: &str = "model";
const MODEL_RECORD: &str = "model.json";
const ADAPT_FIRST: &str = "adapt_first";
const ADAPT_FIRST_RECORD: &str = "adapt_first.json";
const ADAPT_FIRST_FAILURE: &str = "adapt_first_failure.json";
const DIGESTS: &str = ".digests.json";
const RUNNING: &str = ".running";
const STORE: &str = "store";
const RESULT: &str = "result.json";
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
const DESIGNS_FASTA: &str = "designs.fasta";
const DESIGNS: &str = "designs.tsv";
const STEPS: &str = "steps.tsv";
const RESOURCES: &str = "resources.json";
const CHECKPOINTS: &str = "checkpoints";
const STEM: &str = ".stem";
const STARTED: &str = "started.json";
const FINISHED: &str = "cell.json";
const FAILURE: &str = "failure.json";

/// `runs/<pipeline>/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The files of the report and those written beside it, by their names.
    pub const REPORT_FILES: [&'static str; 12] = [
        REPORT,
        METRICS_CSV,
        METRICS_PARQUET,
        DIFFERENCES,
        METRICS_MQC,
        METRICS_PLOT_MQC,
        SOFTWARE_VERSIONS,
        TRACE,
        METHODS,
        REFERENCES,
        PIPELINE,
        RO_CRATE,
    ];

    /// What says which result is in a folder of the store: no part of it.
    pub const RESULT: &'static str = RESULT;

    /// The folder of the report's figures, by its name.
    pub const FIGURES: &'static str = FIGURES;

    /// The folder of a pretrained model, by its name.
    pub const MODEL: &'static str = MODEL;

    /// The folder of a model that was adapted to several tasks first, by its name.
    pub const ADAPT_FIRST: &'static str = ADAPT_FIRST;

    /// Names that no task can have. (Names that begin with a dot are refused for all.)
    pub const TAKEN: [&'static str; 23] = [
        MODEL,
        MODEL_RECORD,
        ADAPT_FIRST,
        ADAPT_FIRST_RECORD,
        ADAPT_FIRST_FAILURE,
        LOCK,
        REPORT,
        METRICS_CSV,
        METRICS_PARQUET,
        DIFFERENCES,
        METRICS_MQC,
        METRICS_PLOT_MQC,
        SOFTWARE_VERSIONS,
        TRACE,
        METHODS,
        REFERENCES,
        PIPELINE,
        RO_CRATE,
        FIGURES,
        PLAN,
        JOBS,
        SLURM,
        STORE,
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

    /// The scores for MultiQC, as a table.
    pub fn metrics_mqc(&self) -> PathBuf {
        self.0.join(METRICS_MQC)
    }

    /// The scores for MultiQC, as bars.
    pub fn metrics_plot_mqc(&self) -> PathBuf {
        self.0.join(METRICS_PLOT_MQC)
    }

    /// The versions of what computed.
    pub fn software_versions(&self) -> PathBuf {
        self.0.join(SOFTWARE_VERSIONS)
    }

    /// Time and memory of each cell.
    pub fn trace(&self) -> PathBuf {
        self.0.join(TRACE)
    }

    /// What was done, for an article.
    pub fn methods(&self) -> PathBuf {
        self.0.join(METHODS)
    }

    /// What [`RunFolder::methods`] cites.
    pub fn references(&self) -> PathBuf {
        self.0.join(REFERENCES)
    }

    /// The pipeline file as it was typed.
    pub fn pipeline(&self) -> PathBuf {
        self.0.join(PIPELINE)
    }

    /// The run as a Workflow Run RO-Crate.
    pub fn ro_crate(&self) -> PathBuf {
        self.0.join(RO_CRATE)
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

    /// The folder of the model that was adapted to several tasks first.
    pub fn adapt_first(&self) -> PathBuf {
        self.0.join(ADAPT_FIRST)
    }

    /// What that was made from.
    pub fn adapt_first_record(&self) -> PathBuf {
        self.0.join(ADAPT_FIRST_RECORD)
    }

    /// Why the last try to make it failed.
    pub fn adapt_first_failure(&self) -> PathBuf {
        self.0.join(ADAPT_FIRST_FAILURE)
    }

    /// Remembered hashes of input files.
    pub fn digests(&self) -> PathBuf {
        self.0.join(DIGESTS)
    }

    /// The file that is locked while a run is at work.
    pub fn running(&self) -> PathBuf {
        self.0.join(RUNNING)
    }

    /// Results by what they were made from.
    pub fn store(&self) -> PathBuf {
        self.0.join(STORE)
    }

    /// The result of this id.
    pub fn stored(&self, id: &Digest) -> PathBuf {
        self.store().join(id.to_string())
    }

    /// Where results are made until they are whole.
    pub fn works(&self) -> PathBuf {
        self.0.join(WORK)
    }

    /// Where the result of this id is made until it is whole, each try in a folder of its own.
    pub fn work(&self, id: &Digest) -> PathBuf {
        self.works().join(id.to_string())
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
    /// The records that say which cell is in the folder, and what it took: no part of its result.
    pub const RECORDS: [&'static str; 5] = [FINISHED, STARTED, FAILURE, RESULT, RESOURCES];

    /// Records that go with a result although they are no part of it.
    pub const BESIDE: [&'static str; 1] = [RESOURCES];

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

    /// Sequences that were designed.
    pub fn designs_fasta(&self) -> PathBuf {
        self.0.join(DESIGNS_FASTA)
    }

    /// The same with what is known of each.
    pub fn designs(&self) -> PathBuf {
        self.0.join(DESIGNS)
    }

    /// How the search for them went.
    pub fn steps(&self) -> PathBuf {
        self.0.join(STEPS)
    }

    /// How good the predictions are, or the designs.
    pub fn metrics(&self) -> PathBuf {
        self.0.join(METRICS)
    }

    /// The time and memory that it took.
    pub fn resources(&self) -> PathBuf {
        self.0.join(RESOURCES)
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
            run.metrics_mqc(),
            run.metrics_plot_mqc(),
            run.software_versions(),
            run.trace(),
            run.methods(),
            run.references(),
            run.pipeline(),
            run.ro_crate(),
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
