//! Methods against each other, over all tasks that are judged by the same metric.

use crate::paired::comparison::{Comparison, Pair};
use crate::paired::holm::holm;
use crate::report::data::cells::Cell;
use crate::report::data::summary::MethodSummary;
use crate::report::data::task::TaskResults;

/// Up to so many methods each is set against every other one; more are set against the first.
pub const EACH_AGAINST_EACH: usize = 4;

/// One method against another.
pub struct Difference<'a> {
    /// The metric that is compared, on the test rows.
    pub metric: &'static str,
    /// The method that is compared.
    pub method: &'a str,
    /// The method, earlier in the file, that it is compared with.
    pub against: &'a str,
    /// How far it is ahead; None where no pair of runs can be set against each other.
    pub comparison: Option<Comparison>,
    /// Its p by Holm's correction over the differences of the same metric.
    pub holm: f64,
    /// Pairs of runs that there would be if all were there, on tasks of which something is.
    pub planned: usize,
    /// Those of which a run is not finished.
    pub not_run: usize,
    /// Those whose runs differ in more than the method.
    pub not_alike: usize,
    /// Those with a run whose metric is undefined.
    pub undefined: usize,
}

/// Every difference that the finished cells tell, metric by metric, in the order of the methods.
///
/// A task is judged by its own metric, and differences of two metrics have no mean.
pub fn differences<'a>(tasks: &[TaskResults<'a>]) -> Vec<Difference<'a>> {
    let mut all = Vec::new();
    for metric in ["mcc", "pearson"] {
        let tasks: Vec<&TaskResults> = tasks
            .iter()
            .filter(|t| t.metric == metric && t.methods.iter().any(|m| m.done().next().is_some()))
            .collect();
        let methods = tasks.first().map_or(0, |t| t.methods.len());
        let firsts = if methods <= EACH_AGAINST_EACH {
            methods
        } else {
            1
        };
        let mut of_metric = Vec::new();
        for against in 0..firsts {
            for method in against + 1..methods {
                of_metric.extend(difference(metric, &tasks, method, against));
            }
        }
        let compared = |d: &Difference| d.comparison.as_ref().map(|c| c.p);
        let p: Vec<f64> = of_metric.iter().filter_map(compared).collect();
        let of_pairs = of_metric.iter_mut().filter(|d| d.comparison.is_some());
        for (difference, corrected) in of_pairs.zip(holm(&p)) {
            difference.holm = corrected;
        }
        all.extend(of_metric);
    }
    all
}

fn difference<'a>(
    metric: &'static str,
    tasks: &[&TaskResults<'a>],
    method: usize,
    against: usize,
) -> Option<Difference<'a>> {
    let first = tasks.first()?;
    let (mut planned, mut not_run, mut not_alike, mut undefined) = (0, 0, 0, 0);
    let mut pairs = Vec::new();
    for task in tasks {
        for (value, against) in same_seed(&task.methods[method], &task.methods[against]) {
            planned += 1;
            let (Some(ours), Some(theirs)) = (&value.metrics, &against.metrics) else {
                not_run += 1;
                continue;
            };
            // A library may know nothing of how a cell was run: other rows tell that something is not the same.
            let alike = match (&value.conditions, &against.conditions) {
                (Some(ours), Some(theirs)) => ours.alike(theirs),
                (ours, theirs) => ours == theirs,
            };
            if !alike || !ours.of_the_same_rows(theirs) {
                not_alike += 1;
                continue;
            }
            let (Some(ours), Some(theirs)) = (ours.test.get(metric), theirs.test.get(metric))
            else {
                undefined += 1;
                continue;
            };
            pairs.push(Pair {
                task: task.info.fold_of.as_deref().unwrap_or(&task.info.name),
                fold: &task.info.name,
                seed: value.seed,
                value: ours,
                against: theirs,
            });
        }
    }
    let comparison = Comparison::of(&pairs);
    // That nothing was run yet is told by the holes.
    if comparison.is_none() && not_alike + undefined == 0 {
        return None;
    }
    Some(Difference {
        metric,
        method: first.methods[method].method,
        against: first.methods[against].method,
        comparison,
        holm: 1.0,
        planned,
        not_run,
        not_alike,
        undefined,
    })
}

/// The cells of two methods with the same seed.
fn same_seed<'a>(
    method: &MethodSummary<'a>,
    against: &MethodSummary<'a>,
) -> Vec<(&'a Cell, &'a Cell)> {
    let other = |cell: &Cell| against.cells.iter().find(|c| c.seed == cell.seed);
    let cells = method.cells.iter();
    cells
        .filter_map(|cell| Some((*cell, *other(cell)?)))
        .collect()
}
