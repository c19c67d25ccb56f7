//! What is told of a run: what its lock vouches for, and what lies beside it.

use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::resources::Resources;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_artifact::training::Training;
use lingo_evaluate::{CellMetrics, Metrics};

use crate::cell::CellRecord;
use crate::failure::kept;
use crate::lock::{Lock, LockedCell, LockedTask};
use crate::prepare::task_record::TaskRecord;

/// A run.
pub(super) struct Facts<'a> {
    pub lock: &'a Lock,
    pub folder: RunFolder,
    pub tasks: Vec<Task<'a>>,
    /// The planned cells, tasks outermost, then methods, then seeds.
    pub cells: Vec<Cell<'a>>,
}

/// A task.
pub(super) struct Task<'a> {
    pub locked: &'a LockedTask,
    pub record: TaskRecord,
}

/// A planned cell.
pub(super) struct Cell<'a> {
    pub label: String,
    pub task: &'a str,
    pub method: &'a str,
    pub seed: u64,
    pub standing: Standing<'a>,
}

/// How far a cell is.
pub(super) enum Standing<'a> {
    Finished(Box<Finished<'a>>),
    /// Its last try failed, or its numbers cannot be read any more, and why.
    Failed(String),
    /// It was begun and is not finished, or what it needs could not be made.
    Aborted(Option<String>),
    New,
}

/// A finished cell.
pub(super) struct Finished<'a> {
    pub locked: &'a LockedCell,
    /// When, UTC.
    pub date: String,
    pub metrics: CellMetrics,
    pub training: Option<Training>,
    pub resources: Option<Resources>,
}

impl<'a> Facts<'a> {
    /// Of the folder `run`.
    pub fn read(lock: &'a Lock, run: &Path) -> Self {
        let folder = RunFolder::new(run);
        let tasks = lock.tasks.iter().map(|locked| Task {
            locked,
            record: TaskRecord::read(&folder.task(&locked.name)),
        });
        let tasks = tasks.collect();
        let mut cells = Vec::new();
        for task in &lock.tasks {
            let shared = kept::read(&folder.task(&task.name).failure());
            for method in &lock.methods {
                for &seed in &lock.seeds {
                    let label = CellFolder::label(&task.name, method, seed);
                    let cell = folder.cell(&task.name, method, seed);
                    let own = kept::read(&cell.failure());
                    let standing = match lock.cells.get(&label) {
                        Some(locked) => finished(locked, &cell),
                        None if !lock.planned.contains_key(&label) => continue,
                        None => match (own, &shared) {
                            (Some(failure), _) => Standing::Failed(failure.error),
                            (_, Some(shared)) => Standing::Aborted(Some(shared.error.clone())),
                            _ if cell.started().is_file() => Standing::Aborted(None),
                            _ => Standing::New,
                        },
                    };
                    cells.push(Cell {
                        label,
                        task: &task.name,
                        method,
                        seed,
                        standing,
                    });
                }
            }
        }
        Self {
            lock,
            folder,
            tasks,
            cells,
        }
    }

    /// The finished cells.
    pub fn finished(&self) -> impl Iterator<Item = (&Cell<'a>, &Finished<'a>)> {
        let cells = self.cells.iter();
        cells.filter_map(|cell| Some((cell, cell.finished()?)))
    }

    /// What program computed: its name and version.
    pub fn program(&self) -> String {
        format!("lingo-pipe {}", self.lock.version)
    }
}

impl<'a> Cell<'a> {
    /// Its result, where there is one.
    pub fn finished(&self) -> Option<&Finished<'a>> {
        match &self.standing {
            Standing::Finished(finished) => Some(finished),
            _ => None,
        }
    }
}

impl Finished<'_> {
    /// When it ended, UTC, as exactly as it is known.
    pub fn ended(&self) -> &str {
        let resources = self.resources.as_ref();
        resources.map_or(self.date.as_str(), |r| r.finished.as_str())
    }

    /// What its task is judged by.
    pub fn metric(&self) -> &'static str {
        match self.metrics.dev {
            Metrics::Regression(_) => "pearson",
            Metrics::Classification(_) => "mcc",
        }
    }

    /// A metric on the test rows; nothing where it is undefined, or the cell never saw them.
    pub fn test(&self, metric: &str) -> Option<f64> {
        let test = &self.metrics.test;
        test.get(metric).filter(|_| test.n() > 0)
    }

    /// The ends of its interval.
    pub fn interval(&self, metric: &str) -> Option<[f64; 2]> {
        self.test(metric)?;
        *self.metrics.intervals.test.get(metric)?
    }
}

/// A cell with a record. A file of it that was altered since is no reason to tell nothing of the other cells.
fn finished<'a>(locked: &'a LockedCell, cell: &CellFolder) -> Standing<'a> {
    let metrics = match atomic::read_json(&cell.metrics()) {
        Ok(metrics) => metrics,
        Err(e) => {
            let next = "`lingo-pipe run` with --fresh makes the cell again";
            return Standing::Failed(format!("{e}; {next}"));
        }
    };
    let record = CellRecord::read(&cell.finished());
    Standing::Finished(Box::new(Finished {
        locked,
        date: record.map(|record| record.finished).unwrap_or_default(),
        metrics,
        training: atomic::read_json(&cell.training()).ok(),
        resources: atomic::read_json(&cell.resources()).ok(),
    }))
}
