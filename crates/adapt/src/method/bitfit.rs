//! `bitfit`: the model's biases and nothing else of it (Ben Zaken, Goldberg and Ravfogel 2022).

use lingo_artifact::bounded::Positive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::AdaptationMethod;

/// Settings of `bitfit`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bitfit {
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

impl AdaptationMethod for Bitfit {
    fn name(&self) -> &'static str {
        "bitfit"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn trains(&self, tensor: &str) -> bool {
        tensor.ends_with(".bias")
    }

    fn trains_the_model(&self) -> bool {
        true
    }
}
