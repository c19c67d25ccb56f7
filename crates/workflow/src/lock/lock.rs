//! `lingo.lock`: what went into a run and what came out, with the hash of each, so that another machine can check it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::run_folder::{CellFolder, RunFolder, TaskFolder};
use lingo_evaluate::Published;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::published;
use crate::cell::{CellRecord, MadeBy};
use crate::date;
use crate::failure::{Error, Kind};
use crate::inputs::FileHash;
use crate::plan::cell_id::VERSION;
use crate::plan::planned::{CellPlan, Plan};
use crate::plan::state::State;

/// What `schema` says in every `lingo.lock` of this version.
pub const SCHEMA: &str = "lingo-pipe/lock/1";

/// What kind of file was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A pipeline.
    #[default]
    Pipeline,
    /// A design file.
    Design,
}

/// Everything about a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// [`SCHEMA`].
    pub schema: String,
    /// The program's version.
    pub version: String,
    /// When the lock was written, UTC.
    pub date: String,
    /// The command as it was typed.
    pub command: String,
    /// What is typed behind `lingo-pipe run` to get these settings; which cells is not among it.
    #[serde(default)]
    pub arguments: Option<String>,
    /// The device's name.
    pub device: String,
    /// What kind of file it was.
    #[serde(default)]
    pub kind: RunKind,
    /// The pipeline's name.
    pub name: String,
    /// What the pipeline is for.
    pub description: String,
    /// The pipeline file as it was typed.
    pub pipeline: String,
    /// sha256 of the pipeline file's text.
    pub pipeline_sha256: Digest,
    /// Its text; none in locks of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_text: Option<String>,
    /// Where the model comes from.
    pub model: Value,
    /// sha256 of its files, or the id of its pretraining.
    pub model_hashes: BTreeMap<String, Digest>,
    /// The tasks, in the order of the file.
    pub tasks: Vec<LockedTask>,
    /// The methods' names, in the order of the file.
    pub methods: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Every input file, by its absolute path.
    pub inputs: BTreeMap<PathBuf, FileHash>,
    /// The id of every cell that was planned, by `task/method/seed-n`: a result of this id is good, whenever it was made.
    #[serde(default)]
    pub planned: BTreeMap<String, Digest>,
    /// The cells that were finished when the lock was written, by `task/method/seed-n`.
    pub cells: BTreeMap<String, LockedCell>,
    /// What cells share, and the report, by path below the run's folder.
    pub artifacts: BTreeMap<String, FileHash>,
}

/// One task of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockedTask {
    /// Its name.
    pub name: String,
    /// The task of the file that it is a fold of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold_of: Option<String>,
    /// What is predicted.
    pub description: String,
    /// Why none of its cells can run, when that is so.
    pub missing: Option<String>,
    /// Published numbers.
    pub published: Vec<Published>,
}

/// One finished cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockedCell {
    /// Its id.
    pub id: Digest,
    /// Every setting.
    pub parameters: Value,
    /// sha256 of its inputs, by role.
    pub inputs: BTreeMap<String, Digest>,
    /// Its files.
    pub outputs: BTreeMap<String, FileHash>,
    /// What trained it.
    #[serde(default)]
    pub made_by: MadeBy,
}

impl Lock {
    /// Reads the lock of a run.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(run: &Path) -> Result<Self, Error> {
        let path = RunFolder::new(run).lock();
        if !path.is_file() {
            let message = format!(
                "{} holds no lingo.lock; is it the folder of a run, such as runs/demo?",
                run.display()
            );
            return Err(Error::stage(Kind::Input, message));
        }
        Self::at(&path)
    }

    /// Reads a lock wherever it lies.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn at(path: &Path) -> Result<Self, Error> {
        Ok(atomic::read_json(path)?)
    }

    /// The lock of a run with the cells that are finished now: a run that was killed wrote none behind them.
    ///
    /// # Errors
    /// As [`Lock::read`].
    pub fn current(run: &Path) -> Result<Self, Error> {
        let lock = Self::read(run)?;
        let cells = finished_cells(&planned([].into_iter(), Some(&lock)), run);
        Ok(Self { cells, ..lock })
    }

    /// A lock with its date, version, inputs and cells: those that are planned now (by label), and those of earlier runs in
    /// the folder. All else is empty.
    pub(crate) fn of_cells(
        now: impl Iterator<Item = (String, Digest)> + Clone,
        before: Option<&Self>,
        ours: &BTreeMap<PathBuf, FileHash>,
        run: &Path,
    ) -> Self {
        let planned = planned(now.clone(), before);
        let cells = finished_cells(&planned, run);
        let labels: BTreeSet<String> = now.map(|(label, _)| label).collect();
        Self {
            schema: SCHEMA.to_string(),
            version: VERSION.to_string(),
            date: date::now(),
            command: String::new(),
            arguments: None,
            device: String::new(),
            kind: RunKind::default(),
            name: String::new(),
            description: String::new(),
            pipeline: String::new(),
            pipeline_sha256: Digest::of_bytes(&[]),
            pipeline_text: None,
            model: Value::Null,
            model_hashes: BTreeMap::new(),
            tasks: Vec::new(),
            methods: Vec::new(),
            seeds: Vec::new(),
            inputs: inputs(&labels, ours, before, &cells),
            planned,
            cells,
            artifacts: BTreeMap::new(),
        }
    }

    /// A folder holds one kind of run.
    ///
    /// # Errors
    /// It holds another one.
    pub(crate) fn refuse_other_kind(&self, ours: RunKind, run: &Path) -> Result<(), Error> {
        if self.kind == ours {
            return Ok(());
        }
        let theirs = match self.kind {
            RunKind::Pipeline => "a pipeline",
            RunKind::Design => "a design file",
        };
        let message = format!(
            "{} holds a run of {theirs} ({}): name another folder with --out",
            run.display(),
            self.pipeline
        );
        Err(Error::stage(Kind::Usage, message))
    }

    /// Writes the lock, with the hashes of what cells share, and of the report; of no file that is in work.
    ///
    /// # Errors
    /// A file cannot be read, the lock cannot be written.
    pub(crate) fn write_hashed(
        self,
        run: &Path,
        in_work: &dyn Fn(&str) -> bool,
    ) -> Result<(), Error> {
        hashed(self, run, in_work)?.write(run)
    }

    fn write(&self, run: &Path) -> Result<(), Error> {
        Ok(atomic::write_json(&RunFolder::new(run).lock(), self)?)
    }
}

/// What a run has made of that which its cells share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// What unfinished cells share may be made anew from now on.
    InWork,
    /// It is there.
    Made,
}

/// Writes the lock of a run as it stands now; cells of earlier runs in the folder stay in it. What changes while cells are
/// run needs no other lock: [`Lock::current`] finds the cells that are finished.
///
/// # Errors
/// The lock cannot be written, the published numbers cannot be read.
pub fn write(plan: &Plan, command: &str, shared: Shared) -> Result<(), Error> {
    let before = Lock::read(&plan.run).ok();
    let before = before.as_ref();
    if let Some(before) = before {
        before.refuse_other_kind(RunKind::Pipeline, &plan.run)?;
    }
    let pipeline = &plan.pipeline;
    let table = match &pipeline.published {
        Some(path) => published::read(path)?,
        None => BTreeMap::new(),
    };
    let tasks = pipeline
        .tasks
        .iter()
        .filter_map(|task| {
            let planned = plan.tasks.iter().find(|t| t.name == task.name);
            let earlier = before.and_then(|b| b.tasks.iter().find(|t| t.name == task.name));
            let missing = match (planned, earlier) {
                (None, None) => return None,
                (Some(planned), _) => planned
                    .missing
                    .first()
                    .map(|path| format!("{} is not there", path.display())),
                (None, Some(earlier)) => earlier.missing.clone(),
            };
            Some(LockedTask {
                name: task.name.clone(),
                fold_of: task.is_fold().then(|| task.section.clone()),
                description: task.description.clone(),
                missing,
                published: table.get(&task.section).cloned().unwrap_or_default(),
            })
        })
        .collect();
    let methods = pipeline
        .methods
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| {
            plan.methods.contains(name) || before.is_some_and(|b| b.methods.contains(name))
        })
        .collect();
    let mut seeds = before.map(|b| b.seeds.clone()).unwrap_or_default();
    seeds.extend(
        plan.seeds
            .iter()
            .filter(|s| !seeds.contains(s))
            .collect::<Vec<_>>(),
    );
    // Without its input files the id of a cell is not known: that of the result that is there stands.
    let known = |cell: &&CellPlan| matches!(cell.state, State::Run(_) | State::Cached);
    let now = plan.cells.iter().filter(known);
    let now = now.map(|cell| (cell.label(), cell.id));
    let lock = Lock {
        command: command.to_string(),
        arguments: Some(plan.arguments.clone()),
        device: plan.device.clone(),
        name: pipeline.name.clone(),
        description: pipeline.description.clone(),
        pipeline: pipeline.file.clone(),
        pipeline_sha256: Digest::of_bytes(pipeline.document.text.as_bytes()),
        pipeline_text: Some(pipeline.document.text.clone()),
        model: plan.model.parameters.clone(),
        model_hashes: plan.model.hashes.clone(),
        tasks,
        methods,
        seeds,
        ..Lock::of_cells(now, before, &plan.inputs, &plan.run)
    };
    let to_run = |c: &&CellPlan| matches!(c.state, State::Run(_));
    let in_work: BTreeSet<&str> = match shared {
        Shared::Made => BTreeSet::new(),
        Shared::InWork => {
            let tasks = plan.cells.iter().filter(to_run).map(|c| c.task.as_str());
            // A model is pretrained only where a cell is run.
            let models = [RunFolder::MODEL, RunFolder::ADAPT_FIRST];
            tasks.chain(models).collect()
        }
    };
    let is_in_work = |name: &str| {
        let folder = name.split_once('/').map(|(folder, _)| folder);
        folder.is_some_and(|folder| in_work.contains(folder))
    };
    hashed(lock, &plan.run, &is_in_work)?.write(&plan.run)
}

/// The inputs of now, and those of earlier runs that only their cells, still in the folder, were made from.
fn inputs(
    planned: &BTreeSet<String>,
    now: &BTreeMap<PathBuf, FileHash>,
    before: Option<&Lock>,
    cells: &BTreeMap<String, LockedCell>,
) -> BTreeMap<PathBuf, FileHash> {
    let ours: BTreeSet<Digest> = now.values().map(|h| h.sha256).collect();
    let theirs: BTreeSet<Digest> = cells
        .iter()
        .filter(|(label, _)| !planned.contains(*label))
        .flat_map(|(_, cell)| cell.inputs.values().copied())
        .collect();
    let earlier = before.into_iter().flat_map(|b| &b.inputs);
    let mut inputs: BTreeMap<PathBuf, FileHash> = earlier
        .filter(|(_, hash)| theirs.contains(&hash.sha256) && !ours.contains(&hash.sha256))
        .map(|(path, hash)| (path.clone(), hash.clone()))
        .collect();
    inputs.extend(now.iter().map(|(path, hash)| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        (path, hash.clone())
    }));
    inputs
}

/// The ids of the cells that are planned now, and of those that earlier runs planned in the folder.
pub(super) fn planned(
    now: impl Iterator<Item = (String, Digest)>,
    before: Option<&Lock>,
) -> BTreeMap<String, Digest> {
    let earlier = before.into_iter().flat_map(|b| {
        let finished = b.cells.iter().map(|(label, cell)| (label, cell.id));
        finished.chain(b.planned.iter().map(|(label, id)| (label, *id)))
    });
    let earlier = earlier.map(|(label, id)| (label.clone(), id));
    earlier.chain(now).collect()
}

/// The planned cells whose result is in its folder.
pub(super) fn finished_cells(
    planned: &BTreeMap<String, Digest>,
    run: &Path,
) -> BTreeMap<String, LockedCell> {
    let finished = planned.iter().filter_map(|(label, id)| {
        let record = CellRecord::read(&CellFolder::new(run.join(label)).finished())?;
        let cell = LockedCell {
            id: record.id,
            parameters: record.parameters,
            inputs: record.inputs,
            outputs: record.outputs,
            made_by: record.made_by,
        };
        (record.id == *id).then(|| (label.clone(), cell))
    });
    finished.collect()
}

/// Writes a report by `build`, and the lock around it: a kill in between leaves a lock that accuses no file of it.
///
/// # Errors
/// A file cannot be read, the lock cannot be written; what `build` says.
pub fn around_report(
    lock: Lock,
    run: &Path,
    build: impl FnOnce(&Lock) -> Result<(), Error>,
) -> Result<(), Error> {
    let of_figures = |name: &str| name.split_once('/').map(|(f, _)| f) == Some(RunFolder::FIGURES);
    let is_of_report = |name: &str| RunFolder::REPORT_FILES.contains(&name) || of_figures(name);
    let lock = hashed(lock, run, &is_of_report)?;
    lock.write(run)?;
    build(&lock)?;
    hashed(lock, run, &|_| false)?.write(run)
}

/// The lock with the hashes of what cells share, and of the report; of no file that is in work.
fn hashed(mut lock: Lock, run: &Path, in_work: &dyn Fn(&str) -> bool) -> Result<Lock, Error> {
    let mut names: Vec<String> = RunFolder::REPORT_FILES
        .iter()
        .map(ToString::to_string)
        .collect();
    for task in &lock.tasks {
        for file in TaskFolder::FILES {
            names.push(format!("{}/{file}", task.name));
        }
    }
    for file in ModelFolder::PRETRAINED_FILES {
        for folder in [RunFolder::MODEL, RunFolder::ADAPT_FIRST] {
            names.push(format!("{folder}/{file}"));
        }
    }
    let figures = std::fs::read_dir(run.join(RunFolder::FIGURES));
    for figure in figures.into_iter().flatten().flatten() {
        let name = figure.file_name().to_string_lossy().into_owned();
        // What is being written has a hidden name.
        if !name.starts_with('.') {
            names.push(format!("{}/{name}", RunFolder::FIGURES));
        }
    }
    names.retain(|name| !in_work(name));
    lock.artifacts.clear();
    for name in names {
        let path = run.join(&name);
        if path.is_file() {
            let (sha256, bytes) = Digest::of_file(&path)?;
            lock.artifacts.insert(name, FileHash { sha256, bytes });
        }
    }
    Ok(lock)
}
