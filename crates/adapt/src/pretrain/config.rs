//! The settings of pretraining.

use std::num::NonZeroU32;

use lingo_artifact::bounded::{NonNegative, Positive, Probability, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::pretrain::vocabulary::{KmerLength, PretrainKmer, PretrainScheme};

/// A small BERT, and how it is trained from nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PretrainConfig {
    /// How DNA becomes tokens: `base`, or `kmer: { k: 3 }`, side by side, the default; `kmer: { k: 3, stride: 1 }` overlaps. Tasks on the model use `scheme: model`.
    pub scheme: PretrainScheme,
    /// Width of the hidden states.
    pub hidden: NonZeroU32,
    /// Transformer blocks.
    pub layers: NonZeroU32,
    /// Attention heads of a block; divides `hidden`.
    pub heads: NonZeroU32,
    /// Width between the two feed-forward linears.
    pub feed_forward: NonZeroU32,
    /// Bases of a training window.
    pub window: NonZeroU32,
    /// The longest sequence of tokens that the model takes, special tokens counted in. Default: `window` + 2.
    pub positions: Option<NonZeroU32>,
    /// Optimizer steps.
    pub steps: NonZeroU32,
    /// Windows of a step.
    pub batch: NonZeroU32,
    /// Peak learning rate.
    pub learning_rate: Positive,
    /// Steps over which the learning rate rises; it falls to 0 from there. Default: a tenth of all steps.
    pub warmup_steps: Option<u32>,
    /// AdamW's decoupled weight decay.
    pub weight_decay: NonNegative,
    /// Share of the tokens to be predicted: of these 80 % are masked, 10 % replaced at random, 10 % left.
    pub mask_probability: Probability,
    /// Share of each sequence, at its end, that is held out.
    pub held_out: Rate,
    /// Standard deviation of the first weights; small models learn sooner from more than BERT's 0.02.
    pub initializer_range: Positive,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let positive = |x| Positive::try_from(x).unwrap_or_else(|_| unreachable!());
        let k = KmerLength::try_from(3).unwrap_or_else(|_| unreachable!());
        Self {
            scheme: PretrainScheme::Kmer(PretrainKmer { k, stride: None }),
            hidden: count(128),
            layers: count(2),
            heads: count(4),
            feed_forward: count(512),
            window: count(60),
            positions: None,
            steps: count(500),
            batch: count(64),
            learning_rate: positive(2e-3),
            warmup_steps: None,
            weight_decay: NonNegative::try_from(0.01).unwrap_or_else(|_| unreachable!()),
            mask_probability: Probability::try_from(0.15).unwrap_or_else(|_| unreachable!()),
            held_out: Rate::try_from(0.1).unwrap_or_else(|_| unreachable!()),
            initializer_range: positive(0.06),
        }
    }
}

impl PretrainConfig {
    /// What no single value shows.
    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |message: String| Err(Error::Config(message));
        if !self.hidden.get().is_multiple_of(self.heads.get()) {
            return bad(format!(
                "pretraining: {} heads do not divide hidden {}",
                self.heads, self.hidden
            ));
        }
        if self.positions() < 3 {
            return bad(format!(
                "pretraining: {} positions leave no room for DNA",
                self.positions()
            ));
        }
        if self.held_out.get() <= 0.0 || self.mask_probability.get() <= 0.0 {
            return bad("pretraining: held_out and mask_probability must be above 0".to_string());
        }
        Ok(())
    }

    pub(super) fn window(&self) -> usize {
        self.window.get() as usize
    }

    pub(super) fn batch(&self) -> usize {
        self.batch.get() as usize
    }

    pub(super) fn steps(&self) -> u64 {
        u64::from(self.steps.get())
    }

    /// No token is shorter than a base, so a window and its two special tokens always fit.
    pub(super) fn positions(&self) -> usize {
        self.positions
            .map_or(self.window() + 2, |n| n.get() as usize)
    }
}
