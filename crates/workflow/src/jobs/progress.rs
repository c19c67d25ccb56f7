//! How far a folder's jobs are, by what is there: no queue is asked.

use std::path::Path;
use std::time::SystemTime;

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::{CellFolder, RunFolder};

use super::job::{Job, Work};
use crate::cell::CellRecord;
use crate::failure::kept as failed;
use crate::prepare::model::ModelRecord;
use crate::prepare::task_record::TaskRecord;

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
    let report = modified(&folder.report());
    for job in jobs {
        let needs = job.needs.iter().map(|&need| &states[need]);
        let state = match of_work(&folder, job) {
            Some(state) => state,
            None if job.work == Work::Report => {
                let is_whole = needs.clone().all(|state| *state == JobState::Done);
                let is_over =
                    |state: &JobState| matches!(state, JobState::Done | JobState::Failed(_));
                // A cell that was finished since is not in it.
                if is_whole && report.is_some() && report >= newest(&folder, jobs) {
                    JobState::Done
                } else if needs.clone().all(is_over) {
                    JobState::Ready
                } else {
                    JobState::Waits
                }
            }
            None if needs.clone().all(|state| *state == JobState::Done) => JobState::Ready,
            None => JobState::Waits,
        };
        states.push(state);
    }
    states
}

/// What is there of a job; nothing where it was not begun.
fn of_work(run: &RunFolder, job: &Job) -> Option<JobState> {
    let done = |is: bool| is.then_some(JobState::Done);
    let failed = |path: &Path| failed::read(path).map(|failure| JobState::Failed(failure.error));
    match &job.work {
        Work::Model => {
            let record: Option<ModelRecord> = atomic::read_json(&run.model_record()).ok();
            done(record.is_some_and(|record| record.id == Some(job.id)))
        }
        Work::Examples { task } | Work::Tokens { task } | Work::Floor { task } => {
            let folder = run.task(task);
            let record = TaskRecord::read(&folder);
            let is_done = match job.work {
                Work::Examples { .. } => record.examples == Some(job.id),
                Work::Tokens { .. } => record.tokens == Some(job.id),
                _ => !record.floors.is_empty(),
            };
            done(is_done).or_else(|| failed(&folder.failure()))
        }
        Work::Adapt { task, method, seed } => {
            let cell = run.cell(task, method, *seed);
            of_cell(run, &cell, &job.work.label(), job.id)
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
        Work::Adapt { task, method, seed } => modified(&run.cell(task, method, *seed).finished()),
        _ => None,
    });
    finished.max()
}

fn of_cell(run: &RunFolder, cell: &CellFolder, label: &str, id: Digest) -> Option<JobState> {
    if CellRecord::read(&cell.finished()).is_some_and(|found| found.id == id) {
        return Some(JobState::Done);
    }
    if let Some(failure) = failed::read(&cell.failure()) {
        return Some(JobState::Failed(failure.error));
    }
    run.work(label, &id.short())
        .is_dir()
        .then_some(JobState::Begun)
}
