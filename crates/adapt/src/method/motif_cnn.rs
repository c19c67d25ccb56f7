//! `motif_cnn`: no language model at all. One convolution over the bases, its maximum over all places, a linear head,
//! all trained from nothing: the floor that a language model has to beat.

use std::num::NonZeroU32;

use lingo_artifact::bounded::Positive;

use crate::method::adaptation::AdaptationMethod;
use crate::settings::motif_cnn::MotifCnn;

impl AdaptationMethod for MotifCnn {
    fn name(&self) -> &'static str {
        "motif_cnn"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn contradiction(&self) -> Option<String> {
        MotifCnn::contradiction(self)
    }

    fn epochs(&self) -> Option<NonZeroU32> {
        self.epochs
    }

    fn motifs(&self) -> Option<&MotifCnn> {
        Some(self)
    }
}
