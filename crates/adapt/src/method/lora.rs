//! `lora`: low-rank adapters of one fixed rank (Hu et al. 2022).

use std::num::NonZeroU32;

use lingo_artifact::bounded::{Positive, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::{
    AdaptationMethod, Beginning, LowRankSettings, count, positive, rate,
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
    /// Scale the delta by alpha / sqrt(rank) instead, so that a larger rank does not learn more slowly (Kalajdzievski
    /// 2023, rsLoRA).
    #[serde(skip_serializing_if = "is_off")]
    #[schemars(extend("default" = false))]
    pub rank_stabilized: bool,
    /// Train the norms of the adapted weights, output by output, apart from their direction (Liu et al. 2024, DoRA).
    /// The model is then not packed: a step takes several times as long.
    #[serde(skip_serializing_if = "is_off")]
    #[schemars(extend("default" = false))]
    pub magnitude: bool,
    /// Dropout of the delta's input.
    pub dropout: Rate,
    /// The probability that a rank of a delta is left out of a step, but for the last three tenths of the steps.
    pub rank_dropout: Rate,
    /// Modules to adapt: a name, or the end of one (`query`, `attention.output.dense`). Default: those of the model's family.
    pub targets: Option<Vec<String>>,
    /// Blocks to adapt, counted from 0: `0-5`, or `0,2,4`. Default: all.
    pub layers: Option<LayerRange>,
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
    /// What the learning rate of the deltas' output side is multiplied with (Hayou et al. 2024, LoRA+).
    pub up_rate: Positive,
}

fn is_off(flag: &bool) -> bool {
    !flag
}

impl Default for Lora {
    fn default() -> Self {
        Self {
            rank: count(8),
            alpha: positive(16.0),
            rank_stabilized: false,
            magnitude: false,
            dropout: rate(0.05),
            rank_dropout: rate(0.0),
            targets: None,
            layers: None,
            learning_rate: None,
            up_rate: positive(1.0),
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
            peft_alpha: self.alpha.get(),
            scale: match self.rank_stabilized {
                true => self.alpha.get() / (rank as f64).sqrt(),
                false => self.alpha.get() / rank as f64,
            },
            is_rank_stabilized: self.rank_stabilized,
            has_magnitude: self.magnitude,
            dropout: self.dropout.get(),
            rank_dropout: self.rank_dropout.get(),
            targets: self.targets.as_deref(),
            layers: self.layers.as_ref(),
            begin: Beginning::LORA,
            trains_lambda: false,
            up_rate: self.up_rate.get(),
            lambda_rate: 1.0,
            budget: None,
        })
    }
}
