//! One task: its cells by method, and what it is judged by.

use crate::floor::Floor;
use crate::report::data::cells::Cell;
use crate::report::data::conditions::Conditions;
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

    /// Whether a cell of this method was run under other settings (its method aside) than the cell of the same seed of a
    /// method before it.
    pub fn is_unlike(&self, method: &MethodSummary) -> bool {
        let before = self
            .methods
            .iter()
            .take_while(|m| m.method != method.method);
        let before: Vec<(u64, &Conditions)> = before.flat_map(done).collect();
        done(method).into_iter().any(|(seed, ours)| {
            let mut same_seed = before.iter().filter(|(other, _)| *other == seed);
            same_seed.any(|(_, theirs)| !ours.alike(theirs))
        })
    }

    /// The metric's name as people write it.
    pub fn metric_name(&self) -> &'static str {
        metric_name(self.metric)
    }

    /// The floor that is best on dev, and its test value.
    pub fn floor(&self) -> Option<(&Floor, f64)> {
        let on_dev = |f: &Floor| f.dev.get(self.metric).unwrap_or(f64::NEG_INFINITY);
        let floors = self.info.floors.iter();
        let best = floors.max_by(|a, b| on_dev(a).total_cmp(&on_dev(b)))?;
        Some((best, best.test.get(self.metric)?))
    }
}

/// The seeds of a method's finished cells, and what each was run under, where that is known.
fn done<'a>(method: &MethodSummary<'a>) -> Vec<(u64, &'a Conditions)> {
    let cells = method.cells.iter().filter(|c| c.metrics.is_some());
    cells
        .filter_map(|c| Some((c.seed, c.conditions.as_ref()?)))
        .collect()
}

/// The name of what a task is judged by, as people write it.
pub fn metric_name(metric: &str) -> &'static str {
    match metric {
        "mcc" => "MCC",
        _ => "Pearson's r",
    }
}
