//! One label, there or not, and the probability that it is.

use rayon::prelude::*;

use crate::metrics::calibration::Bins;
use crate::metrics::chunk::CHUNK;
use crate::metrics::confusion::Confusion;
use crate::metrics::ranking::{Areas, areas};
use crate::probability::is_above;

/// Truth and probability of every row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binary {
    /// Whether it is there.
    pub positive: Vec<bool>,
    /// How probable that is.
    pub probability: Vec<f64>,
}

impl Binary {
    /// Counts of truth against what is above `threshold`.
    pub fn confusion(&self, threshold: f64) -> Confusion {
        let parts: Vec<[u64; 4]> = self
            .positive
            .par_chunks(CHUNK)
            .zip(self.probability.par_chunks(CHUNK))
            .map(|(positive, probability)| {
                let mut counts = [0; 4];
                for (t, p) in positive.iter().zip(probability) {
                    counts[usize::from(*t) << 1 | usize::from(is_above(*p, threshold))] += 1;
                }
                counts
            })
            .collect();
        let count = |i: usize| parts.iter().map(|counts| counts[i]).sum::<u64>();
        Confusion::of_counts(vec![vec![count(0), count(1)], vec![count(2), count(3)]])
    }

    /// Areas under the ROC and precision-recall curves.
    pub fn areas(&self) -> Areas {
        areas(&self.probability, &self.positive)
    }

    /// Mean squared distance of probability and truth (`sklearn.metrics.brier_score_loss`); `None` without rows.
    pub fn brier(&self) -> Option<f64> {
        let parts: Vec<f64> = self
            .probability
            .par_chunks(CHUNK)
            .zip(self.positive.par_chunks(CHUNK))
            .map(|(probability, positive)| {
                let pairs = probability.iter().zip(positive);
                pairs.map(|(p, t)| squared_error(*p, *t)).sum()
            })
            .collect();
        let rows = self.positive.len();
        (rows > 0).then(|| parts.iter().sum::<f64>() / rows as f64)
    }

    /// Probabilities by bin.
    pub fn bins(&self) -> Bins {
        Bins::of(&self.probability, &self.positive)
    }
}

/// The squared distance of a probability and the truth.
pub fn squared_error(probability: f64, positive: bool) -> f64 {
    let off = probability - f64::from(u8::from(positive));
    off * off
}
