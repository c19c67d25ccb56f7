//! `adalora`: low-rank adapters whose rank is allocated by importance (Zhang et al. 2023), as in PEFT.

use std::num::NonZeroU32;

use lingo_artifact::bounded::{NonNegative, Positive, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::{
    AdaptationMethod, Beginning, Draw, LowRankSettings, count, positive, rate,
};
use crate::method::rank_budget::{Defaults, RankBudget};
use crate::rank::allocator::Rule;
use crate::rank::selection::Selection;
use crate::settings::layers::LayerRange;

/// Settings of `adalora`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adalora {
    /// Rank of each delta at the start.
    pub initial_rank: NonZeroU32,
    /// Mean rank of the deltas in the end.
    pub target_rank: NonZeroU32,
    /// The delta is scaled by alpha / initial rank, throughout.
    pub alpha: Positive,
    /// Dropout of the delta's input.
    pub dropout: Rate,
    /// Modules to adapt: a name, or the end of one (`query`, `attention.output.dense`). Default: those of the model's family.
    pub targets: Option<Vec<String>>,
    /// Blocks to adapt, counted from 0: `0-5`, or `0,2,4`. Default: all.
    pub layers: Option<LayerRange>,
    /// Steps before the first allocation; default: a tenth of all steps.
    pub warmup_steps: Option<u32>,
    /// Steps after the last allocation; default: three tenths of all steps.
    pub final_steps: Option<u32>,
    /// Steps between allocations; default: so that there are about 40.
    pub every: Option<NonZeroU32>,
    /// Decay of the smoothed importance.
    pub beta1: Rate,
    /// Decay of its uncertainty.
    pub beta2: Rate,
    /// Weight of the penalty that keeps the triplets of a delta orthogonal.
    pub orthogonality: NonNegative,
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

impl Default for Adalora {
    fn default() -> Self {
        Self {
            initial_rank: count(10),
            target_rank: count(5),
            alpha: positive(32.0),
            dropout: rate(0.05),
            targets: None,
            layers: None,
            warmup_steps: None,
            final_steps: None,
            every: None,
            beta1: rate(0.85),
            beta2: rate(0.85),
            orthogonality: NonNegative::try_from(0.5).unwrap_or_else(|_| unreachable!()),
            learning_rate: None,
        }
    }
}

impl AdaptationMethod for Adalora {
    fn name(&self) -> &'static str {
        "adalora"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn contradiction(&self) -> Option<String> {
        nothing_to_prune(self.initial_rank, self.target_rank)
    }

    fn low_rank(&self) -> Option<LowRankSettings<'_>> {
        let rank = self.initial_rank.get() as usize;
        Some(LowRankSettings {
            rank,
            peft_alpha: self.alpha.get(),
            scale: self.alpha.get() / divisor(rank),
            is_rank_stabilized: false,
            has_magnitude: false,
            dropout: self.dropout.get(),
            rank_dropout: 0.0,
            targets: self.targets.as_deref(),
            layers: self.layers.as_ref(),
            begin: BEGINNING,
            trains_lambda: true,
            up_rate: 1.0,
            lambda_rate: 1.0,
            budget: Some(RankBudget {
                selection: Selection::Importance(Rule::Adalora),
                target_rank: self.target_rank.get(),
                total_steps: None,
                warmup_steps: self.warmup_steps,
                exchange_steps: None,
                final_steps: self.final_steps,
                every: self.every.map(NonZeroU32::get),
                defaults: Defaults::ADALORA,
                betas: [self.beta1.get(), self.beta2.get()],
                orthogonality: self.orthogonality.get(),
            }),
        })
    }
}

/// PEFT's first values: the delta is zero because lambda is.
pub(super) const BEGINNING: Beginning = Beginning {
    down: SMALL,
    up: SMALL,
    lambda: Some(Draw::Zero),
};

const SMALL: Draw = Draw::Normal {
    mean: 0.0,
    deviation: 0.02,
};

/// What PEFT divides alpha by: ranknum + 1e-5, and ranknum stays the initial rank.
pub(super) fn divisor(rank: usize) -> f64 {
    rank as f64 + 1e-5
}

/// What is wrong with ranks between which nothing falls.
pub(super) fn nothing_to_prune(initial: NonZeroU32, target: NonZeroU32) -> Option<String> {
    (target >= initial).then(|| {
        format!(
            "target_rank {target} must be below initial_rank {initial}: there would be nothing to prune"
        )
    })
}
