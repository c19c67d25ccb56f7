//! A plan as jobs that any machine can run, one at a time: what a cluster's scheduler or another workflow engine starts.
//!
//! | module | what it holds |
//! |---|---|
//! | `job` | one job, and the jobs of a plan |
//! | `plan_folder` | `plan.json` and `jobs.tsv` |
//! | `execute` | what a job does |
//! | `attempt` | where a cell is trained until its result is whole |
//! | `progress` | how far a folder's jobs are |
//! | `profile` | what a site's file says of its cluster |
//! | `shell` | words of a shell's command |
//! | `slurm` | scripts and `sbatch` |
//! | `snakemake` | a Snakefile of a plan |

mod attempt;
mod execute;
mod job;
mod plan_folder;
mod profile;
mod progress;
mod shell;
mod slurm;
mod snakemake;

pub use execute::{Context, Outcome, execute};
pub use job::{Job, Work, jobs};
pub use plan_folder::{PlanFile, PlanFolder};
pub use profile::{Profile, Resources};
pub use progress::{JobState, states};
pub use shell::quoted;
pub use slurm::{Submission, queued, submit};
pub use snakemake::export;
