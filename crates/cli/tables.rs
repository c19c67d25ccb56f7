//! What is printed of a plan and of a run, for a person to read.

use lingo_workflow::plan::CellPlan;
use lingo_workflow::report::scores::scores;
use lingo_workflow::{Plan, State};

use crate::output::columns;

/// So many cells are shown one by one; of more, those of a task that are in the same state share a line.
const CELLS_ON_A_PAGE: usize = 24;

/// The cells, and how many there are.
pub fn of_plan(plan: &Plan) -> String {
    let rows = if plan.cells.len() <= CELLS_ON_A_PAGE {
        each_cell(plan)
    } else {
        by_task(plan)
    };
    format!("{}\n{}{}", columns(&rows), totals(plan), of_model(plan))
}

/// Which commit a model of a hub is at, and what of it is yet to be fetched.
fn of_model(plan: &Plan) -> String {
    let Some(hub) = plan.model.parameters.get("hub") else {
        return String::new();
    };
    let word = |key: &str| hub.get(key).and_then(|v| v.as_str()).unwrap_or_default();
    let left: u64 = plan.model.left.iter().map(|file| file.bytes).sum();
    let weights = match left {
        0 => "its weights are in the cache".to_string(),
        left => format!("{:.1} MB of weights are to be fetched", left as f64 / 1e6),
    };
    let unasked = plan.model.unasked.as_ref();
    let unasked = unasked.map_or_else(String::new, |why| {
        format!("({why}; taken from the cache)\n")
    });
    format!(
        "\n{} ({}) is at commit {}; {weights}\n{unasked}",
        word("name"),
        word("revision"),
        word("commit"),
    )
}

fn each_cell(plan: &Plan) -> Vec<[String; 5]> {
    let mut rows = vec![["task", "method", "seed", "state", "why"].map(String::from)];
    for cell in &plan.cells {
        let (state, why) = state_and_why(cell);
        let why = match cell.state {
            State::Cached => format!("id {}", cell.id.short()),
            _ => why,
        };
        rows.push([
            cell.task.clone(),
            cell.method.clone(),
            cell.seed.to_string(),
            state.to_string(),
            why,
        ]);
    }
    rows
}

fn by_task(plan: &Plan) -> Vec<[String; 5]> {
    let mut groups: Vec<(&str, (&str, String), Vec<&CellPlan>)> = Vec::new();
    for cell in &plan.cells {
        let state = state_and_why(cell);
        match groups
            .iter_mut()
            .find(|(task, known, _)| *task == cell.task && *known == state)
        {
            Some((_, _, cells)) => cells.push(cell),
            None => groups.push((cell.task.as_str(), state, vec![cell])),
        }
    }
    let mut rows = vec![["task", "methods", "cells", "state", "why"].map(String::from)];
    for (task, (state, why), cells) in groups {
        let here = |method: &&String| cells.iter().any(|c| c.method == **method);
        let methods: Vec<&str> = plan
            .methods
            .iter()
            .filter(here)
            .map(String::as_str)
            .collect();
        rows.push([
            task.to_string(),
            methods.join(","),
            cells.len().to_string(),
            state.to_string(),
            why,
        ]);
    }
    rows
}

fn state_and_why(cell: &CellPlan) -> (&'static str, String) {
    match &cell.state {
        State::Cached => ("cached", String::new()),
        State::Run(why) => ("to run", why.clone()),
        State::Refused(differences) => {
            let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
            (
                "refused",
                format!("holds a result of other settings: {}", told.join("; ")),
            )
        }
        State::Missing(files) => {
            let first = files.first().map(|file| file.display().to_string());
            let more = match files.len() {
                0 | 1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            ("missing", first.unwrap_or_default() + &more)
        }
    }
}

/// How many cells are in which state, in all and of each method.
fn totals(plan: &Plan) -> String {
    let mut rows = vec![["", "cells", "done", "run", "refused", "lack files"].map(String::from)];
    let count = |name: &str, of: &dyn Fn(&CellPlan) -> bool| {
        let cells: Vec<&CellPlan> = plan.cells.iter().filter(|c| of(c)).collect();
        let with = |state: &dyn Fn(&State) -> bool| {
            cells.iter().filter(|c| state(&c.state)).count().to_string()
        };
        [
            name.to_string(),
            cells.len().to_string(),
            with(&|s: &State| matches!(s, State::Cached)),
            with(&|s: &State| matches!(s, State::Run(_))),
            with(&|s: &State| matches!(s, State::Refused(_))),
            with(&|s: &State| matches!(s, State::Missing(_))),
        ]
    };
    for method in &plan.methods {
        rows.push(count(method, &|cell: &CellPlan| cell.method == *method));
    }
    rows.push(count("total", &|_: &CellPlan| true));
    format!(
        "{} tasks x {} methods x {} seeds\n{}",
        plan.tasks.len(),
        plan.methods.len(),
        plan.seeds.len(),
        columns(&rows)
    )
}

/// The scores on the test rows, or those of dev where test is hidden: mean and spread over the seeds, and what is not there.
pub fn of_scores(plan: &Plan) -> String {
    let header = ["task", "method", "metric", "mean", "sd", "seeds", ""];
    let mut rows = vec![header.map(String::from)];
    for score in scores(plan) {
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.3}"));
        let holes: Vec<String> = score.holes.iter().map(u64::to_string).collect();
        let done = plan.seeds.len().saturating_sub(holes.len());
        rows.push([
            score.task,
            score.method,
            score.metric.to_string(),
            number(score.mean),
            number(score.deviation),
            done.to_string(),
            if holes.is_empty() {
                String::new()
            } else {
                format!("no result for seed {}", holes.join(", "))
            },
        ]);
    }
    columns(&rows)
}
