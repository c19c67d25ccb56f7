//! One task: its cells by method, and what it is judged by.

use crate::report::data::cells::Cell;
use crate::report::data::plan::{ReportPlan, TaskInfo};
use crate::report::data::summary::{MethodSummary, judged_by};

/// A task with its cells.
pub struct TaskResults<'a> {
    /// The task as the plan describes it.
    pub info: &'a TaskInfo,
    /// Its methods.
    pub methods: Vec<MethodSummary<'a>>,
    /// The metric that it is judged by.
    pub metric: &'static str,
    /// Unique on the page: its anchor, and what the ids of its figures begin with.
    pub id: String,
}

impl<'a> TaskResults<'a> {
    /// Every task of the plan.
    pub fn all(plan: &'a ReportPlan, cells: &'a [Cell]) -> Vec<Self> {
        let tasks = plan.tasks.iter().enumerate();
        tasks
            .map(|(number, info)| Self::new(plan, info, cells, number))
            .collect()
    }

    /// The `number`-th task.
    pub fn new(plan: &'a ReportPlan, info: &'a TaskInfo, cells: &'a [Cell], number: usize) -> Self {
        let methods = MethodSummary::of_task(&plan.methods, cells, &info.name);
        Self {
            info,
            metric: judged_by(&methods),
            methods,
            id: format!("task-{}", number + 1),
        }
    }

    /// The metric's name as people write it.
    pub fn metric_name(&self) -> &'static str {
        metric_name(self.metric)
    }

    /// The floor's test value.
    pub fn floor(&self) -> Option<f64> {
        self.info.floor.as_ref()?.test.get(self.metric)
    }
}

/// The name of what a task is judged by, as people write it.
pub fn metric_name(metric: &str) -> &'static str {
    match metric {
        "mcc" => "MCC",
        _ => "Pearson's r",
    }
}
