//! The scores of a run as they stand in its folder, for the end of `run`: each method on each task over the seeds.

use lingo_artifact::atomic;
use lingo_evaluate::CellMetrics;

use crate::plan::planned::Plan;

/// One method on one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The task.
    pub task: String,
    /// The method.
    pub method: String,
    /// The metric's name.
    pub metric: &'static str,
    /// Its mean on the test rows, or on those of dev where test is hidden; nothing where no cell is finished or the number is not defined.
    pub mean: Option<f64>,
    /// Its sample standard deviation (n - 1) over the seeds; nothing for one seed.
    pub deviation: Option<f64>,
    /// The seeds without a result.
    pub holes: Vec<u64>,
}

/// What a task is judged by, as in the report: the first of these that its results have.
const METRICS: [&str; 2] = ["mcc", "pearson"];

/// The scores of all cells of the plan, in its order.
pub fn scores(plan: &Plan) -> Vec<Score> {
    let pairs = plan
        .tasks
        .iter()
        .flat_map(|task| plan.methods.iter().map(move |method| (&task.name, method)));
    pairs
        .map(|(task, method)| {
            let (mut done, mut holes) = (Vec::new(), Vec::new());
            let cells = plan.cells.iter();
            for cell in cells.filter(|c| c.task == *task && c.method == *method) {
                // The record is written last: without it the numbers are of no finished cell.
                let finished = cell.folder.finished().is_file();
                let metrics = atomic::read_json::<CellMetrics>(&cell.folder.metrics());
                match metrics {
                    Ok(metrics) if finished => done.push(metrics),
                    _ => holes.push(cell.seed),
                }
            }
            let found = |metric: &str| -> Vec<f64> {
                let of = |m: &CellMetrics| match plan.hide_test {
                    true => m.dev.get(metric),
                    false => m.test.get(metric),
                };
                done.iter().filter_map(of).collect()
            };
            let metric = METRICS.into_iter().find(|metric| !found(metric).is_empty());
            let metric = metric.unwrap_or(METRICS[0]);
            let (mean, deviation) = mean_and_deviation(&found(metric));
            Score {
                task: task.clone(),
                method: method.clone(),
                metric,
                mean,
                deviation,
                holes,
            }
        })
        .collect()
}

fn mean_and_deviation(values: &[f64]) -> (Option<f64>, Option<f64>) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (None, None);
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    (Some(mean), deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_has_no_spread_and_none_has_no_mean() {
        assert_eq!(mean_and_deviation(&[]), (None, None));
        assert_eq!(mean_and_deviation(&[0.5]), (Some(0.5), None));
        assert_eq!(
            mean_and_deviation(&[1.0, 3.0]),
            (Some(2.0), Some(2f64.sqrt()))
        );
    }
}
