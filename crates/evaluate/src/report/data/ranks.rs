//! Mean ranks of the methods over the tasks that are judged by the same metric.

use crate::paired::ranks::mean_ranks;
use crate::report::data::summary::MethodSummary;
use crate::report::data::task::TaskResults;

/// The ranks of all methods by one metric.
pub struct Ranks<'a> {
    /// The metric, on the test rows.
    pub metric: &'static str,
    /// Each method and its mean rank, in the order of the file.
    pub methods: Vec<(&'a str, f64)>,
    /// Over how many tasks: those of which every method has a result, and all were run alike.
    pub tasks: usize,
}

/// The ranks by each metric; none where there are fewer than two methods or tasks.
///
/// A task's value of a method is the mean over its seeds; of a cross-validated task the mean over its folds.
pub fn ranks<'a>(tasks: &[TaskResults<'a>]) -> Vec<Ranks<'a>> {
    let of_metric = |metric: &'static str| {
        let methods = &tasks.iter().find(|t| t.metric == metric)?.methods;
        let mut folds: Vec<(&str, Vec<Vec<f64>>)> = Vec::new();
        for task in tasks.iter().filter(|t| t.metric == metric) {
            let alike = |m: &&MethodSummary| !task.is_unlike(m);
            let value = |m: &MethodSummary| Some(m.test(metric)?.mean);
            let values = task
                .methods
                .iter()
                .map(|m| Some(m).filter(alike).and_then(value));
            let Some(values) = values.collect::<Option<Vec<f64>>>() else {
                continue;
            };
            let name = task.info.fold_of.as_deref().unwrap_or(&task.info.name);
            match folds.iter_mut().find(|(known, _)| *known == name) {
                Some((_, folds)) => folds.push(values),
                None => folds.push((name, vec![values])),
            }
        }
        let values: Vec<Vec<f64>> = folds
            .iter()
            .map(|(_, folds)| {
                let of_method = |m: usize| folds.iter().map(|f| f[m]).sum::<f64>();
                (0..methods.len())
                    .map(|m| of_method(m) / folds.len() as f64)
                    .collect()
            })
            .collect();
        let names = methods.iter().map(|m| m.method);
        (values.len() > 1 && methods.len() > 1).then(|| Ranks {
            metric,
            methods: names.zip(mean_ranks(&values)).collect(),
            tasks: values.len(),
        })
    };
    ["mcc", "pearson"]
        .into_iter()
        .filter_map(of_metric)
        .collect()
}
