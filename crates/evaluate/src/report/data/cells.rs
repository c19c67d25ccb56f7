//! What lies in the folders of the cells.

use std::path::Path;

use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_artifact::train_log::{self, TrainEvent};
use lingo_artifact::training::Training;

use crate::cell::CellMetrics;
use crate::error::Result;
use crate::report::data::conditions::Conditions;
use crate::report::data::plan::{ReportPlan, RunBy};
use crate::report::data::rank_pattern;

/// One (task, method, seed) and what is there of it.
pub struct Cell {
    /// The task's name.
    pub task: String,
    /// The method's name.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// Its numbers; `None` is a hole.
    pub metrics: Option<CellMetrics>,
    /// Its training log; empty when there is none.
    pub log: Vec<TrainEvent>,
    /// How its training went.
    pub training: Option<Training>,
    /// Live triplets by (layer, module) of the exported adapter; empty without rank adaptation.
    pub rank_pattern: Vec<((u64, String), f64)>,
    /// What it was run under besides its method; see [`ReportPlan::conditions`].
    pub conditions: Option<Conditions>,
    /// Whether a file of it is not as its record says; see [`ReportPlan::altered`].
    pub altered: bool,
    /// The program and the device, where its record says them.
    pub run_by: Option<RunBy>,
}

impl Cell {
    fn read(run: &RunFolder, task: &str, method: &str, seed: u64, altered: bool) -> Result<Self> {
        let folder = run.cell(task, method, seed);
        // Scored, but killed before its record was written: it is no result yet.
        let at_work = folder.started().is_file() && !folder.finished().is_file();
        let metrics: Option<CellMetrics> = match at_work {
            true => None,
            false => read_if_there(&folder.metrics(), altered)?,
        };
        let log_path = folder.train_log();
        let log = match train_log::read(&log_path) {
            Ok(log) => log,
            // A cell that is still running, or was killed, may end in half a line: its curve can wait.
            Err(_) if altered || metrics.is_none() || !log_path.exists() => Vec::new(),
            Err(e) => return Err(e.into()),
        };
        Ok(Self {
            task: task.to_string(),
            method: method.to_string(),
            seed,
            metrics,
            log,
            training: read_if_there(&folder.training(), altered)?,
            rank_pattern: rank_pattern::read(&folder.adapter()),
            conditions: None,
            altered,
            run_by: None,
        })
    }

    /// Parameters trained, counted at the initial rank.
    pub fn trained(&self) -> Option<u64> {
        let of_metrics = self.metrics.as_ref().and_then(|m| m.trainable_parameters);
        let of_training = self.training.as_ref().map(|t| t.trained_initially);
        of_training.or(of_metrics)
    }

    /// Real tokens a second, over all of its training.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let last = self.log.iter().rev().find(|e| e.tokens.is_some())?;
        let seconds = last.seconds.filter(|s| *s > 0.0)?;
        Some(last.tokens? as f64 / seconds)
    }

    /// What computed, with its kernels where they are known: what was run by the same has the same bits.
    pub fn computed_by(&self) -> Option<&str> {
        let training = self.training.as_ref()?;
        Some(&training.computed_by)
            .filter(|by| !by.is_empty())
            .map(String::as_str)
    }

    /// Parameters in all.
    pub fn total(&self) -> Option<u64> {
        let of_metrics = self.metrics.as_ref().and_then(|m| m.total_parameters);
        of_metrics.or(self.training.as_ref().map(|t| t.total_parameters))
    }

    /// Trained parameters as a share of all, 0 to 1.
    pub fn share(&self) -> Option<f64> {
        match (self.trained(), self.total()) {
            (Some(trained), Some(total)) if total > 0 => Some(trained as f64 / total as f64),
            _ => None,
        }
    }
}

/// Every cell of the plan, tasks outermost, then methods, then seeds.
///
/// # Errors
/// A file that is there but cannot be read, though it is as its cell left it.
pub fn read(plan: &ReportPlan) -> Result<Vec<Cell>> {
    let run = RunFolder::new(&plan.run);
    let mut cells = Vec::new();
    for task in &plan.tasks {
        for method in &plan.methods {
            for seed in &plan.seeds {
                let label = CellFolder::label(&task.name, method, *seed);
                let altered = plan.altered.contains_key(&label);
                cells.push(Cell {
                    conditions: plan.conditions.get(&label).cloned(),
                    run_by: plan.run_by.get(&label).cloned(),
                    ..Cell::read(&run, &task.name, method, *seed, altered)?
                });
            }
        }
    }
    Ok(cells)
}

/// What a file of a cell holds, if it is there. One that cannot be read and was altered is as one that is gone: the page
/// names it, and shows the other cells.
fn read_if_there<T: serde::de::DeserializeOwned>(path: &Path, altered: bool) -> Result<Option<T>> {
    match lingo_artifact::atomic::read_json(path) {
        Ok(found) => Ok(Some(found)),
        Err(_) if altered || !path.exists() => Ok(None),
        Err(e) => Err(e.into()),
    }
}
