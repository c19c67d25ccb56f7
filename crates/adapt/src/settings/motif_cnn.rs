//! A convolution over bases: the floor by itself, and the stem beside a language model.

use std::num::NonZeroU32;

use lingo_artifact::bounded::{Positive, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of `motif_cnn` and of `train.stem`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MotifCnn {
    /// Motifs that are looked for.
    pub filters: NonZeroU32,
    /// Bases of a motif.
    pub width: NonZeroU32,
    /// Stretches of equal length in which each motif's strongest answer is looked for: 1 for sequences in which a motif
    /// means the same everywhere; more for sequences that are aligned (to a start site, say), where its place matters.
    pub bins: NonZeroU32,
    /// Dropout of the motifs' strongest answers, before the head.
    pub dropout: Rate,
    /// Passes over the training split; default: those of `train`. An epoch takes a second or two, and the floor needs 15 to 40.
    pub epochs: Option<NonZeroU32>,
    /// Peak learning rate; default 3e-3, not that of `train`.
    pub learning_rate: Option<Positive>,
    /// Networks, each trained without one part of the training rows, whose logits are averaged; 1: a single one that
    /// is trained on all rows. Default: 1 as a method, 5 as a stem, which needs at least 2.
    pub folds: Option<NonZeroU32>,
}

impl Default for MotifCnn {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            filters: count(128),
            width: count(15),
            bins: count(1),
            dropout: Rate::try_from(0.1).unwrap_or_else(|_| unreachable!()),
            epochs: None,
            learning_rate: None,
            folds: None,
        }
    }
}

impl MotifCnn {
    /// The network.
    pub(crate) fn network(&self) -> MotifSettings {
        MotifSettings {
            filters: self.filters.get() as usize,
            width: self.width.get() as usize,
            bins: self.bins.get() as usize,
            dropout: self.dropout.get(),
        }
    }

    /// Its peak learning rate.
    pub(crate) fn peak(&self) -> f64 {
        self.learning_rate.map_or(3e-3, Positive::get)
    }

    /// How many networks a stem has.
    pub(crate) fn folds_of_stem(&self) -> usize {
        self.folds.map_or(5, |n| n.get() as usize)
    }
}

/// A convolution over bases with a linear head on its maximum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MotifSettings {
    pub filters: usize,
    /// Bases of a filter.
    pub width: usize,
    /// Stretches of a sequence with a maximum of their own.
    pub bins: usize,
    /// Dropout of the filters' strongest answers.
    pub dropout: f64,
}

impl MotifSettings {
    /// Values that the head reads of one sequence.
    pub fn features(&self) -> usize {
        self.filters * self.bins
    }

    /// Trained values on `sequences` sequences a row (two for pairs) with `outputs` outputs.
    pub fn parameters(&self, sequences: usize, outputs: usize) -> usize {
        let head = (sequences * self.features() + 1) * outputs;
        (self.width * 4 + 1) * self.filters + head
    }
}
