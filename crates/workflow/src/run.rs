//! Running a plan: first what cells share, then the cells, several at a time; then the lock and the report.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use lingo_adapt::{AdaptRequest, Models};
use lingo_artifact::atomic;
use lingo_artifact::prediction::Predictions;
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_artifact::vocabulary::NewRows;

use crate::cell::{CellRecord, SCHEMA, hash_outputs};
use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::parallel::{guarded, in_parallel};
use crate::plan::{CellPlan, Plan, State};
use crate::shared_tokens::SharedTokens;
use crate::{date, lock, prepare, report};

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

/// How a plan is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Cells at a time.
    pub jobs: usize,
    /// Whether tasks whose files are missing are left out.
    pub skip_missing: bool,
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
    let missing = plan.blocking(settings.skip_missing);
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    let refused = plan.refusals();
    if !refused.is_empty() {
        return Err(Error::Refused(refused));
    }
    fs::create_dir_all(&plan.run).map_err(lingo_artifact::Error::io("create folder", &plan.run))?;
    let _alone = only_run(&plan.run)?;
    let mut summary = Summary::default();
    for task in plan.tasks.iter().filter(|t| !t.missing.is_empty()) {
        observer.say(&format!(
            "skipping {}: {} of its files missing, such as {}",
            task.name,
            task.missing.len(),
            task.missing[0].display()
        ));
        summary.skipped.push(task.name.clone());
    }
    plan.hashes.keep()?;
    lock::write(plan, command)?;
    let unfinished: Vec<&CellPlan> = plan
        .cells
        .iter()
        .filter(|c| matches!(c.state, State::Run(_)))
        .collect();
    let bad_tasks = prepare::every_task(plan, &unfinished, settings.jobs, observer, stop)?;
    let (lost, todo): (Vec<&CellPlan>, Vec<&CellPlan>) = unfinished
        .iter()
        .partition(|c| bad_tasks.iter().any(|(task, _)| *task == c.task));
    summary.cached = plan
        .cells
        .iter()
        .filter(|c| c.state == State::Cached)
        .count();
    check_schedules(plan, &todo)?;
    if plan.fresh {
        // At once, so that the run can be gone on with when it is interrupted: then without --fresh.
        todo.iter().try_for_each(|cell| empty(&cell.folder))?;
    }
    let (done, failures) = run_cells(plan, &todo, settings.jobs, observer, stop);
    summary.run = done;

    lock::write(plan, command)?;
    report::build(&plan.run)?;

    let interrupted = failures
        .iter()
        .any(|(_, e)| matches!(e, Error::Interrupted { .. }));
    let failed: Vec<&(String, Error)> = failures
        .iter()
        .filter(|(_, e)| !matches!(e, Error::Interrupted { .. }))
        .collect();
    for (label, error) in &failed {
        observer.say(&format!("failed: {label}: {error}"));
    }
    if interrupted || stop.is_raised() && done + failures.len() < todo.len() {
        let checkpoint = failures
            .iter()
            .any(|(_, e)| matches!(e, Error::Interrupted { checkpoint: true }))
            || done > 0;
        return Err(Error::Interrupted { checkpoint });
    }
    if failed.is_empty() && bad_tasks.is_empty() {
        return Ok(summary);
    }
    let mut all = failed.iter().copied().chain(&bad_tasks);
    let all_input = all.all(|(_, e)| e.kind() == Kind::Input);
    Err(Error::Cells {
        failed: failed.len() + lost.len(),
        total: unfinished.len(),
        kind: if all_input { Kind::Input } else { Kind::Failed },
    })
}

/// Two runs in one folder would overwrite each other's files: the second is refused.
fn only_run(run: &Path) -> Result<File, Error> {
    let path = RunFolder::new(run).running();
    let file = File::create(&path).map_err(lingo_artifact::Error::io("write", &path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::stage(
            Kind::Failed,
            format!("another lingo-pipe is running in {}", run.display()),
        )),
        // Some file systems know no locks; there the user has to take care.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Targets that match nothing and schedules that cannot be are told before anything is trained.
fn check_schedules(plan: &Plan, todo: &[&CellPlan]) -> Result<(), Error> {
    let mut checked = BTreeSet::new();
    let mut failures = Vec::new();
    for cell in todo {
        if checked.insert((&cell.task, &cell.method)) {
            let what = format!("{} on {}", cell.method, cell.task);
            failures.extend(check_schedule(plan, cell).err().map(|e| e.during(&what)));
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Error::all_of(failures))
}

fn check_schedule(plan: &Plan, cell: &CellPlan) -> Result<(), Error> {
    let record = prepare::TaskRecord::read(&RunFolder::new(&plan.run).task(&cell.task));
    let (Some(task), Some(method), Some(labels)) = (
        plan.pipeline.task(&cell.task),
        plan.pipeline.method(&cell.method),
        &record.labels,
    ) else {
        return Ok(());
    };
    let new_rows = (record.new_vectors > 0).then(|| NewRows {
        trained: record.new_vectors,
        composition: Vec::new(),
    });
    let model = &plan.model.folder;
    lingo_adapt::plan(
        model,
        method,
        &task.train,
        labels,
        new_rows.as_ref(),
        &record.lengths,
    )?;
    Ok(())
}

/// Runs cells, `jobs` at a time, in the order of the plan. Gives how many are done, and the failures.
fn run_cells(
    plan: &Plan,
    todo: &[&CellPlan],
    jobs: usize,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> (usize, Vec<(String, Error)>) {
    let run = RunFolder::new(&plan.run);
    let tokens = SharedTokens::of(todo);
    let models = Models::default();
    let done = Mutex::new(0);
    observer.cells(0, todo.len());
    let results = in_parallel(todo, jobs, |cell| {
        if stop.is_raised() {
            return Ok(false);
        }
        let progress = observer.part(&cell.label());
        let result = guarded(|| run_cell(plan, cell, &tokens, &models, progress.as_ref(), stop));
        if tokens.release(&cell.task, result.is_ok()) {
            // A rest that stays does no harm: the next run of the task clears it away.
            if let Err(e) = models.remove_states(&run.task(&cell.task).states()) {
                observer.say(&e.to_string());
            }
        }
        if result.is_ok() {
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            *done += 1;
            observer.cells(*done, todo.len());
        }
        result.map(|()| true)
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

fn run_cell(
    plan: &Plan,
    cell: &CellPlan,
    tokens: &SharedTokens,
    models: &Models,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<(), Error> {
    let (Some(task), Some(method)) = (
        plan.pipeline.task(&cell.task),
        plan.pipeline.method(&cell.method),
    ) else {
        return Err(Error::stage(Kind::Failed, "the pipeline has no such cell"));
    };
    let folder = &cell.folder;
    let mut record = CellRecord {
        schema: SCHEMA.to_string(),
        id: cell.id,
        task: cell.task.clone(),
        method: cell.method.clone(),
        seed: cell.seed,
        parameters: cell.parameters.clone(),
        inputs: cell.inputs.clone(),
        outputs: BTreeMap::new(),
        finished: String::new(),
    };
    // What another cell left here, finished or half-done, must not be gone on with.
    let ours = CellRecord::read(&folder.started()).is_some_and(|started| started.id == cell.id);
    if !ours {
        empty(folder)?;
    }
    record.write(&folder.started())?;

    let run = RunFolder::new(&plan.run);
    let tokens = tokens.get(&run, &cell.task)?;
    let outcome = lingo_adapt::adapt(&AdaptRequest {
        model: &plan.model.folder,
        tokens: &tokens,
        method,
        train: &task.train,
        seed: cell.seed,
        device: plan.choice,
        out: folder.path(),
        states: Some(&run.task(&cell.task).states()),
        models,
        progress,
        stop,
    })?;
    let predictions = Predictions::read(&folder.predictions())?;
    let mut metrics = lingo_evaluate::score(&predictions, &plan.pipeline.evaluate, cell.seed)?;
    // Counted at the initial rank: what training really had to hold.
    metrics.trainable_parameters = Some(outcome.trained_initially);
    metrics.total_parameters = Some(outcome.total_parameters);
    atomic::write_json(&folder.metrics(), &metrics)?;

    record.outputs = hash_outputs(folder.path())?;
    record.finished = date::now();
    record.write(&folder.finished())?;
    let started = folder.started();
    fs::remove_file(&started).map_err(lingo_artifact::Error::io("remove", &started))?;
    Ok(())
}

/// Removes what a cell left; its record first, so that half a removal never looks like a result.
fn empty(folder: &CellFolder) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = only_run(folder.path()).unwrap();
        assert!(only_run(folder.path()).is_err());
        drop(first);
        assert!(only_run(folder.path()).is_ok());
    }
}
