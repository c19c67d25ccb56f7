//! Whether probabilities are as often right as they say.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::metrics::chunk::CHUNK;

/// Bins of equal width from 0 to 1, as in Guo et al. (2017).
pub const BINS: usize = 15;

/// The rows whose probability is in one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Rows; bins without any are left out.
    pub n: u64,
    /// Their mean probability.
    pub predicted: f64,
    /// The share of them that it is true of.
    pub observed: f64,
}

/// Rows, summed probabilities and positives by bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bins([(u64, f64, u64); BINS]);

/// The bin of a probability: an edge belongs to the bin below it, as in `sklearn.calibration.calibration_curve`.
pub fn bin(probability: f64) -> usize {
    // The edges are those of numpy.linspace.
    const STEP: f64 = 1.0 / BINS as f64;
    let guess = ((probability * BINS as f64) as usize).min(BINS - 1);
    if guess + 1 < BINS && (guess + 1) as f64 * STEP < probability {
        guess + 1
    } else if guess > 0 && guess as f64 * STEP >= probability {
        guess - 1
    } else {
        guess
    }
}

impl Bins {
    /// Of `probability` that the row is one of `positive`.
    pub fn of(probability: &[f64], positive: &[bool]) -> Self {
        let parts: Vec<Self> = probability
            .par_chunks(CHUNK)
            .zip(positive.par_chunks(CHUNK))
            .map(|(probability, positive)| {
                let mut bins = Self::default();
                for (p, t) in probability.iter().zip(positive) {
                    let (n, sum, hits) = &mut bins.0[bin(*p)];
                    *n += 1;
                    *sum += p;
                    *hits += u64::from(*t);
                }
                bins
            })
            .collect();
        let mut all = Self::default();
        parts.iter().for_each(|part| all.add(part));
        all
    }

    /// Adds the rows of `other`.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            to.0 += from.0;
            to.1 += from.1;
            to.2 += from.2;
        }
    }

    /// Expected calibration error: the distance of mean probability and share, a mean over the rows. Naeini, Cooper and
    /// Hauskrecht (2015), Obtaining Well Calibrated Probabilities Using Bayesian Binning. `None` without rows.
    pub fn expected_error(&self) -> Option<f64> {
        let rows: u64 = self.0.iter().map(|bin| bin.0).sum();
        let off: f64 = self.0.iter().map(|bin| (bin.1 - bin.2 as f64).abs()).sum();
        (rows > 0).then(|| off / rows as f64)
    }

    /// The calibration curve: the bins that hold rows, rising.
    pub fn curve(&self) -> Vec<CalibrationBin> {
        let filled = self.0.iter().filter(|bin| bin.0 > 0);
        filled
            .map(|(n, sum, hits)| CalibrationBin {
                n: *n,
                predicted: sum / *n as f64,
                observed: *hits as f64 / *n as f64,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_belongs_to_the_bin_below() {
        assert_eq!([bin(0.0), bin(1.0), bin(0.5)], [0, 14, 7]);
        for i in 1..BINS {
            let edge = i as f64 * (1.0 / BINS as f64);
            assert_eq!(bin(edge), i - 1, "{edge}");
            assert_eq!(bin(f64::from_bits(edge.to_bits() + 1)), i, "{edge}");
        }
    }

    #[test]
    fn an_error_is_weighted_by_rows() {
        let bins = Bins::of(&[0.9, 0.9, 0.1, 0.1], &[true, false, false, false]);
        assert!((bins.expected_error().unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(bins.curve().len(), 2);
        assert_eq!(Bins::default().expected_error(), None);
    }
}
