//! What a job does: the one function that a scheduler's processes call.

use lingo_adapt::{CheckpointEvery, Models};
use lingo_artifact::atomic;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::RunFolder;

use super::attempt::{Attempt, forget_tries, is_finished};
use super::job::{Job, Work};
use crate::failed;
use crate::failure::{Error, Kind};
use crate::lock::{self, Shared};
use crate::observer::Observer;
use crate::parallel::guarded;
use crate::plan::planned::{CellPlan, Plan, TaskPlan};
use crate::prepare::model::{ModelRecord, fetch_model, prepare_model};
use crate::prepare::task::{Made, prepare_examples, prepare_of_examples};
use crate::prepare::task_record::TaskRecord;
use crate::report;
use crate::run::cells::run_cell;
use crate::run::only_run::{one_at_a_time, one_of_many};
use crate::run::shared_tokens::SharedTokens;

/// How a job is done; nothing here changes a result.
pub struct Context<'a> {
    /// The command as it was typed.
    pub command: &'a str,
    /// How often a training writes a checkpoint.
    pub checkpoint_every: CheckpointEvery,
    /// Who hears of it.
    pub observer: &'a dyn Observer,
    /// Raised to stop.
    pub stop: &'a StopFlag,
}

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
    let observer = context.observer;
    match &job.work {
        Work::Model => {
            let _alone = one_at_a_time(
                &RunFolder::new(&plan.run).lock_of(RunFolder::MODEL),
                context.stop,
            )?;
            fetch_model(plan, observer, context.stop)?;
            prepare_model(plan, context.checkpoint_every, observer, context.stop)?;
            if plan.model.pretrain.is_none() {
                let record = ModelRecord {
                    id: Some(job.id),
                    ..ModelRecord::default()
                };
                atomic::write_json(&RunFolder::new(&plan.run).model_record(), &record)?;
            }
            Ok(Outcome::Done)
        }
        Work::Examples { task } => of_task(plan, task, context.stop, |task| {
            prepare_examples(plan, task, observer)
        }),
        Work::Tokens { task } => of_task(plan, task, context.stop, |task| {
            prepare_of_examples(plan, task, &[Made::Tokens], observer)
        }),
        Work::Floor { task } => of_task(plan, task, context.stop, |task| {
            prepare_of_examples(plan, task, &[Made::Floor], observer)
        }),
        Work::Adapt { task, method, seed } => {
            let is_it =
                |cell: &&CellPlan| (&cell.task, &cell.method, cell.seed) == (task, method, *seed);
            let Some(cell) = plan.cells.iter().find(is_it) else {
                return Err(unknown(job));
            };
            adapt(plan, cell, context)
        }
        Work::Report => {
            lock::write(plan, context.command, Shared::Made)?;
            report::build(&plan.run)?;
            Ok(Outcome::Done)
        }
    }
}

fn unknown(job: &Job) -> Error {
    let message = format!("the plan has no {} {}", job.work.stage(), job.work.label());
    Error::stage(Kind::Failed, message)
}

fn of_task(
    plan: &Plan,
    name: &str,
    stop: &StopFlag,
    work: impl Fn(&TaskPlan) -> Result<(), Error>,
) -> Result<Outcome, Error> {
    let Some(task) = plan.tasks.iter().find(|task| task.name == name) else {
        return Err(Error::stage(
            Kind::Failed,
            format!("the plan has no task {name}"),
        ));
    };
    let _alone = one_at_a_time(&RunFolder::new(&plan.run).lock_of(name), stop)?;
    let failure = task.folder.failure();
    match guarded(|| work(task)) {
        Ok(()) => failed::forget(&failure).map(|()| Outcome::Done),
        Err(e) => {
            failed::keep(&failure, name, &e);
            Err(e)
        }
    }
}

fn adapt(plan: &Plan, cell: &CellPlan, context: &Context<'_>) -> Result<Outcome, Error> {
    if is_finished(cell) {
        forget_tries(&plan.run, cell);
        return Ok(Outcome::WasThere);
    }
    let result = needed(plan, cell).and_then(|()| train(plan, cell, context));
    match result {
        // Whatever became of this one: the same result is there.
        Err(_) | Ok(Outcome::OtherWasFirst) if is_finished(cell) => {
            // Where the first has removed its folder, it wrote on into a new one.
            forget_tries(&plan.run, cell);
            Ok(Outcome::OtherWasFirst)
        }
        Err(e) => {
            failed::keep(&cell.folder.failure(), &cell.label(), &e);
            Err(e)
        }
        Ok(outcome) => Ok(outcome),
    }
}

/// What a cell is trained on is there.
fn needed(plan: &Plan, cell: &CellPlan) -> Result<(), Error> {
    let Some(task) = plan.tasks.iter().find(|task| task.name == cell.task) else {
        return Ok(());
    };
    let record = TaskRecord::read(&task.folder);
    if record.tokens == Some(task.tokens) && task.folder.tokens().is_file() {
        return Ok(());
    }
    let why = failed::read(&task.folder.failure());
    let why = why.map_or_else(String::new, |failure| format!(": {}", failure.error));
    let message = format!("the tokens of {} are not there{why}", task.name);
    Err(Error::stage(Kind::Input, message))
}

fn train(plan: &Plan, cell: &CellPlan, context: &Context<'_>) -> Result<Outcome, Error> {
    let attempt = Attempt::begin(&plan.run, cell)?;
    failed::forget(&cell.folder.failure())?;
    let own = CellPlan {
        folder: attempt.folder().clone(),
        ..cell.clone()
    };
    let tokens = SharedTokens::of(&[&own], plan.hide_test);
    let hashed = plan
        .inputs
        .iter()
        .map(|(path, hash)| (path.clone(), hash.sha256));
    let models = Models::knowing(hashed.collect());
    let progress = context.observer.part(&cell.label());
    let watched = (progress.as_ref(), context.stop);
    let result = guarded(|| {
        run_cell(
            plan,
            &own,
            &tokens,
            &models,
            context.checkpoint_every,
            watched,
        )
    });
    result.map_err(|e| e.with_checkpoint(|| lingo_adapt::last_checkpoint(own.folder.path())))?;
    let is_ours = attempt.commit(cell)?;
    let run = RunFolder::new(&plan.run);
    let others = plan.cells.iter().filter(|c| c.task == cell.task);
    if others.clone().all(is_finished) {
        // Whoever is last needs them no more; where two are, one finds them gone.
        let _ = models.remove_states(&run.task(&cell.task).states());
    }
    Ok(if is_ours {
        Outcome::Done
    } else {
        Outcome::OtherWasFirst
    })
}
