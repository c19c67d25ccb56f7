//! `lora`: low-rank adapters of one fixed rank (Hu et al. 2022).

use std::num::NonZeroU32;

use lingo_artifact::bounded::{Positive, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::{
    AdaptationMethod, Beginning, Draw, LowRankSettings, count, positive, rate,
};
use crate::settings::layers::LayerRange;

/// Settings of `lora`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lora {
    /// Rank of each delta.
    pub rank: NonZeroU32,
    /// The delta is scaled by alpha / rank.
    pub alpha: Positive,
    /// Dropout of the delta's input.
    pub dropout: Rate,
    /// Modules to adapt: a name, or the end of one (`query`, `attention.output.dense`). Default: all linear layers of each block.
    pub targets: Option<Vec<String>>,
    /// Blocks to adapt, counted from 0: `0-5`, or `0,2,4`. Default: all.
    pub layers: Option<LayerRange>,
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

impl Default for Lora {
    fn default() -> Self {
        Self {
            rank: count(8),
            alpha: positive(16.0),
            dropout: rate(0.05),
            targets: None,
            layers: None,
            learning_rate: None,
        }
    }
}

impl AdaptationMethod for Lora {
    fn name(&self) -> &'static str {
        "lora"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn low_rank(&self) -> Option<LowRankSettings<'_>> {
        let rank = self.rank.get() as usize;
        Some(LowRankSettings {
            rank,
            alpha: self.alpha.get(),
            scale: self.alpha.get() / rank as f64,
            dropout: self.dropout.get(),
            targets: self.targets.as_deref(),
            layers: self.layers.as_ref(),
            begin: Beginning {
                down: Draw::FanIn,
                up: Draw::Zero,
                lambda: None,
            },
            budget: None,
        })
    }
}
