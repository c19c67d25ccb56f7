//! `head`: a linear probe. The model stays as it is, only the head is trained.

use lingo_artifact::bounded::Positive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::AdaptationMethod;

/// Settings of `head`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeadMethod {
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

impl AdaptationMethod for HeadMethod {
    fn name(&self) -> &'static str {
        "head"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }
}
