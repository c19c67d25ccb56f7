//! The command line, as data: help, man page and completions come from here.
//!
//! | module | what it holds |
//! |---|---|
//! | `pipeline` | `run`, `validate`, `plan`, `graph`, `report`, `compare`, `verify` |
//! | `jobs` | `run-cell`, `submit`, `status`, `export` |
//! | `sequences`, `sources` | `ingest`, `locate`, `tokenize`; the sources of `ingest` beside BED and CSV |
//! | `model` | `model`, `pretrain`, `adapt`, `evaluate` |
//! | `predict` | `predict` |

mod jobs;
mod model;
mod pipeline;
mod predict;
mod sequences;
mod sources;
mod table_format;

use std::num::NonZeroU32;

use clap::{Parser, Subcommand};

pub use jobs::{Export, RunCell, Status, Submit};
pub use model::{
    Adapt, Evaluate, FetchModel, ImportModel, InspectModel, MergeAdapter, Model, Pretrain,
    StatesOfModel, ThresholdChoice,
};
pub use pipeline::{
    Clean, Compare, Design, Explain, Graph, GraphFormat, PlanArguments, Run, RunFolder, Selection,
    Tune, Validate, VerifyArguments,
};
pub use predict::{Overlaps, Predict, ValueChoice};
pub use sequences::{
    Decode, Encode, Ingest, Inspect, LabelKindChoice, LeakageChoice, Locate, NegativesChoice,
    OnLeakChoice, SchemeArguments, StatisticChoice, Tokenize, TrainBpe,
};
pub use sources::UpDown;
pub use table_format::TableFormat;

/// What every help page ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed: a cell failed though the others ran, a loss that is not a number, a full disk,
       a read-only folder, a hash that does not verify
  2    bad command line or bad pipeline file, or a folder with results of other settings
  3    bad or missing input data; where it is one task's, the other tasks ran
  75   interrupted, checkpoint written: run the same command again to go on
  130  interrupted without a checkpoint";

const ABOUT: &str = "\
From genomes to fine-tuned genomic adapters, predictions and a report, by one YAML file.

A pipeline file names a language model, tasks (labelled intervals of a genome, or labelled
sequences) and methods. Each (task, method, seed) is a cell: it is trained, scored, kept with
the hashes of all that it was made from, and skipped the next time unless one of them changed.";

const TOP_EXAMPLES: &str = "\
Examples:
  lingo-pipe run                            the built-in demo: a genome, two tasks, a report
  lingo-pipe run pipelines/gue.yaml --only prom_core_tata --seeds 1
  lingo-pipe validate my.yaml               what is wrong with a file, all of it
  lingo-pipe run my.yaml --dry-run          what would be run, and why
";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "lingo-pipe",
    version,
    about = "From genomes to fine-tuned genomic adapters, predictions and a report, by one YAML file",
    long_about = ABOUT,
    after_help = examples_and_exit_codes(),
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true
)]
pub struct Cli {
    /// Only errors on stderr: no progress, no notes.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Threads of this process. Results do not depend on it. Default: one for each core.
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroU32>,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

fn examples_and_exit_codes() -> String {
    format!("{TOP_EXAMPLES}\n{EXIT_CODES}")
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a pipeline: train and score every cell that is not finished, write the report.
    Run(Run),
    /// Search settings on dev: the `tune` of a pipeline file, by successive halving. Test is never looked at.
    Tune(Tune),
    /// Check a pipeline file: every mistake with its place, and every input file that is missing.
    Validate(Validate),
    /// Show the cells of a pipeline: cached or to be run, and why; with --out, write them as jobs for other machines.
    Plan(PlanArguments),
    /// Do one job of a plan that `plan --out` wrote: what a cluster's scheduler calls.
    RunCell(RunCell),
    /// Queue the jobs of a plan on a cluster: those that are not done.
    #[command(visible_alias = "resume")]
    Submit(Submit),
    /// How far the jobs of a plan are.
    Status(Status),
    /// Write a plan as another workflow engine's file.
    #[command(subcommand)]
    Export(Export),
    /// Draw a pipeline: model, tasks and methods as a graph.
    Graph(Graph),
    /// Print the JSON Schema of pipeline files, for editors.
    #[command(
        after_help = "Example:\n  lingo-pipe schema > lingo.schema.json\n  then begin a pipeline with: # yaml-language-server: $schema=lingo.schema.json"
    )]
    Schema,
    /// Make labelled examples of a genome and intervals, or of tables of sequences.
    Ingest(Box<Ingest>),
    /// Find where sequences lie in a genome, so that a data set without coordinates can be split by chromosome.
    Locate(Locate),
    /// Fetch a language model, look into its folder, make one readable.
    #[command(subcommand)]
    Model(Model),
    /// Turn sequences into tokens.
    #[command(subcommand)]
    Tokenize(Tokenize),
    /// Train a small BERT from nothing on a FASTA, by masked-language modelling.
    Pretrain(Pretrain),
    /// Adapt a language model to one task: train an adapter, write its predictions.
    Adapt(Adapt),
    /// Score predictions.
    Evaluate(Evaluate),
    /// Predict with an adapter: on a genome, intervals, examples, variants, or every change of a base.
    Predict(Box<Predict>),
    /// Design sequences from measured ones, through a frozen language model: a design file, cell by cell.
    Design(Design),
    /// Rebuild the report of a run from the cells that are finished, and show which are not.
    #[command(after_help = "Example:\n  lingo-pipe report runs/demo")]
    Report(RunFolder),
    /// Set two runs against each other: the same tasks and methods, on the same test rows.
    Compare(Compare),
    /// Hash all inputs and results of a run again, and compare with its lingo.lock.
    #[command(
        after_help = "Example:\n  lingo-pipe verify runs/demo\nExits 1 when something differs, saying what."
    )]
    Verify(VerifyArguments),
    /// Tell what of a run was made again, and which change was the reason.
    Explain(Explain),
    /// Remove results that a run no longer refers to: those of earlier settings, and of tries that were given up.
    Clean(Clean),
    /// Print shell completions.
    #[command(
        after_help = "Example:\n  lingo-pipe completions bash > /etc/bash_completion.d/lingo-pipe"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page.
    #[command(after_help = "Example:\n  lingo-pipe man | man -l -")]
    Man,
}
