//! How far a folder's jobs are, by what is there: no queue is asked.

use std::path::Path;
use std::time::SystemTime;

use lingo_artifact::atomic;
use lingo_artifact::run_folder::RunFolder;

use super::job::{Job, Work};
use crate::failure::kept as failed;
use crate::prepare::model::ModelRecord;
use crate::store::{Stored, is_placed};

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its result is there.
    Done,
    /// Its last try failed.
    Failed(String),
    /// It was begun: it is at work, or its process is gone.
    Begun,
    /// What it needs is not there yet.
    Waits,
    /// It can be begun.
    Ready,
}

/// The state of each job, in their order.
pub fn states(run: &Path, jobs: &[Job]) -> Vec<JobState> {
    let folder = RunFolder::new(run);
    let mut states: Vec<JobState> = Vec::with_capacity(jobs.len());
    // What failed, and what waits for something that failed.
    let mut lost: Vec<bool> = Vec::with_capacity(jobs.len());
    let report = modified(&folder.report());
    for job in jobs {
        let needs = job.needs.iter().map(|&need| &states[need]);
        let needs_are_done = needs.clone().all(|state| *state == JobState::Done);
        let state = match of_work(&folder, job, needs_are_done) {
            Some(state) => state,
            None if job.work == Work::Report => {
                let is_over = |&need: &usize| states[need] == JobState::Done || lost[need];
                // A cell that was finished since is not in it.
                if needs_are_done && report.is_some() && report >= newest(&folder, jobs) {
                    JobState::Done
                } else if job.needs.iter().all(is_over) {
                    JobState::Ready
                } else {
                    JobState::Waits
                }
            }
            None if needs_are_done => JobState::Ready,
            None => JobState::Waits,
        };
        let waits_for_lost = || job.needs.iter().any(|&need| lost[need]);
        lost.push(match &state {
            JobState::Failed(_) => true,
            JobState::Waits => waits_for_lost(),
            _ => false,
        });
        states.push(state);
    }
    states
}

/// What is there of a job; nothing where it was not begun.
fn of_work(run: &RunFolder, job: &Job, needs_are_done: bool) -> Option<JobState> {
    let done = |is: bool| is.then_some(JobState::Done);
    let failed = |path: &Path| failed::read(path).map(|failure| JobState::Failed(failure.error));
    match &job.work {
        Work::Model => {
            if Stored::read(run, &job.id).is_some() {
                return Some(JobState::Done);
            }
            // A model that was fetched.
            let record: Option<ModelRecord> = atomic::read_json(&run.model_record()).ok();
            done(record.is_some_and(|record| record.id == Some(job.id)))
        }
        Work::Examples { task } | Work::Tokens { task } | Work::Floor { task } => {
            let is_done = Stored::read(run, &job.id).is_some();
            done(is_done).or_else(|| failed(&run.task(task).failure()))
        }
        Work::AdaptFirst => {
            if Stored::read(run, &job.id).is_some() {
                return Some(JobState::Done);
            }
            let failed = failed(&run.adapt_first_failure());
            failed.or_else(|| run.work(&job.id).is_dir().then_some(JobState::Begun))
        }
        Work::Adapt { task, method, seed } => {
            if Stored::read(run, &job.id).is_some() {
                return Some(JobState::Done);
            }
            let failed = failed(&run.cell(task, method, *seed).failure());
            failed.or_else(|| run.work(&job.id).is_dir().then_some(JobState::Begun))
        }
        Work::Score { task, method, seed } => {
            let cell = run.cell(task, method, *seed);
            if is_placed(&cell, &job.id) {
                return Some(JobState::Done);
            }
            // What its training says is told there.
            needs_are_done.then(|| failed(&cell.failure())).flatten()
        }
        Work::Report => None,
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .ok()
}

/// When the last cell was finished.
fn newest(run: &RunFolder, jobs: &[Job]) -> Option<SystemTime> {
    let finished = jobs.iter().filter_map(|job| match &job.work {
        Work::Score { task, method, seed } => modified(&run.cell(task, method, *seed).finished()),
        _ => None,
    });
    finished.max()
}
