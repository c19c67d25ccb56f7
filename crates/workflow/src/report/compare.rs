//! Two runs against each other: the same tasks, methods and seeds, on the same test rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lingo_artifact::prediction::Predictions;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_artifact::{Split, atomic};
use lingo_evaluate::paired::comparison::{Comparison, Pair};
use lingo_evaluate::paired::holm::holm;
use lingo_evaluate::{CellMetrics, Metrics, rows_digest};

use crate::cell::{MadeBy, differences};
use crate::failure::{Error, Kind};
use crate::lock::{Lock, LockedCell};
use crate::plan::conditions::told;

/// How far the second run is ahead of the first with one method.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The metric, on the test rows.
    pub metric: &'static str,
    /// The method.
    pub method: String,
    /// The second run minus the first.
    pub comparison: Comparison,
    /// Its p by Holm's correction over the methods of the same metric.
    pub holm: f64,
    /// Pairs of finished cells of which one has an undefined metric.
    pub undefined: usize,
}

/// Two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoRuns {
    /// By metric, then in the order of the second run's methods.
    pub compared: Vec<Compared>,
    /// Cells that are finished in one of the runs alone, first and second.
    pub in_one: [usize; 2],
    /// What the cells of the two runs differ in, in the order of the settings.
    pub differing: Vec<Differing>,
}

/// A setting, an input or the program, of which two cells of the same name differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// Such as `train.epochs: 3 -> 5`.
    pub what: String,
    /// In how many pairs of cells.
    pub pairs: usize,
}

/// Compares two runs by their finished cells.
///
/// # Errors
/// A folder that is no run's; two runs without a common finished cell; a pair of cells with other test rows, by name.
pub fn compare(first: &Path, second: &Path) -> Result<TwoRuns, Error> {
    let [of_first, of_second] = [first, second].map(Side::read);
    let (of_first, of_second) = (of_first?, of_second?);
    let mut pairs: BTreeMap<(usize, usize), Vec<FoundPair>> = BTreeMap::new();
    let mut undefined: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut both = 0;
    for (label, at) in &of_second.cells {
        if !of_first.cells.contains_key(label) {
            continue;
        }
        both += 1;
        let [before, after] = [&of_first, &of_second].map(|side| side.metrics(label));
        let (before, after) = (before?, after?);
        same_rows(label, (&of_first, &before), (&of_second, &after))?;
        let metric = match after.test {
            Metrics::Classification(_) => 0,
            Metrics::Regression(_) => 1,
        };
        let key = (metric, at.method);
        let of = |cell: &CellMetrics| cell.test.get(METRICS[metric]);
        match (of(&after), of(&before)) {
            (Some(value), Some(against)) => pairs.entry(key).or_default().push(FoundPair {
                at: *at,
                value,
                against,
            }),
            _ => *undefined.entry(key).or_default() += 1,
        }
    }
    if both == 0 {
        return Err(nothing_in_common(&of_first, &of_second));
    }
    let lock = &of_second.lock;
    let mut compared: Vec<Compared> = pairs
        .into_iter()
        .filter_map(|((metric, method), mut pairs)| {
            pairs.sort_by_key(|pair| (pair.at.task, pair.at.seed));
            let pairs: Vec<Pair> = pairs.iter().map(|pair| pair.of(lock)).collect();
            Some(Compared {
                metric: METRICS[metric],
                method: lock.methods[method].clone(),
                comparison: Comparison::of(&pairs)?,
                holm: 1.0,
                undefined: undefined.remove(&(metric, method)).unwrap_or(0),
            })
        })
        .collect();
    for of_metric in compared.chunk_by_mut(|a, b| a.metric == b.metric) {
        let p: Vec<f64> = of_metric.iter().map(|c| c.comparison.p).collect();
        for (compared, corrected) in of_metric.iter_mut().zip(holm(&p)) {
            compared.holm = corrected;
        }
    }
    if compared.is_empty() {
        let message = format!(
            "{} and {} share {both} finished cells, but no metric is defined in both of a pair: there is nothing to compare",
            first.display(),
            second.display()
        );
        return Err(Error::stage(Kind::Input, message));
    }
    Ok(TwoRuns {
        compared,
        differing: differing(&of_first, &of_second),
        in_one: [of_first, of_second].map(|side| side.cells.len() - both),
    })
}

fn differing(first: &Side, second: &Side) -> Vec<Differing> {
    let mut found: Vec<Differing> = Vec::new();
    for label in second.cells.keys() {
        let (Some(was), Some(now)) = (first.lock.cells.get(label), second.lock.cells.get(label))
        else {
            continue;
        };
        for what in between(was, now) {
            match found.iter_mut().find(|found| found.what == what) {
                Some(found) => found.pairs += 1,
                None => found.push(Differing { what, pairs: 1 }),
            }
        }
    }
    found
}

/// What is not the same in two cells.
fn between(was: &LockedCell, now: &LockedCell) -> Vec<String> {
    let settings = differences(&told(&was.parameters), &told(&now.parameters));
    let mut all: Vec<String> = settings.iter().map(ToString::to_string).collect();
    let roles: BTreeSet<&String> = was.inputs.keys().chain(now.inputs.keys()).collect();
    for role in roles {
        match (was.inputs.get(role), now.inputs.get(role)) {
            (Some(was), Some(now)) if was == now => {}
            (Some(_), Some(_)) => all.push(format!("other content: {role}")),
            (Some(_), None) => all.push(format!("read in the first alone: {role}")),
            (None, _) => all.push(format!("read in the second alone: {role}")),
        }
    }
    let program = |cell: &LockedCell| {
        let MadeBy {
            version, commit, ..
        } = &cell.made_by;
        match commit {
            Some(commit) => format!("{version} ({commit})"),
            None => version.clone(),
        }
    };
    let [was, now] = [was, now].map(program);
    if was != now {
        all.push(format!("the program: {was} -> {now}"));
    }
    all
}

/// What tasks are judged by, as in the report: classes and labels, values.
const METRICS: [&str; 2] = ["mcc", "pearson"];

/// Where a cell stands: numbers into the lists of its lock.
#[derive(Clone, Copy, Debug)]
struct Place {
    task: usize,
    method: usize,
    seed: u64,
}

struct FoundPair {
    at: Place,
    value: f64,
    against: f64,
}

impl FoundPair {
    fn of<'a>(&self, lock: &'a Lock) -> Pair<'a> {
        let task = &lock.tasks[self.at.task];
        Pair {
            task: task.fold_of.as_deref().unwrap_or(&task.name),
            fold: &task.name,
            seed: self.at.seed,
            value: self.value,
            against: self.against,
        }
    }
}

/// One run.
struct Side {
    folder: PathBuf,
    lock: Lock,
    /// The finished cells, by label.
    cells: BTreeMap<String, Place>,
}

impl Side {
    fn read(folder: &Path) -> Result<Self, Error> {
        let lock = Lock::current(folder)?;
        let mut cells = BTreeMap::new();
        for (task, name) in lock.tasks.iter().map(|t| &t.name).enumerate() {
            for (method, of) in lock.methods.iter().enumerate() {
                for seed in lock.seeds.iter().copied() {
                    let label = CellFolder::label(name, of, seed);
                    if lock.cells.contains_key(&label) {
                        cells.insert(label, Place { task, method, seed });
                    }
                }
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            lock,
            cells,
        })
    }

    fn cell(&self, label: &str) -> CellFolder {
        CellFolder::new(RunFolder::new(&self.folder).path().join(label))
    }

    /// The numbers of a cell, with the hash of its rows: what an older version wrote gets it from the predictions.
    fn metrics(&self, label: &str) -> Result<CellMetrics, Error> {
        let cell = self.cell(label);
        let mut metrics: CellMetrics = atomic::read_json(&cell.metrics())?;
        if metrics.test_rows.is_none() {
            let predictions = Predictions::read(&cell.predictions())?;
            metrics.test_rows = Some(rows_digest(&predictions, Split::Test));
        }
        Ok(metrics)
    }

    /// What the run has, for a message.
    fn told(&self) -> String {
        let tasks: Vec<&str> = self.lock.tasks.iter().map(|t| t.name.as_str()).collect();
        let seeds: Vec<String> = self.lock.seeds.iter().map(u64::to_string).collect();
        format!(
            "{} has {} finished cells (tasks {}; methods {}; seeds {})",
            self.folder.display(),
            self.cells.len(),
            tasks.join(", "),
            self.lock.methods.join(", "),
            seeds.join(", ")
        )
    }
}

fn nothing_in_common(first: &Side, second: &Side) -> Error {
    let message = format!(
        "the two runs share no finished cell of the same task, method and seed:\n  {}\n  {}\nruns are compared by names: give the tasks and methods of both files the same ones",
        first.told(),
        second.told()
    );
    Error::stage(Kind::Input, message)
}

fn same_rows(
    label: &str,
    (first, before): (&Side, &CellMetrics),
    (second, after): (&Side, &CellMetrics),
) -> Result<(), Error> {
    if before.of_the_same_rows(after) {
        return Ok(());
    }
    let rows = |side: &Side, cell: &CellMetrics| {
        let hash = cell.test_rows.map_or_else(String::new, |h| h.short());
        let folder = side.folder.display();
        format!(
            "{folder} {} rows (sha256 of ids and labels {hash})",
            cell.test.n()
        )
    };
    let message = format!(
        "{label}: the test rows of the two runs differ: {}, {}; numbers of other rows cannot be set against each other: give both runs the same data and split",
        rows(first, before),
        rows(second, after)
    );
    Err(Error::stage(Kind::Input, message))
}
