//! What each method reaches over the tasks, and what it costs.

use crate::report::data::cells::Cell;
use crate::report::data::summary::{MethodSummary, Spread};
use crate::report::data::task::TaskResults;

/// One method over the tasks that are counted; each number is a mean over tasks, of each the mean over its seeds.
pub struct Standing<'a> {
    /// The method.
    pub method: &'a str,
    /// Its style in figures.
    pub style: usize,
    /// The test metric.
    pub value: f64,
    /// Trained parameters.
    pub parameters: Option<f64>,
    /// Wall seconds of the training of a cell.
    pub seconds: Option<f64>,
}

/// The methods by one metric.
pub struct Standings<'a> {
    /// The metric, on the test rows.
    pub metric: &'static str,
    /// The methods, in the order of the file.
    pub methods: Vec<Standing<'a>>,
    /// The tasks that are counted: those of which each of these methods has a result, and all were run alike. Folds are one task.
    pub tasks: usize,
    /// The tasks of which some method has a result.
    pub of: usize,
    /// Methods with results on so few tasks that hardly any would be left.
    pub left_out: Vec<&'a str>,
}

/// The standings by each metric; none where fewer than two methods can be set beside each other.
pub fn standings<'a>(tasks: &[TaskResults<'a>]) -> Vec<Standings<'a>> {
    ["mcc", "pearson"]
        .into_iter()
        .filter_map(|metric| of_metric(tasks, metric))
        .collect()
}

fn of_metric<'a>(tasks: &[TaskResults<'a>], metric: &'static str) -> Option<Standings<'a>> {
    // What was run under other settings than the methods before it does not stand beside them.
    let has = |t: &TaskResults, m: &MethodSummary| m.test(metric).is_some() && !t.is_unlike(m);
    let tasks: Vec<&TaskResults> = tasks
        .iter()
        .filter(|t| t.metric == metric && t.methods.iter().any(|m| has(t, m)))
        .collect();
    let count = tasks.first()?.methods.len();
    let results = |m: usize| tasks.iter().filter(|t| has(t, &t.methods[m])).count();
    let mut counted: Vec<usize> = (0..count).filter(|&m| results(m) > 0).collect();
    let mut left_out = Vec::new();
    let common = |counted: &[usize]| -> Vec<&TaskResults<'a>> {
        let all = |t: &&&TaskResults| counted.iter().all(|&m| has(t, &t.methods[m]));
        tasks.iter().filter(all).copied().collect()
    };
    // A method that was tried on a few tasks would leave only those.
    while common(&counted).len() * 2 < tasks.len() && counted.len() > 1 {
        let fewest = counted.iter().copied().min_by_key(|&m| results(m))?;
        counted.retain(|&m| m != fewest);
        left_out.push(tasks.first()?.methods[fewest].method);
    }
    let common = common(&counted);
    if counted.len() < 2 || common.is_empty() {
        return None;
    }
    let over = |m: usize, of: &dyn Fn(&MethodSummary) -> Option<f64>| {
        let mut folds: Vec<(&str, Vec<f64>)> = Vec::new();
        for task in &common {
            let Some(value) = of(&task.methods[m]) else {
                continue;
            };
            let name = task.info.fold_of.as_deref().unwrap_or(&task.info.name);
            match folds.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => folds.push((name, vec![value])),
            }
        }
        let of_tasks = folds
            .iter()
            .map(|(_, v)| Some(v.iter().sum::<f64>() / v.len() as f64));
        Spread::of(of_tasks).map(|s| s.mean)
    };
    let mean =
        |of: fn(&Cell) -> Option<f64>| move |m: &MethodSummary| m.over_seeds(of).map(|s| s.mean);
    let methods = counted.iter().filter_map(|&m| {
        let method = &common.first()?.methods[m];
        Some(Standing {
            method: method.method,
            style: method.style,
            value: over(m, &|m| m.test(metric).map(|s| s.mean))?,
            parameters: over(m, &mean(|c| c.trained().map(|n| n as f64))),
            seconds: over(m, &mean(|c| c.training.as_ref().map(|t| t.seconds))),
        })
    });
    Some(Standings {
        metric,
        methods: methods.collect(),
        tasks: units(&common),
        of: units(&tasks),
        left_out,
    })
}

/// Tasks, folds of one counting once.
fn units(tasks: &[&TaskResults]) -> usize {
    let names = tasks
        .iter()
        .map(|t| t.info.fold_of.as_deref().unwrap_or(&t.info.name));
    names.collect::<std::collections::BTreeSet<_>>().len()
}
