//! What the methods of a task share.

use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::features::Features;
use crate::numbers::matrix::Matrix;
use crate::proxy::closed_form::{ClosedForm, Standardised};
use crate::proxy::heads::{self, Head};
use crate::sequences::known::Known;

/// The features of measured sequences, and the proxies on them, each made when it is first asked for.
pub struct Prepared {
    /// The features.
    pub features: Arc<dyn Features>,
    /// The measured sequences.
    pub known: Arc<Known>,
    /// Their features.
    pub matrix: Matrix,
    /// Their scores.
    pub scores: Standardised,
    closed_form: OnceLock<ClosedForm>,
    heads: OnceLock<Vec<Head>>,
}

impl Prepared {
    /// Computes the features.
    ///
    /// # Errors
    /// Too few rows, or scores that are all the same; what the features say.
    pub fn new(features: Arc<dyn Features>, known: Arc<Known>) -> Result<Self, Error> {
        known.check().map_err(Error::Settings)?;
        let matrix = features.of(&known.sequences)?;
        let scores = Standardised::new(&known.scores);
        Ok(Self {
            features,
            known,
            matrix,
            scores,
            closed_form: OnceLock::new(),
            heads: OnceLock::new(),
        })
    }

    /// Both directions.
    ///
    /// # Errors
    /// As [`ClosedForm::new`].
    pub fn closed_form(&self) -> Result<&ClosedForm, Error> {
        if let Some(found) = self.closed_form.get() {
            return Ok(found);
        }
        let made = ClosedForm::new(&self.matrix, &self.scores.values)?;
        Ok(self.closed_form.get_or_init(|| made))
    }

    /// The five heads.
    pub fn heads(&self) -> &[Head] {
        self.heads
            .get_or_init(|| heads::train(&self.matrix, &self.scores.values))
    }
}
