//! The commands that do a plan's jobs one by one, on any machine.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use lingo_adapt::CheckpointEvery;

/// `run-cell`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe plan my.yaml --out plans/mine
  lingo-pipe run-cell --plan plans/mine --index 0

plans/mine/jobs.tsv lists the jobs; what a job needs has a lower index. A job whose result is there is done at once, and two
processes at the same job end with one result. SIGTERM or SIGUSR1: a checkpoint is written and the exit code is 75; the same
command goes on from it, on this machine or another that sees the folder.")]
pub struct RunCell {
    /// The folder of the plan.
    #[arg(long, value_name = "DIR")]
    pub plan: PathBuf,
    /// Which job, from 0; given several times, they are done one after another.
    #[arg(long, value_name = "N", required = true)]
    pub index: Vec<usize>,
    /// How often a training writes a checkpoint: a number of steps (200), or a time (30s, 5m, 2h). Results do not depend
    /// on it.
    #[arg(long, default_value_t, value_name = "N|TIME")]
    pub checkpoint_every: CheckpointEvery,
}

/// `submit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lingo-pipe submit plans/mine --profile site.yaml --print      the scripts and commands; nothing is submitted
  lingo-pipe submit plans/mine --profile site.yaml
  lingo-pipe status plans/mine

A site's file; everything has a default:
  executor: slurm
  partition: main
  account: lab
  modules: [apptainer]
  container: apptainer exec /software/lingo.sif
  program: lingo-pipe
  throttle: 50            # cells at a time
  notice: 120             # seconds before the time limit at which a checkpoint is written and the job queued again
  checkpoint_every: 5m
  sbatch: [--qos=long]
  resources:
    default: { time: '01:00:00', memory: 4G, cpus: 1 }
    adapt: { time: '08:00:00', memory: 16G, cpus: 4, gres: 'gpu:1' }
  classes:                # the first that fits a job; what it leaves out is as the stage has it
    - { methods: [full], resources: { memory: 64G } }
  estimate: 2             # what is not said of a training: twice what its like took that are done

Only jobs that are not done are submitted: the same command takes up what failed or was cancelled.")]
pub struct Submit {
    /// The folder of the plan, which all nodes must see under this path.
    pub plan: PathBuf,
    /// What queues the jobs.
    #[arg(long, value_enum, default_value = "slurm")]
    pub executor: ExecutorChoice,
    /// The site's file.
    #[arg(long, value_name = "YAML")]
    pub profile: Option<PathBuf>,
    /// Show the scripts and commands; write and submit nothing.
    #[arg(long)]
    pub print: bool,
}

/// What queues jobs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ExecutorChoice {
    /// Slurm's sbatch.
    Slurm,
}

/// `status`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lingo-pipe status plans/mine")]
pub struct Status {
    /// The folder of the plan.
    pub plan: PathBuf,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `export`.
#[derive(Debug, Subcommand)]
pub enum Export {
    /// A Snakefile and its configuration that do the jobs of a plan.
    Snakemake(ExportSnakemake),
}

/// `export snakemake`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lingo-pipe plan my.yaml --out plans/mine
  lingo-pipe export snakemake plans/mine --out workflow
  cd workflow && snakemake --cores 4

For Snakemake 7 to 9, with any of its executors.")]
pub struct ExportSnakemake {
    /// The folder of the plan.
    pub plan: PathBuf,
    /// Where Snakefile and config.yaml go.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
