//! A plan as jobs that any machine can run, one at a time: what a cluster's scheduler or another workflow engine starts.
//!
//! | module | what it holds |
//! |---|---|
//! | `job` | one job, and the jobs of a plan |
//! | `plan_folder` | `plan.json` and `jobs.tsv` |
//! | `execute` | what a job does |
//! | `context` | how jobs are done, and what they hold in common in one process |
//! | `adapt_first` | what is learnt from several tasks together first |
//! | `training` | the training of a cell |
//! | `measured` | what a training takes: time, processor, memory |
//! | `scoring` | its scores, and its result at its place |
//! | `shared_tokens` | tokens that several cells train on |
//! | `only_run` | one run at a time in a folder |
//! | `progress` | how far a folder's jobs are |
//! | `profile` | what a site's file says of its cluster |
//! | `unused` | what a run no longer refers to |
//! | `estimate` | what trainings may take, by those that are finished |
//! | `graph` | a picture of them |
//! | `shell` | words of a shell's command |
//! | `slurm` | scripts and `sbatch` |
//! | `snakemake` | a Snakefile of a plan |

mod adapt_first;
mod context;
mod estimate;
mod execute;
mod graph;
mod job;
mod measured;
pub(crate) mod only_run;
mod plan_folder;
mod profile;
mod progress;
mod scoring;
mod shared_tokens;
mod shell;
mod slurm;
mod snakemake;
mod training;
mod unused;

pub(crate) use adapt_first::place_first;
pub use context::Context;
pub(crate) use execute::done;
pub use execute::{Outcome, execute};
pub use graph::mermaid;
pub use job::{Job, Work, jobs};
pub(crate) use measured::Measured;
pub use plan_folder::{PlanFile, PlanFolder};
pub use profile::{Profile, Resources};
pub use progress::{JobState, states};
pub use shell::quoted;
pub use slurm::{Submission, queued, submit};
pub use snakemake::export;
pub use training::natural_dna;
pub use unused::remove_unused;
