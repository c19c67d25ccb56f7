//! What a site's file says of its cluster. A pipeline says nothing of any.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use lingo_adapt::CheckpointEvery;
use serde::{Deserialize, Serialize};

use super::job::{Job, Work};
use crate::failure::{Error, Kind};
use crate::yaml::deserialize::from_node;
use crate::yaml::document::{Document, unknown};
use crate::yaml::fault::{Fault, keys};

/// A site's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// What queues the jobs.
    pub executor: Executor,
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// Modules that are loaded first.
    pub modules: Vec<String>,
    /// What stands before the program: `apptainer exec lingo.sif`.
    pub container: Option<String>,
    /// The program on the nodes; default: the one that submits.
    pub program: Option<String>,
    /// The most cells at a time.
    pub throttle: Option<NonZeroU32>,
    /// Seconds before the time limit at which a training writes its checkpoint and is queued again.
    pub notice: NonZeroU32,
    /// How often a training writes a checkpoint: a number of steps (200), or a time (5m).
    pub checkpoint_every: Option<String>,
    /// Larger arrays are split; default: what Slurm says, or 1001.
    pub max_array_size: Option<NonZeroU32>,
    /// More options of sbatch.
    pub sbatch: Vec<String>,
    /// By stage (`model`, `examples`, `tokens`, `floor`, `adapt_first`, `adapt`, `score`, `report`); `default` stands for those that are not there, for
    /// `adapt_first` what stands for `adapt`.
    pub resources: BTreeMap<String, Resources>,
    /// Jobs that may take something else than their stage: the first class that fits one counts.
    pub classes: Vec<Class>,
    /// Time and memory of trainings of which nothing is said, as a multiple of what their like took in this folder.
    pub estimate: Option<Margin>,
}

/// A multiple of what was seen, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Margin(f64);

impl Margin {
    /// The multiple.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Margin {
    type Error = String;

    fn try_from(margin: f64) -> Result<Self, String> {
        match margin.is_finite() && margin >= 1.0 {
            true => Ok(Self(margin)),
            false => Err(format!(
                "estimate: {margin} is not a multiple of at least 1"
            )),
        }
    }
}

impl From<Margin> for f64 {
    fn from(margin: Margin) -> Self {
        margin.0
    }
}

/// Jobs that may take something else than their stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Class {
    /// Of this stage.
    pub stage: String,
    /// Of these tasks; all, where none is named.
    pub tasks: Vec<String>,
    /// Of these methods; all, where none is named.
    pub methods: Vec<String>,
    /// What they may take; what is not said is as their stage has it.
    pub resources: Resources,
}

impl Default for Class {
    fn default() -> Self {
        Self {
            stage: "adapt".into(),
            tasks: Vec::new(),
            methods: Vec::new(),
            resources: Resources::default(),
        }
    }
}

impl Class {
    fn fits(&self, work: &Work) -> bool {
        let is_in = |names: &[String], name: Option<&str>| {
            names.is_empty() || name.is_some_and(|name| names.iter().any(|n| n == name))
        };
        let (task, method) = match work {
            Work::Model | Work::AdaptFirst | Work::Report => (None, None),
            Work::Examples { task } | Work::Tokens { task } | Work::Floor { task } => {
                (Some(task.as_str()), None)
            }
            Work::Adapt { task, method, .. } | Work::Score { task, method, .. } => {
                (Some(task.as_str()), Some(method.as_str()))
            }
        };
        self.stage == work.stage() && is_in(&self.tasks, task) && is_in(&self.methods, method)
    }
}

/// What queues jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Executor {
    /// Slurm.
    #[default]
    Slurm,
}

/// What a job may take; what is not said is Slurm's own default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// `--time`: `02:00:00`, `1-00:00:00`, or minutes.
    pub time: Option<String>,
    /// `--mem`: `8G`.
    pub memory: Option<String>,
    /// `--cpus-per-task`, and the threads of the program.
    pub cpus: Option<NonZeroU32>,
    /// `--gres`: `gpu:1`.
    pub gres: Option<String>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            executor: Executor::Slurm,
            partition: None,
            account: None,
            modules: Vec::new(),
            container: None,
            program: None,
            throttle: None,
            notice: NonZeroU32::new(120).unwrap_or(NonZeroU32::MIN),
            checkpoint_every: None,
            max_array_size: None,
            sbatch: Vec::new(),
            resources: BTreeMap::new(),
            classes: Vec::new(),
            estimate: None,
        }
    }
}

impl Profile {
    /// Reads a site's file.
    ///
    /// # Errors
    /// Mistakes with their places; what would be read as something else in a script.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let document = Document::read(path, &[])?;
        let read = from_node::<Self>(&document.node);
        let profile = read.map_err(|fault| document.mistakes(vec![fault]))?;
        let known = || Work::STAGES.into_iter().chain(["default"]);
        if let Some(stage) = profile
            .resources
            .keys()
            .find(|key| !known().any(|k| k == *key))
        {
            let fault = unknown(keys(&["resources", stage]), "stage", stage, known()).key();
            return Err(document.mistakes(vec![fault]).into());
        }
        if let Some(every) = &profile.checkpoint_every
            && let Err(e) = every.parse::<CheckpointEvery>()
        {
            let fault = Fault::new(keys(&["checkpoint_every"]), e.to_string());
            return Err(document.mistakes(vec![fault]).into());
        }
        if let Some(word) = profile.words().find(|word| word.contains(['\n', '\r'])) {
            let message = format!("{}: {word:?} holds the end of a line", path.display());
            return Err(Error::stage(Kind::Usage, message));
        }
        Ok(profile)
    }

    /// What a job may take.
    pub fn resources(&self, work: &Work) -> Resources {
        let found = self
            .resources
            .get(work.stage())
            // It is a training.
            .or_else(|| match work {
                Work::AdaptFirst => self.resources.get("adapt"),
                _ => None,
            })
            .or_else(|| self.resources.get("default"));
        let of_stage = found.cloned().unwrap_or_default();
        let Some(class) = self.classes.iter().find(|class| class.fits(work)) else {
            return of_stage;
        };
        let of_class = class.resources.clone();
        Resources {
            time: of_class.time.or(of_stage.time),
            memory: of_class.memory.or(of_stage.memory),
            cpus: of_class.cpus.or(of_stage.cpus),
            gres: of_class.gres.or(of_stage.gres),
        }
    }

    /// Every class fits a job: a name that none has is a slip.
    ///
    /// # Errors
    /// One fits none.
    pub fn check(&self, jobs: &[Job]) -> Result<(), Error> {
        for (i, class) in self.classes.iter().enumerate() {
            if !jobs.iter().any(|job| class.fits(&job.work)) {
                let message = format!(
                    "classes[{i}] of the profile (stage {}, tasks {:?}, methods {:?}) fits no job of the plan: its jobs.tsv \
                     has their names",
                    class.stage, class.tasks, class.methods
                );
                return Err(Error::stage(Kind::Usage, message));
            }
        }
        Ok(())
    }

    /// Everything that is written into a script.
    fn words(&self) -> impl Iterator<Item = &String> {
        let of_classes = self.classes.iter().map(|class| &class.resources);
        let resources = self.resources.values().chain(of_classes);
        let of_stages = resources.flat_map(|r| [&r.time, &r.memory, &r.gres].into_iter().flatten());
        let own = [
            &self.partition,
            &self.account,
            &self.container,
            &self.program,
        ];
        let lists = self.modules.iter().chain(&self.sbatch);
        own.into_iter().flatten().chain(lists).chain(of_stages)
    }
}
