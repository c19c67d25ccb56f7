//! The pipeline file -> a plan of cells -> run, cache, lock, report.
//!
//! | module | what it holds |
//! |---|---|
//! | [`yaml`] | reading YAML so that every mistake is told with its place |
//! | [`pipeline`] | the pipeline file, checked and resolved |
//! | [`plan`] | the cells: which are done, which are to be run and why |
//! | [`inputs`] | sha256 of input files |
//! | [`prepare`] | what cells share: model, examples, tokens, floor |
//! | [`mod@cell`] | the record of a finished cell |
//! | [`mod@run`] | running a plan |
//! | `run_settings` | what of a run changes how it is done, and no result |
//! | `parallel` | several things at a time |
//! | [`mod@tune`] | settings searched on dev |
//! | [`lock`] | `lingo.lock`, and verifying a run against it |
//! | [`report`] | the report of a run, two runs against each other |
//! | `exports` | a run for MultiQC, Nextflow's readers, articles, RO-Crate |
//! | [`store`] | results by what they were made from |
//! | [`jobs`] | a plan as jobs for other machines: Slurm, Snakemake |
//! | [`settings`] | settings of one stage, given on the command line alone |
//! | [`observer`] | who hears of a run's progress |
//! | [`failure`] | the error type, and the exit code of each failure |
//! | `date` | the time of day as text |

pub mod cell;
mod date;
mod exports;
pub mod failure;
pub mod inputs;
pub mod jobs;
pub mod lock;
pub mod observer;
mod parallel;
pub mod pipeline;
pub mod plan;
pub mod prepare;
pub mod report;
pub mod run;
mod run_settings;
pub mod settings;
pub mod store;
pub mod tune;
pub mod yaml;

pub use failure::{Error, Kind};
pub use observer::Observer;
pub use pipeline::{Pipeline, graph};
pub use plan::{Plan, Request, State};
