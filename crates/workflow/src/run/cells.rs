//! Running cells, several at a time.

use std::fs;
use std::sync::{Mutex, PoisonError};

use lingo_artifact::run_folder::CellFolder;

use super::memory::Gate;
use crate::failure::Error;
use crate::jobs::{Context, Job, Work, done};
use crate::parallel::in_parallel;
use crate::plan::planned::{CellPlan, Plan};

/// Trains and scores cells, several at a time, in the order of the plan. Gives how many are done, and the failures.
pub(super) fn run_cells(
    plan: &Plan,
    jobs: &[Job],
    todo: &[&CellPlan],
    at_a_time: usize,
    context: &Context<'_>,
) -> (usize, Vec<(String, Error)>) {
    let count = Mutex::new(0);
    let gate = Gate::default();
    context.observer.cells(0, todo.len());
    let results = in_parallel(todo, at_a_time, |cell| {
        if context.stop.is_raised() {
            return Ok(false);
        }
        let at_work = gate.enter(context.observer, context.stop);
        for job in of_cell(jobs, cell) {
            done(plan, job, context)?;
        }
        drop(at_work);
        let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        context.observer.cells(*count, todo.len());
        Ok(true)
    });
    let mut finished = 0;
    let mut failures = Vec::new();
    for (cell, result) in todo.iter().zip(results) {
        match result {
            Ok(true) => finished += 1,
            Ok(false) => {}
            Err(e) => failures.push((cell.label(), e)),
        }
    }
    (finished, failures)
}

/// The jobs of a cell: its training, its scores.
pub(super) fn of_cell<'a>(jobs: &'a [Job], cell: &CellPlan) -> impl Iterator<Item = &'a Job> {
    let wanted = (cell.task.clone(), cell.method.clone(), cell.seed);
    jobs.iter().filter(move |job| match &job.work {
        Work::Adapt { task, method, seed } | Work::Score { task, method, seed } => {
            (task, method, *seed) == (&wanted.0, &wanted.1, wanted.2)
        }
        _ => false,
    })
}

/// Removes what a cell left; its record first, so that half a removal never looks like a result.
pub(crate) fn empty(folder: &CellFolder) -> Result<(), Error> {
    let path = folder.path();
    if path.exists() {
        let record = folder.finished();
        if record.exists() {
            fs::remove_file(&record).map_err(lingo_artifact::Error::io("remove", &record))?;
        }
        fs::remove_dir_all(path).map_err(lingo_artifact::Error::io("empty", path))?;
    }
    Ok(())
}
