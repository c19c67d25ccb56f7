//! What all tasks of a run share, and what the failure of one of them stops.

use std::collections::BTreeSet;

use lingo_artifact::progress::StopFlag;

use super::model::prepare_model;
use super::task::{Made, prepare_examples, prepare_of_examples};
use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::parallel::{guarded, in_parallel};
use crate::plan::planned::{CellPlan, Plan, TaskPlan};
use crate::run_settings::Settings;

/// Makes what the unfinished cells share: all examples first, so that bad data is told before a model is pretrained.
///
/// A task whose data is bad is told and given back with its failure; the others go on.
///
/// # Errors
/// A mistake in the settings, an interruption, a model that cannot be made; all failures when no task is left.
pub(crate) fn every_task(
    plan: &Plan,
    unfinished: &[&CellPlan],
    settings: Settings,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<Vec<(String, Error)>, Error> {
    let wanted: BTreeSet<&str> = unfinished.iter().map(|c| c.task.as_str()).collect();
    let tasks: Vec<&TaskPlan> = plan
        .tasks
        .iter()
        .filter(|t| wanted.contains(t.name.as_str()))
        .collect();
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let jobs = settings.jobs;
    let (tasks, mut bad) = each_task(tasks, jobs, observer, stop, |task| {
        prepare_examples(plan, task, observer)
    })?;
    prepare_model(plan, settings.checkpoint_every, observer, stop)?;
    let (_, more) = each_task(tasks, jobs, observer, stop, |task| {
        prepare_of_examples(plan, task, &[Made::Tokens, Made::Floor], observer)
    })?;
    bad.extend(more);
    Ok(bad)
}

/// The tasks that `work` was done for, and the failures of the others.
type Done<'a> = (Vec<&'a TaskPlan>, Vec<(String, Error)>);

fn each_task<'a>(
    tasks: Vec<&'a TaskPlan>,
    jobs: usize,
    observer: &dyn Observer,
    stop: &StopFlag,
    work: impl Fn(&TaskPlan) -> Result<(), Error> + Sync,
) -> Result<Done<'a>, Error> {
    let results = in_parallel(&tasks, jobs, |task| {
        if stop.is_raised() {
            return Err(Error::Interrupted { checkpoint: false });
        }
        guarded(|| work(task))
    });
    let (mut good, mut bad, mut fatal) = (Vec::new(), Vec::new(), Vec::new());
    for (task, result) in tasks.into_iter().zip(results) {
        match result {
            Ok(()) => good.push(task),
            Err(e) if matches!(e.kind(), Kind::Input | Kind::Failed) => {
                bad.push((task.name.clone(), e));
            }
            Err(e) => fatal.push(e),
        }
    }
    if !fatal.is_empty() || good.is_empty() {
        fatal.extend(bad.into_iter().map(|(_, e)| e));
        return Err(Error::all_of(fatal));
    }
    for (_, error) in &bad {
        observer.say(&format!("failed: {error}"));
    }
    Ok((good, bad))
}
