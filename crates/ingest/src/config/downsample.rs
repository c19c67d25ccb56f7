//! How many training rows a class may have.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How many rows of train a class may have; of a class that has more, so many stay, at random. Dev and test are left as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Downsample {
    /// So many rows at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_per_class: Option<NonZeroU64>,
    /// At most so many times as many rows as the class with the fewest has, from 1 (all classes alike) on, such as 3 or 1.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The same seed keeps the same rows. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

impl Downsample {
    /// Checks that it says something, and one thing only.
    ///
    /// # Errors
    /// [`Error::Config`]: what is missing or contradicts itself.
    pub(crate) fn check(&self) -> Result<()> {
        let bad = |problem: String| Err(Error::Config(problem));
        match (self.most_per_class, self.ratio) {
            (Some(_), None) => Ok(()),
            (None, Some(ratio)) if ratio.is_finite() && ratio >= 1.0 => Ok(()),
            (None, Some(ratio)) => bad(format!(
                "`downsample.ratio` is {ratio}; it is a number from 1 on: 3 lets a class have three times as many rows as the smallest"
            )),
            (None, None) => bad("`downsample` needs `most_per_class` or `ratio`".into()),
            (Some(_), Some(_)) => {
                bad("`downsample` has `most_per_class` and `ratio`; say one of them".into())
            }
        }
    }

    /// How many rows a class may have where the smallest has `fewest`.
    pub(crate) fn most(&self, fewest: u64) -> u64 {
        match (self.most_per_class, self.ratio) {
            (Some(most), _) => most.get(),
            (None, Some(ratio)) => (fewest as f64 * ratio) as u64,
            (None, None) => u64::MAX,
        }
    }
}
