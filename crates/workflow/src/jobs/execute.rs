//! What a job does: the one function that a scheduler's processes call.

use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::run_folder::RunFolder;

use super::adapt_first::{adapt_first, made};
use super::context::Context;
use super::job::{Job, Work};
use super::only_run::{one_at_a_time, one_of_many};
use super::scoring::{begun, score};
use super::training::train;
use crate::failure::kept as failed;
use crate::failure::{Error, Kind};
use crate::lock::{self, Shared};
use crate::parallel::guarded;
use crate::plan::planned::{CellPlan, Plan, TaskPlan};
use crate::prepare::model::{ModelRecord, fetch_model, prepare_model};
use crate::prepare::{self, Made};
use crate::report;
use crate::store::{Stored, forget_tries, is_placed};

/// What came of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// Its result was there.
    WasThere,
    /// Another process brought the same result first.
    OtherWasFirst,
}

/// Does a job of a plan, unless its result is there.
///
/// # Errors
/// What it needs is not there; what its stage says, which is also written beside where the result would be
/// (`failure.json`); [`Error::Interrupted`].
pub fn execute(plan: &Plan, job: &Job, context: &Context<'_>) -> Result<Outcome, Error> {
    let _one = one_of_many(&plan.run)?;
    let shared = match &job.work {
        Work::Model => Some(RunFolder::MODEL),
        Work::AdaptFirst => Some(RunFolder::ADAPT_FIRST),
        Work::Examples { task } | Work::Tokens { task } | Work::Floor { task } => {
            Some(task.as_str())
        }
        // Its files are written one by one, and hashed into the lock.
        Work::Report => Some(job.work.stage()),
        Work::Adapt { .. } | Work::Score { .. } => None,
    };
    let lock = shared.map(|name| RunFolder::new(&plan.run).lock_of(name));
    let _alone = lock
        .map(|lock| one_at_a_time(&lock, context.stop))
        .transpose()?;
    done(plan, job, context)
}

/// As [`execute`], in a process that has the run's folder to itself.
pub(crate) fn done(plan: &Plan, job: &Job, context: &Context<'_>) -> Result<Outcome, Error> {
    match &job.work {
        Work::Model => model(plan, job, context),
        Work::Examples { task } => of_task(plan, task, Made::Examples, context),
        Work::Tokens { task } => of_task(plan, task, Made::Tokens, context),
        Work::Floor { task } => of_task(plan, task, Made::Floor, context),
        Work::AdaptFirst => {
            let failure = RunFolder::new(&plan.run).adapt_first_failure();
            let made = guarded(|| adapt_first(plan, context));
            shared(&failure, RunFolder::ADAPT_FIRST, made)
        }
        Work::Adapt { task, method, seed } | Work::Score { task, method, seed } => {
            let is_it =
                |cell: &&CellPlan| (&cell.task, &cell.method, cell.seed) == (task, method, *seed);
            let Some(cell) = plan.cells.iter().find(is_it) else {
                return Err(unknown(job));
            };
            let result = guarded(|| match job.work {
                Work::Adapt { .. } => adapt(plan, cell, context),
                _ => scored(plan, cell, context),
            });
            if let Err(e) = &result
                && had_its_turn(plan, cell, &job.work)
            {
                failed::keep(&cell.folder.failure(), &cell.label(), e);
            }
            result
        }
        Work::Report => {
            for task in plan.tasks.iter().filter(|task| task.missing.is_empty()) {
                // Two machines may have written the record at once, each with what it knew.
                prepare::place(plan, task)?;
            }
            lock::write(plan, context.command, Shared::Made)?;
            report::build(&plan.run)?;
            Ok(Outcome::Done)
        }
    }
}

fn model(plan: &Plan, job: &Job, context: &Context<'_>) -> Result<Outcome, Error> {
    let run = RunFolder::new(&plan.run);
    fetch_model(plan, context.observer, context.stop)?;
    prepare_model(
        plan,
        context.checkpoint_every,
        context.observer,
        context.stop,
    )?;
    if plan.model.pretrain.is_none() {
        let record = ModelRecord {
            id: Some(job.id),
            ..ModelRecord::default()
        };
        atomic::write_json(&run.model_record(), &record)?;
    }
    Ok(Outcome::Done)
}

fn unknown(job: &Job) -> Error {
    let message = format!("the plan has no {} {}", job.work.stage(), job.work.label());
    Error::stage(Kind::Failed, message)
}

fn of_task(plan: &Plan, name: &str, made: Made, context: &Context<'_>) -> Result<Outcome, Error> {
    let Some(task) = plan.task(name) else {
        return Err(Error::stage(
            Kind::Failed,
            format!("the plan has no task {name}"),
        ));
    };
    let failure = task.folder.failure();
    let made = guarded(|| prepare::prepare(plan, task, made, context.observer));
    shared(&failure, name, made)
}

/// The outcome of making what cells share, ours or another's; why it failed is kept in the file `failure`, until it does not.
fn shared(failure: &Path, label: &str, made: Result<bool, Error>) -> Result<Outcome, Error> {
    match made {
        Ok(is_ours) => {
            failed::forget(failure)?;
            Ok(match is_ours {
                true => Outcome::Done,
                false => Outcome::WasThere,
            })
        }
        Err(e) => {
            failed::keep(failure, label, &e);
            Err(e)
        }
    }
}

fn adapt(plan: &Plan, cell: &CellPlan, context: &Context<'_>) -> Result<Outcome, Error> {
    let run = RunFolder::new(&plan.run);
    let is_there = || Stored::read(&run, &cell.training).is_some();
    if is_there() {
        lingo_adapt::forget_checkpoints(&run.stored(&cell.training))?;
        forget_tries(&run, &cell.training);
        context.tokens.release(&cell.task);
        return Ok(Outcome::WasThere);
    }
    let progress = context.observer.part(&cell.label());
    let result = needed(plan, cell).and_then(|task| {
        failed::forget(&cell.folder.failure())?;
        if !is_placed(&cell.folder, &cell.id) {
            begun(plan, cell).write(&cell.folder.started())?;
        }
        train(plan, (task, cell), context, progress.as_ref())
    });
    context.tokens.release(&cell.task);
    let outcome = match result {
        Ok(true) => Outcome::Done,
        // Whatever became of this one: the same result is there.
        Ok(false) | Err(_) if is_there() => {
            // Where the first has removed its folder, it wrote on into a new one.
            forget_tries(&run, &cell.training);
            Outcome::OtherWasFirst
        }
        Ok(false) => Outcome::OtherWasFirst,
        Err(e) => return Err(e),
    };
    let others = plan.cells.iter().filter(|c| c.task == cell.task);
    if others
        .into_iter()
        .all(|c| Stored::read(&run, &c.training).is_some())
    {
        // Whoever is last needs them no more; where two are, one finds them gone. States that cannot be removed do no harm.
        let _ = context.models.remove_states(&run.task(&cell.task).states());
    }
    Ok(outcome)
}

/// Whether what a cell's job needs is there, or has failed. A job that came too early is no failure: what it needs was not
/// tried, and a training and its scores keep theirs in one file.
fn had_its_turn(plan: &Plan, cell: &CellPlan, work: &Work) -> bool {
    let run = RunFolder::new(&plan.run);
    let has_failed = |failure: &Path| failed::read(failure).is_some();
    match work {
        Work::Adapt { .. } => {
            needed(plan, cell).is_ok()
                || has_failed(&run.adapt_first_failure())
                || has_failed(&run.task(&cell.task).failure())
        }
        _ => Stored::read(&run, &cell.training).is_some(),
    }
}

/// What a cell is trained on is there.
fn needed<'a>(plan: &'a Plan, cell: &CellPlan) -> Result<&'a TaskPlan, Error> {
    let Some(task) = plan.tasks.iter().find(|task| task.name == cell.task) else {
        let message = format!("the plan has no task {}", cell.task);
        return Err(Error::stage(Kind::Failed, message));
    };
    let run = RunFolder::new(&plan.run);
    if let Some(first) = plan.first_for(&cell.method)
        && Stored::read(&run, &first.id).is_none()
    {
        let why = failed::read(&run.adapt_first_failure());
        let why = why.map_or_else(
            || "do the `adapt_first` job first".to_owned(),
            |failure| failure.error,
        );
        let message = format!("the model that is adapted first is not there: {why}");
        return Err(Error::stage(Kind::Failed, message));
    }
    made(&run, task, ("tokens", task.tokens))?;
    Ok(task)
}

fn scored(plan: &Plan, cell: &CellPlan, context: &Context<'_>) -> Result<Outcome, Error> {
    let run = RunFolder::new(&plan.run);
    if is_placed(&cell.folder, &cell.id) {
        return Ok(Outcome::WasThere);
    }
    let Some(trained) = Stored::read(&run, &cell.training) else {
        let why = failed::read(&cell.folder.failure());
        let why = why.map_or_else(
            || "it is not trained: do its `adapt` job first".into(),
            |f| f.error,
        );
        return Err(Error::stage(Kind::Failed, why));
    };
    failed::forget(&cell.folder.failure())?;
    match score(plan, cell, &trained, context.stop) {
        Ok(true) => Ok(Outcome::Done),
        Ok(false) => Ok(Outcome::WasThere),
        Err(_) if is_placed(&cell.folder, &cell.id) => Ok(Outcome::OtherWasFirst),
        // The training is kept.
        Err(Error::Interrupted { .. }) => Err(Error::Interrupted { checkpoint: true }),
        Err(e) => Err(e),
    }
}
