//! The scores of a cell's predictions, and its result at its place.

use std::collections::BTreeMap;

use lingo_artifact::atomic;
use lingo_artifact::prediction::Predictions;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_artifact::thresholds::Thresholds;
use serde_json::json;

use super::training::Facts;
use crate::cell::{CellRecord, SCHEMA};
use crate::failure::{Error, Kind};
use crate::plan::planned::{CellPlan, Plan};
use crate::store::{Attempt, Stored, place_cell};

/// Scores a cell that is trained, if its scores are not in the store, and lays both at its place. Whether it was scored now.
pub(super) fn score(
    plan: &Plan,
    cell: &CellPlan,
    trained: &Stored,
    stop: &StopFlag,
) -> Result<bool, Error> {
    let run = RunFolder::new(&plan.run);
    let found = Stored::read(&run, &cell.id);
    let is_there = found.is_some();
    let scored = match found {
        Some(scored) => scored,
        None => match made(plan, cell, trained, &run, stop) {
            Ok(scored) => scored,
            // Another process brought the same first, and removed what we wrote.
            Err(e) => Stored::read(&run, &cell.id).ok_or(e)?,
        },
    };
    let mut outputs = trained.outputs.clone();
    outputs.extend(scored.outputs.clone());
    let record = CellRecord {
        outputs,
        made_by: trained.made_by.clone(),
        finished: scored.finished.clone(),
        ..begun(plan, cell)
    };
    place_cell(&run, &cell.folder, &record, &[trained, &scored])?;
    Ok(!is_there)
}

fn made(
    plan: &Plan,
    cell: &CellPlan,
    trained: &Stored,
    run: &RunFolder,
    stop: &StopFlag,
) -> Result<Stored, Error> {
    let Some(task) = plan.pipeline.task(&cell.task) else {
        return Err(Error::stage(Kind::Failed, "the pipeline has no such cell"));
    };
    let predictions = CellFolder::new(run.stored(&cell.training)).predictions();
    let predictions = Predictions::read(&predictions)?;
    let mut metrics = lingo_evaluate::score_until(&predictions, &task.evaluate, cell.seed, stop)?;
    let facts: Facts = serde_json::from_value(trained.facts.clone()).unwrap_or_default();
    metrics.trainable_parameters = Some(facts.trained_initially);
    metrics.total_parameters = Some(facts.total_parameters);
    let attempt = Attempt::begin(run, cell.id)?;
    let folder = CellFolder::new(attempt.folder());
    if !metrics.thresholds.is_empty() {
        // Beside the weights, so that they go with them.
        Thresholds::new(metrics.thresholds.clone()).write(&folder.adapter())?;
    }
    atomic::write_json(&folder.metrics(), &metrics)?;
    let stored = Stored::of(
        attempt.folder(),
        ("score", &cell.label()),
        cell.id,
        (
            json!({ "evaluate": cell.parameters.get("evaluate") }),
            BTreeMap::new(),
        ),
        json!({}),
        plan.made_by(),
    )?;
    attempt.commit(&stored)?;
    Ok(stored)
}

/// The record of a cell that is begun and has no result yet.
pub(super) fn begun(plan: &Plan, cell: &CellPlan) -> CellRecord {
    CellRecord {
        schema: SCHEMA.to_string(),
        id: cell.id,
        training: Some(cell.training),
        task: cell.task.clone(),
        method: cell.method.clone(),
        seed: cell.seed,
        parameters: cell.parameters.clone(),
        inputs: cell.inputs.clone(),
        outputs: BTreeMap::new(),
        made_by: plan.made_by(),
        finished: String::new(),
    }
}
