//! A plan, ready to be run or shown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::{CellFolder, TaskFolder};
use lingo_lm::DeviceChoice;
use serde_json::{Value, json};

use super::cell_id::VERSION;
use super::model_identity::ModelIdentity;
use super::state::State;
use crate::cell::MadeBy;
use crate::failure::{Error, MissingFile, MissingVariable, Refusal};
use crate::inputs::{FileHash, Hashes};
use crate::pipeline::resolved::Pipeline;

/// The plan of a run.
pub struct Plan {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The run's folder.
    pub run: PathBuf,
    /// The device's name.
    pub device: String,
    /// Whether cells never see the test rows.
    pub hide_test: bool,
    /// The device as it was chosen.
    pub choice: DeviceChoice,
    /// What identifies the model: its files, or the id of its pretraining.
    pub model: ModelIdentity,
    /// What is learnt from several tasks together first.
    pub first: Option<FirstPlan>,
    /// The tasks that were selected.
    pub tasks: Vec<TaskPlan>,
    /// The methods that were selected.
    pub methods: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// What is typed behind `lingo-pipe run`, without the selection of cells: for the commands that the report prints.
    /// The pipeline file, unless the caller knows more.
    pub arguments: String,
    /// The commit that the program was built from, where the caller knows it.
    pub commit: Option<String>,
    /// Whether what is there is replaced.
    pub fresh: bool,
    /// The cells, task by task, method by method, seed by seed.
    pub cells: Vec<CellPlan>,
    /// Everything that was hashed, by path.
    pub inputs: BTreeMap<PathBuf, FileHash>,
    /// Files that are missing.
    pub missing: Vec<MissingFile>,
    /// The hashes, to be kept in the run's folder.
    pub hashes: Hashes,
}

/// One task of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskPlan {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: TaskFolder,
    /// The id of `examples.parquet`.
    pub examples: Digest,
    /// The id of `tokens.parquet`.
    pub tokens: Digest,
    /// The id of its linear models on counts.
    pub floor: Digest,
    /// Its input files that are missing: then none of its cells can run.
    pub missing: Vec<PathBuf>,
}

/// A model that is adapted to several tasks before each is adapted alone.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstPlan {
    /// The sha256 over everything that can change it.
    pub id: Digest,
    /// The tasks, whether they were selected or not.
    pub tasks: Vec<TaskPlan>,
    /// Those that are not learnt from: what they hold out is kept away.
    pub others: Vec<TaskPlan>,
    /// The folder of the model, once it is there.
    pub folder: PathBuf,
    /// Every setting.
    pub parameters: Value,
    /// The files of DNA without labels: what each is for, and its content.
    pub inputs: BTreeMap<String, Digest>,
}

/// One cell of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct CellPlan {
    /// The task.
    pub task: String,
    /// The method.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// Its folder.
    pub folder: CellFolder,
    /// The id of its training.
    pub training: Digest,
    /// Its id.
    pub id: Digest,
    /// Every setting.
    pub parameters: Value,
    /// sha256 of every input, by role.
    pub inputs: BTreeMap<String, Digest>,
    /// What is to be done.
    pub state: State,
}

impl CellPlan {
    /// `task/method/seed-n`.
    pub fn label(&self) -> String {
        CellFolder::label(&self.task, &self.method, self.seed)
    }
}

impl Plan {
    /// What its jobs are done by here.
    pub fn made_by(&self) -> MadeBy {
        MadeBy {
            commit: self.commit.clone(),
            ..made_by(&self.device)
        }
    }

    /// The task of that name, whether it was selected or is only learnt from first.
    pub fn task(&self, name: &str) -> Option<&TaskPlan> {
        let of_first =
            (self.first.iter()).flat_map(|first| first.tasks.iter().chain(&first.others));
        self.tasks
            .iter()
            .chain(of_first)
            .find(|task| task.name == name)
    }

    /// The tasks whose rows are needed although none of their cells was selected.
    pub fn only_first(&self) -> impl Iterator<Item = &TaskPlan> {
        let of_first = self.first.iter().flat_map(|first| &first.tasks);
        of_first.filter(|task| self.tasks.iter().all(|t| t.name != task.name))
    }

    /// The tasks of which examples alone are needed.
    pub fn only_held_out(&self) -> impl Iterator<Item = &TaskPlan> {
        let others = self.first.iter().flat_map(|first| &first.others);
        others.filter(|task| self.tasks.iter().all(|t| t.name != task.name))
    }

    /// What comes first for cells of this method: those that read bases alone have no model that could be adapted.
    pub fn first_for(&self, method: &str) -> Option<&FirstPlan> {
        let reads_bases = self
            .pipeline
            .method(method)
            .is_some_and(lingo_adapt::Method::reads_bases);
        self.first.as_ref().filter(|_| !reads_bases)
    }

    /// The folders that hold other cells' results.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.cells
            .iter()
            .filter_map(|cell| match &cell.state {
                State::Refused(differences) => Some(Refusal {
                    folder: cell.folder.path().to_path_buf(),
                    differences: differences.clone(),
                }),
                _ => None,
            })
            .collect()
    }

    /// The missing files that stop the run: all, or with `skip_missing` those that every task needs.
    pub fn blocking(&self, skip_missing: bool) -> Vec<MissingFile> {
        let nothing_left = self.tasks.iter().all(|t| !t.missing.is_empty());
        self.missing
            .iter()
            .filter(|m| !skip_missing || m.task.is_empty() || nothing_left)
            .cloned()
            .collect()
    }

    /// The failure that missing files are, if they stop the run: files whose paths were written with a variable are
    /// told by variable.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn check_missing(&self, skip_missing: bool) -> Result<(), Error> {
        let (mut files, mut variables) = (Vec::new(), Vec::<MissingVariable>::new());
        for file in self.blocking(skip_missing) {
            let Some((used, place)) = self.pipeline.document.variable_of(&file.path) else {
                files.push(file);
                continue;
            };
            match variables.iter_mut().find(|v| v.name == used.name) {
                Some(known) => known.files += 1,
                None => variables.push(MissingVariable {
                    name: used.name.clone(),
                    value: used.value.clone(),
                    place,
                    files: 1,
                    first: file.path,
                }),
            }
        }
        if files.is_empty() && variables.is_empty() {
            return Ok(());
        }
        Err(Error::Missing {
            skipped: skip_missing,
            files,
            variables,
        })
    }

    /// The plan as one JSON object, for `plan --json`.
    pub fn json(&self) -> Value {
        let cells: Vec<Value> = self
            .cells
            .iter()
            .map(|c| {
                json!({
                    "task": c.task, "method": c.method, "seed": c.seed, "id": c.id, "training": c.training,
                    "folder": c.folder.path(), "state": c.state, "parameters": c.parameters, "inputs": c.inputs,
                })
            })
            .collect();
        json!({
            "schema": "lingo-pipe/plan/1",
            "pipeline": self.pipeline.name,
            "run": self.run,
            "device": self.device,
            "model": self.model.parameters,
            "adapt_first": self.first.as_ref().map(|first| &first.parameters),
            "to_fetch": self.model.left.iter()
                .map(|file| json!({ "path": file.path, "sha256": file.sha256, "bytes": file.bytes }))
                .collect::<Vec<_>>(),
            "missing": self.missing.iter().map(|m| json!({ "task": m.task, "path": m.path })).collect::<Vec<_>>(),
            "cells": cells,
        })
    }
}

/// The instruction set that a model's kernels take here; a name that is none has stopped the training before.
pub(crate) fn kernels() -> String {
    match std::env::var("LINGO_KERNELS") {
        Ok(named) if !named.is_empty() => named,
        _ => lingo_lm::Level::detect().to_string(),
    }
}

/// What results are made by here, on the device of this name.
pub(crate) fn made_by(device: &str) -> MadeBy {
    MadeBy {
        version: VERSION.into(),
        commit: option_env!("LINGO_PIPE_COMMIT").map(str::to_owned),
        device: device.into(),
        kernels: kernels(),
    }
}
