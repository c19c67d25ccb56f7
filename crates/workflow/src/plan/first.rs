//! What is learnt from several tasks together first, as it is planned.

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
        let mut others = Vec::new();
        for task in self.pipeline.tasks.clone() {
            if !first.tasks.contains(&task.name) {
                let (planned, _) = self.plan_task(&task)?;
                // A task whose files are not there has no cells.
                others.extend(Some(planned).filter(|planned| planned.missing.is_empty()));
            }
        }
        self.first = Some(self.first_of(&first, tasks, others)?);
        Ok(())
    }

    fn first_of(
        &self,
        first: &AdaptFirst,
        tasks: Vec<TaskPlan>,
        others: Vec<TaskPlan>,
    ) -> Result<FirstPlan, Error> {
        let method = to_json(&first.method)?;
        let train = to_json(&first.train)?;
        let of_tasks = tasks
            .iter()
            .map(|task| json!([task.name, task.examples, task.tokens]));
        let of_others = (others.iter()).map(|task| json!([task.name, task.examples]));
        let of_all: Vec<Value> = of_tasks.chain(of_others).collect();
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
            parameters: json!({ "tasks": first.tasks, "method": method, "train": train, "seed": first.seed, "id": id }),
        })
    }
}
