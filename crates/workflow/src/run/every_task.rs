//! What all tasks of a run share, and what the failure of one of them stops.

use std::collections::BTreeSet;

use crate::failure::{Error, Kind};
use crate::jobs::{Context, Job, Work, done};
use crate::parallel::in_parallel;
use crate::plan::planned::{CellPlan, Plan};

/// Makes what the unfinished cells share: all examples first, so that bad data is told before a model is pretrained.
///
/// A task whose data is bad is told and given back with its failure; the others go on.
///
/// # Errors
/// A mistake in the settings, an interruption, a model that cannot be made; all failures when no task is left.
pub(super) fn every_task(
    plan: &Plan,
    jobs: &[Job],
    unfinished: &[&CellPlan],
    at_a_time: usize,
    context: &Context<'_>,
) -> Result<Vec<(String, Error)>, Error> {
    let mut wanted: BTreeSet<&str> = unfinished.iter().map(|c| c.task.as_str()).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let comes_first = unfinished.iter().find_map(|c| plan.first_for(&c.method));
    let selected = wanted.clone();
    let of_first = (comes_first.iter()).flat_map(|first| first.tasks.iter().chain(&first.others));
    wanted.extend(of_first.map(|task| task.name.as_str()));
    let of_task = |stage: &str, tasks: &BTreeSet<&str>| -> Vec<&Job> {
        let of_stage = jobs.iter().filter(|job| job.work.stage() == stage);
        of_stage
            .filter(|job| tasks.contains(job.work.label().as_str()))
            .collect()
    };
    let mut bad = each_task(plan, &of_task("examples", &wanted), at_a_time, context)?;
    let left = |bad: &[(String, Error)]| -> BTreeSet<&str> {
        let is_bad = |task: &str| bad.iter().any(|(name, _)| name == task);
        wanted
            .iter()
            .copied()
            .filter(|task| !is_bad(task))
            .collect()
    };
    for job in jobs.iter().filter(|job| job.work == Work::Model) {
        done(plan, job, context)?;
    }
    for stage in ["tokens", "floor"] {
        let left = left(&bad);
        bad.extend(each_task(plan, &of_task(stage, &left), at_a_time, context)?);
    }
    let is_first = |job: &&Job| job.work == Work::AdaptFirst && comes_first.is_some();
    for job in jobs.iter().filter(is_first) {
        match done(plan, job, context) {
            // The cells that need it say so, each; the others go on.
            Err(e) if matches!(e.kind(), Kind::Input | Kind::Failed) => {
                context.observer.say(&format!("failed: {e}"));
            }
            Err(e) => return Err(e),
            Ok(_) => {}
        }
    }
    // Nothing of a task that is only learnt from, or kept away, is lost with it.
    bad.retain(|(task, _)| selected.contains(task.as_str()));
    Ok(bad)
}

/// Does the jobs of a stage; gives the tasks that failed.
fn each_task(
    plan: &Plan,
    jobs: &[&Job],
    at_a_time: usize,
    context: &Context<'_>,
) -> Result<Vec<(String, Error)>, Error> {
    let results = in_parallel(jobs, at_a_time, |job| {
        if context.stop.is_raised() {
            return Err(Error::Interrupted { checkpoint: false });
        }
        done(plan, job, context)
    });
    let (mut good, mut bad, mut fatal) = (0, Vec::new(), Vec::new());
    for (job, result) in jobs.iter().zip(results) {
        match result {
            Ok(_) => good += 1,
            Err(e) if matches!(e.kind(), Kind::Input | Kind::Failed) => {
                bad.push((job.work.label(), e));
            }
            Err(e) => fatal.push(e),
        }
    }
    if !fatal.is_empty() || (good == 0 && !bad.is_empty()) {
        fatal.extend(bad.into_iter().map(|(_, e)| e));
        return Err(Error::all_of(fatal));
    }
    for (_, error) in &bad {
        context.observer.say(&format!("failed: {error}"));
    }
    Ok(bad)
}
