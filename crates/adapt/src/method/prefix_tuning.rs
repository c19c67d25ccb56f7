//! `prefix_tuning`: learned keys and values before those of the tokens, in every block (Li and Liang 2021).

use std::num::NonZeroU32;

use lingo_artifact::bounded::Positive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::{AdaptationMethod, count};

/// Settings of `prefix_tuning`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrefixTuning {
    /// Learned keys and values of each block; they take as many positions of the model, before the first token.
    pub tokens: NonZeroU32,
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

impl Default for PrefixTuning {
    fn default() -> Self {
        Self {
            tokens: count(20),
            learning_rate: None,
        }
    }
}

impl AdaptationMethod for PrefixTuning {
    fn name(&self) -> &'static str {
        "prefix_tuning"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn prefix(&self) -> usize {
        self.tokens.get() as usize
    }
}
