//! How intervals are drawn, and what comes of it.

use std::collections::BTreeMap;

use lingo_artifact::progress::StopFlag;

use crate::bootstrap::quantile::interval;
use crate::bootstrap::weights::{Block, in_batches};

/// How intervals are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Resampling<'a> {
    /// How often the rows are drawn.
    pub resamples: u32,
    /// The share of the draws that an interval holds.
    pub confidence: f64,
    /// Drives the draws.
    pub seed: u64,
    /// Ends them.
    pub stop: &'a StopFlag,
}

/// An interval for each metric that has one, `None` where it is undefined.
pub type Intervals = BTreeMap<String, Option<[f64; 2]>>;

impl Resampling<'_> {
    /// Calls `each` with all replicates of `rows` rows, some blocks at a time. `None` once the flag is raised.
    pub(crate) fn blocks(
        &self,
        rows: usize,
        each: impl FnMut(&[Block]) -> Option<()>,
    ) -> Option<()> {
        in_batches(self.seed, rows, self.resamples, self.stop, each)
    }

    /// The interval of one metric from its values, undefined ones as NaN.
    pub(crate) fn interval(&self, values: Vec<f64>) -> Option<[f64; 2]> {
        interval(values, self.confidence)
    }

    /// `None` once the flag is raised.
    pub(crate) fn goes_on(&self) -> Option<()> {
        (!self.stop.is_raised()).then_some(())
    }
}

/// Names with what was found, in a map.
pub(crate) fn named<const N: usize>(
    names: [&str; N],
    found: [Option<[f64; 2]>; N],
) -> impl Iterator<Item = (String, Option<[f64; 2]>)> {
    names.map(String::from).into_iter().zip(found)
}
