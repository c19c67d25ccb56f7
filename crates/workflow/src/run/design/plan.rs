//! The cells of a design file, their ids, and what is to be done with each.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_design::settings::Method;
use lingo_lm::DeviceChoice;
use serde_json::{Value, json};

use crate::cell::MadeBy;
use crate::failure::{Error, MissingFile, Refusal};
use crate::inputs::{FileHash, Hashes, id_of};
use crate::pipeline::design_file::{DesignPlan, DesignTask};
use crate::plan::planned::made_by;
use crate::plan::selection::select;
use crate::plan::state::{State, Wanted, state_of};
use crate::plan::{ModelIdentity, Request, device_class, model_identity};
use crate::store::is_placed;

/// What the same settings mean: the number goes up when that changes.
const RESULTS: u32 = 2;

/// One task, method and seed.
#[derive(Clone, Debug)]
pub struct DesignCell {
    /// The task.
    pub task: String,
    /// The method.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// The sha256 over all that can change its result.
    pub id: Digest,
    /// Every setting.
    pub parameters: Value,
    /// sha256 of its inputs, by role.
    pub inputs: BTreeMap<String, Digest>,
    /// Its folder.
    pub folder: CellFolder,
    /// What is to be done with it.
    pub state: State,
}

impl DesignCell {
    /// `task/method/seed-n`.
    pub fn label(&self) -> String {
        CellFolder::label(&self.task, &self.method, self.seed)
    }

    /// Whether its own result is at its place.
    pub fn is_finished(&self) -> bool {
        is_placed(&self.folder, &self.id)
    }
}

/// A design file, or the part of it that was asked for, with its cells.
pub struct Planned {
    /// The file, without what was not asked for.
    pub plan: DesignPlan,
    /// All names of the file's tasks and methods, in its order.
    pub names: [Vec<String>; 2],
    /// The run's folder.
    pub run: PathBuf,
    /// Tasks that are left out because their table is missing.
    pub skipped: Vec<(String, PathBuf)>,
    /// The cells, task by task, method by method.
    pub cells: Vec<DesignCell>,
    /// The files that go in.
    pub inputs: BTreeMap<PathBuf, FileHash>,
    /// Whether finished cells are made again.
    pub fresh: bool,
    /// What is typed behind `lingo-pipe run` to get these settings.
    pub arguments: String,
    /// The device's name.
    pub device: String,
    pub(super) choice: DeviceChoice,
    pub(super) identity: Option<ModelIdentity>,
    pub(super) hashes: Hashes,
}

impl Planned {
    /// Hashes what goes in, and looks at what is there.
    ///
    /// # Errors
    /// Names that the file does not have; input files that are missing; a model that cannot be had.
    pub fn new(mut plan: DesignPlan, request: &Request) -> Result<Self, Error> {
        let names = [
            plan.tasks.iter().map(|(name, _)| name.clone()).collect(),
            plan.methods.iter().map(|(name, _)| name.clone()).collect(),
        ];
        choose(&mut plan, request)?;
        let folder = request.out.clone();
        let run = folder.unwrap_or_else(|| RunFolder::of_pipeline(&plan.name).path().to_path_buf());
        let hashes = Hashes::of_run(&run);
        let device = lingo_lm::device_name(&lingo_lm::open_device(request.device)?);
        let mut missing: Vec<MissingFile> = Vec::new();
        let mut inputs = BTreeMap::new();
        let mut data = BTreeMap::new();
        for (name, task) in &plan.tasks {
            if !task.data.is_file() {
                missing.push(MissingFile {
                    task: name.clone(),
                    path: task.data.clone(),
                });
                continue;
            }
            let hash = hashes.of_file(&task.data)?;
            data.insert(name.clone(), hash.sha256);
            inputs.insert(task.data.clone(), hash);
        }
        let mut skipped = Vec::new();
        // Where nothing is left, that is what is wrong.
        if request.skip_missing && !data.is_empty() {
            let left_out = missing.drain(..);
            skipped = left_out.map(|file| (file.task, file.path)).collect();
            plan.tasks.retain(|(name, _)| data.contains_key(name));
        }
        let needs_model = plan.methods.iter().any(|(_, m)| m.features().needs_model());
        let identity = match plan.model.as_mut().filter(|_| needs_model) {
            Some(model) => Some(model_identity(
                model,
                &run,
                device_class(&device),
                &hashes,
                &mut inputs,
                &mut missing,
            )?),
            None => None,
        };
        if !missing.is_empty() {
            return Err(Error::Missing {
                skipped: request.skip_missing,
                files: missing,
                variables: Vec::new(),
            });
        }
        let mut planned = Self {
            plan,
            names,
            run,
            skipped,
            cells: Vec::new(),
            inputs,
            fresh: request.fresh,
            arguments: String::new(),
            device,
            choice: request.device,
            identity,
            hashes,
        };
        for (task, section) in &planned.plan.tasks {
            for (method, settings) in &planned.plan.methods {
                for &seed in &planned.plan.seeds {
                    let cell = planned.cell((task, section), (method, settings), seed, data[task]);
                    planned.cells.push(cell);
                }
            }
        }
        Ok(planned)
    }

    fn cell(
        &self,
        (task, section): (&str, &DesignTask),
        (method, settings): (&str, &Method),
        seed: u64,
        data: Digest,
    ) -> DesignCell {
        let mut inputs = BTreeMap::from([("data".to_string(), data)]);
        let mut parameters = json!({
            "data": { "sequence": section.sequence, "score": section.score },
            "length": section.length,
            "offline": section.offline,
            "designs": section.designs,
            "constraints": section.constraints,
            "method": settings,
            "seed": seed,
        });
        let needs_model = settings.features().needs_model();
        if let Some(identity) = self.identity.as_ref().filter(|_| needs_model) {
            inputs.extend(identity.hashes.clone());
            parameters["tokens"] = json!(self.plan.tokens);
            parameters["device"] = json!(device_class(&self.device));
        }
        let id = id_of(&json!(["design", RESULTS, parameters, inputs]));
        let run = RunFolder::new(&self.run);
        let folder = run.cell(task, method, seed);
        let paths = BTreeMap::from([("data".to_string(), section.data.clone())]);
        let wanted = Wanted {
            // One result is all.
            training: id,
            id,
            parameters: &parameters,
            inputs: &inputs,
            paths: &paths,
        };
        let state = state_of(&run, &folder, &wanted, self.fresh);
        DesignCell {
            task: task.into(),
            method: method.into(),
            seed,
            id,
            state,
            parameters,
            inputs,
            folder,
        }
    }

    /// The plan as one JSON object, for `plan --json`.
    pub fn json(&self) -> Value {
        let cells = self.cells.iter().map(|c| {
            json!({
                "task": c.task, "method": c.method, "seed": c.seed, "id": c.id, "folder": c.folder.path(),
                "state": c.state, "parameters": c.parameters, "inputs": c.inputs,
            })
        });
        json!({
            "schema": "lingo-pipe/design-plan/1",
            "pipeline": self.plan.name,
            "run": self.run,
            "device": self.device,
            "model": self.identity.as_ref().map(|identity| &identity.parameters),
            "cells": cells.collect::<Vec<_>>(),
        })
    }

    /// The folders whose results are of other settings, and not in the store.
    pub(super) fn refusals(&self) -> Vec<Refusal> {
        let refused = self.cells.iter().filter_map(|cell| match &cell.state {
            State::Refused(differences) => Some(Refusal {
                folder: cell.folder.path().to_path_buf(),
                differences: differences.clone(),
            }),
            _ => None,
        });
        refused.collect()
    }

    pub(super) fn made_by(&self) -> MadeBy {
        made_by(&self.device)
    }
}

/// Takes out of a file what was not asked for.
fn choose(plan: &mut DesignPlan, request: &Request) -> Result<(), Error> {
    let names = |section: &'static str, known: Vec<&str>, wanted: Option<&[String]>| {
        select(section, known.into_iter(), wanted)
    };
    let tasks = plan.tasks.iter().map(|(name, _)| name.as_str()).collect();
    let tasks = names("task", tasks, request.only.as_deref())?;
    let methods = plan.methods.iter().map(|(name, _)| name.as_str()).collect();
    let methods = names("method", methods, request.methods.as_deref())?;
    plan.tasks.retain(|(name, _)| tasks.contains(name));
    plan.methods.retain(|(name, _)| methods.contains(name));
    if let Some(seeds) = &request.seeds {
        plan.seeds = Vec::new();
        for seed in seeds {
            if !plan.seeds.contains(seed) {
                plan.seeds.push(*seed);
            }
        }
    }
    Ok(())
}
