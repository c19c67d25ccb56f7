//! `prompt_tuning`: learned vectors before the embedded tokens (Lester, Al-Rfou and Constant 2021).

use std::num::NonZeroU32;

use lingo_artifact::bounded::Positive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::{AdaptationMethod, count};

/// Settings of `prompt_tuning`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PromptTuning {
    /// Learned vectors; they take as many positions of the model, before the first token. Pooling counts them as tokens.
    pub tokens: NonZeroU32,
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

impl Default for PromptTuning {
    fn default() -> Self {
        Self {
            tokens: count(20),
            learning_rate: None,
        }
    }
}

impl AdaptationMethod for PromptTuning {
    fn name(&self) -> &'static str {
        "prompt_tuning"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn prompt(&self) -> usize {
        self.tokens.get() as usize
    }
}
