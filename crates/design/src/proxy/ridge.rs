//! Ridge regression with an intercept that is not penalised.

use crate::error::Error;
use crate::numbers::cholesky::Cholesky;
use crate::numbers::matrix::{Matrix, dot};

/// A linear model.
#[derive(Clone, Debug)]
pub struct Ridge {
    weights: Vec<f64>,
    intercept: f64,
}

impl Ridge {
    /// Of features and scores; `lambda` is added to the diagonal of the centred Gram matrix.
    ///
    /// # Errors
    /// Features that are no numbers.
    pub fn new(features: &Matrix, scores: &[f64], lambda: f64) -> Result<Self, Error> {
        let n = features.len() as f64;
        let (means, width) = (features.means(), features.width);
        let mean = scores.iter().sum::<f64>() / n;
        let mut gram = features.gram();
        for i in 0..width {
            for j in 0..width {
                gram.values[i * width + j] -= n * means[i] * means[j];
            }
            gram.values[i * width + i] += lambda;
        }
        let mut cross = features.transposed_times(scores);
        for (cross, of_column) in cross.iter_mut().zip(&means) {
            *cross -= n * of_column * mean;
        }
        let factors = Cholesky::new(gram).ok_or_else(|| {
            Error::Settings("the features of the measured sequences are no numbers".into())
        })?;
        let weights = factors.solve(&cross);
        let intercept = mean - dot(&means, &weights);
        Ok(Self { weights, intercept })
    }

    /// The score that is predicted.
    pub fn predict(&self, features: &[f64]) -> f64 {
        self.intercept + dot(features, &self.weights)
    }
}
