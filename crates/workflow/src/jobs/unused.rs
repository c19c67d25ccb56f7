//! What a run no longer refers to.

use std::collections::BTreeSet;
use std::path::Path;

use lingo_adapt::AdaptedFirst;
use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::{CellFolder, RunFolder};

use super::only_run::only_run;
use super::plan_folder::PlanFolder;
use crate::cell::CellRecord;
use crate::failure::Error;
use crate::lock::Lock;
use crate::prepare::model::ModelRecord;
use crate::prepare::task_record::TaskRecord;
use crate::store::{Cleaned, clean};

/// Removes the results of a run's store that neither its cells and tasks nor its plan refer to, and what unfinished tries
/// left; with `only_show`, nothing is removed.
///
/// # Errors
/// The folder is not that of a run; a process is at work there; a folder cannot be removed.
pub fn remove_unused(run: &Path, only_show: bool) -> Result<Cleaned, Error> {
    let folder = RunFolder::new(run);
    let mut wanted: BTreeSet<Digest> = BTreeSet::new();
    if folder.plan().is_file() {
        let plan = PlanFolder::new(run).read()?;
        wanted.extend(plan.jobs.iter().map(|job| job.id));
    }
    if !folder.plan().is_file() || folder.lock().is_file() {
        let lock = Lock::read(run)?;
        let model: ModelRecord = atomic::read_json(&folder.model_record()).unwrap_or_default();
        wanted.extend(model.id);
        let first: ModelRecord =
            atomic::read_json(&folder.adapt_first_record()).unwrap_or_default();
        wanted.extend(first.id);
        let learnt: AdaptedFirst = serde_json::from_value(first.outcome).unwrap_or_default();
        let learnt: Vec<String> = learnt.tasks.into_iter().map(|task| task.task).collect();
        for (label, id) in &lock.planned {
            wanted.insert(*id);
            let cell = CellFolder::new(run.join(label));
            let records = [cell.finished(), cell.started()];
            for record in records.iter().filter_map(|path| CellRecord::read(path)) {
                wanted.insert(record.id);
                let first = record.parameters.get("adapt_first");
                let first =
                    first.and_then(|first| first.get("id")?.as_str()?.parse::<Digest>().ok());
                wanted.extend(first);
                wanted.extend(record.training);
            }
        }
        let planned = lock.tasks.iter().map(|task| &task.name);
        for task in planned.chain(&learnt) {
            let record = TaskRecord::read(&folder.task(task));
            let ids = [record.examples, record.tokens, record.floor];
            wanted.extend(ids.into_iter().flatten());
        }
    }
    let _alone = only_run(run)?;
    clean(&folder, &wanted, only_show)
}
