//! How jobs are done.

use lingo_adapt::{CheckpointEvery, Models};
use lingo_artifact::progress::StopFlag;

use super::shared_tokens::SharedTokens;
use crate::observer::Observer;
use crate::plan::planned::{CellPlan, Plan};

/// How jobs are done, and what they hold in common in one process; nothing here changes a result.
pub struct Context<'a> {
    /// The command as it was typed.
    pub command: &'a str,
    /// How often a training writes a checkpoint.
    pub checkpoint_every: CheckpointEvery,
    /// Who hears of it.
    pub observer: &'a dyn Observer,
    /// Raised to stop.
    pub stop: &'a StopFlag,
    /// Tokens that several cells train on.
    pub(super) tokens: SharedTokens,
    /// Models that several cells adapt.
    pub(super) models: Models,
}

impl<'a> Context<'a> {
    /// For jobs of these cells of a plan; tokens are let go once the last of a task's cells is trained.
    pub fn new(
        plan: &Plan,
        cells: &[&CellPlan],
        command: &'a str,
        checkpoint_every: CheckpointEvery,
        (observer, stop): (&'a dyn Observer, &'a StopFlag),
    ) -> Self {
        let hashed = plan.inputs.iter();
        let hashed = hashed.map(|(path, hash)| (path.clone(), hash.sha256));
        Self {
            command,
            checkpoint_every,
            observer,
            stop,
            tokens: SharedTokens::of(cells, plan.hide_test),
            models: Models::knowing(hashed.collect()),
        }
    }
}
