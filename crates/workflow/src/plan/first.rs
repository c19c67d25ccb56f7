//! What is learnt from several tasks together first, as it is planned.

use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;
use serde_json::{Value, json};

use super::cell_id::{self, to_json};
use super::plan::device_class;
use super::planned::{Plan, TaskPlan};
use crate::failure::{Error, MissingFile};
use crate::pipeline::resolved::AdaptFirst;

/// A model that is adapted to several tasks before each is adapted alone.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstPlan {
    /// The sha256 over everything that can change it.
    pub id: Digest,
    /// The tasks, whether they were selected or not.
    pub tasks: Vec<TaskPlan>,
    /// The folder of the model, once it is there.
    pub folder: PathBuf,
    /// Every setting.
    pub parameters: Value,
}

impl Plan {
    /// Plans what comes first, if anything does. A file that its tasks lack stops every cell.
    pub(super) fn add_first(&mut self) -> Result<(), Error> {
        let Some(first) = self.pipeline.adapt_first.clone() else {
            return Ok(());
        };
        let mut tasks = Vec::new();
        for name in &first.tasks {
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
        self.first = Some(self.first_of(&first, tasks)?);
        Ok(())
    }

    fn first_of(&self, first: &AdaptFirst, tasks: Vec<TaskPlan>) -> Result<FirstPlan, Error> {
        let method = to_json(&first.method)?;
        let train = to_json(&first.train)?;
        let of_tasks = tasks
            .iter()
            .map(|task| json!([task.name, task.examples, task.tokens]));
        let id = cell_id::adapt_first(&cell_id::TrainingParts {
            tokens: cell_id::of_parts(of_tasks.collect()),
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
            folder: RunFolder::new(&self.run).adapt_first(),
            parameters: json!({ "tasks": first.tasks, "method": method, "train": train, "seed": first.seed, "id": id }),
        })
    }

    /// The task of that name, whether it was selected or is only learnt from first.
    pub fn task(&self, name: &str) -> Option<&TaskPlan> {
        let of_first = self.first.iter().flat_map(|first| &first.tasks);
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

    /// What comes first for cells of this method: those that read bases alone have no model that could be adapted.
    pub fn first_for(&self, method: &str) -> Option<&FirstPlan> {
        let reads_bases = self
            .pipeline
            .method(method)
            .is_some_and(lingo_adapt::Method::reads_bases);
        self.first.as_ref().filter(|_| !reads_bases)
    }
}
