//! What is learnt first, from several tasks together or from DNA without labels, as it is planned.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;
use serde_json::{Value, json};

use super::cell_id::{self, device_class, to_json};
use super::planned::{FirstPlan, Plan, TaskPlan};
use crate::failure::{Error, MissingFile};
use crate::pipeline::resolved::AdaptFirst;

impl Plan {
    /// Plans what comes first, if anything does. A file that its tasks lack stops every cell.
    pub(super) fn add_first(&mut self) -> Result<(), Error> {
        let Some(first) = self.pipeline.adapt_first.clone() else {
            return Ok(());
        };
        let mut tasks = Vec::new();
        let mut names = first.tasks.clone();
        if first.masked.is_some() {
            // One that is there says how DNA becomes tokens.
            for task in self.pipeline.tasks.clone() {
                let (planned, _) = self.plan_task(&task)?;
                if names.is_empty() || planned.missing.is_empty() {
                    names = vec![task.name];
                }
                if planned.missing.is_empty() {
                    break;
                }
            }
        }
        for name in &names {
            let Some(task) = self.pipeline.task(name).cloned() else {
                continue;
            };
            let (planned, _) = self.plan_task(&task)?;
            for path in &planned.missing {
                self.missing.push(MissingFile {
                    task: String::new(),
                    path: path.clone(),
                });
            }
            tasks.push(planned);
        }
        let mut others = Vec::new();
        for task in self.pipeline.tasks.clone() {
            if !names.contains(&task.name) {
                let (planned, _) = self.plan_task(&task)?;
                // A task whose files are not there has no cells.
                others.extend(Some(planned).filter(|planned| planned.missing.is_empty()));
            }
        }
        let dna = self.unlabelled(&first)?;
        self.first = Some(self.first_of(&first, tasks, others, dna)?);
        Ok(())
    }

    /// What lies in the files of DNA without labels, by their paths; one that is missing stops every cell.
    fn unlabelled(
        &mut self,
        first: &AdaptFirst,
    ) -> Result<BTreeMap<PathBuf, (String, Digest)>, Error> {
        let files = first.masked.iter().flat_map(|masked| &masked.fasta);
        let mut contents = BTreeMap::new();
        for (i, path) in files.enumerate() {
            if path.is_file() {
                let hash = self.hashes.of_file(path)?;
                contents.insert(path.clone(), (format!("masked[{i}]"), hash.sha256));
                self.inputs.insert(path.clone(), hash);
            } else {
                self.missing.push(MissingFile {
                    task: String::new(),
                    path: path.clone(),
                });
            }
        }
        Ok(contents)
    }

    fn first_of(
        &self,
        first: &AdaptFirst,
        tasks: Vec<TaskPlan>,
        others: Vec<TaskPlan>,
        dna: BTreeMap<PathBuf, (String, Digest)>,
    ) -> Result<FirstPlan, Error> {
        let method = to_json(&first.method)?;
        let train = to_json(&first.train)?;
        let of_tasks = tasks
            .iter()
            .map(|task| json!([task.name, task.examples, task.tokens]));
        let of_others = (others.iter()).map(|task| json!([task.name, task.examples]));
        let masked = first.masked.as_ref().map(to_json).transpose()?;
        let of_dna = masked
            .clone()
            .map(|masked| cell_id::by_content(masked, &dna));
        let of_all: Vec<Value> = of_tasks.chain(of_others).chain(of_dna).collect();
        let id = cell_id::adapt_first(&cell_id::TrainingParts {
            tokens: cell_id::of_parts(of_all),
            method: &method,
            train: &train,
            predicted: &Value::Null,
            seed: first.seed,
            device: device_class(&self.device),
            first: None,
        });
        Ok(FirstPlan {
            id,
            tasks,
            others,
            // Not where a reader finds it: another may lie there by then.
            folder: RunFolder::new(&self.run)
                .stored(&id)
                .join(RunFolder::ADAPT_FIRST),
            parameters: {
                let mut parameters = json!({ "tasks": first.tasks, "method": method, "train": train, "seed": first.seed, "id": id });
                if let (Some(map), Some(masked)) = (parameters.as_object_mut(), masked) {
                    map.insert("masked".into(), masked);
                }
                parameters
            },
            inputs: dna.into_values().collect(),
        })
    }
}
