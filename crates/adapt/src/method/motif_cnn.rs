//! `motif_cnn`: no language model at all. One convolution over the bases, its maximum over all places, a linear head,
//! all trained from nothing: the floor that a language model has to beat.

use std::num::NonZeroU32;

use lingo_artifact::bounded::{Positive, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::{AdaptationMethod, MotifSettings, count, rate};

/// Settings of `motif_cnn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MotifCnn {
    /// Motifs that are looked for.
    pub filters: NonZeroU32,
    /// Bases of a motif.
    pub width: NonZeroU32,
    /// Dropout of the motifs' strongest answers, before the head.
    pub dropout: Rate,
    /// Passes over the training split; default: those of `train`. An epoch takes a second or two, and the floor needs 15 to 40.
    pub epochs: Option<NonZeroU32>,
    /// Peak learning rate; default 3e-3, not that of `train`.
    pub learning_rate: Option<Positive>,
}

impl Default for MotifCnn {
    fn default() -> Self {
        Self {
            filters: count(128),
            width: count(15),
            dropout: rate(0.1),
            epochs: None,
            learning_rate: None,
        }
    }
}

impl AdaptationMethod for MotifCnn {
    fn name(&self) -> &'static str {
        "motif_cnn"
    }

    fn learning_rate(&self) -> Option<f64> {
        Some(self.learning_rate.map_or(3e-3, Positive::get))
    }

    fn epochs(&self) -> Option<NonZeroU32> {
        self.epochs
    }

    fn motifs(&self) -> Option<MotifSettings> {
        Some(MotifSettings {
            filters: self.filters.get() as usize,
            width: self.width.get() as usize,
            dropout: self.dropout.get(),
        })
    }
}
