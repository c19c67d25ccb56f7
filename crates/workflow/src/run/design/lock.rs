//! `lingo.lock` of a run of designs.

use std::path::Path;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;

use super::plan::Planned;
use crate::failure::Error;
use crate::lock::{Lock, Locked, LockedTask, RunKind, Shared, drift_of};

/// A folder holds one kind of run.
///
/// # Errors
/// It holds a run of a pipeline.
pub(super) fn refuse_other_kind(run: &Path) -> Result<(), Error> {
    match Lock::read(run) {
        Ok(lock) => lock.refuse_other_kind(RunKind::Design, run),
        Err(_) => Ok(()),
    }
}

/// Writes the lock of a run as it stands now; cells of earlier runs in the folder stay in it. What is `Shared::InWork`, the
/// model, may be made anew from now on, and is not hashed.
///
/// # Errors
/// The lock cannot be written.
pub(super) fn write(planned: &Planned, command: &str, shared: Shared) -> Result<(), Error> {
    let before = Lock::read(&planned.run).ok();
    let plan = &planned.plan;
    let [all_tasks, all_methods] = &planned.names;
    let before = before.as_ref();
    let tasks = all_tasks.iter().filter_map(|name| {
        let now = plan.tasks.iter().find(|(task, _)| task == name);
        let now = now.map(|(name, task)| LockedTask {
            name: name.clone(),
            fold_of: None,
            description: task.description.clone(),
            missing: None,
            published: Vec::new(),
        });
        let skipped = planned.skipped.iter().find(|(task, _)| task == name);
        let skipped = skipped.map(|(name, path)| LockedTask {
            name: name.clone(),
            fold_of: None,
            description: String::new(),
            missing: Some(format!("{} is not there", path.display())),
            published: Vec::new(),
        });
        let earlier = before.and_then(|b| b.tasks.iter().find(|task| task.name == *name));
        now.or(skipped).or_else(|| earlier.cloned())
    });
    let is_known = |name: &&String| {
        plan.methods.iter().any(|(method, _)| method == *name)
            || before.is_some_and(|b| b.methods.contains(name))
    };
    let mut seeds = before.map(|b| b.seeds.clone()).unwrap_or_default();
    for seed in &plan.seeds {
        if !seeds.contains(seed) {
            seeds.push(*seed);
        }
    }
    let now = planned.cells.iter().map(|cell| (cell.label(), cell.id));
    let model = planned.identity.as_ref();
    let lock = Lock {
        command: command.to_string(),
        arguments: Some(planned.arguments.clone()),
        device: planned.device.clone(),
        kind: RunKind::Design,
        name: plan.name.clone(),
        description: plan.description.clone(),
        pipeline: plan.file.clone(),
        pipeline_sha256: Digest::of_bytes(plan.text.as_bytes()),
        pipeline_text: Some(plan.text.clone()),
        model: model.map_or_else(
            || before.map(|b| b.model.clone()).unwrap_or_default(),
            |m| m.parameters.clone(),
        ),
        model_hashes: model.map_or_else(
            || before.map(|b| b.model_hashes.clone()).unwrap_or_default(),
            |m| m.hashes.clone(),
        ),
        tasks: tasks.collect(),
        methods: all_methods.iter().filter(is_known).cloned().collect(),
        seeds,
        ..Lock::of_cells(now, before, &planned.inputs, &planned.run)
    };
    let in_work = |name: &str| {
        let of_model = name
            .split_once('/')
            .is_some_and(|(folder, _)| folder == RunFolder::MODEL);
        shared == Shared::InWork && of_model
    };
    lock.write_hashed(&planned.run, &in_work)
}

impl Planned {
    /// What is not as a lock has it, in sentences: as [`crate::lock::drift`].
    pub fn drift(&self, lock: &Lock) -> Vec<String> {
        let cells = self.cells.iter().map(|cell| Locked {
            task: &cell.task,
            label: cell.label(),
            id: cell.id,
            parameters: &cell.parameters,
            inputs: &cell.inputs,
        });
        drift_of(cells, lock)
    }
}
