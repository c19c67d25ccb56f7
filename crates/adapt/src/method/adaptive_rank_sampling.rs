//! `adaptive_rank_sampling`: low-rank adapters with stochastic reintroduction of pruned triplets
//! (Zhan, Wu and Zhang 2024).

use std::num::NonZeroU32;

use lingo_artifact::bounded::{NonNegative, Positive, Probability, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adalora::{self, Adalora};
use crate::method::adaptation::{
    AdaptationMethod, Beginning, Draw, LowRankSettings, positive, rate,
};
use crate::method::rank_budget::{Defaults, RankBudget};
use crate::rank::allocator::Rule;
use crate::rank::gated::gates::{BudgetIn, Gates, Return, Scores};
use crate::rank::selection::Selection;
use crate::settings::layers::LayerRange;

/// Settings of `adaptive_rank_sampling`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveRankSampling {
    /// `as-described`: a mask, pruned triplets come back with their values. `as-published-code`: what the authors ran.
    /// `gated`: begins as LoRA does, and triplets go and come back by their gradients.
    pub variant: Variant,
    /// The share of triplets that is exchanged between the live and the pruned at an allocation; 0: they are pruned only. Default: 0.1, gated 0.3.
    pub probability: Option<Probability>,
    /// Whether that share falls to 0 at the last allocation, so that the best live in the end; under gated, the temperature too (not as-published-code).
    pub anneal: bool,
    /// What a pruned triplet's score loses at each allocation, as a fraction (as-described only).
    pub score_decay: Rate,
    /// The published trainer calls the allocator only at multiples of this many steps (as-published-code only); default: every step.
    pub call_every: Option<NonZeroU32>,
    /// The steps that the schedule is made for, where they are not those of the run (as-published-code only).
    pub total_steps: Option<NonZeroU32>,
    /// What the Gumbel noise on the logarithm of a score is multiplied with at the first allocation (gated only); default: 1.
    pub temperature: Option<NonNegative>,
    /// What decides who goes and who comes back (gated only); default: gradient.
    pub scores: Option<Scores>,
    /// How a pruned triplet comes back (gated only); default: zero.
    #[serde(rename = "return")]
    pub returns: Option<Return>,
    /// What the budget counts (gated only); default: triplets.
    pub budget_in: Option<BudgetIn>,
    /// Whether lambda is trained (gated only); default: trained.
    pub lambda: Option<Lambda>,
    /// Mean of lambda at the start; default: 0, gated 1.
    pub initial_lambda: Option<NonNegative>,
    /// Its standard deviation; default: 0, as-published-code 0.02.
    pub lambda_deviation: Option<NonNegative>,
    /// The probability that a triplet is left out of a step, but for the last three tenths of the steps (gated only).
    pub rank_dropout: Rate,
    /// Rank of each delta at the start.
    pub initial_rank: NonZeroU32,
    /// Mean rank of the deltas in the end.
    pub target_rank: NonZeroU32,
    /// The delta is scaled by alpha / initial rank, gated by alpha / target rank, throughout. Default: 32, gated 16.
    pub alpha: Option<Positive>,
    /// Dropout of the delta's input.
    pub dropout: Rate,
    /// Modules to adapt: a name, or the end of one (`query`, `attention.output.dense`). Default: those of the model's family.
    pub targets: Option<Vec<String>>,
    /// Blocks to adapt, counted from 0: `0-5`, or `0,2,4`. Default: all.
    pub layers: Option<LayerRange>,
    /// Steps before the first allocation; default: a tenth of all steps.
    pub warmup_steps: Option<u32>,
    /// Steps before the last allocation in which the budget is met and triplets are still exchanged (gated only); default: 15 % of all steps.
    pub exchange_steps: Option<u32>,
    /// Steps after the last allocation; default: three tenths of all steps, gated a quarter.
    pub final_steps: Option<u32>,
    /// Steps between allocations; default: so that there are about 40, gated 25 to 50.
    pub every: Option<NonZeroU32>,
    /// Decay of the smoothed importance; default: 0.85, gated 0.95.
    pub beta1: Option<Rate>,
    /// Decay of its uncertainty (not gated); default: 0.85.
    pub beta2: Option<Rate>,
    /// Weight of the penalty that keeps the triplets of a delta orthogonal; default: 0.5, gated 0.
    pub orthogonality: Option<NonNegative>,
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
    /// What the learning rate of the deltas' output side is multiplied with.
    pub up_rate: Positive,
    /// What the learning rate of lambda is multiplied with.
    pub lambda_rate: Positive,
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
    /// From LoRA's beginning, by gradients.
    Gated,
}

/// Whether lambda is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lambda {
    /// It is.
    #[default]
    Trained,
    /// It stays what it is at the start.
    Fixed,
}

impl Default for AdaptiveRankSampling {
    fn default() -> Self {
        let like = Adalora::default();
        Self {
            variant: Variant::AsDescribed,
            probability: None,
            anneal: true,
            score_decay: rate(0.0),
            call_every: None,
            total_steps: None,
            temperature: None,
            scores: None,
            returns: None,
            budget_in: None,
            lambda: None,
            initial_lambda: None,
            lambda_deviation: None,
            rank_dropout: rate(0.0),
            initial_rank: like.initial_rank,
            target_rank: like.target_rank,
            alpha: None,
            dropout: like.dropout,
            targets: None,
            layers: None,
            warmup_steps: None,
            exchange_steps: None,
            final_steps: None,
            every: None,
            beta1: None,
            beta2: None,
            orthogonality: None,
            learning_rate: None,
            up_rate: positive(1.0),
            lambda_rate: positive(1.0),
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

    fn contradiction(&self) -> Option<String> {
        let (initial, target) = (self.initial_rank, self.target_rank);
        self.key_of_another_variant()
            .or_else(|| self.begins_at_nothing())
            .or_else(|| match self.variant {
                Variant::Gated if target == initial => None,
                _ => adalora::nothing_to_prune(initial, target),
            })
    }

    fn low_rank(&self) -> Option<LowRankSettings<'_>> {
        let rank = self.initial_rank.get() as usize;
        let gated = self.variant == Variant::Gated;
        let like = Adalora::default();
        let alpha = self
            .alpha
            .map_or(if gated { 16.0 } else { like.alpha.get() }, Positive::get);
        let divisor = adalora::divisor(rank);
        let scale = match gated {
            true => alpha / f64::from(self.target_rank.get()),
            false => alpha / divisor,
        };
        let lambda = Draw::Normal {
            mean: self.initial_lambda(),
            deviation: self.lambda_deviation.map_or(
                if self.variant == Variant::AsPublishedCode {
                    0.02
                } else {
                    0.0
                },
                NonNegative::get,
            ),
        };
        Some(LowRankSettings {
            rank,
            peft_alpha: if gated { scale * divisor } else { alpha },
            is_rank_stabilized: false,
            has_magnitude: false,
            scale,
            dropout: self.dropout.get(),
            rank_dropout: self.rank_dropout.get(),
            targets: self.targets.as_deref(),
            layers: self.layers.as_ref(),
            begin: Beginning {
                lambda: Some(lambda),
                ..match gated {
                    true => Beginning::LORA,
                    false => adalora::BEGINNING,
                }
            },
            trains_lambda: self.lambda.unwrap_or_default() == Lambda::Trained,
            up_rate: self.up_rate.get(),
            lambda_rate: self.lambda_rate.get(),
            budget: Some(RankBudget {
                selection: self.selection(),
                target_rank: self.target_rank.get(),
                total_steps: self.total_steps.map(NonZeroU32::get),
                warmup_steps: self.warmup_steps,
                exchange_steps: self.exchange_steps,
                final_steps: self.final_steps,
                every: self.every.map(NonZeroU32::get),
                defaults: if gated {
                    Defaults::GATED
                } else {
                    Defaults::ADALORA
                },
                betas: [
                    self.beta1
                        .map_or(if gated { 0.95 } else { like.beta1.get() }, Rate::get),
                    self.beta2.unwrap_or(like.beta2).get(),
                ],
                orthogonality: self.orthogonality.map_or(
                    if gated { 0.0 } else { like.orthogonality.get() },
                    NonNegative::get,
                ),
            }),
        })
    }
}

impl AdaptiveRankSampling {
    fn selection(&self) -> Selection {
        let probability = |default| self.probability.map_or(default, Probability::get);
        match self.variant {
            Variant::AsDescribed => Selection::Importance(Rule::AsDescribed {
                probability: probability(0.1),
                anneal: self.anneal,
                score_decay: self.score_decay.get(),
            }),
            Variant::AsPublishedCode => Selection::Importance(Rule::AsPublishedCode {
                probability: probability(0.1),
                call_every: self.call_every.map_or(1, |n| u64::from(n.get())),
            }),
            Variant::Gated => Selection::Gated(Gates {
                probability: probability(0.3),
                temperature: self.temperature.map_or(1.0, NonNegative::get),
                anneal: self.anneal,
                scores: self.scores.unwrap_or_default(),
                returns: self.returns.unwrap_or_default(),
                budget_in: self.budget_in.unwrap_or_default(),
                lambda: self.initial_lambda() as f32,
                trains_lambda: self.lambda.unwrap_or_default() == Lambda::Trained,
            }),
        }
    }

    fn initial_lambda(&self) -> f64 {
        let default = match self.variant {
            Variant::Gated => 1.0,
            _ => 0.0,
        };
        self.initial_lambda.map_or(default, NonNegative::get)
    }

    /// A key that is given, and that the variant knows nothing of.
    fn key_of_another_variant(&self) -> Option<String> {
        use Variant::{AsDescribed, AsPublishedCode, Gated};
        const ONLY_GATED: &[Variant] = &[Gated];
        let is_fixed = self.lambda == Some(Lambda::Fixed);
        let keys: [(&str, bool, &[Variant]); 14] = [
            ("anneal", !self.anneal, &[AsDescribed, Gated]),
            ("score_decay", self.score_decay.get() > 0.0, &[AsDescribed]),
            ("call_every", self.call_every.is_some(), &[AsPublishedCode]),
            (
                "total_steps",
                self.total_steps.is_some(),
                &[AsPublishedCode],
            ),
            ("temperature", self.temperature.is_some(), ONLY_GATED),
            ("scores", self.scores.is_some(), ONLY_GATED),
            ("return", self.returns.is_some(), ONLY_GATED),
            ("budget_in", self.budget_in.is_some(), ONLY_GATED),
            ("lambda", self.lambda.is_some(), ONLY_GATED),
            ("rank_dropout", self.rank_dropout.get() > 0.0, ONLY_GATED),
            ("exchange_steps", self.exchange_steps.is_some(), ONLY_GATED),
            (
                "beta2",
                self.beta2.is_some(),
                &[AsDescribed, AsPublishedCode],
            ),
            (
                "lambda_rate",
                self.lambda_rate.get() != 1.0 && is_fixed,
                &[],
            ),
            (
                "lambda_deviation",
                self.lambda_deviation.is_some_and(|d| d.get() > 0.0) && is_fixed,
                &[],
            ),
        ];
        let (key, _, of) = keys
            .into_iter()
            .find(|(_, is_given, of)| *is_given && !of.contains(&self.variant))?;
        if of.is_empty() {
            return Some(format!("`{key}` says nothing where `lambda` is fixed"));
        }
        let of: Vec<String> = of.iter().map(|v| format!("`{}`", v.name())).collect();
        Some(format!(
            "`{key}` is a setting of {}, not of `{}`: leave it out, or choose the variant",
            of.join(" and "),
            self.variant.name()
        ))
    }

    /// LoRA's beginning with a lambda of zero: neither would have a gradient.
    fn begins_at_nothing(&self) -> Option<String> {
        (self.variant == Variant::Gated && self.initial_lambda() == 0.0).then(|| {
            "`initial_lambda` must be above 0 under `gated`: the output side begins at 0, and nothing would have a gradient".to_owned()
        })
    }
}

impl Variant {
    /// The word of the pipeline file.
    fn name(self) -> &'static str {
        match self {
            Self::AsDescribed => "as-described",
            Self::AsPublishedCode => "as-published-code",
            Self::Gated => "gated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> AdaptiveRankSampling {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_says_nothing_to_a_variant_is_refused() {
        fn t(text: &str, parts: &[&str]) {
            let why = settings(text).contradiction();
            assert_eq!(why.is_some(), !parts.is_empty(), "{text}: {why:?}");
            for part in parts {
                assert!(why.as_ref().unwrap().contains(part), "{text}: {why:?}");
            }
        }
        t("{}", &[]);
        t(r#"{"variant": "gated"}"#, &[]);
        t(
            r#"{"variant": "gated", "initial_rank": 4, "target_rank": 4}"#,
            &[],
        );
        t(
            r#"{"initial_rank": 4, "target_rank": 4}"#,
            &["target_rank 4", "initial_rank 4"],
        );
        t(
            r#"{"variant": "gated", "initial_rank": 4, "target_rank": 5}"#,
            &["target_rank 5", "initial_rank 4"],
        );
        t(
            r#"{"temperature": 1}"#,
            &["`temperature`", "`gated`", "`as-described`"],
        );
        t(
            r#"{"variant": "gated", "call_every": 5}"#,
            &["`call_every`", "`as-published-code`"],
        );
        t(r#"{"variant": "gated", "beta2": 0.9}"#, &["`beta2`"]);
        t(
            r#"{"variant": "gated", "score_decay": 0.1}"#,
            &["`score_decay`", "`as-described`"],
        );
        t(
            r#"{"variant": "as-published-code", "anneal": false}"#,
            &["`anneal`"],
        );
        t(r#"{"return": "zero"}"#, &["`return`"]);
        t(r#"{"rank_dropout": 0.1}"#, &["`rank_dropout`"]);
        t(
            r#"{"variant": "gated", "initial_lambda": 0}"#,
            &["`initial_lambda`"],
        );
        t(
            r#"{"variant": "gated", "lambda": "fixed", "lambda_rate": 2}"#,
            &["`lambda_rate`"],
        );
        t(
            r#"{"variant": "gated", "lambda": "fixed", "lambda_deviation": 0.3}"#,
            &["`lambda_deviation`"],
        );
    }

    #[test]
    fn the_variants_begin_each_in_its_own_way() {
        fn t(text: &str, scale: f64, mean: f64, deviation: f64, orthogonality: f64) {
            let settings = settings(text);
            let low_rank = settings.low_rank().unwrap();
            assert!((low_rank.scale - scale).abs() < 1e-12, "{text}");
            assert!((low_rank.peft_alpha / (10.0 + 1e-5) - scale).abs() < 1e-12);
            assert_eq!(
                low_rank.begin.lambda,
                Some(Draw::Normal { mean, deviation })
            );
            assert_eq!(low_rank.budget.unwrap().orthogonality, orthogonality);
        }
        t("{}", 32.0 / (10.0 + 1e-5), 0.0, 0.0, 0.5);
        t(
            r#"{"variant": "as-published-code"}"#,
            32.0 / (10.0 + 1e-5),
            0.0,
            0.02,
            0.5,
        );
        t(r#"{"variant": "gated"}"#, 16.0 / 5.0, 1.0, 0.0, 0.0);
        t(
            r#"{"initial_lambda": 1, "lambda_deviation": 0.1, "orthogonality": 0, "alpha": 16}"#,
            16.0 / (10.0 + 1e-5),
            1.0,
            0.1,
            0.0,
        );
    }
}
