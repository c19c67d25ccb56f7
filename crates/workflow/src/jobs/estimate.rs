//! What trainings may take, by those that are finished: other seeds of the same task and method, or the same method on another
//! task, by the tokens of both.

use std::collections::BTreeMap;
use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::resources::Resources as Taken;
use lingo_artifact::run_folder::{CellFolder, RunFolder};

use super::job::{Job, Work};
use super::profile::Resources;
use crate::prepare::task_record::TaskRecord;

/// What a training took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    seconds: f64,
    bytes: u64,
}

impl Cost {
    fn most(self, other: Self) -> Self {
        Self {
            seconds: self.seconds.max(other.seconds),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

/// The costs of the trainings in a folder that are finished.
#[derive(Debug, Default)]
pub(super) struct Estimates {
    margin: f64,
    /// By method and task, the most of its seeds.
    known: BTreeMap<(String, String), Cost>,
    /// Tokens of an epoch, by task.
    tokens: BTreeMap<String, f64>,
}

impl Estimates {
    /// Of a folder's jobs; what is estimated is `margin` times what was seen.
    pub fn of(run: &Path, jobs: &[Job], margin: f64) -> Self {
        let folder = RunFolder::new(run);
        let mut found = Self {
            margin,
            ..Self::default()
        };
        for job in jobs {
            let Work::Adapt { task, method, .. } = &job.work else {
                continue;
            };
            if !found.tokens.contains_key(task) {
                let lengths = TaskRecord::read(&folder.task(task)).lengths;
                let tokens = lengths
                    .iter()
                    .map(|(&length, &rows)| f64::from(length) * rows as f64);
                found.tokens.insert(task.clone(), tokens.sum());
            }
            let record = CellFolder::new(folder.stored(&job.id)).resources();
            let Ok(taken) = atomic::read_json::<Taken>(&record) else {
                continue;
            };
            let cost = Cost {
                seconds: taken.wall_seconds,
                bytes: taken.peak_memory_bytes.unwrap_or(0),
            };
            let key = (method.clone(), task.clone());
            let known = found.known.entry(key).or_default();
            *known = known.most(cost);
        }
        found
    }

    /// Fills in what a job's resources do not say, where something is known of its like.
    pub fn complete(&self, work: &Work, resources: Resources) -> Resources {
        let Some(cost) = self.cost(work) else {
            return resources;
        };
        let memory = (cost.bytes > 0).then(|| memory(self.margin * cost.bytes as f64));
        Resources {
            time: resources
                .time
                .or_else(|| Some(time(self.margin * cost.seconds))),
            memory: resources.memory.or(memory),
            ..resources
        }
    }

    fn cost(&self, work: &Work) -> Option<Cost> {
        let Work::Adapt { task, method, .. } = work else {
            return None;
        };
        if let Some(same) = self.known.get(&(method.clone(), task.clone())) {
            return Some(*same);
        }
        let ours = self
            .tokens
            .get(task)
            .copied()
            .filter(|&tokens| tokens > 0.0)?;
        let scaled = self.known.iter().filter_map(|((of, other), cost)| {
            let theirs = self
                .tokens
                .get(other)
                .copied()
                .filter(|&tokens| tokens > 0.0)?;
            (of == method).then_some(Cost {
                seconds: cost.seconds * ours / theirs,
                bytes: cost.bytes,
            })
        });
        scaled.reduce(Cost::most)
    }
}

/// Minutes for `--time`, on a ladder, so that jobs that differ little are one array.
fn time(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    let steps = [15, 30, 60, 120, 240, 480, 960, 1440];
    let step = steps.into_iter().find(|&step| f64::from(step) >= minutes);
    let days = || (minutes / 1440.0).ceil() as u32 * 1440;
    step.unwrap_or_else(days).to_string()
}

/// MiB for `--mem`: a power of two from 512.
fn memory(bytes: f64) -> String {
    let mut mebibytes = 512u64;
    while (mebibytes as f64) * 1024.0 * 1024.0 < bytes {
        mebibytes *= 2;
    }
    format!("{mebibytes}M")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_estimated_from_its_like() {
        let key = |method: &str, task: &str| (method.to_owned(), task.to_owned());
        let known = |seconds, bytes| Cost { seconds, bytes };
        let estimates = Estimates {
            margin: 2.0,
            known: BTreeMap::from([
                (key("lora", "small"), known(600.0, 700 << 20)),
                (key("head", "small"), known(10.0, 0)),
            ]),
            tokens: BTreeMap::from([("small".into(), 1e5), ("large".into(), 1e6)]),
        };
        let of = |task: &str, method: &str, said: Resources| {
            let work = Work::Adapt {
                task: task.into(),
                method: method.into(),
                seed: 1,
            };
            let found = estimates.complete(&work, said);
            (found.time, found.memory)
        };
        let told = |time: &str, memory: &str| (Some(time.to_owned()), Some(memory.to_owned()));
        let nothing = Resources::default;
        assert_eq!(of("small", "lora", nothing()), told("30", "2048M"));
        assert_eq!(of("large", "lora", nothing()), told("240", "2048M"));
        assert_eq!(of("small", "head", nothing()), (Some("15".into()), None));
        assert_eq!(of("large", "ars", nothing()), (None, None));
        let said = Resources {
            time: Some("9".into()),
            ..nothing()
        };
        assert_eq!(of("small", "lora", said), told("9", "2048M"));
        assert_eq!(time(100_000.0), "2880");
    }
}
