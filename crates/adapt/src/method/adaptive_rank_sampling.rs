//! `adaptive_rank_sampling`: low-rank adapters with stochastic reintroduction of pruned triplets
//! (Zhan, Wu and Zhang 2024).

use std::num::NonZeroU32;

use lingo_artifact::bounded::{NonNegative, Positive, Probability, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adalora::{self, Adalora};
use crate::method::adaptation::{AdaptationMethod, Beginning, Draw, LowRankSettings, rate};
use crate::method::rank_budget::RankBudget;
use crate::rank::allocator::Rule;
use crate::settings::layers::LayerRange;

/// Settings of `adaptive_rank_sampling`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveRankSampling {
    /// `as-described`: a mask, pruned triplets come back with their values. `as-published-code`: what the authors ran.
    pub variant: Variant,
    /// The share of triplets that is exchanged between the live and the pruned at an allocation.
    pub probability: Probability,
    /// Whether that share falls to 0 at the last allocation, so that the best live in the end (as-described only).
    pub anneal: bool,
    /// What a pruned triplet's score loses at each allocation, as a fraction (as-described only).
    pub score_decay: Rate,
    /// The published trainer calls the allocator only at multiples of this many steps (as-published-code only); default: every step.
    pub call_every: Option<NonZeroU32>,
    /// Rank of each delta at the start.
    pub initial_rank: NonZeroU32,
    /// Mean rank of the deltas in the end.
    pub target_rank: NonZeroU32,
    /// The delta is scaled by alpha / initial rank, throughout.
    pub alpha: Positive,
    /// Dropout of the delta's input.
    pub dropout: Rate,
    /// Modules to adapt: a name, or the end of one (`query`, `attention.output.dense`). Default: all linear layers of each block.
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

/// Which adaptive rank sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// As the paper describes it.
    #[default]
    AsDescribed,
    /// As its published code computes it.
    AsPublishedCode,
}

impl Default for AdaptiveRankSampling {
    fn default() -> Self {
        let like = Adalora::default();
        Self {
            variant: Variant::AsDescribed,
            probability: Probability::try_from(0.1).unwrap_or_else(|_| unreachable!()),
            anneal: true,
            score_decay: rate(0.0),
            call_every: None,
            initial_rank: like.initial_rank,
            target_rank: like.target_rank,
            alpha: like.alpha,
            dropout: like.dropout,
            targets: None,
            layers: None,
            warmup_steps: None,
            final_steps: None,
            every: None,
            beta1: like.beta1,
            beta2: like.beta2,
            orthogonality: like.orthogonality,
            learning_rate: None,
        }
    }
}

impl AdaptationMethod for AdaptiveRankSampling {
    fn name(&self) -> &'static str {
        "adaptive_rank_sampling"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn low_rank(&self) -> Option<LowRankSettings<'_>> {
        let rank = self.initial_rank.get() as usize;
        Some(LowRankSettings {
            rank,
            alpha: self.alpha.get(),
            scale: adalora::scale(self.alpha, rank),
            dropout: self.dropout.get(),
            targets: self.targets.as_deref(),
            layers: self.layers.as_ref(),
            begin: match self.variant {
                Variant::AsDescribed => adalora::BEGINNING,
                Variant::AsPublishedCode => Beginning {
                    lambda: Some(Draw::Normal(0.02)),
                    ..adalora::BEGINNING
                },
            },
            budget: Some(RankBudget {
                rule: self.rule(),
                target_rank: self.target_rank.get(),
                warmup_steps: self.warmup_steps,
                final_steps: self.final_steps,
                every: self.every.map(NonZeroU32::get),
                betas: [self.beta1.get(), self.beta2.get()],
                orthogonality: self.orthogonality.get(),
            }),
        })
    }
}

impl AdaptiveRankSampling {
    fn rule(&self) -> Rule {
        match self.variant {
            Variant::AsDescribed => Rule::AsDescribed {
                probability: self.probability.get(),
                anneal: self.anneal,
                score_decay: self.score_decay.get(),
            },
            Variant::AsPublishedCode => Rule::AsPublishedCode {
                probability: self.probability.get(),
                call_every: self.call_every.map_or(1, |n| u64::from(n.get())),
            },
        }
    }
}
