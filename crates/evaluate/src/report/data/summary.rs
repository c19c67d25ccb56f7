//! Cells of one method on one task, over the seeds.

use crate::cell::CellMetrics;
use crate::metrics::numbers::Metrics;
use crate::report::data::cells::Cell;

/// Mean and spread of a number over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation (n - 1); `None` for one seed.
    pub deviation: Option<f64>,
    /// How many seeds.
    pub n: usize,
}

impl Spread {
    /// Of the defined values; `None` when there are none.
    pub fn of(values: impl IntoIterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().flatten().collect();
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Some(Self {
            mean,
            deviation: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()),
            n,
        })
    }
}

/// One method on one task.
pub struct MethodSummary<'a> {
    /// The method's name.
    pub method: &'a str,
    /// Its place among the methods: decides its line, marker and colour everywhere.
    pub style: usize,
    /// Its cells, one a seed, finished or not.
    pub cells: Vec<&'a Cell>,
}

impl<'a> MethodSummary<'a> {
    /// Every method of the plan on `task`.
    pub fn of_task(methods: &'a [String], cells: &'a [Cell], task: &str) -> Vec<Self> {
        methods
            .iter()
            .enumerate()
            .map(|(style, method)| Self {
                method,
                style,
                cells: cells
                    .iter()
                    .filter(|c| c.task == task && c.method == *method)
                    .collect(),
            })
            .collect()
    }

    /// The finished cells' numbers.
    pub fn done(&self) -> impl Iterator<Item = &CellMetrics> {
        self.cells.iter().filter_map(|c| c.metrics.as_ref())
    }

    /// The seeds that have no result.
    pub fn holes(&self) -> Vec<u64> {
        let missing = self.cells.iter().filter(|c| c.metrics.is_none());
        missing.map(|c| c.seed).collect()
    }

    /// Whether files of a cell with a result are not as its record says.
    pub fn is_altered(&self) -> bool {
        self.cells.iter().any(|c| c.altered && c.metrics.is_some())
    }

    /// A test metric over the seeds.
    pub fn test(&self, metric: &str) -> Option<Spread> {
        Spread::of(self.done().map(|m| m.test.get(metric)))
    }

    /// A dev metric over the seeds.
    pub fn dev(&self, metric: &str) -> Option<Spread> {
        Spread::of(self.done().map(|m| m.dev.get(metric)))
    }

    /// Anything else of the finished cells, over the seeds.
    pub fn over_seeds(&self, of: impl Fn(&Cell) -> Option<f64>) -> Option<Spread> {
        Spread::of(
            self.cells
                .iter()
                .filter(|c| c.metrics.is_some())
                .map(|c| of(c)),
        )
    }
}

/// What a task is judged by: MCC, or Pearson's correlation where values are predicted.
pub fn judged_by(summaries: &[MethodSummary]) -> &'static str {
    let regression = |m: &CellMetrics| matches!(m.test, Metrics::Regression(_));
    if summaries
        .iter()
        .flat_map(MethodSummary::done)
        .any(regression)
    {
        "pearson"
    } else {
        "mcc"
    }
}

/// The method with the highest mean on dev; the first of equals.
pub fn best_on_dev<'s, 'a>(
    summaries: &'s [MethodSummary<'a>],
    metric: &str,
) -> Option<&'s MethodSummary<'a>> {
    let mut best: Option<(&MethodSummary, f64)> = None;
    for summary in summaries {
        if let Some(dev) = summary.dev(metric)
            && best.is_none_or(|(_, mean)| dev.mean > mean)
        {
            best = Some((summary, dev.mean));
        }
    }
    best.map(|(summary, _)| summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_sample_deviation() {
        let spread = Spread::of([Some(1.0), None, Some(3.0)]).unwrap();
        assert_eq!(spread.mean, 2.0);
        assert_eq!(spread.n, 2);
        assert!((spread.deviation.unwrap() - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of([Some(1.0)]).unwrap().deviation, None);
        assert_eq!(Spread::of([None]), None);
    }
}
