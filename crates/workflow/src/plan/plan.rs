//! From a pipeline and a request to the plan of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;
use serde_json::json;

use super::cell_id::{self, RESULTS, TaskSettings, device_class, to_json};
use super::model_identity::model_identity;
use super::planned::{CellPlan, Plan, TaskPlan};
use super::selection::{Request, select};
use super::state::{State, Wanted, state_of};
use crate::failure::{Error, MissingFile};
use crate::inputs::Hashes;
use crate::pipeline::resolved::{Pipeline, Task};

impl Plan {
    /// Plans a run; nothing is written but config and tokenizer of a model from a hub, into the cache for such models.
    ///
    /// # Errors
    /// A selected name that the pipeline has not; a device that this machine has not; an input file that cannot be read; a
    /// model that a hub does not give.
    pub fn new(mut pipeline: Pipeline, request: &Request) -> Result<Self, Error> {
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
        let model = model_identity(
            &mut pipeline.model,
            &run,
            device_class(&device),
            &hashes,
            &mut inputs,
            &mut missing,
        )?;
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
            first: None,
            tasks: Vec::new(),
            methods,
            seeds,
            arguments: pipeline.file.clone(),
            commit: option_env!("LINGO_PIPE_COMMIT").map(str::to_owned),
            fresh: request.fresh,
            hide_test: request.hide_test,
            cells: Vec::new(),
            inputs,
            missing,
            hashes,
            pipeline,
        };
        plan.add_first()?;
        for name in tasks {
            plan.add_task(&name)?;
        }
        Ok(plan)
    }

    /// A task without its cells, and the hashes of its inputs.
    pub(super) fn plan_task(
        &mut self,
        task: &Task,
    ) -> Result<(TaskPlan, BTreeMap<String, Digest>), Error> {
        let folder = RunFolder::new(&self.run).task(&task.name);
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
        let settings = TaskSettings::of(task)?;
        let examples = cell_id::examples(&settings, &task_inputs);
        let tokens = cell_id::tokens(examples, &settings, &task.keys, &self.model.hashes);
        let floor = cell_id::floor(examples, &task.evaluate)?;
        let planned = TaskPlan {
            name: task.name.clone(),
            folder,
            examples,
            tokens,
            floor,
            missing,
        };
        Ok((planned, task_inputs))
    }

    fn add_task(&mut self, name: &str) -> Result<(), Error> {
        let Some(task) = self.pipeline.task(name).cloned() else {
            return Ok(());
        };
        let (planned, task_inputs) = self.plan_task(&task)?;
        let (folder, tokens) = (&planned.folder, planned.tokens);
        let missing = &planned.missing;
        for path in missing {
            // What comes first lacks it for all tasks.
            if self
                .missing
                .iter()
                .all(|m| m.path != *path || !m.task.is_empty())
            {
                self.missing.push(MissingFile {
                    task: name.to_string(),
                    path: path.clone(),
                });
            }
        }
        let settings = TaskSettings::of(&task)?;
        let evaluate = to_json(&task.evaluate)?;
        let device = device_class(&self.device);
        let run = RunFolder::new(&self.run);
        for method in self.methods.clone() {
            let Some(settings_of_method) = self.pipeline.method(&method) else {
                continue;
            };
            let natural = settings_of_method.natural(task.train_of(&method));
            let first = self.first_for(&method).cloned();
            let settings_of_method = to_json(settings_of_method)?;
            let train = to_json(task.train_of(&method))?;
            let mut contents = BTreeMap::new();
            let mut lacking = Vec::new();
            for (i, path) in natural.iter().enumerate() {
                if path.is_file() {
                    let hash = self.hashes.of_file(path)?;
                    contents.insert(path.clone(), (format!("natural[{i}]"), hash.sha256));
                    self.inputs.insert(path.clone(), hash);
                } else {
                    lacking.push(path.clone());
                }
            }
            for path in &lacking {
                let file = MissingFile {
                    task: name.to_string(),
                    path: path.clone(),
                };
                if !self.missing.contains(&file) {
                    self.missing.push(file);
                }
            }
            let missing = [&missing[..], &lacking].concat();
            let of_method = (contents.iter()).map(|(path, (role, _))| (role.clone(), path.clone()));
            let paths: BTreeMap<String, PathBuf> =
                task.inputs().into_iter().chain(of_method).collect();
            for seed in self.seeds.clone() {
                let mut parameters = json!({
                    "ingest": settings.ingest,
                    "tokenize": settings.tokenize,
                    "keys": task.keys,
                    "model": self.model.parameters,
                    "method": settings_of_method,
                    "train": train,
                    "evaluate": evaluate,
                    "seed": seed,
                    "device": device,
                    "results": RESULTS.map(|(stage, number)| json!([stage, number])),
                });
                let mut predicted = json!({ "strands": task.evaluate.strands });
                let mut evaluate = evaluate.clone();
                if let Some(first) = &first {
                    parameters["adapt_first"] = first.parameters.clone();
                }
                if *task.train_of(&method) != task.train {
                    parameters["train_of_task"] = to_json(&task.train)?;
                }
                if self.hide_test {
                    parameters["test"] = "hidden".into();
                    evaluate["test"] = "hidden".into();
                    // Earlier, natural DNA could hold the hidden rows.
                    predicted["test"] = "hidden/2".into();
                }
                let training = cell_id::training(&cell_id::TrainingParts {
                    tokens,
                    method: &cell_id::by_content(settings_of_method.clone(), &contents),
                    train: &cell_id::by_content(train.clone(), &contents),
                    predicted: &predicted,
                    seed,
                    device,
                    first: first.as_ref().map(|first| first.id),
                });
                let id = cell_id::cell(training, &evaluate, seed);
                let mut all_inputs = task_inputs.clone();
                all_inputs.extend(self.model.hashes.clone());
                all_inputs.extend(contents.values().cloned());
                let folder = folder.cell(&method, seed);
                let state = if missing.is_empty() {
                    let wanted = Wanted {
                        training,
                        id,
                        parameters: &parameters,
                        inputs: &all_inputs,
                        paths: &paths,
                    };
                    state_of(&run, &folder, &wanted, self.fresh)
                } else {
                    State::Missing(missing.clone())
                };
                self.cells.push(CellPlan {
                    task: name.to_string(),
                    method: method.clone(),
                    seed,
                    folder,
                    training,
                    id,
                    parameters,
                    inputs: all_inputs,
                    state,
                });
            }
        }
        self.tasks.push(planned);
        Ok(())
    }
}
