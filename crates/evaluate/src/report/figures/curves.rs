//! Training logs as lines.

use std::collections::BTreeMap;

use lingo_artifact::train_log::TrainEvent;

use crate::report::data::cells::Cell;
use crate::report::data::summary::MethodSummary;
use crate::report::figures::chart::{Line, Weight};

/// Windows that the training loss is averaged in.
pub const WINDOWS: usize = 40;

/// `(step, value)` of the events that have it.
fn points(cell: &Cell, of: impl Fn(&TrainEvent) -> Option<f64>) -> Vec<(u64, f64)> {
    let events = cell.log.iter();
    events
        .filter_map(|e| Some((e.step, of(e)?)))
        .filter(|(_, v)| v.is_finite())
        .collect()
}

fn wide(points: &[(u64, f64)]) -> Vec<(f64, f64)> {
    points.iter().map(|(x, y)| (*x as f64, *y)).collect()
}

/// The mean over the seeds at the steps that every one of them has, so that it never jumps because a seed ended.
fn common_mean(seeds: &[Vec<(u64, f64)>]) -> Vec<(f64, f64)> {
    let mut by_step: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for seed in seeds {
        // An event that was logged twice (before and after a resumption) counts once.
        for (step, value) in seed.iter().copied().collect::<BTreeMap<_, _>>() {
            by_step.entry(step).or_default().push(value);
        }
    }
    by_step
        .into_iter()
        .filter(|(_, values)| values.len() == seeds.len())
        .map(|(step, values)| {
            (
                step as f64,
                values.iter().sum::<f64>() / values.len() as f64,
            )
        })
        .collect()
}

fn seeds(
    summary: &MethodSummary,
    of: impl Fn(&TrainEvent) -> Option<f64> + Copy,
) -> Vec<Vec<(u64, f64)>> {
    let all = summary.cells.iter().map(|c| points(c, of));
    all.filter(|p| !p.is_empty()).collect()
}

/// As [`seeds`], each with the number of its seed.
fn numbered(
    summary: &MethodSummary,
    of: impl Fn(&TrainEvent) -> Option<f64> + Copy,
) -> Vec<(u64, Vec<(u64, f64)>)> {
    let all = summary.cells.iter().map(|c| (c.seed, points(c, of)));
    all.filter(|(_, p)| !p.is_empty()).collect()
}

/// Each method's mean over the seeds, and the seeds thin behind it.
pub fn with_seeds(
    summaries: &[MethodSummary],
    of: impl Fn(&TrainEvent) -> Option<f64> + Copy,
) -> Vec<Line> {
    let (mut thin, mut main) = (Vec::new(), Vec::new());
    for summary in summaries {
        let seeds = numbered(summary, of);
        if seeds.is_empty() {
            continue;
        }
        if seeds.len() > 1 {
            thin.extend(seeds.iter().map(|(seed, points)| Line {
                style: summary.style,
                weight: Weight::Thin,
                of: format!("seed {seed}"),
                points: wide(points),
            }));
        }
        let seeds: Vec<_> = seeds.into_iter().map(|(_, points)| points).collect();
        main.push(Line {
            style: summary.style,
            weight: Weight::Main,
            of: "mean".into(),
            points: common_mean(&seeds),
        });
    }
    thin.extend(main);
    thin
}

/// Each method's mean over the seeds, drawn with `weight`; `name` says of what.
pub fn means(
    summaries: &[MethodSummary],
    weight: Weight,
    name: &str,
    of: impl Fn(&TrainEvent) -> Option<f64> + Copy,
) -> Vec<Line> {
    summaries
        .iter()
        .map(|summary| Line {
            style: summary.style,
            weight,
            of: name.to_string(),
            points: common_mean(&seeds(summary, of)),
        })
        .filter(|line| !line.points.is_empty())
        .collect()
}

/// The training loss: each point is the mean of what all seeds logged in one of [`WINDOWS`] equal windows of steps.
pub fn loss(summaries: &[MethodSummary]) -> Vec<Line> {
    let of = |e: &TrainEvent| e.loss;
    let all: Vec<_> = summaries.iter().map(|s| (s.style, seeds(s, of))).collect();
    let last = all
        .iter()
        .flat_map(|(_, s)| s.iter().flatten())
        .map(|p| p.0)
        .max();
    let width = last.unwrap_or(0) as f64 / WINDOWS as f64;
    all.into_iter()
        .filter(|(_, seeds)| !seeds.is_empty())
        .map(|(style, seeds)| {
            let mut windows: BTreeMap<u64, (f64, f64, f64)> = BTreeMap::new();
            for (step, loss) in seeds.into_iter().flatten() {
                let window = if width > 0.0 {
                    (step as f64 / width) as u64
                } else {
                    0
                };
                let sums = windows.entry(window).or_default();
                *sums = (sums.0 + step as f64, sums.1 + loss, sums.2 + 1.0);
            }
            Line {
                style,
                weight: Weight::Main,
                of: "mean".into(),
                points: windows
                    .into_values()
                    .map(|(x, y, n)| (x / n, y / n))
                    .collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_stands_only_where_every_seed_is() {
        let seeds = [
            vec![(10, 1.0), (20, 2.0), (30, 9.0)],
            vec![(10, 3.0), (20, 4.0)],
        ];
        assert_eq!(common_mean(&seeds), [(10.0, 2.0), (20.0, 3.0)]);
    }

    #[test]
    fn an_event_logged_twice_counts_once() {
        let seeds = [vec![(10, 1.0), (10, 2.0)], vec![(10, 4.0)]];
        assert_eq!(common_mean(&seeds), [(10.0, 3.0)]);
    }
}
