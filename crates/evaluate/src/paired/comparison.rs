//! Two methods, set against each other run by run.

use crate::paired::sample::{ROUNDING, mean};
use crate::paired::{bca, sign_flip, student};

/// With fewer tasks than this, the pairs of runs are the units.
pub const FEWEST_TASKS: usize = 3;

/// How often the units are drawn anew for the bootstrap interval.
pub const RESAMPLES: u32 = 10_000;

/// The share that an interval holds.
pub const CONFIDENCE: f64 = 0.95;

/// What drives the draws: always the same, so that a comparison of the same numbers is the same.
const SEED: u64 = 0;

/// A run of each method, of the same task and seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair<'a> {
    /// The task; of a fold, the cross-validated task.
    pub task: &'a str,
    /// The fold; the task again where it has none.
    pub fold: &'a str,
    /// The seed.
    pub seed: u64,
    /// The metric of the method that is compared.
    pub value: f64,
    /// The metric of the method that it is compared with.
    pub against: f64,
}

impl Pair<'_> {
    /// How far the method is ahead.
    pub fn difference(&self) -> f64 {
        self.value - self.against
    }
}

/// What the differences are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Each task once: the mean over its folds, of each fold the mean over its seeds.
    Task,
    /// Each pair of runs once: (task, seed), with folds (fold, seed).
    Pair,
}

/// The difference on one task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDifference {
    /// The task.
    pub task: String,
    /// The mean over its folds, of each fold the mean over its seeds.
    pub mean: f64,
    /// How many pairs of runs it comes from.
    pub pairs: usize,
}

/// How far one method is ahead of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is counted.
    pub unit: Unit,
    /// How many of them.
    pub units: usize,
    /// Pairs of runs.
    pub pairs: usize,
    /// The seeds, ascending.
    pub seeds: Vec<u64>,
    /// Each task, in the order of the pairs.
    pub tasks: Vec<TaskDifference>,
    /// Whether some pairs of one task or fold stand beside pairs of another as units of their own.
    pub clustered: bool,
    /// The mean difference over the units.
    pub mean: f64,
    /// [`student::interval`] over the units, at [`CONFIDENCE`].
    pub student: Option<[f64; 2]>,
    /// [`bca::interval`] over the units, at [`CONFIDENCE`], with [`RESAMPLES`].
    pub bca: Option<[f64; 2]>,
    /// [`sign_flip::p_value`] over the units.
    pub p: f64,
}

/// On how many tasks a method is ahead, level and behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tasks on which it is ahead.
    pub wins: usize,
    /// Tasks on which the two are the same but for rounding.
    pub ties: usize,
    /// Tasks on which it is behind.
    pub losses: usize,
}

impl Unit {
    /// As tables have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Pair => "pair",
        }
    }
}

impl Reading {
    /// As tables have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::NotDistinguishable => "not distinguishable",
            Self::NoInterval => "no interval",
        }
    }
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Both intervals lie above 0.
    Ahead,
    /// Both intervals lie below 0.
    Behind,
    /// An interval holds 0.
    NotDistinguishable,
    /// There is no interval: one unit, or no spread among the units.
    NoInterval,
}

impl Comparison {
    /// Compares over `pairs`; `None` of nothing.
    ///
    /// The unit is the task: dₜ is the mean difference over the seeds of task t (over its folds, where it has them),
    /// and mean, intervals and p are those of the dₜ. Runs of one task with several seeds share their rows, so they
    /// are not as many independent observations. With fewer than [`FEWEST_TASKS`] tasks the unit is the pair of runs.
    pub fn of(pairs: &[Pair]) -> Option<Self> {
        let tasks = by_task(pairs);
        let all: Vec<f64> = pairs.iter().map(Pair::difference).collect();
        let (unit, units) = if tasks.len() < FEWEST_TASKS {
            (Unit::Pair, all)
        } else {
            (Unit::Task, tasks.iter().map(|t| t.mean).collect())
        };
        let mut seeds: Vec<u64> = pairs.iter().map(|p| p.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        Some(Self {
            unit,
            units: units.len(),
            pairs: pairs.len(),
            clustered: unit == Unit::Pair && pairs.iter().any(|p| p.fold != pairs[0].fold),
            seeds,
            tasks,
            mean: mean(&units),
            student: student::interval(&units, CONFIDENCE),
            bca: bca::interval(&units, RESAMPLES, CONFIDENCE, SEED),
            p: sign_flip::p_value(&units, SEED)?,
        })
    }

    /// Its tasks by who is ahead.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for task in &self.tasks {
            let side = match task.mean {
                mean if mean > ROUNDING => &mut tally.wins,
                mean if mean < -ROUNDING => &mut tally.losses,
                _ => &mut tally.ties,
            };
            *side += 1;
        }
        tally
    }

    /// What it says: ahead or behind only where both intervals leave out 0.
    pub fn reading(&self) -> Reading {
        let intervals: Vec<[f64; 2]> = [self.student, self.bca].into_iter().flatten().collect();
        if intervals.is_empty() {
            Reading::NoInterval
        } else if intervals.iter().all(|[low, _]| *low > 0.0) {
            Reading::Ahead
        } else if intervals.iter().all(|[_, high]| *high < 0.0) {
            Reading::Behind
        } else {
            Reading::NotDistinguishable
        }
    }
}

/// The differences of each task, in the order of the pairs.
fn by_task(pairs: &[Pair]) -> Vec<TaskDifference> {
    grouped(pairs, |p| p.task)
        .into_iter()
        .map(|(task, pairs)| {
            let folds = grouped(&pairs, |p| p.fold).into_iter();
            let folds = folds.map(|(_, pairs)| {
                let differences: Vec<f64> = pairs.iter().map(Pair::difference).collect();
                mean(&differences)
            });
            TaskDifference {
                task: task.to_string(),
                mean: mean(&folds.collect::<Vec<_>>()),
                pairs: pairs.len(),
            }
        })
        .collect()
}

fn grouped<'a>(
    pairs: &[Pair<'a>],
    of: impl Fn(&Pair<'a>) -> &'a str,
) -> Vec<(&'a str, Vec<Pair<'a>>)> {
    let mut groups: Vec<(&str, Vec<Pair>)> = Vec::new();
    for pair in pairs {
        match groups.iter_mut().find(|(name, _)| *name == of(pair)) {
            Some((_, group)) => group.push(*pair),
            None => groups.push((of(pair), vec![*pair])),
        }
    }
    groups
}
