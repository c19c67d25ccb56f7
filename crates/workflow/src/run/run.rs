//! A run from its beginning to its end: what cells share, then the cells, then the lock and the report.

use std::fs;

use lingo_artifact::atomic;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::RunFolder;

use super::cells::{empty, of_cell, run_cells};
use super::every_task::every_task;
use super::schedules::check_schedules;
use crate::failure::{Error, Kind};
use crate::jobs::only_run::only_run;
use crate::jobs::{Context, Job, done, jobs, place_first};
use crate::lock::{self, Shared};
use crate::observer::Observer;
use crate::plan::planned::{CellPlan, Plan};
use crate::plan::state::State;
use crate::prepare::model::fetch_model;
use crate::report;
use crate::run_settings::Settings;
use crate::store::{Stored, forget_tries, is_placed, remove_half_placed};

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cells that were finished before.
    pub cached: usize,
    /// Cells that were run now.
    pub run: usize,
    /// Tasks that were left out because files are missing.
    pub skipped: Vec<String>,
}

/// Runs every cell of the plan that is not finished.
///
/// # Errors
/// [`Error::Refused`] and [`Error::Missing`] before anything is written; mistakes in the settings before anything is
/// trained; bad data only where no task is left to run, otherwise [`Error::Cells`] at the end; that and [`Error::Interrupted`] after the lock and the report of what is there were written.
pub fn run(
    plan: &Plan,
    settings: Settings,
    command: &str,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<Summary, Error> {
    refuse(plan, settings, observer, stop)?;
    fs::create_dir_all(&plan.run).map_err(lingo_artifact::Error::io("create folder", &plan.run))?;
    let _alone = only_run(&plan.run)?;
    clear_up(plan)?;
    let skipped = tell_skipped(plan, observer);
    plan.hashes.keep()?;
    lock::write(plan, command, Shared::InWork)?;
    let unfinished: Vec<&CellPlan> = plan
        .cells
        .iter()
        .filter(|c| matches!(c.state, State::Run(_)))
        .collect();
    let every = settings.checkpoint_every;
    let context = Context::new(plan, &unfinished, command, every, (observer, stop));
    let jobs = jobs(plan);
    let bad_tasks = every_task(plan, &jobs, &unfinished, settings.jobs, &context)?;
    let (lost, todo): (Vec<&CellPlan>, Vec<&CellPlan>) = unfinished
        .iter()
        .partition(|c| bad_tasks.iter().any(|(task, _)| *task == c.task));
    check_schedules(plan, &todo)?;
    if plan.fresh {
        // All at once, so that a run that is interrupted can be continued, without --fresh.
        forget(plan, &todo)?;
    }
    place_first(plan)?;
    place_cached(plan, &jobs, &context)?;
    // From here on a kill leaves a lock that is true.
    lock::write(plan, command, Shared::Made)?;
    let (done, failures) = run_cells(plan, &jobs, &todo, settings.jobs, &context);

    lock::write(plan, command, Shared::Made)?;
    if !plan.hide_test {
        report::build(&plan.run)?;
    }

    let stopped_early = stop.is_raised() && done + failures.len() < todo.len();
    let failed = told_failures(failures, done, stopped_early, observer)?;
    if failed.is_empty() && bad_tasks.is_empty() {
        return Ok(Summary {
            cached: plan
                .cells
                .iter()
                .filter(|c| c.state == State::Cached)
                .count(),
            run: done,
            skipped,
        });
    }
    let mut all = failed.iter().chain(&bad_tasks);
    let all_input = all.all(|(_, e)| e.kind() == Kind::Input);
    Err(Error::Cells {
        failed: failed.len() + lost.len(),
        total: unfinished.len(),
        kind: if all_input { Kind::Input } else { Kind::Failed },
    })
}

/// Removes what a run that was killed left: half-written files, and tries at results that it had finished.
fn clear_up(plan: &Plan) -> Result<(), Error> {
    let run = RunFolder::new(&plan.run);
    atomic::remove_leftovers(run.path())?;
    for task in &plan.tasks {
        atomic::remove_leftovers(run.task(&task.name).path())?;
    }
    remove_half_placed(&run);
    for cell in &plan.cells {
        for id in [cell.training, cell.id] {
            if run.work(&id).is_dir() && Stored::read(&run, &id).is_some() {
                forget_tries(&run, &id);
            }
        }
    }
    Ok(())
}

/// Forgets the results of cells, and what tries at them left.
fn forget(plan: &Plan, cells: &[&CellPlan]) -> Result<(), Error> {
    let run = RunFolder::new(&plan.run);
    for cell in cells {
        empty(&cell.folder)?;
        for id in [cell.training, cell.id] {
            forget_tries(&run, &id);
            let stored = run.stored(&id);
            if stored.exists() {
                fs::remove_dir_all(&stored).map_err(lingo_artifact::Error::io("empty", &stored))?;
            }
        }
    }
    Ok(())
}

/// Results that the store has are laid at their places, where other results were.
fn place_cached(plan: &Plan, jobs: &[Job], context: &Context<'_>) -> Result<(), Error> {
    for cell in plan.cells.iter().filter(|c| c.state == State::Cached) {
        if !is_placed(&cell.folder, &cell.id) {
            for job in of_cell(jobs, cell) {
                done(plan, job, context)?;
            }
        }
    }
    Ok(())
}

/// What stops a run before anything is written, but into the cache for models from a hub.
fn refuse(
    plan: &Plan,
    settings: Settings,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<(), Error> {
    plan.check_missing(settings.skip_missing)?;
    let refused = plan.refusals();
    if !refused.is_empty() {
        return Err(Error::Refused(refused));
    }
    let to_run = |cell: &CellPlan| matches!(cell.state, State::Run(_));
    if plan.cells.iter().any(to_run) {
        fetch_model(plan, observer, stop)?;
        plan.preflight()?;
    }
    Ok(())
}

/// The names of the tasks whose files are missing, each told.
fn tell_skipped(plan: &Plan, observer: &dyn Observer) -> Vec<String> {
    let skipped = plan.tasks.iter().filter(|t| !t.missing.is_empty());
    skipped
        .map(|task| {
            observer.say(&format!(
                "skipping {}: {} of its files missing, such as {}",
                task.name,
                task.missing.len(),
                task.missing[0].display()
            ));
            task.name.clone()
        })
        .collect()
}

/// The cells that failed, each told; an interruption is the failure of the whole run.
fn told_failures(
    failures: Vec<(String, Error)>,
    done: usize,
    stopped_early: bool,
    observer: &dyn Observer,
) -> Result<Vec<(String, Error)>, Error> {
    let (interruptions, failed): (Vec<_>, Vec<_>) = failures
        .into_iter()
        .partition(|(_, e)| matches!(e, Error::Interrupted { .. }));
    for (label, error) in &failed {
        observer.say(&format!("failed: {label}: {error}"));
    }
    if interruptions.is_empty() && !stopped_early {
        return Ok(failed);
    }
    let kept = |(_, e): &(String, Error)| matches!(e, Error::Interrupted { checkpoint: true });
    let checkpoint = done > 0 || interruptions.iter().any(kept);
    Err(Error::Interrupted { checkpoint })
}
