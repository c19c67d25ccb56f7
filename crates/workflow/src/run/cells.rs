//! Running cells, several at a time.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, PoisonError};

use lingo_adapt::{AdaptRequest, CheckpointEvery, Models, TrainConfig};
use lingo_artifact::atomic;
use lingo_artifact::prediction::Predictions;
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::readings::Readings;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_artifact::thresholds::Thresholds;
use lingo_evaluate::Strands;
use lingo_ingest::Genome;

use super::measured::Measured;
use super::shared_tokens::SharedTokens;
use crate::cell::{CellRecord, SCHEMA, hash_outputs};
use crate::date;
use crate::failure::kept as failed;
use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::parallel::{guarded, in_parallel};
use crate::pipeline::resolved::Task;
use crate::plan::planned::{CellPlan, Plan};
use crate::run_settings::Settings;

/// Runs cells, several at a time, in the order of the plan. Gives how many are done, and the failures.
pub(super) fn run_cells(
    plan: &Plan,
    todo: &[&CellPlan],
    settings: Settings,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> (usize, Vec<(String, Error)>) {
    let run = RunFolder::new(&plan.run);
    let tokens = SharedTokens::of(todo, plan.hide_test);
    let hashed = plan
        .inputs
        .iter()
        .map(|(path, hash)| (path.clone(), hash.sha256));
    let models = Models::knowing(hashed.collect());
    let done = Mutex::new(0);
    observer.cells(0, todo.len());
    let results = in_parallel(todo, settings.jobs, |cell| {
        if stop.is_raised() {
            return Ok(false);
        }
        let progress = observer.part(&cell.label());
        let every = settings.checkpoint_every;
        let watched = (progress.as_ref(), stop);
        let result = guarded(|| run_cell(plan, cell, &tokens, &models, every, watched));
        let kept = || lingo_adapt::last_checkpoint(cell.folder.path());
        let result = result.map_err(|e| e.with_checkpoint(kept));
        if let Err(e) = &result {
            failed::keep(&cell.folder.failure(), &cell.label(), e);
        }
        if tokens.release(&cell.task, result.is_ok()) {
            // States that cannot be removed do no harm: the next run of the task removes them.
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

/// Trains a cell in its folder, and scores it.
pub(crate) fn run_cell(
    plan: &Plan,
    cell: &CellPlan,
    tokens: &SharedTokens,
    models: &Models,
    checkpoint_every: CheckpointEvery,
    (progress, stop): (&dyn Progress, &StopFlag),
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
    // What a cell of other settings left here, finished or half-done, must not be continued.
    let ours = CellRecord::read(&folder.started()).is_some_and(|started| started.id == cell.id);
    if !ours {
        empty(folder)?;
    }
    record.write(&folder.started())?;
    let measured = Measured::begin();
    failed::forget(&folder.failure())?;

    let run = RunFolder::new(&plan.run);
    let train = task.train_of(&cell.method);
    let both_strands = task.evaluate.strands == Strands::Both;
    let reads_bases = method.reads_bases() || train.stem.is_some() || train.augment.is_on();
    let readings = match both_strands || reads_bases {
        true => {
            let genome = || genome_of(task);
            let (name, model) = (&cell.task, &plan.model.folder);
            Some(tokens.readings(&run, name, model, genome)?)
        }
        false => None,
    };
    let tokens = tokens.get(&run, &cell.task)?;
    let outcome = lingo_adapt::adapt(&AdaptRequest {
        model: &plan.model.folder,
        tokens: &tokens,
        readings: readings.as_deref().map(|r| r as &dyn Readings),
        both_strands,
        method,
        train,
        seed: cell.seed,
        device: plan.choice,
        out: folder.path(),
        states: Some(&run.task(&cell.task).states()),
        models,
        checkpoint_every,
        progress,
        stop,
    })?;
    let predictions = Predictions::read(&folder.predictions())?;
    let mut metrics = lingo_evaluate::score_until(&predictions, &task.evaluate, cell.seed, stop)?;
    // Counted at the initial rank: what training really had to hold.
    metrics.trainable_parameters = Some(outcome.trained_initially);
    metrics.total_parameters = Some(outcome.total_parameters);
    if !metrics.thresholds.is_empty() {
        // Beside the weights, so that they go with them.
        Thresholds::new(metrics.thresholds.clone()).write(&folder.adapter())?;
    }
    atomic::write_json(&folder.metrics(), &metrics)?;

    measured.write(folder, &plan.device)?;
    record.outputs = hash_outputs(folder.path())?;
    record.finished = date::now();
    record.write(&folder.finished())?;
    let started = folder.started();
    fs::remove_file(&started).map_err(lingo_artifact::Error::io("remove", &started))?;
    // Last: until here a killed cell goes on from the end of its training.
    Ok(lingo_adapt::forget_checkpoints(folder.path())?)
}

/// The genome around a task's examples, where windows are moved in it.
fn genome_of(task: &Task) -> Result<Option<Genome>, Error> {
    let moves = |train: &TrainConfig| train.augment.shift > 0;
    match task.ingest.genome() {
        Some(genomes) if task.train_of_methods.values().any(moves) => {
            let ingest = &task.ingest;
            let (limit, memory) = (ingest.max_uncompressed_bytes, ingest.max_memory);
            Ok(Some(Genome::open_within(genomes, limit, memory)?))
        }
        _ => Ok(None),
    }
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
