//! What is asked of a search, and what it gives.

use lingo_artifact::progress::{Progress, StopFlag};

use crate::prepare::Prepared;
use crate::sequences::constraints::Constraints;
use crate::settings::Method;

/// What is asked for.
pub struct Request<'a> {
    /// How.
    pub method: &'a Method,
    /// The measured sequences and their features.
    pub prepared: &'a Prepared,
    /// What designs keep to.
    pub constraints: &'a Constraints,
    /// How many designs.
    pub count: usize,
    /// The seed of all draws.
    pub seed: u64,
    /// Who hears of it.
    pub progress: &'a dyn Progress,
    /// Whether to stop.
    pub stop: &'a StopFlag,
}

/// A sequence that a search found: a higher value is better.
pub(crate) struct Found {
    pub bases: Vec<u8>,
    pub value: f64,
    pub predicted: f64,
}
