//! Linear heads on frozen features, trained by gradient descent from different begins: the auxiliary ensemble of BIB, whose
//! authors do not publish how they trained theirs.
//!
//! Each head is trained on nine tenths of the measured sequences, drawn by its seed, by Adam (rate 0.001, batches of 128)
//! on the mean squared error of standardised scores, from weights uniform within `1 / sqrt(width)`; the weights of the epoch
//! with the least error on the last tenth are kept, and ten epochs without a better one, or 20,000 steps, end the training.

use lingo_artifact::random::Stream;
use rayon::prelude::*;

use crate::numbers::adam::Adam;
use crate::numbers::matrix::{Matrix, add_scaled, dot};

/// The seeds of the authors' five heads.
pub const SEEDS: [u64; 5] = [1, 10, 100, 1000, 10000];

const BATCH: usize = 128;
const RATE: f64 = 1e-3;
const STEPS: usize = 20_000;
const PATIENCE: usize = 10;

/// A linear head: weights and, behind them, a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Head(Vec<f64>);

impl Head {
    /// The weights, without the bias: the gradient of what is predicted.
    pub fn weights(&self) -> &[f64] {
        &self.0[..self.0.len() - 1]
    }

    /// The standardised score that is predicted.
    pub fn predict(&self, features: &[f64]) -> f64 {
        dot(features, self.weights()) + self.0[self.0.len() - 1]
    }

    fn train(features: &Matrix, scores: &[f64], seed: u64) -> Self {
        let mut stream = Stream::new(seed, "design: auxiliary head");
        let width = features.width;
        let bound = (width as f64).powf(-0.5);
        let draw = |stream: &mut Stream| (2.0 * stream.uniform() - 1.0) * bound;
        let mut head = Self((0..=width).map(|_| draw(&mut stream)).collect());
        let mut rows: Vec<usize> = (0..scores.len()).collect();
        stream.shuffle(&mut rows);
        let held = rows.split_off(rows.len() - rows.len().div_ceil(10));
        let error = |head: &Self| -> f64 {
            let of = |&row: &usize| (head.predict(features.row(row)) - scores[row]).powi(2);
            held.iter().map(of).sum()
        };
        let mut adam = Adam::new(width + 1);
        let mut best = (error(&head), head.clone());
        let mut since = 0;
        for _ in 0..STEPS.div_ceil(rows.len().div_ceil(BATCH)) {
            stream.shuffle(&mut rows);
            for batch in rows.chunks(BATCH) {
                let mut gradient = vec![0.0; width + 1];
                for &row in batch {
                    let rest = head.predict(features.row(row)) - scores[row];
                    let factor = 2.0 * rest / batch.len() as f64;
                    add_scaled(&mut gradient[..width], features.row(row), factor);
                    gradient[width] += factor;
                }
                let direction = adam.direction(&gradient);
                add_scaled(&mut head.0, &direction, -RATE);
            }
            let now = error(&head);
            since += 1;
            if now < best.0 {
                best = (now, head.clone());
                since = 0;
            }
            if since == PATIENCE {
                break;
            }
        }
        best.1
    }
}

/// One head for each of [`SEEDS`].
pub fn train(features: &Matrix, scores: &[f64]) -> Vec<Head> {
    let train = |&seed: &u64| Head::train(features, scores, seed);
    SEEDS.par_iter().map(train).collect()
}

/// The mean of what heads predict, and the standard deviation between them.
pub fn spread(heads: &[Head], features: &[f64]) -> (f64, f64) {
    let predicted: Vec<f64> = heads.iter().map(|head| head.predict(features)).collect();
    let n = predicted.len().max(1) as f64;
    let mean = predicted.iter().sum::<f64>() / n;
    let squares: f64 = predicted.iter().map(|p| (p - mean).powi(2)).sum();
    (mean, (squares / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_find_a_linear_law_and_differ() {
        let mut stream = Stream::new(5, "test");
        let features = Matrix {
            width: 4,
            values: (0..4000).map(|_| stream.normal()).collect(),
        };
        let law = [0.5, -0.25, 0.0, 1.0];
        let scores: Vec<f64> = features.rows().map(|row| dot(row, &law) + 0.3).collect();
        let heads = train(&features, &scores);
        for head in &heads {
            for (found, law) in head.weights().iter().zip(&law) {
                assert!((found - law).abs() < 0.1, "{head:?}");
            }
        }
        assert_ne!(heads[0], heads[1]);
        assert_eq!(heads, train(&features, &scores));
        let (mean, deviation) = spread(&heads, &[0.0; 4]);
        assert!((mean - 0.3).abs() < 0.1 && deviation > 0.0 && deviation < 0.1);
    }
}
