//! How live triplets are chosen: the rules there are, and what they will do, known before they do it.

use crate::rank::adaptation::RankAdaptation;
use crate::rank::allocator::{Allocator, Rule};
use crate::rank::gated::gates::Gates;
use crate::rank::gated::sampler::GatedSampler;
use crate::rank::schedule::Schedule;
use crate::rank::triplets::Triplets;

/// A rule with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Selection {
    /// By AdaLoRA's importance.
    Importance(Rule),
    /// By gates.
    Gated(Gates),
}

impl Selection {
    /// The probability of sampling, where the rule samples.
    pub fn probability(self) -> Option<f64> {
        match self {
            Self::Importance(rule) => rule.probability(),
            Self::Gated(gates) => Some(gates.probability),
        }
    }

    /// Whether the trainer asks the rule at all at this step.
    pub fn is_called(self, step: u64) -> bool {
        match self {
            Self::Importance(Rule::AsPublishedCode { call_every, .. }) => {
                step.is_multiple_of(call_every.max(1))
            }
            _ => true,
        }
    }

    /// How many triplets come back at an allocation that is not the first: exactly as many as are
    /// exchanged, or (as published) their expected number.
    pub fn exchanged(self, schedule: &Schedule, step: u64) -> f64 {
        match self {
            Self::Importance(Rule::Adalora) => 0.0,
            Self::Importance(Rule::AsDescribed {
                probability,
                anneal,
                ..
            }) => {
                let left = if anneal {
                    1.0 - schedule.fraction(step)
                } else {
                    1.0
                };
                schedule.swaps(probability * left, step) as f64
            }
            Self::Importance(Rule::AsPublishedCode { probability, .. }) => {
                probability
                    * (1.0 - probability)
                    * (schedule.initial - schedule.budget(step)) as f64
            }
            Self::Gated(gates) => gates.swaps(schedule, step) as f64,
        }
    }

    /// The rule at the first step of a run, all triplets of `modules` alive; `length` is that of the
    /// vector of trained values.
    pub(crate) fn start(
        self,
        schedule: Schedule,
        betas: [f64; 2],
        modules: Vec<Triplets>,
        length: usize,
        seed: u64,
    ) -> Box<dyn RankAdaptation> {
        match self {
            Self::Importance(rule) => {
                Box::new(Allocator::new(rule, schedule, betas, modules, length, seed))
            }
            Self::Gated(gates) => Box::new(GatedSampler::new(
                gates, schedule, betas[0], modules, length, seed,
            )),
        }
    }
}
