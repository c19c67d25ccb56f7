//! Successive halving: all trials for a share of the epochs, the better ones for more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lingo_artifact::atomic;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::RunFolder;
use lingo_artifact::training::Training;
use lingo_evaluate::CellMetrics;

use super::trial::{Trial, trials};
use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::pipeline::Pipeline;
use crate::pipeline::resolved::ModelPlan;
use crate::pipeline::tune_section::TuneSection;
use crate::plan::planned::{CellPlan, Plan};
use crate::plan::selection::Request;
use crate::plan::state::State;
use crate::run::{self, run};
use crate::store::{Stored, place_file};

/// What is searched, and how it is run.
pub struct Settings<'a> {
    /// The pipeline file.
    pub file: &'a Path,
    /// Its overrides: `KEY=VALUE`.
    pub sets: &'a [String],
    /// Which part of it; `out` is the folder of the search.
    pub request: Request,
    /// Cells at a time, and whether tasks without files are left out.
    pub run: run::Settings,
}

/// One trial at one rung.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its folder's name.
    pub trial: String,
    /// Counted from 1.
    pub rung: usize,
    /// The share of the epochs.
    pub share: f64,
    /// The mean over the cells of the metric on dev; nothing where a cell failed or has none.
    pub score: Option<f64>,
    /// Wall seconds of training.
    pub seconds: f64,
    /// Whether it goes on to the next rung, or is the best of the last.
    pub kept: bool,
    /// Its settings, as after `--set`.
    pub sets: Vec<String>,
}

/// What came of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Every trial at every rung it reached, the best first within a rung, the last rung first.
    pub rows: Vec<Row>,
    /// The table, `tune.tsv`.
    pub table: PathBuf,
}

impl Found {
    /// The best trial of the last rung.
    pub fn best(&self) -> Option<&Row> {
        self.rows.first().filter(|row| row.score.is_some())
    }
}

/// Searches. What was run before is not run again.
///
/// # Errors
/// No `tune` in the file; a trial whose settings the file does not allow; what a run says before it trains anything; an
/// interruption. A trial whose cells fail is the worst, and no error.
pub fn search(
    settings: &Settings,
    command: &str,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<Found, Error> {
    let pipeline = Pipeline::read(settings.file, settings.sets)?;
    let Some(section) = &pipeline.tune else {
        let message = format!(
            "{} has no `tune`: say what is tried, for example `tune: {{ space: {{ train.learning_rate: [0.0005, 0.001] }} }}`",
            pipeline.file
        );
        return Err(Error::stage(Kind::Usage, message));
    };
    let out = settings
        .request
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("runs").join(format!("{}-tune", pipeline.name)));
    // A mistake in any of them is told before the first is run; what is in the file later changes nothing.
    let methods = settings.request.methods.as_deref();
    let mut left = sound(settings.file, settings.sets, section, methods)?;
    let mut shared: Option<PathBuf> = None;
    let mut commits = BTreeMap::new();
    let table = out.join("tune.tsv");
    let mut rows: Vec<Row> = Vec::new();
    for (rung, share) in section.rungs.iter().enumerate() {
        let mut here = Vec::new();
        for (i, (trial, of_trial)) in left.iter().enumerate() {
            observer.say(&format!(
                "rung {} of {}, trial {} of {}: {}",
                rung + 1,
                section.rungs.len(),
                i + 1,
                left.len(),
                trial.sets(section).join(" ")
            ));
            let name = trial.name(section);
            let folder = out.join(&name).join(format!("rung-{}", rung + 1));
            let mut shortened = of_trial.clone().shortened(share.get());
            // A branch that moves on meanwhile is another model: all trials take the commit that the first one found.
            if let ModelPlan::Hub { model, commit } = &mut shortened.model {
                *commit = commits.get(&model.to_string()).cloned();
            }
            let request = Request {
                out: Some(folder),
                hide_test: true,
                ..settings.request.clone()
            };
            let plan = Plan::new(shortened, &request)?;
            if let ModelPlan::Hub {
                model,
                commit: Some(commit),
            } = &plan.pipeline.model
            {
                commits.insert(model.to_string(), commit.clone());
            }
            if let Some(from) = shared.replace(plan.run.clone()) {
                lend(&from, &plan)?;
            }
            match run(&plan, settings.run, command, observer, stop) {
                Ok(_) | Err(Error::Cells { .. }) => {}
                Err(Error::Interrupted { checkpoint }) => {
                    return Err(Error::Interrupted { checkpoint });
                }
                Err(other) => return Err(other.during(&format!("trial {name}"))),
            }
            let (score, seconds) = judged(&plan, section);
            here.push((
                (trial.clone(), of_trial.clone()),
                Row {
                    trial: name,
                    rung: rung + 1,
                    share: share.get(),
                    score,
                    seconds,
                    kept: false,
                    sets: trial.sets(section),
                },
            ));
        }
        // The first of equals stays ahead: the order is that of the trials.
        here.sort_by(|(_, a), (_, b)| {
            let of = |row: &Row| row.score.unwrap_or(f64::NEG_INFINITY);
            of(b).total_cmp(&of(a))
        });
        let last = rung + 1 == section.rungs.len();
        let kept = match last {
            true => 1,
            false => ((here.len() as f64 * section.keep.get()).ceil() as usize).max(1),
        };
        let scored = |(_, row): &&mut (_, Row)| row.score.is_some();
        here.iter_mut()
            .take(kept)
            .filter(scored)
            .for_each(|(_, row)| row.kept = true);
        left = here
            .iter()
            .filter(|(_, row)| row.kept)
            .map(|(trial, _)| trial.clone())
            .collect();
        rows.splice(0..0, here.into_iter().map(|(_, row)| row));
        write(&table, section, &rows)?;
        if left.is_empty() {
            let message = format!(
                "no trial has a score after rung {}: cells failed, there is no dev split, or the tasks have no `{}`",
                rung + 1,
                section.metric.names().join("` or `")
            );
            return Err(Error::stage(Kind::Failed, message));
        }
    }
    Ok(Found { rows, table })
}

/// Makes sure that a `train.learning_rate` that is searched reaches a method.
///
/// # Errors
/// Every method that is searched has a rate of its own.
fn reached(
    section: &TuneSection,
    selected: Option<&[String]>,
    trials: &[(Trial, Pipeline)],
) -> Result<(), Error> {
    let key = "train.learning_rate";
    if section.space.0.iter().all(|(of, _)| of != key) {
        return Ok(());
    }
    // A trial can be at that rate by chance: what is not reached in one is reached in none.
    let own = |name: &String| trials.iter().find_map(|(_, p)| p.own_rate(name));
    let all = trials.first().map_or(&[][..], |(_, p)| &p.methods);
    let names = all.iter().map(|(name, _)| name);
    let names = names.filter(|name| selected.is_none_or(|names| names.contains(name)));
    let keys: Option<Vec<String>> = names.map(|name| Some(own(name)?.0)).collect();
    match keys {
        Some(keys) if !keys.is_empty() => Err(Error::stage(
            Kind::Usage,
            format!(
                "`{key}` changes no method that is searched, since each has a rate of its own: try {} instead",
                keys.join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

/// The pipeline with a trial's settings.
fn with(
    (file, sets): (&Path, &[String]),
    section: &TuneSection,
    trial: &Trial,
) -> Result<Pipeline, Error> {
    let sets: Vec<String> = sets.iter().cloned().chain(trial.sets(section)).collect();
    Ok(Pipeline::read(file, &sets)?)
}

/// The trials of a search, in none of which is a mistake.
fn sound(
    file: &Path,
    sets: &[String],
    section: &TuneSection,
    methods: Option<&[String]>,
) -> Result<Vec<(Trial, Pipeline)>, Error> {
    let mut all = Vec::new();
    for trial in trials(section)? {
        let pipeline = with((file, sets), section, &trial)?;
        all.push((trial, pipeline));
    }
    reached(section, methods, &all)?;
    Ok(all)
}

/// How many trials the search of a pipeline file has, where it has one; nothing is run.
///
/// # Errors
/// A trial whose settings the file does not allow.
pub fn check(pipeline: &Pipeline, file: &Path, sets: &[String]) -> Result<Option<usize>, Error> {
    let section = pipeline.tune.as_ref();
    let trials = section.map(|section| Ok(sound(file, sets, section, None)?.len()));
    trials.transpose()
}

/// Lays what cells share (the model, examples, tokens) from an earlier trial's run into that of a plan. Each says what it was
/// made from, so what does not fit the trial is made anew.
fn lend(from: &Path, plan: &Plan) -> Result<(), Error> {
    let (from, to) = (RunFolder::new(from), RunFolder::new(&plan.run));
    let mut files = Vec::new();
    let mut add = |from: &Path, to: &Path| {
        for entry in fs::read_dir(from).into_iter().flatten().flatten() {
            files.push((entry.path(), to.join(entry.file_name())));
        }
    };
    if let Some(id) = plan.model.pretrain
        && Stored::read(&from, &id).is_some()
    {
        let (from, to) = (from.stored(&id), to.stored(&id));
        add(&from.join(RunFolder::MODEL), &to.join(RunFolder::MODEL));
        add(&from, &to);
    }
    let others = plan.only_first().chain(plan.only_held_out());
    for task in plan.tasks.iter().chain(others) {
        for id in [task.examples, task.tokens] {
            if Stored::read(&from, &id).is_some() {
                add(&from.stored(&id), &to.stored(&id));
            }
        }
    }
    if let Some(first) = &plan.first
        && let Some(stored) = Stored::read(&from, &first.id)
    {
        let (from, to) = (from.stored(&first.id), to.stored(&first.id));
        // The record last: without it nothing is there.
        let names = stored.outputs.keys().map(String::as_str);
        for name in names.chain([RunFolder::RESULT]) {
            files.push((from.join(name), to.join(name)));
        }
    }
    for (from, to) in files {
        if from.is_file() && !to.exists() {
            place_file(&from, &to)?;
        }
    }
    Ok(())
}

/// The score of a trial that was run, and the seconds that its cells trained.
fn judged(plan: &Plan, section: &TuneSection) -> (Option<f64>, f64) {
    let (mut scores, mut seconds) = (Vec::new(), 0.0);
    let there = |cell: &&CellPlan| !matches!(cell.state, State::Missing(_));
    for cell in plan.cells.iter().filter(there) {
        let finished = cell.folder.finished().is_file();
        let metrics = atomic::read_json::<CellMetrics>(&cell.folder.metrics()).ok();
        let names = section.metric.names().iter();
        let score = metrics
            .filter(|_| finished)
            .and_then(|metrics| names.copied().find_map(|name| metrics.dev.get(name)));
        scores.push(score);
        let training = atomic::read_json::<Training>(&cell.folder.training());
        seconds += training.map_or(0.0, |training| training.seconds);
    }
    let all: Option<Vec<f64>> = scores.into_iter().collect();
    let mean = all
        .filter(|all| !all.is_empty())
        .map(|all| all.iter().sum::<f64>() / all.len() as f64);
    (mean, seconds)
}

/// A line a trial and rung, a column a key.
fn write(path: &Path, section: &TuneSection, rows: &[Row]) -> Result<(), Error> {
    let mut text = "rung\tshare\ttrial\tdev_score\tkept\tseconds".to_string();
    for (key, _) in &section.space.0 {
        text.push('\t');
        text.push_str(key);
    }
    text.push('\n');
    for row in rows {
        let score = row.score.map_or_else(|| "NA".into(), |s| format!("{s:.6}"));
        text.push_str(&format!(
            "{}\t{}\t{}\t{score}\t{}\t{:.1}",
            row.rung, row.share, row.trial, row.kept, row.seconds
        ));
        for set in &row.sets {
            let value = set.split_once('=').map_or("", |(_, value)| value);
            text.push('\t');
            text.push_str(value);
        }
        text.push('\n');
    }
    Ok(atomic::write_bytes(path, text.as_bytes())?)
}
