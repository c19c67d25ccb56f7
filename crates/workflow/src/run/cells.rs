//! Running cells, several at a time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use lingo_adapt::{AdaptRequest, Models};
use lingo_artifact::atomic;
use lingo_artifact::prediction::Predictions;
use lingo_artifact::progress::{Progress, StopFlag};

use super::shared_tokens::SharedTokens;
use crate::cell::{CellRecord, FINISHED, SCHEMA, STARTED, hash_outputs};
use crate::date;
use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::parallel::{guarded, in_parallel};
use crate::plan::planned::{CellPlan, Plan};

/// The folder of a task (or of `adapt`) in which the output of frozen blocks is kept while cells
/// need it. No method can be called so: names do not begin with a dot.
pub const STATES: &str = ".states";

/// Runs cells, `jobs` at a time, in the order of the plan. Gives how many are done, and the failures.
pub(super) fn run_cells(
    plan: &Plan,
    todo: &[&CellPlan],
    jobs: usize,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> (usize, Vec<(String, Error)>) {
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
            if let Err(e) = models.remove_states(&plan.run.join(&cell.task).join(STATES)) {
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
    let ours = CellRecord::read(folder, STARTED).is_some_and(|started| started.id == cell.id);
    if !ours {
        empty(folder)?;
    }
    record.write(folder, STARTED)?;

    let tokens = tokens.get(&plan.run, &cell.task)?;
    let outcome = lingo_adapt::adapt(&AdaptRequest {
        model: &plan.model.folder,
        tokens: &tokens,
        method,
        train: &task.train,
        seed: cell.seed,
        device: plan.choice,
        out: folder,
        states: Some(&plan.run.join(&cell.task).join(STATES)),
        models,
        progress,
        stop,
    })?;
    let predictions = Predictions::read(&folder.join("predictions.parquet"))?;
    let mut metrics = lingo_evaluate::score(&predictions, &plan.pipeline.evaluate, cell.seed)?;
    // Counted at the initial rank: what training really had to hold.
    metrics.trainable_parameters = Some(outcome.trained_initially);
    metrics.total_parameters = Some(outcome.total_parameters);
    atomic::write_json(&folder.join("metrics.json"), &metrics)?;

    record.outputs = hash_outputs(folder)?;
    record.finished = date::now();
    record.write(folder, FINISHED)?;
    fs::remove_file(folder.join(STARTED))
        .map_err(lingo_artifact::Error::io("remove", &folder.join(STARTED)))?;
    Ok(())
}

/// Removes what a cell left; its record first, so that half a removal never looks like a result.
pub(super) fn empty(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        let record = folder.join(FINISHED);
        if record.exists() {
            fs::remove_file(&record).map_err(lingo_artifact::Error::io("remove", &record))?;
        }
        fs::remove_dir_all(folder).map_err(lingo_artifact::Error::io("empty", folder))?;
    }
    Ok(())
}
