//! `full`: every parameter of the model is trained.

use lingo_artifact::bounded::Positive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::AdaptationMethod;

/// Settings of `full`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Full {
    /// Peak learning rate; default 3e-5, not that of `train`, which is meant for adapters.
    pub learning_rate: Option<Positive>,
}

impl AdaptationMethod for Full {
    fn name(&self) -> &'static str {
        "full"
    }

    fn learning_rate(&self) -> Option<f64> {
        Some(self.learning_rate.map_or(3e-5, Positive::get))
    }

    fn trains(&self, _tensor: &str) -> bool {
        true
    }

    fn trains_the_model(&self) -> bool {
        true
    }
}
