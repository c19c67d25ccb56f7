//! What of a run changes how it is done, and no result.

use lingo_adapt::CheckpointEvery;

/// How a plan is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Cells at a time.
    pub jobs: usize,
    /// Whether tasks whose files are missing are left out.
    pub skip_missing: bool,
    /// How often trainings write a checkpoint; no result depends on it.
    pub checkpoint_every: CheckpointEvery,
}
