//! The order of things: the model, then task by task the cells, those with the same features side by side.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lingo_adapt::CheckpointEvery;
use lingo_artifact::atomic;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_design::design::{Designed, check, design};
use lingo_design::features::Features;
use lingo_design::features::kmers::KmerCounts;
use lingo_design::features::one_hot::OneHot;
use lingo_design::features::together::Together;
use lingo_design::outcome::Landscape;
use lingo_design::prepare::Prepared;
use lingo_design::request::Request as DesignRequest;
use lingo_design::sequences::constraints::Constraints;
use lingo_design::sequences::known::{Columns, Known};
use lingo_design::settings::{FeatureChoice, Method};
use serde_json::json;

use super::lock;
use super::model::{Wanted, features, tokens};
use super::output::{Around, write};
use super::plan::{DesignCell, Planned};
use crate::cell::{CellRecord, SCHEMA};
use crate::failure::kept as failed;
use crate::failure::{Error, Kind};
use crate::jobs::Measured;
use crate::jobs::only_run::only_run;
use crate::lock::Shared;
use crate::observer::Observer;
use crate::parallel::guarded;
use crate::pipeline::design_file::{DesignTask, Offline};
use crate::plan::state::State;
use crate::prepare::model::{ModelRecord, Place, fetch_at, pretrain_at};
use crate::report;
use crate::run::cells::empty;
use crate::store::{Attempt, Stored, forget_tries, is_placed, place_cell, remove_half_placed};

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Cells that were designed now.
    pub run: usize,
    /// Cells that were finished before.
    pub cached: usize,
}

/// Designs every cell that is not finished, then writes the lock and the report.
///
/// # Errors
/// Bad data or settings of a task stop its cells, and [`Error::Cells`] is given at the end, where others were designed;
/// [`Error::Interrupted`] after the lock and the report of what is there were written.
pub fn run(
    planned: &Planned,
    command: &str,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<Summary, Error> {
    let folder = RunFolder::new(&planned.run);
    lock::refuse_other_kind(&planned.run)?;
    let refused = planned.refusals();
    if !refused.is_empty() {
        return Err(Error::Refused(refused));
    }
    let tables = preflight(planned)?;
    std::fs::create_dir_all(&planned.run)
        .map_err(lingo_artifact::Error::io("create folder", &planned.run))?;
    let _alone = only_run(&planned.run)?;
    // Another process may have made its run in between.
    lock::refuse_other_kind(&planned.run)?;
    atomic::remove_leftovers(folder.path())?;
    remove_half_placed(&folder);
    planned.hashes.keep()?;
    if planned.fresh {
        forget(planned, &folder)?;
    }
    for (task, path) in &planned.skipped {
        observer.say(&format!("skipping {task}: {} is not there", path.display()));
    }
    // From here on a kill leaves a lock that is true.
    let is_open = |cell: &DesignCell| cell.state != State::Cached;
    let in_work = planned.cells.iter().any(is_open);
    let shared = if in_work {
        Shared::InWork
    } else {
        Shared::Made
    };
    lock::write(planned, command, shared)?;
    let run = Run {
        planned,
        folder,
        observer,
        stop,
    };
    run.place_cached()?;
    let (done, failures) = run.all(tables);
    lock::write(planned, command, Shared::Made)?;
    report::build(&planned.run)?;
    let cached = |cell: &&DesignCell| cell.state == State::Cached;
    let cached = planned.cells.iter().filter(cached).count();
    if let Some((_, e)) = failures
        .iter()
        .find(|(_, e)| matches!(e, Error::Interrupted { .. }))
    {
        let is_kept = done > 0 || matches!(e, Error::Interrupted { checkpoint: true });
        return Err(Error::Interrupted {
            checkpoint: is_kept,
        });
    }
    match failures.as_slice() {
        [] => Ok(Summary { run: done, cached }),
        failures => {
            for (label, error) in failures {
                observer.say(&format!("failed: {label}: {error}"));
            }
            let all_input = failures.iter().all(|(_, e)| e.kind() == Kind::Input);
            Err(Error::Cells {
                failed: failures.len(),
                total: planned.cells.len() - cached,
                kind: if all_input { Kind::Input } else { Kind::Failed },
            })
        }
    }
}

/// A task's data, or what is wrong with them.
type Table<'a> = Result<Data<'a>, Error>;

/// Reads the tables of tasks that have something to do: mistakes in the file stop the run before anything is written, bad
/// data stop their task.
fn preflight(planned: &Planned) -> Result<HashMap<&str, Table<'_>>, Error> {
    let open: Vec<&DesignCell> = (planned.cells.iter())
        .filter(|cell| cell.state != State::Cached)
        .collect();
    let mut tables = HashMap::new();
    for (task, section) in &planned.plan.tasks {
        if !open.iter().any(|cell| cell.task == *task) {
            continue;
        }
        let table = match read(section) {
            Err(e) if e.kind() == Kind::Usage => return Err(e.during(task)),
            table => table,
        };
        if let Ok(data) = &table {
            for (name, method) in &planned.plan.methods {
                let checked = check(method, &data.known).map_err(Error::from);
                checked.map_err(|e| e.during(&format!("{task}/{name}")))?;
            }
        }
        tables.insert(task.as_str(), table);
    }
    let needs_model = |cell: &&DesignCell| {
        let mut methods = planned.plan.methods.iter();
        methods.any(|(name, m)| *name == cell.method && m.features().needs_model())
    };
    if let Some(identity) = planned
        .identity
        .as_ref()
        .filter(|_| open.iter().any(needs_model))
        && identity.pretrain.is_none()
    {
        tokens(&identity.folder, planned.plan.tokens.as_ref())?;
    }
    Ok(tables)
}

/// Forgets the results of the cells: with `--fresh` all are made again.
fn forget(planned: &Planned, folder: &RunFolder) -> Result<(), Error> {
    for cell in &planned.cells {
        empty(&cell.folder)?;
        forget_tries(folder, &cell.id);
        let stored = folder.stored(&cell.id);
        if stored.exists() {
            std::fs::remove_dir_all(&stored)
                .map_err(lingo_artifact::Error::io("empty", &stored))?;
        }
    }
    Ok(())
}

struct Run<'a> {
    planned: &'a Planned,
    folder: RunFolder,
    observer: &'a dyn Observer,
    stop: &'a StopFlag,
}

/// A task's data, and what its methods share.
struct Data<'a> {
    section: &'a DesignTask,
    known: Arc<Known>,
    landscape: Option<Landscape>,
    constraints: Constraints,
    prepared: HashMap<String, Arc<Prepared>>,
}

/// The model, and what of it is loaded.
#[derive(Default)]
struct Models {
    /// Whether it is there; what was in the way is not tried again.
    prepared: Option<Result<(), (Kind, String)>>,
    /// By what is asked of it. Of weights that a seed draws only the last.
    loaded: HashMap<String, Arc<dyn Features>>,
}

/// What a key of features begins with that a seed draws.
const DRAWN: &str = "seed ";

impl Run<'_> {
    /// How many cells were designed, and the failures.
    fn all(&self, mut tables: HashMap<&str, Table<'_>>) -> (usize, Vec<(String, Error)>) {
        let plan = &self.planned.plan;
        let is_open = |cell: &&DesignCell| cell.state != State::Cached;
        let total = self.planned.cells.iter().filter(is_open).count();
        let mut done = 0;
        let mut failures = Vec::new();
        let mut models = Models::default();
        self.observer.cells(0, total);
        for (task, _) in &plan.tasks {
            let mut table = tables.remove(task.as_str());
            for (method, settings) in &plan.methods {
                // What no seed changes is designed once.
                let mut same: Option<Arc<Designed>> = None;
                let of_method = |cell: &&DesignCell| (&cell.task, &cell.method) == (task, method);
                let cells = self.planned.cells.iter().filter(is_open);
                for cell in cells.filter(of_method) {
                    let result = guarded(|| {
                        // Another method with the same settings.
                        if let Some(stored) = Stored::read(&self.folder, &cell.id) {
                            return self.place(cell, &stored);
                        }
                        match &mut table {
                            Some(Ok(data)) => {
                                self.cell(cell, settings, data, &mut models, &mut same)
                            }
                            Some(Err(e)) => Err(Error::stage(e.kind(), e.to_string())),
                            None => Err(Error::stage(Kind::Failed, "its table was not read")),
                        }
                    });
                    match result {
                        Ok(()) => {
                            done += 1;
                            self.observer.cells(done, total);
                        }
                        Err(e @ Error::Interrupted { .. }) => {
                            failures.push((cell.label(), e));
                            return (done, failures);
                        }
                        Err(e) => {
                            let e = e.during(&cell.label());
                            failed::keep(&cell.folder.failure(), &cell.label(), &e);
                            failures.push((cell.label(), e));
                        }
                    }
                }
            }
        }
        (done, failures)
    }

    /// Lays results that the store has at their places, where others were; the model, too.
    fn place_cached(&self) -> Result<(), Error> {
        let is_cached = |cell: &&DesignCell| cell.state == State::Cached;
        for cell in self.planned.cells.iter().filter(is_cached) {
            if !is_placed(&cell.folder, &cell.id)
                && let Some(stored) = Stored::read(&self.folder, &cell.id)
            {
                self.place(cell, &stored)?;
            }
        }
        match self.planned.identity.as_ref().map(|i| i.pretrain) {
            Some(Some(id)) if Stored::read(&self.folder, &id).is_some() => {
                self.make_model().map(|_| ())
            }
            // What the record of another model says is not said of this one.
            Some(None) if self.folder.model_record().is_file() => Ok(atomic::write_json(
                &self.folder.model_record(),
                &ModelRecord::default(),
            )?),
            _ => Ok(()),
        }
    }

    /// Fetches or pretrains the model, unless it is there.
    fn make_model(&self) -> Result<(), Error> {
        let (Some(model), Some(identity)) = (&self.planned.plan.model, &self.planned.identity)
        else {
            return Ok(());
        };
        fetch_at(model, &identity.left, self.observer, self.stop)?;
        let place = Place {
            run: &self.planned.run,
            identity,
            device: self.planned.choice,
            made_by: self.planned.made_by(),
        };
        let every = CheckpointEvery::default();
        pretrain_at(&place, model, every, self.observer, self.stop)
    }

    /// Designs a cell, on to its place.
    fn cell(
        &self,
        cell: &DesignCell,
        method: &Method,
        data: &mut Data,
        models: &mut Models,
        same: &mut Option<Arc<Designed>>,
    ) -> Result<(), Error> {
        if self.stop.is_raised() {
            return Err(Error::Interrupted { checkpoint: false });
        }
        failed::forget(&cell.folder.failure())?;
        if !is_placed(&cell.folder, &cell.id) {
            self.record(cell, None).write(&cell.folder.started())?;
        }
        let measured = Measured::begin();
        let designed = match same {
            Some(designed) => designed.clone(),
            None => Arc::new(self.designs(cell, method, data, models)?),
        };
        *same = (!method.is_drawn()).then(|| designed.clone());
        let attempt = Attempt::begin(&self.folder, cell.id)?;
        let around = Around {
            known: &data.known,
            landscape: data.landscape.as_ref(),
        };
        // Not the names: another task or method with the same settings has the same result.
        let identity = [("seed", json!(cell.seed)), ("settings", json!(method))];
        let identity = identity.map(|(key, value)| (key.to_string(), value));
        write(
            attempt.folder(),
            &designed,
            &around,
            identity.into_iter().collect(),
        )?;
        measured.write(&CellFolder::new(attempt.folder()), &self.planned.device)?;
        let stored = Stored::of(
            attempt.folder(),
            ("designs", &cell.label()),
            cell.id,
            (cell.parameters.clone(), cell.inputs.clone()),
            json!({}),
            self.planned.made_by(),
        )?;
        attempt.commit(&stored)?;
        self.place(cell, &stored)
    }

    /// Lays a result at its place.
    fn place(&self, cell: &DesignCell, stored: &Stored) -> Result<(), Error> {
        let record = self.record(cell, Some(stored));
        place_cell(&self.folder, &cell.folder, &record, &[stored])
    }

    /// The record of a cell: of one that is begun, where there is no result yet.
    fn record(&self, cell: &DesignCell, stored: Option<&Stored>) -> CellRecord {
        CellRecord {
            schema: SCHEMA.into(),
            id: cell.id,
            training: None,
            task: cell.task.clone(),
            method: cell.method.clone(),
            seed: cell.seed,
            parameters: cell.parameters.clone(),
            inputs: cell.inputs.clone(),
            outputs: stored.map_or_else(BTreeMap::new, |stored| stored.outputs.clone()),
            made_by: stored.map_or_else(|| self.planned.made_by(), |s| s.made_by.clone()),
            finished: stored.map_or_else(String::new, |stored| stored.finished.clone()),
        }
    }

    fn designs(
        &self,
        cell: &DesignCell,
        method: &Method,
        data: &mut Data,
        models: &mut Models,
    ) -> Result<Designed, Error> {
        let choice = method.features();
        let key = key_of(&choice, cell.seed);
        let prepared = match data.prepared.get(&key) {
            Some(prepared) => prepared.clone(),
            None => {
                let features = self.features(&choice, cell.seed, &data.known, models)?;
                let made = Arc::new(Prepared::new(features, data.known.clone())?);
                keep_last_drawn(&mut data.prepared, &key);
                data.prepared.insert(key, made.clone());
                made
            }
        };
        let label = cell.label();
        let progress = self.observer.part(&label);
        progress.begin("designing", 0);
        let count = data.section.designs.get() as usize;
        let designed = design(&DesignRequest {
            method,
            prepared: &prepared,
            constraints: &data.constraints,
            count,
            seed: cell.seed,
            progress: progress.as_ref(),
            stop: self.stop,
        })?;
        progress.end("");
        let found = designed.designs.len();
        if found < count {
            self.observer.say(&format!(
                "{label}: {found} of {count} designs; nothing else that was found keeps to the constraints"
            ));
        }
        Ok(designed)
    }

    fn features(
        &self,
        choice: &FeatureChoice,
        seed: u64,
        known: &Known,
        models: &mut Models,
    ) -> Result<Arc<dyn Features>, Error> {
        let (length, lengths) = (known.length, known.lengths());
        let settings = match choice {
            FeatureChoice::Kmers(kmers) => {
                let k = kmers.k.get();
                let counts = match kmers.by_place {
                    true => KmerCounts::by_place(k, length)?,
                    false => KmerCounts::new(k, *lengths.start())?,
                };
                return Ok(Arc::new(counts));
            }
            FeatureChoice::OneHot(settings) => {
                return Ok(Arc::new(OneHot::new(length, settings.pairs)));
            }
            FeatureChoice::Together(parts) => {
                let parts = parts.iter();
                let parts = parts.map(|part| self.features(part, seed, known, models));
                let parts = parts.collect::<Result<Vec<_>, Error>>()?;
                return Ok(Arc::new(Together::new(parts, &known.sequences)?));
            }
            FeatureChoice::LanguageModel(settings) | FeatureChoice::RandomWeights(settings) => {
                settings
            }
        };
        let key = format!("{} {lengths:?}", key_of(choice, seed));
        if let Some(features) = models.loaded.get(&key) {
            return Ok(features.clone());
        }
        let Some(identity) = &self.planned.identity else {
            // The reader refuses it.
            return Err(Error::stage(Kind::Usage, "the file names no model"));
        };
        let made = match models.prepared.take() {
            Some(made) => made,
            None => match self.make_model() {
                Err(e @ Error::Interrupted { .. }) => return Err(e),
                made => made.map_err(|e| (e.kind(), e.to_string())),
            },
        };
        models.prepared = Some(made.clone());
        made.map_err(|(kind, message)| Error::stage(kind, message))?;
        let random = choice.is_drawn().then_some(seed);
        let loaded: Arc<dyn Features> = Arc::new(features(&Wanted {
            folder: &identity.folder,
            tokens: self.planned.plan.tokens.as_ref(),
            random,
            both_strands: settings.both_strands,
            lengths,
            device: self.planned.choice,
        })?);
        keep_last_drawn(&mut models.loaded, &key);
        models.loaded.insert(key, loaded.clone());
        Ok(loaded)
    }
}

/// What features are known by.
fn key_of(choice: &FeatureChoice, seed: u64) -> String {
    match choice.is_drawn() {
        true => format!("{DRAWN}{seed}: {}", json!(choice)),
        false => json!(choice).to_string(),
    }
}

/// What another seed drew makes room for what this one draws.
fn keep_last_drawn<T>(held: &mut HashMap<String, T>, key: &str) {
    let seed_of = |key: &str| Some(key.strip_prefix(DRAWN)?.split_once(':')?.0.to_string());
    if let Some(seed) = seed_of(key) {
        held.retain(|other, _| seed_of(other).is_none_or(|other| other == seed));
    }
}

/// Reads a task's table, and takes what methods may see.
fn read(section: &DesignTask) -> Result<Data<'_>, Error> {
    let columns = Columns {
        sequence: &section.sequence,
        score: &section.score,
    };
    let length = section.length.map(|length| length.get() as usize);
    let all = Known::read(&section.data, columns, length)?;
    let constraints = section.constraints.check(all.length)?;
    let lowest = match section.offline {
        Offline::All => None,
        Offline::Lowest(rows) => Some(rows.get() as usize),
        Offline::LowestShare(share) => {
            Some((share.get() * all.len() as f64 + 1e-9).floor() as usize)
        }
    };
    let (known, landscape) = match lowest {
        None => (all, None),
        Some(lowest) => {
            let mut rows = all.by_score();
            rows.truncate(lowest);
            let known = all.select(&rows);
            known.check().map_err(|problem| {
                let message = format!("`offline` leaves of {}: {problem}", section.data.display());
                Error::stage(Kind::Input, message)
            })?;
            (known, Some(Landscape::new(&all)))
        }
    };
    Ok(Data {
        section,
        known: Arc::new(known),
        landscape,
        constraints,
        prepared: HashMap::new(),
    })
}
