//! What is trained: the methods of the pipeline file.

use std::num::NonZeroU32;
use std::str::FromStr;

use lingo_artifact::bounded::{NonNegative, Positive, Probability, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::layers::LayerRange;

/// How a language model is adapted to a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// A linear probe: the model stays as it is, only the head is trained.
    Head(HeadMethod),
    /// Low-rank adapters of one fixed rank (Hu et al. 2022).
    Lora(Lora),
    /// Low-rank adapters whose rank is allocated by importance (Zhang et al. 2023).
    Adalora(Adalora),
    /// Low-rank adapters with stochastic reintroduction of pruned triplets (Zhan, Wu and Zhang 2024).
    AdaptiveRankSampling(AdaptiveRankSampling),
    /// Every parameter of the model.
    Full(Full),
}

/// Settings of `head`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeadMethod {
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

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

/// Settings of `full`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Full {
    /// Peak learning rate; default 3e-5, not that of `train`, which is meant for adapters.
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

/// For the constants above, which are all in range.
fn count(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
}

fn positive(value: f64) -> Positive {
    Positive::try_from(value).unwrap_or_else(|_| unreachable!())
}

fn rate(value: f64) -> Rate {
    Rate::try_from(value).unwrap_or_else(|_| unreachable!())
}

impl Method {
    /// The method's name in the pipeline file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Head(_) => "head",
            Self::Lora(_) => "lora",
            Self::Adalora(_) => "adalora",
            Self::AdaptiveRankSampling(_) => "adaptive_rank_sampling",
            Self::Full(_) => "full",
        }
    }

    /// The learning rate that overrides that of `train`.
    pub(crate) fn learning_rate(&self) -> Option<f64> {
        let own = match self {
            Self::Head(m) => m.learning_rate,
            Self::Lora(m) => m.learning_rate,
            Self::Adalora(m) => m.learning_rate,
            Self::AdaptiveRankSampling(m) => m.learning_rate,
            Self::Full(m) => return Some(m.learning_rate.map_or(3e-5, Positive::get)),
        };
        own.map(Positive::get)
    }

    /// The low-rank part, where the method has one.
    pub(crate) fn low_rank(&self) -> Option<LowRankSettings<'_>> {
        let (rank, alpha, dropout, targets, layers, rank_adaptation) = match self {
            Self::Head(_) | Self::Full(_) => return None,
            Self::Lora(m) => (m.rank, m.alpha, m.dropout, &m.targets, &m.layers, None),
            Self::Adalora(m) => {
                let adaptation = RankAdaptation {
                    sampling: None,
                    target_rank: m.target_rank.get(),
                    warmup_steps: m.warmup_steps,
                    final_steps: m.final_steps,
                    every: m.every.map(NonZeroU32::get),
                    betas: [m.beta1.get(), m.beta2.get()],
                    orthogonality: m.orthogonality.get(),
                };
                (
                    m.initial_rank,
                    m.alpha,
                    m.dropout,
                    &m.targets,
                    &m.layers,
                    Some(adaptation),
                )
            }
            Self::AdaptiveRankSampling(m) => {
                let adaptation = RankAdaptation {
                    sampling: Some(Sampling {
                        variant: m.variant,
                        probability: m.probability.get(),
                        anneal: m.anneal,
                        score_decay: m.score_decay.get(),
                        call_every: m.call_every.map_or(1, NonZeroU32::get),
                    }),
                    target_rank: m.target_rank.get(),
                    warmup_steps: m.warmup_steps,
                    final_steps: m.final_steps,
                    every: m.every.map(NonZeroU32::get),
                    betas: [m.beta1.get(), m.beta2.get()],
                    orthogonality: m.orthogonality.get(),
                };
                (
                    m.initial_rank,
                    m.alpha,
                    m.dropout,
                    &m.targets,
                    &m.layers,
                    Some(adaptation),
                )
            }
        };
        Some(LowRankSettings {
            rank: rank.get() as usize,
            alpha: alpha.get(),
            dropout: dropout.get(),
            targets: targets.as_deref(),
            layers: layers.as_ref(),
            rank_adaptation,
        })
    }
}

/// What the three low-rank methods share.
#[derive(Clone, Debug)]
pub(crate) struct LowRankSettings<'a> {
    /// The rank at the start.
    pub rank: usize,
    pub alpha: f64,
    pub dropout: f64,
    pub targets: Option<&'a [String]>,
    pub layers: Option<&'a LayerRange>,
    pub rank_adaptation: Option<RankAdaptation>,
}

/// What AdaLoRA and adaptive rank sampling share.
#[derive(Clone, Debug)]
pub(crate) struct RankAdaptation {
    pub sampling: Option<Sampling>,
    pub target_rank: u32,
    pub warmup_steps: Option<u32>,
    pub final_steps: Option<u32>,
    pub every: Option<u32>,
    pub betas: [f64; 2],
    pub orthogonality: f64,
}

/// What only adaptive rank sampling has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampling {
    pub variant: Variant,
    pub probability: f64,
    pub anneal: bool,
    pub score_decay: f64,
    pub call_every: u32,
}

impl FromStr for Method {
    type Err = String;

    /// A method with its default settings, by its name.
    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "head" => Self::Head(HeadMethod::default()),
            "lora" => Self::Lora(Lora::default()),
            "adalora" => Self::Adalora(Adalora::default()),
            "adaptive_rank_sampling" | "ars" => {
                Self::AdaptiveRankSampling(AdaptiveRankSampling::default())
            }
            "full" => Self::Full(Full::default()),
            other => {
                return Err(format!(
                    "`{other}` is no method; use head, lora, adalora, adaptive_rank_sampling (ars) or full"
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_has_a_default_and_what_is_unknown_an_error() {
        let method: Method =
            serde_json::from_str(r#"{"lora": {"rank": 4, "layers": "0-2"}}"#).unwrap();
        let Method::Lora(lora) = &method else {
            panic!("{method:?}")
        };
        assert_eq!((lora.rank.get(), lora.alpha.get()), (4, 16.0));
        for bad in [
            r#"{"lora": {"rank": 0}}"#,
            r#"{"lora": {"ranks": 4}}"#,
            r#"{"lorra": {}}"#,
            r#"{"lora": {"dropout": 1}}"#,
            r#"{"lora": {"layers": "5-2"}}"#,
            r#"{"adaptive_rank_sampling": {"variant": "as-wished"}}"#,
        ] {
            assert!(serde_json::from_str::<Method>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_method_can_be_had_by_its_name() {
        for name in ["head", "lora", "adalora", "adaptive_rank_sampling", "full"] {
            assert_eq!(name.parse::<Method>().unwrap().name(), name);
        }
        assert!("prefix".parse::<Method>().is_err());
    }
}
