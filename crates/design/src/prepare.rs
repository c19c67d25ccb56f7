//! What the methods of a task share.

use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::features::Features;
use crate::numbers::matrix::Matrix;
use crate::proxy::closed_form::{ClosedForm, Standardised};
use crate::proxy::heads::{self, Head};
use crate::sequences::dna;
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
    every: OnceLock<Matrix>,
}

/// Numbers of the features of every sequence that are kept at most: 512 MiB.
const MOST: usize = 1 << 26;

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
            every: OnceLock::new(),
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

    /// The features of every sequence of the known ones' length, in the order of the alphabet, so many at a time: `each` is
    /// shown the number of the first and the features. They are kept, where they are not too many.
    ///
    /// # Errors
    /// What the features say; what `each` says.
    pub fn every(
        &self,
        together: usize,
        each: &mut dyn FnMut(usize, &Matrix) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let length = self.known.length;
        let all = 1usize << (2 * length);
        if let Some(every) = self.every.get() {
            return each(0, every);
        }
        let keep = all.saturating_mul(self.features.width()) <= MOST;
        let mut kept = Matrix::zeros(0, self.features.width());
        for first in (0..all).step_by(together) {
            let codes = first..all.min(first + together);
            let sequences: Vec<Vec<u8>> = codes.map(|code| dna::of_code(code, length)).collect();
            let features = self.features.of(&sequences)?;
            each(first, &features)?;
            if keep {
                kept.values.extend(features.values);
            }
        }
        if keep {
            self.every.get_or_init(|| kept);
        }
        Ok(())
    }

    /// The five heads.
    pub fn heads(&self) -> &[Head] {
        self.heads
            .get_or_init(|| heads::train(&self.matrix, &self.scores.values))
    }
}
