//! One job, and the jobs of a plan.

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::CellFolder;
use serde::{Deserialize, Serialize};

use crate::inputs::id_of;
use crate::pipeline::resolved::ModelPlan;
use crate::plan::planned::{CellPlan, Plan, TaskPlan};

/// Something that one process does from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its place among the jobs, from 0; what a job needs has a lower one.
    pub index: usize,
    /// What is done.
    #[serde(flatten)]
    pub work: Work,
    /// The id of what comes of it.
    pub id: Digest,
    /// The jobs that must be finished before.
    pub needs: Vec<usize>,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Work {
    /// Pretrains the model, or fetches it.
    Model,
    /// Makes a task's examples.
    Examples {
        /// The task.
        task: String,
    },
    /// Makes a task's tokens.
    Tokens {
        /// The task.
        task: String,
    },
    /// Fits a task's linear models on counts.
    Floor {
        /// The task.
        task: String,
    },
    /// Adapts the model to several tasks, before each is adapted to alone.
    AdaptFirst,
    /// Trains a cell.
    Adapt {
        /// The task.
        task: String,
        /// The method.
        method: String,
        /// The seed.
        seed: u64,
    },
    /// Scores a cell, and lays its result at its place.
    Score {
        /// The task.
        task: String,
        /// The method.
        method: String,
        /// The seed.
        seed: u64,
    },
    /// Writes the lock and the report.
    Report,
}

impl Work {
    /// The stages in the order of their jobs.
    pub const STAGES: [&'static str; 8] = [
        "model",
        "examples",
        "tokens",
        "floor",
        "adapt_first",
        "adapt",
        "score",
        "report",
    ];

    /// The stage's name.
    pub fn stage(&self) -> &'static str {
        let [model, examples, tokens, floor, first, adapt, score, report] = Self::STAGES;
        match self {
            Self::Model => model,
            Self::Examples { .. } => examples,
            Self::Tokens { .. } => tokens,
            Self::Floor { .. } => floor,
            Self::AdaptFirst => first,
            Self::Adapt { .. } => adapt,
            Self::Score { .. } => score,
            Self::Report => report,
        }
    }

    /// What it is done for: `model`, a task, `adapt_first`, `task/method/seed-n`, `report`.
    pub fn label(&self) -> String {
        match self {
            Self::Model | Self::AdaptFirst | Self::Report => self.stage().into(),
            Self::Examples { task } | Self::Tokens { task } | Self::Floor { task } => task.clone(),
            Self::Adapt { task, method, seed } | Self::Score { task, method, seed } => {
                CellFolder::label(task, method, *seed)
            }
        }
    }
}

/// The jobs of a plan, whatever of them is finished: stage by stage, in each in the order of the plan. Tasks whose files are
/// missing have none.
pub fn jobs(plan: &Plan) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut add = |work, id, needs| {
        let index = jobs.len();
        jobs.push(Job {
            index,
            work,
            id,
            needs,
        });
        index
    };
    let model = match (&plan.pipeline.model, plan.model.pretrain) {
        (ModelPlan::Pretrain { .. }, Some(id)) => Some(add(Work::Model, id, vec![])),
        (ModelPlan::Hub { .. }, _) if !plan.model.left.is_empty() => {
            let id = id_of(&plan.model.parameters);
            Some(add(Work::Model, id, vec![]))
        }
        _ => None,
    };
    let is_whole = |task: &&TaskPlan| task.missing.is_empty();
    let selected: Vec<_> = plan.tasks.iter().filter(is_whole).collect();
    let others = plan.only_first().filter(is_whole);
    let tasks: Vec<_> = selected.iter().copied().chain(others).collect();
    let held_out = plan.only_held_out().filter(is_whole);
    let all: Vec<_> = tasks.iter().copied().chain(held_out).collect();
    let mut stage = |tasks: &[&TaskPlan],
                     work: fn(String) -> Work,
                     id: &dyn Fn(usize) -> Digest,
                     needs: &dyn Fn(usize) -> Vec<usize>| {
        let numbered = tasks.iter().enumerate();
        numbered
            .map(|(i, task)| add(work(task.name.clone()), id(i), needs(i)))
            .collect::<Vec<usize>>()
    };
    let examples = stage(
        &all,
        |task| Work::Examples { task },
        &|i| all[i].examples,
        &|_| vec![],
    );
    let tokens = stage(
        &tasks,
        |task| Work::Tokens { task },
        &|i| tasks[i].tokens,
        // Tokens are made with the model's vocabulary.
        &|i| model.into_iter().chain([examples[i]]).collect(),
    );
    if !plan.hide_test {
        stage(
            &selected,
            |task| Work::Floor { task },
            &|i| selected[i].floor,
            &|i| vec![examples[i]],
        );
    }
    let first = plan.first.as_ref().map(|first| {
        let is_of_first = |i: &usize| first.tasks.iter().any(|task| task.name == tasks[*i].name);
        let is_other = |i: &usize| first.others.iter().any(|task| task.name == all[*i].name);
        let needs = (0..tasks.len()).filter(is_of_first).map(|i| tokens[i]);
        let needs = needs.chain((0..all.len()).filter(is_other).map(|i| examples[i]));
        add(Work::AdaptFirst, first.id, needs.collect())
    });
    let at = |cell: &CellPlan| tasks.iter().position(|task| task.name == cell.task);
    let cells: Vec<_> = (plan.cells.iter())
        .filter_map(|cell| Some((cell, at(cell)?)))
        .collect();
    let named = |cell: &CellPlan| (cell.task.clone(), cell.method.clone(), cell.seed);
    let trained: Vec<usize> = (cells.iter())
        .map(|&(cell, i)| {
            let (task, method, seed) = named(cell);
            let work = Work::Adapt { task, method, seed };
            let first = first.filter(|_| plan.first_for(&cell.method).is_some());
            let needs = [tokens[i]].into_iter().chain(first);
            add(work, cell.training, needs.collect())
        })
        .collect();
    for (&(cell, _), training) in cells.iter().zip(trained) {
        let (task, method, seed) = named(cell);
        let work = Work::Score { task, method, seed };
        add(work, cell.id, vec![training]);
    }
    let all: Vec<usize> = (0..jobs.len()).collect();
    let ids: Vec<Digest> = jobs.iter().map(|job| job.id).collect();
    jobs.push(Job {
        index: all.len(),
        work: Work::Report,
        id: id_of(&serde_json::json!(["report", ids])),
        needs: all,
    });
    jobs
}
