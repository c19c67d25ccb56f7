//! What one cell is made from.

use std::path::Path;

use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::readings::Readings;
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::tokens::Tokens;
use lingo_lm::DeviceChoice;

use crate::cell::models::Models;
use crate::masking::Masking;
use crate::method::methods::Method;
use crate::settings::checkpoint_every::CheckpointEvery;
use crate::settings::train_config::TrainConfig;

/// What one cell is made from.
#[derive(Clone, Copy)]
pub struct AdaptRequest<'a> {
    /// The model folder.
    pub model: &'a Path,
    /// The encoded examples of all splits.
    pub tokens: &'a Tokens,
    /// The sequences behind the tokens, row by row: for methods that train on bases, for augmentation and for both
    /// strands. `None` where none of these is asked for.
    pub readings: Option<&'a dyn Readings>,
    /// The DNA that `natural` of motifs names; `None` where nothing does.
    pub natural: Option<&'a dyn SequenceSource>,
    /// Where classes are those of several tasks: how many each has, one task's behind the other's. Each then has a softmax of
    /// its own.
    pub heads: &'a [usize],
    /// What of each row is hidden and asked for, in place of its label: nothing is then predicted. `None`: rows have labels.
    pub masking: Option<&'a Masking>,
    /// Parameters that were trained before, of what the model folder holds: they count with those of this cell.
    pub trained_before: u64,
    /// Whether predictions are the mean of both strands' logits.
    pub both_strands: bool,
    /// What is trained.
    pub method: &'a Method,
    /// How.
    pub train: &'a TrainConfig,
    /// Seeds initial values, shuffling, dropout and rank sampling.
    pub seed: u64,
    /// Where.
    pub device: DeviceChoice,
    /// The folder of the cell.
    pub out: &'a Path,
    /// A folder where the states of frozen blocks may be kept, for this cell and others that
    /// share its tokens; [`Models::remove_states`] clears it away. `None`: they are not kept.
    pub states: Option<&'a Path>,
    /// Models that other cells of this process may have loaded.
    pub models: &'a Models,
    /// How often a checkpoint is written; no result depends on it.
    pub checkpoint_every: CheckpointEvery,
    /// Who hears how far it is.
    pub progress: &'a dyn Progress,
    /// Set when training must stop.
    pub stop: &'a StopFlag,
}
