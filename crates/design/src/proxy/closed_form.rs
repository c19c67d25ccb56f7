//! The two directions of bidirectional learning in closed form, on frozen features (Chen et al. 2023; the formulas are those
//! of the authors' program, which the paper's linearised model comes to where the head alone is trained).
//!
//! Forward, from the measured sequences to a design: `f(x) = phi(x) . w` with `w = (Phi^T Phi + beta I)^-1 Phi^T y`,
//! `beta = 1e-6 tr(Phi Phi^T) / N`, and the loss `(f(x) - target)^2`. Backward, from the design to them: a model that has seen
//! the design alone, with the target as its score, predicts `c phi_i . phi(x)` with `c = target / (|phi(x)|^2 (1 + 1e-6))`; the loss
//! is its mean squared error. Scores are standardised by the mean and the standard deviation of the measured ones.

use crate::error::Error;
use crate::numbers::cholesky::Cholesky;
use crate::numbers::matrix::{Matrix, dot};

/// What the trace is multiplied with for the ridge.
const RIDGE: f64 = 1e-6;

/// Standardised scores.
#[derive(Clone, Debug)]
pub struct Standardised {
    /// Of the measured scores.
    pub mean: f64,
    /// Of the measured scores, N - 1 below, and 1e-9.
    pub deviation: f64,
    /// The scores.
    pub values: Vec<f64>,
}

impl Standardised {
    /// Of scores.
    pub fn new(scores: &[f64]) -> Self {
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        let squares: f64 = scores.iter().map(|y| (y - mean).powi(2)).sum();
        let deviation = (squares / (n - 1.0).max(1.0)).sqrt() + 1e-9;
        let values = scores.iter().map(|y| (y - mean) / deviation).collect();
        Self {
            mean,
            deviation,
            values,
        }
    }

    /// A standardised score as it was measured.
    pub fn measured(&self, value: f64) -> f64 {
        value * self.deviation + self.mean
    }
}

/// Both directions, for one set of measured sequences.
#[derive(Clone, Debug)]
pub struct ClosedForm {
    /// The forward weights.
    pub weights: Vec<f64>,
    /// `Phi^T Phi / N`.
    gram: Matrix,
    /// `Phi^T y / N`.
    cross: Vec<f64>,
    /// The mean of `y^2`.
    square: f64,
}

/// A loss and its gradient with respect to the features.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The loss.
    pub value: f64,
    /// Its gradient.
    pub gradient: Vec<f64>,
}

impl ClosedForm {
    /// Of the features of measured sequences and their standardised scores.
    ///
    /// # Errors
    /// Features that are no numbers, or all zero.
    pub fn new(features: &Matrix, scores: &[f64]) -> Result<Self, Error> {
        let n = features.len() as f64;
        let mut gram = features.gram();
        let mut cross = features.transposed_times(scores);
        let width = gram.width;
        // tr(Phi Phi^T) is tr(Phi^T Phi).
        let trace: f64 = (0..width).map(|i| gram.values[i * width + i]).sum();
        let mut regular = gram.clone();
        (0..width).for_each(|i| regular.values[i * width + i] += RIDGE * trace / n);
        let factors = Cholesky::new(regular).ok_or_else(|| {
            Error::Settings(
                "the features of the measured sequences are all zero, or no numbers".into(),
            )
        })?;
        let weights = factors.solve(&cross);
        gram.values.iter_mut().for_each(|g| *g /= n);
        cross.iter_mut().for_each(|b| *b /= n);
        Ok(Self {
            weights,
            gram,
            cross,
            square: scores.iter().map(|y| y * y).sum::<f64>() / n,
        })
    }

    /// The standardised score that the forward model predicts.
    pub fn predict(&self, features: &[f64]) -> f64 {
        dot(features, &self.weights)
    }

    /// The loss of the forward direction.
    pub fn forward(&self, features: &[f64], target: f64) -> Loss {
        let rest = self.predict(features) - target;
        Loss {
            value: rest * rest,
            gradient: self.weights.iter().map(|w| 2.0 * rest * w).collect(),
        }
    }

    /// The loss of the backward direction, without a pass over the measured sequences:
    /// `c^2 phi' G phi - 2 c phi' b + s`. The gradient goes through c, too.
    pub fn backward(&self, features: &[f64], target: f64) -> Loss {
        let norm = dot(features, features).max(f64::MIN_POSITIVE);
        let c = target / (norm * (1.0 + RIDGE));
        let image = self.gram.times(features);
        let quadratic = dot(features, &image);
        let linear = dot(features, &self.cross);
        // d loss / d c, and d c / d phi = -2 c phi / |phi|^2.
        let through_c = (2.0 * c * quadratic - 2.0 * linear) * (-2.0 * c / norm);
        let gradient = features.iter().zip(&image).zip(&self.cross);
        Loss {
            value: c * c * quadratic - 2.0 * c * linear + self.square,
            gradient: gradient
                .map(|((phi, image), b)| 2.0 * c * c * image - 2.0 * c * b + through_c * phi)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use lingo_artifact::random::Stream;

    use super::*;

    fn measured(n: usize, width: usize) -> (Matrix, Vec<f64>, Vec<f64>) {
        let mut stream = Stream::new(5, "test");
        let features = Matrix {
            width,
            values: (0..n * width).map(|_| stream.normal()).collect(),
        };
        let scores: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let design: Vec<f64> = (0..width).map(|_| stream.normal()).collect();
        (features, scores, design)
    }

    #[test]
    fn the_weights_predict_what_the_kernel_predicts() {
        for (n, width) in [(40, 7), (30, 30), (20, 50)] {
            let (features, scores, design) = measured(n, width);
            let primal = ClosedForm::new(&features, &scores)
                .unwrap()
                .predict(&design);
            let mut kernel = Matrix::zeros(n, n);
            for i in 0..n {
                for j in 0..n {
                    kernel.values[i * n + j] = dot(features.row(i), features.row(j));
                }
            }
            let trace: f64 = (0..n).map(|i| kernel.values[i * n + i]).sum();
            (0..n).for_each(|i| kernel.values[i * n + i] += RIDGE * trace / n as f64);
            let alpha = Cholesky::new(kernel).unwrap().solve(&scores);
            let dual = dot(&features.times(&design), &alpha);
            assert!(
                (primal - dual).abs() < 1e-8,
                "{n} x {width}: {primal} {dual}"
            );
        }
    }

    #[test]
    fn the_backward_loss_is_the_mean_over_the_measured() {
        let (features, scores, design) = measured(40, 7);
        let found = ClosedForm::new(&features, &scores)
            .unwrap()
            .backward(&design, 10.0);
        let norm = dot(&design, &design);
        let c = 10.0 / (norm + 1e-6 * norm);
        let errors = features.times(&design).into_iter().zip(&scores);
        let mean = errors.map(|(p, y)| (c * p - y).powi(2)).sum::<f64>() / 40.0;
        assert!((found.value - mean).abs() < 1e-10 * mean);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let (features, scores, design) = measured(40, 7);
        let proxy = ClosedForm::new(&features, &scores).unwrap();
        for loss in [
            ClosedForm::forward as fn(&_, &_, _) -> Loss,
            ClosedForm::backward,
        ] {
            let found = loss(&proxy, &design, 10.0).gradient;
            for i in 0..design.len() {
                let moved = |by: f64| {
                    let mut design = design.clone();
                    design[i] += by;
                    loss(&proxy, &design, 10.0).value
                };
                let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                let error = (found[i] - expected).abs() / expected.abs().max(1.0);
                assert!(error < 1e-6, "{} {expected}", found[i]);
            }
        }
    }
}
