//! Which trained values an evaluation sees: those of its step, or a mean over many.

use std::num::NonZeroU32;

use lingo_artifact::bounded::Rate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which trained values are evaluated on dev, selected and exported. With rank adaptation, what is averaged
/// begins at the last allocation: before it, other triplets lived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// Those of the step.
    #[default]
    None,
    /// Their exponential moving average over the optimizer's steps.
    Ema(Ema),
    /// Their mean over so many evaluations, the one at hand among them; each is kept in memory.
    Last(NonZeroU32),
}

/// An exponential moving average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ema {
    /// What the average keeps of itself at each step; at most (1 + t) / (10 + t) after t steps, so that the values
    /// of the beginning are forgotten in short runs, too.
    pub decay: Rate,
}

impl Default for Ema {
    fn default() -> Self {
        Self {
            decay: Rate::try_from(0.999).unwrap_or_else(|_| unreachable!()),
        }
    }
}
