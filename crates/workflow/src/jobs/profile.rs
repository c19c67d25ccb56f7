//! What a site's file says of its cluster. A pipeline says nothing of any.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use lingo_adapt::CheckpointEvery;
use serde::{Deserialize, Serialize};

use super::job::Work;
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
    /// By stage (`model`, `examples`, `tokens`, `floor`, `adapt`, `score`, `report`); `default` stands for those that are not there.
    pub resources: BTreeMap<String, Resources>,
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

    /// What a stage's jobs may take.
    pub fn resources(&self, stage: &str) -> Resources {
        let found = self
            .resources
            .get(stage)
            .or_else(|| self.resources.get("default"));
        found.cloned().unwrap_or_default()
    }

    /// Everything that is written into a script.
    fn words(&self) -> impl Iterator<Item = &String> {
        let resources = self.resources.values();
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
