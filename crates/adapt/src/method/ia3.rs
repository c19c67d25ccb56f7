//! `ia3`: learned factors of keys, values and what the activation gives (Liu et al. 2022).

use lingo_artifact::bounded::Positive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::{AdaptationMethod, ScaleSettings};
use crate::settings::layers::LayerRange;

/// Settings of `ia3`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ia3 {
    /// Modules whose values are multiplied: a name, or the end of one. Default: keys, values, and the layers behind the
    /// activation, as PEFT has it for each family.
    pub targets: Option<Vec<String>>,
    /// Those of them whose input is multiplied, in place of the output. Default: the layers behind the activation.
    pub feed_forward: Option<Vec<String>>,
    /// Blocks to adapt, counted from 0: `0-5`, or `0,2,4`. Default: all.
    pub layers: Option<LayerRange>,
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

impl AdaptationMethod for Ia3 {
    fn name(&self) -> &'static str {
        "ia3"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn scales(&self) -> Option<ScaleSettings<'_>> {
        Some(ScaleSettings {
            targets: self.targets.as_deref(),
            inputs: self.feed_forward.as_deref(),
            layers: self.layers.as_ref(),
        })
    }
}
