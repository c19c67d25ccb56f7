//! What can be told of the cells' schedules before anything is trained.

use std::collections::BTreeSet;

use lingo_adapt::ModelShape;
use lingo_artifact::run_folder::RunFolder;
use lingo_artifact::vocabulary::NewRows;

use crate::failure::Error;
use crate::plan::planned::{CellPlan, Plan};
use crate::prepare::task_record::TaskRecord;

/// Targets that match nothing and schedules that cannot be are told before anything is trained.
pub(super) fn check_schedules(plan: &Plan, todo: &[&CellPlan]) -> Result<(), Error> {
    if todo.is_empty() {
        return Ok(());
    }
    let folder = match &plan.first {
        Some(first) if first.folder.is_dir() => &first.folder,
        _ => &plan.model.folder,
    };
    let shape = ModelShape::read(folder)?;
    let mut checked = BTreeSet::new();
    let mut failures = Vec::new();
    for cell in todo {
        if checked.insert((&cell.task, &cell.method)) {
            let what = format!("{} on {}", cell.method, cell.task);
            failures.extend(
                check_schedule(plan, &shape, cell)
                    .err()
                    .map(|e| e.during(&what)),
            );
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Error::all_of(failures))
}

fn check_schedule(plan: &Plan, shape: &ModelShape, cell: &CellPlan) -> Result<(), Error> {
    let record = TaskRecord::read(&RunFolder::new(&plan.run).task(&cell.task));
    let (Some(task), Some(method), Some(labels)) = (
        plan.pipeline.task(&cell.task),
        plan.pipeline.method(&cell.method),
        &record.labels,
    ) else {
        return Ok(());
    };
    let is_new = record.new_vectors > 0 && plan.first_for(&cell.method).is_none();
    let new_rows = is_new.then(|| NewRows {
        trained: record.new_vectors,
        composition: Vec::new(),
        like_rows_from: None,
    });
    lingo_adapt::plan(
        shape,
        method,
        task.train_of(&cell.method),
        labels,
        new_rows.as_ref(),
        &record.lengths,
    )?;
    Ok(())
}
