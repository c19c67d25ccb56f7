//! The plan of a run: which cells there are, which are done, which are to be run and why.
//!
//! A cell's id is the sha256 over everything that can change its result: the resolved settings of its
//! stages, the content of its input files, the seed, the device, the program's version. For a folder that
//! holds a result with another id the rule is:
//!
//! - only the *content* of inputs differs (a byte of a FASTA changed): the cell is run again;
//! - a *setting* differs (the file or a `--set` changed, another device, another version): refused, with the
//!   difference shown, unless `--fresh` or another `--out` is given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

mod model_identity;
mod selection;
mod state;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::{CellFolder, RunFolder, TaskFolder};
use lingo_lm::DeviceChoice;
use serde::Serialize;
use serde_json::{Value, json};

pub use model_identity::ModelIdentity;
pub use selection::Request;
pub use state::State;

use crate::failure::{Error, Kind, MissingFile, Refusal};
use crate::inputs::{FileHash, Hashes, id_of};
use crate::pipeline::{Pipeline, Task};
use model_identity::model_identity;
use selection::select;
use state::state_of;

/// The version of the program: results of another version are not taken for this one's.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The plan of a run.
pub struct Plan {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The run's folder.
    pub run: PathBuf,
    /// The device's name.
    pub device: String,
    /// The device as it was chosen.
    pub choice: DeviceChoice,
    /// What identifies the model: its files, or the id of its pretraining.
    pub model: ModelIdentity,
    /// The tasks that were selected.
    pub tasks: Vec<TaskPlan>,
    /// The methods that were selected.
    pub methods: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
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
    /// Its input files that are missing: then none of its cells can run.
    pub missing: Vec<PathBuf>,
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
    /// Plans a run; nothing is written.
    ///
    /// # Errors
    /// A selected name that the pipeline has not; a device that this machine has not; an input file that cannot be read.
    pub fn new(pipeline: Pipeline, request: &Request) -> Result<Self, Error> {
        // The name of a cross-validated task stands for all of its folds.
        let wanted = request.only.as_ref().map(|only| -> Vec<String> {
            let folds = pipeline
                .tasks
                .iter()
                .filter(|t| t.is_fold() && only.contains(&t.section));
            let named = only.iter().filter(|name| {
                !pipeline
                    .tasks
                    .iter()
                    .any(|t| t.is_fold() && t.section == **name)
            });
            named
                .cloned()
                .chain(folds.map(|t| t.name.clone()))
                .collect()
        });
        let tasks = select(
            "task",
            pipeline.tasks.iter().map(|t| t.name.as_str()),
            wanted.as_deref(),
        )?;
        let methods = select(
            "method",
            pipeline.methods.iter().map(|(name, _)| name.as_str()),
            request.methods.as_deref(),
        )?;
        let mut seeds = request
            .seeds
            .clone()
            .unwrap_or_else(|| pipeline.seeds.clone());
        // A seed that is given twice is one cell: two at once would write into one folder.
        let mut seen = BTreeSet::new();
        seeds.retain(|seed| seen.insert(*seed));
        let run = request
            .out
            .clone()
            .unwrap_or_else(|| RunFolder::of_pipeline(&pipeline.name).path().to_path_buf());
        let device = lingo_lm::device_name(&lingo_lm::open_device(request.device)?);
        let hashes = Hashes::of_run(&run);
        let mut inputs = BTreeMap::new();
        let mut missing = Vec::new();
        let model = model_identity(&pipeline, &run, &device, &hashes, &mut inputs, &mut missing)?;
        if let Some(path) = pipeline.published.iter().find(|p| !p.exists()) {
            missing.push(MissingFile {
                task: String::new(),
                path: path.clone(),
            });
        }
        let mut plan = Self {
            run,
            device,
            choice: request.device,
            model,
            tasks: Vec::new(),
            methods,
            seeds,
            fresh: request.fresh,
            cells: Vec::new(),
            inputs,
            missing,
            hashes,
            pipeline,
        };
        for name in tasks {
            plan.add_task(&name)?;
        }
        Ok(plan)
    }

    fn add_task(&mut self, name: &str) -> Result<(), Error> {
        let Some(task) = self.pipeline.task(name).cloned() else {
            return Ok(());
        };
        let folder = RunFolder::new(&self.run).task(name);
        let mut task_inputs = BTreeMap::new();
        let mut missing = Vec::new();
        for (role, path) in task.inputs() {
            if path.is_file() {
                let hash = self.hashes.of_file(&path)?;
                task_inputs.insert(role, hash.sha256);
                self.inputs.insert(path, hash);
            } else if !missing.contains(&path) {
                missing.push(path);
            }
        }
        self.missing.extend(missing.iter().map(|path| MissingFile {
            task: name.to_string(),
            path: path.clone(),
        }));
        let settings = TaskSettings::of(&task)?;
        let examples = id_of(&json!([
            VERSION,
            "examples",
            settings.ingest_id,
            task_inputs
        ]));
        let tokens = id_of(&json!([
            VERSION,
            "tokens",
            examples,
            settings.tokenize_id,
            task.keys,
            self.model.hashes,
        ]));
        let evaluate = to_json(&self.pipeline.evaluate)?;
        for method in self.methods.clone() {
            let Some(settings_of_method) = self.pipeline.method(&method) else {
                continue;
            };
            let settings_of_method = to_json(settings_of_method)?;
            for seed in self.seeds.clone() {
                let parameters = json!({
                    "ingest": settings.ingest,
                    "tokenize": settings.tokenize,
                    "keys": task.keys,
                    "model": self.model.parameters,
                    "method": settings_of_method,
                    "train": settings.train,
                    "evaluate": evaluate,
                    "seed": seed,
                    "device": self.device,
                    "version": VERSION,
                });
                let id = id_of(&json!([
                    VERSION,
                    "cell",
                    tokens,
                    settings_of_method,
                    settings.train,
                    evaluate,
                    seed,
                    self.device,
                ]));
                let mut all_inputs = task_inputs.clone();
                all_inputs.extend(self.model.hashes.clone());
                let folder = folder.cell(&method, seed);
                let state = if missing.is_empty() {
                    state_of(&folder, &id, &parameters, &all_inputs, self.fresh)
                } else {
                    State::Missing(missing.clone())
                };
                self.cells.push(CellPlan {
                    task: name.to_string(),
                    method: method.clone(),
                    seed,
                    folder,
                    id,
                    parameters,
                    inputs: all_inputs,
                    state,
                });
            }
        }
        self.tasks.push(TaskPlan {
            name: name.to_string(),
            folder,
            examples,
            tokens,
            missing,
        });
        Ok(())
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

    /// The plan as one JSON object, for `plan --json`.
    pub fn json(&self) -> Value {
        let cells: Vec<Value> = self
            .cells
            .iter()
            .map(|c| {
                json!({
                    "task": c.task, "method": c.method, "seed": c.seed, "id": c.id,
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
            "missing": self.missing.iter().map(|m| json!({ "task": m.task, "path": m.path })).collect::<Vec<_>>(),
            "cells": cells,
        })
    }
}

/// A task's settings as JSON: as a reader sees them, and without paths, for ids.
struct TaskSettings {
    ingest: Value,
    ingest_id: Value,
    tokenize: Value,
    tokenize_id: Value,
    train: Value,
}

impl TaskSettings {
    fn of(task: &Task) -> Result<Self, Error> {
        // Where a file lies does not change a result: an id takes its content, in the order of the paths.
        let mut ingest_id = task.ingest.clone();
        ingest_id
            .paths_mut()
            .into_iter()
            .for_each(|p| *p = PathBuf::new());
        let mut tokenize_id = task.tokenize.clone();
        if let lingo_tokenize::Scheme::Bpe(bpe) = tokenize_id.scheme {
            let fasta = bpe.fasta().map(|_| PathBuf::new());
            tokenize_id.scheme = lingo_tokenize::Scheme::Bpe(bpe.with_fasta(fasta));
        }
        Ok(Self {
            ingest: to_json(&task.ingest)?,
            ingest_id: to_json(&ingest_id)?,
            tokenize: to_json(&task.tokenize)?,
            tokenize_id: to_json(&tokenize_id)?,
            train: to_json(&task.train)?,
        })
    }
}

fn to_json(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|e| {
        Error::stage(
            Kind::Failed,
            format!("settings cannot be written as JSON: {e}"),
        )
    })
}
