//! The commands that read a pipeline file or the folder of a run.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lingo_adapt::CheckpointEvery;
use lingo_workflow::lock::Moved;

/// The pipeline and what part of it.
#[derive(Clone, Debug, Args)]
pub struct Selection {
    /// Only these tasks.
    #[arg(long, value_name = "TASK,TASK", value_delimiter = ',')]
    pub only: Option<Vec<String>>,
    /// Only these methods.
    #[arg(long, value_name = "M,M", value_delimiter = ',')]
    pub methods: Option<Vec<String>>,
    /// These seeds, whatever the file says.
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub seeds: Option<Vec<u64>>,
    /// Override a key of the file; the value is YAML. May be given several times. It wins everywhere: train.X and
    /// tokenize.X and evaluate.X also over what a task says of its own, train.X also over a method's.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The run's folder. Default: runs/NAME in the working folder; of a search, runs/NAME-tune.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// auto, cpu or wgpu; auto takes a real GPU where there is one.
    #[arg(long, default_value = "auto", value_name = "D")]
    pub device: String,
    /// Run finished cells again, and replace results of other settings. All of their folders are emptied before the
    /// first cell is run.
    #[arg(long)]
    pub fresh: bool,
}

/// `design`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe design my-designs.yaml
  lingo-pipe design my-designs.yaml --only promoter --methods bib,ridge --seeds 1,2

The file names tables of measured sequences and the methods to design better ones by:
  lingo: 1
  model: { path: models/all-MiniLM-L6-v2 }
  tasks:
    promoter: { data: measured.tsv, designs: 96, constraints: { gc: [0.3, 0.7], forbidden: [GAATTC] } }
  methods:
    bib: { bib: {} }
    ridge: { ridge: {} }
    random: { random: {} }

Of each task, method and seed the run's folder gets designs.fasta, designs.tsv, steps.tsv and metrics.json, and the whole
a report.html. Finished cells are skipped; one is made again when its table, its settings or the model changed, and its
old result stays in the store. `run`, `plan`, `validate`, `report`, `verify`, `explain` and `clean` take design files and
their runs, too. Ctrl-C: finished cells are kept, and the same command goes on.")]
pub struct Design {
    /// The design file.
    pub file: PathBuf,
    /// What part of it.
    #[command(flatten)]
    pub selection: Selection,
    /// Only show the cells: cached or to be run, and why. Nothing is designed or written.
    #[arg(long)]
    pub dry_run: bool,
    /// Leave out tasks whose table is missing.
    #[arg(long)]
    pub skip_missing: bool,
    /// Refuse to run anything that is not as a lock says, and tell what differs: the run's own lingo.lock, or FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub locked: Option<Option<PathBuf>>,
}

/// `tune`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe tune my.yaml --methods lora --seeds 1,2
  lingo-pipe tune my.yaml --out runs/rates

The pipeline file says what is tried:
  tune:
    space:
      train.learning_rate: { low: 0.0003, high: 0.003, log: true }
      methods.lora.lora.rank: [4, 8, 16]
    trials: 12
    rungs: [0.25, 1]      # all for a quarter of the epochs, the better half for all of them

A trial is the pipeline with these settings, in a folder of its own: finished cells are skipped, so the same command
goes on after an interruption. All trials and their scores on dev are in tune.tsv; the best ones' --set is printed.")]
pub struct Tune {
    /// The pipeline file.
    pub pipeline: PathBuf,
    /// What part of it; --out is the folder of the search, by default runs/NAME-tune.
    #[command(flatten)]
    pub selection: Selection,
    /// Cells at a time; they share the threads. Fewer where memory does not suffice. Results do not depend on it.
    #[arg(long, default_value = "1", value_name = "N")]
    pub jobs: NonZeroU32,
    /// How often a training writes a checkpoint: a number of steps (200), or a time (30s, 5m, 2h). Results do not depend
    /// on it.
    #[arg(long, default_value_t, value_name = "N|TIME")]
    pub checkpoint_every: CheckpointEvery,
    /// Leave out tasks whose input files are missing.
    #[arg(long)]
    pub skip_missing: bool,
}

/// `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe run                                    the built-in demo
  lingo-pipe run pipelines/yeast.yaml --only H3,H4 --jobs 2
  lingo-pipe run my.yaml --set train.epochs=1 --out runs/quick
  lingo-pipe run my.yaml --dry-run                  what would be run, and why

A cell is run again when a setting or the content of an input changed; results of other settings stay in the
folder's store, and are found there when the settings come back. Only a result that is not in the store (an earlier
version made it) is not replaced, and the difference is shown: take another --out, or --fresh.
Ctrl-C, SIGTERM or a closed terminal: the step is finished, a checkpoint written, and the exit
code is 75; the same command (without --fresh) goes on, to the same bits, also after a kill or a
power cut. Bad data of one task stops that task; the others are run.")]
pub struct Run {
    /// The pipeline file, or a design file (see `design`). Without one: the built-in demo.
    pub pipeline: Option<PathBuf>,
    /// What part of it.
    #[command(flatten)]
    pub selection: Selection,
    /// Cells at a time; they share the threads. Fewer where memory does not suffice. Results do not depend on it.
    #[arg(long, default_value = "1", value_name = "N")]
    pub jobs: NonZeroU32,
    /// How often a training writes a checkpoint: a number of steps (200), or a time (30s, 5m, 2h). Results do not depend
    /// on it.
    #[arg(long, default_value_t, value_name = "N|TIME")]
    pub checkpoint_every: CheckpointEvery,
    /// Only show the cells: cached or to be run, and why. Nothing is trained or written.
    #[arg(long)]
    pub dry_run: bool,
    /// Leave out tasks whose input files are missing.
    #[arg(long)]
    pub skip_missing: bool,
    /// Never look at the test rows, to choose settings: the scores at the end are those of dev, and no report is written.
    /// The folder is then by default runs/NAME-dev; for test scores the cells are run again without it.
    #[arg(long)]
    pub hide_test: bool,
    /// Refuse to run anything that is not as a lock says, and tell what differs: the run's own lingo.lock, or FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub locked: Option<Option<PathBuf>>,
}

/// `validate`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lingo-pipe validate my.yaml --set train.epochs=1")]
pub struct Validate {
    /// The pipeline file.
    pub pipeline: PathBuf,
    /// Override a key of the file, as in `run`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// `plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe plan my.yaml --json | jq '.cells[] | [.task, .method, .seed, .id]'
  lingo-pipe plan my.yaml --out plans/mine

With --out the plan is written, as plan.json and jobs.tsv: everything that other processes need to do its jobs, the file's
text, the variables of the environment that it asks for, and the hashes of the inputs. The jobs are done by `run-cell`, by
`submit` or by `export`; their results stand in the same folder, as those of a run, which `run --out` takes up, `report`
shows and `verify` checks.")]
pub struct PlanArguments {
    /// The pipeline file.
    pub pipeline: PathBuf,
    /// What part of it.
    #[command(flatten)]
    pub selection: Selection,
    /// One JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Leave out tasks whose input files are missing.
    #[arg(long)]
    pub skip_missing: bool,
}

/// `graph`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lingo-pipe graph my.yaml > pipeline.mmd\n  lingo-pipe graph plans/mine > jobs.mmd     the jobs of a plan, and what waits for what"
)]
pub struct Graph {
    /// The pipeline file, or the folder of a plan: then its jobs are drawn.
    pub pipeline: PathBuf,
    /// Override a key of the file, as in `run`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What is printed.
    #[arg(long, value_enum, default_value = "mermaid")]
    pub format: GraphFormat,
}

/// How a pipeline is drawn.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GraphFormat {
    /// Mermaid text, which GitHub and most editors draw.
    Mermaid,
}

/// The folder of a run.
#[derive(Debug, Args)]
pub struct RunFolder {
    /// The folder of a run, such as runs/demo.
    pub run: PathBuf,
}

/// `compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lingo-pipe compare runs/before runs/after
  lingo-pipe compare runs/before runs/after --tsv > differences.tsv
Of each method that both runs have, the second run minus the first, over the finished cells of the same task and seed; the unit
is the task from three tasks on, else the pair of runs, as in the report (docs/report.md). Holm's correction is over the methods
of the table. Below it stands what the cells differ in: settings, inputs, the program. Cells whose test rows differ, by ids and
labels, are refused.")]
pub struct Compare {
    /// The folder of a run, such as runs/before.
    pub first: PathBuf,
    /// The folder of the run that is set against it.
    pub second: PathBuf,
    /// Tab-separated, with all digits, and a row for each task below that of its method.
    #[arg(long)]
    pub tsv: bool,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The folder of a run, such as runs/demo.
    pub run: PathBuf,
    /// Inputs that lay below OLD lie below NEW now; may be given several times.
    #[arg(long, value_name = "OLD=NEW")]
    pub map: Vec<Moved>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  lingo-pipe explain runs/demo --cell binding/lora/seed-1\nWhat was made and made again, when, and which settings or inputs had changed."
)]
pub struct Explain {
    /// The folder of a run, such as runs/demo.
    pub run: PathBuf,
    /// One cell, and the examples and tokens of its task.
    #[arg(long, value_name = "TASK/METHOD/seed-N")]
    pub cell: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `clean`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lingo-pipe clean runs/demo --dry-run")]
pub struct Clean {
    /// The folder of a run, such as runs/demo.
    pub run: PathBuf,
    /// Only show what would be removed.
    #[arg(long)]
    pub dry_run: bool,
}
