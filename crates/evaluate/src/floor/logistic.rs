//! L2-regularised logistic regression at its optimum: what `sklearn.linear_model.LogisticRegression()` converges to.
//!
//! Objective: the sum of the rows' log losses plus half the squared weights, intercepts free (C = 1).

use std::collections::BTreeSet;

use crate::floor::newton::{Design, Local, linear, minimise};
use crate::probability::sigmoid;

/// A fitted model.
pub struct Logistic {
    /// One row of weights (intercept last) a class; one in all where two classes were seen.
    weights: Vec<Vec<f64>>,
    /// The classes that were seen, in order; the others get probability 0.
    seen: Vec<usize>,
    classes: usize,
}

impl Logistic {
    /// Weights and intercepts.
    pub fn parameters(&self) -> u64 {
        self.weights.iter().map(|w| w.len() as u64).sum()
    }

    /// The probability of each class, for one row of standardised features.
    pub fn probabilities(&self, features: &[f64]) -> Vec<f64> {
        let scores: Vec<f64> = self.weights.iter().map(|w| linear(w, features)).collect();
        probabilities(&self.seen, &scores, self.classes)
    }
}

/// The probability of each of so many classes, from the scores of those that were seen: one score where two were.
pub(super) fn probabilities(seen: &[usize], scores: &[f64], classes: usize) -> Vec<f64> {
    let mut all = vec![0.0; classes];
    match (seen, scores) {
        ([only], _) => all[*only] = 1.0,
        ([no, yes], [score]) => {
            all[*no] = sigmoid(-score);
            all[*yes] = sigmoid(*score);
        }
        (seen, scores) => {
            for (class, p) in seen.iter().zip(softmax(scores).1) {
                all[*class] = p;
            }
        }
    }
    all
}

/// Fits `truth` (classes under `classes`); a class without rows is never predicted.
pub fn fit(design: &Design, truth: &[usize], classes: usize) -> Logistic {
    let seen: Vec<usize> = truth
        .iter()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let weights = match seen.as_slice() {
        [] | [_] => Vec::new(),
        [_, yes] => {
            let positive: Vec<f64> = truth
                .iter()
                .map(|t| f64::from(u8::from(t == yes)))
                .collect();
            vec![binary(design, &positive)]
        }
        _ => {
            let place = |t: &usize| seen.iter().position(|s| s == t).unwrap_or(0);
            let truth: Vec<usize> = truth.iter().map(place).collect();
            multinomial(design, &truth, seen.len())
        }
    };
    Logistic {
        weights,
        seen,
        classes,
    }
}

fn binary(design: &Design, positive: &[f64]) -> Vec<f64> {
    let width = design.width();
    let value = |w: &[f64]| {
        let losses = design.rows().iter().zip(positive).map(|(x, y)| {
            let score = dot(w, x);
            // ln(1 + e^score) - y score, without overflow.
            score.max(0.0) + (-score.abs()).exp().ln_1p() - y * score
        });
        losses.sum::<f64>() + penalty(w, width)
    };
    let local = |w: &[f64]| {
        let mut gradient = vec![0.0; width];
        let mut hessian = vec![0.0; width * width];
        for (x, y) in design.rows().iter().zip(positive) {
            let p = sigmoid(dot(w, x));
            add_outer(&mut hessian, width, (0, 0), x, p * (1.0 - p), width);
            gradient
                .iter_mut()
                .zip(x)
                .for_each(|(g, x)| *g += (p - y) * x);
        }
        add_penalty(&mut gradient, &mut hessian, w, width);
        Local {
            value: value(w),
            gradient,
            hessian,
        }
    };
    minimise(width, local, value)
}

/// One row of weights a class. The intercepts are only known up to a common shift; the shift stays at zero.
fn multinomial(design: &Design, truth: &[usize], classes: usize) -> Vec<Vec<f64>> {
    let width = design.width();
    let all = classes * width;
    let scores = |w: &[f64], x: &[f64]| w.chunks(width).map(|w| dot(w, x)).collect::<Vec<_>>();
    let value = |w: &[f64]| {
        let losses = design.rows().iter().zip(truth).map(|(x, t)| {
            let scores = scores(w, x);
            softmax(&scores).0 - scores[*t]
        });
        losses.sum::<f64>() + penalty(w, width)
    };
    let local = |w: &[f64]| {
        let mut gradient = vec![0.0; all];
        let mut hessian = vec![0.0; all * all];
        for (x, t) in design.rows().iter().zip(truth) {
            let (_, p) = softmax(&scores(w, x));
            for a in 0..classes {
                let residual = p[a] - if a == *t { 1.0 } else { 0.0 };
                let block = &mut gradient[a * width..(a + 1) * width];
                block
                    .iter_mut()
                    .zip(x)
                    .for_each(|(g, x)| *g += residual * x);
                for b in 0..=a {
                    let curvature = p[a] * (if a == b { 1.0 } else { 0.0 } - p[b]);
                    add_outer(
                        &mut hessian,
                        all,
                        (a * width, b * width),
                        x,
                        curvature,
                        width,
                    );
                }
            }
        }
        // Cholesky reads the lower triangle only, so the blocks above the diagonal may stay empty.
        add_penalty(&mut gradient, &mut hessian, w, width);
        // A common shift of the intercepts changes nothing; this makes the Hessian regular along it
        // and, as the gradient has no part there, leaves the step as it is.
        for a in 0..classes {
            for b in 0..classes {
                hessian[(a * width + width - 1) * all + b * width + width - 1] += 1.0;
            }
        }
        Local {
            value: value(w),
            gradient,
            hessian,
        }
    };
    minimise(all, local, value)
        .chunks(width)
        .map(<[f64]>::to_vec)
        .collect()
}

fn dot(w: &[f64], x: &[f64]) -> f64 {
    w.iter().zip(x).map(|(w, x)| w * x).sum()
}

/// The logarithm of the sum of exponentials, and each one's share.
pub(super) fn softmax(scores: &[f64]) -> (f64, Vec<f64>) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    (
        largest + sum.ln(),
        powers.into_iter().map(|p| p / sum).collect(),
    )
}

/// Half the squared weights; every `width`-th, an intercept, is free.
fn penalty(w: &[f64], width: usize) -> f64 {
    let weights = w.chunks(width).flat_map(|row| &row[..width - 1]);
    0.5 * weights.map(|w| w * w).sum::<f64>()
}

fn add_penalty(gradient: &mut [f64], hessian: &mut [f64], w: &[f64], width: usize) {
    let all = gradient.len();
    for i in (0..all).filter(|i| i % width != width - 1) {
        gradient[i] += w[i];
        hessian[i * all + i] += 1.0;
    }
}

/// Adds `scale * x x^T` to the block of `matrix` (`stride` columns) that begins at `corner`.
fn add_outer(
    matrix: &mut [f64],
    stride: usize,
    corner: (usize, usize),
    x: &[f64],
    scale: f64,
    width: usize,
) {
    for i in 0..width {
        let scaled = scale * x[i];
        let from = (corner.0 + i) * stride + corner.1;
        matrix[from..from + width]
            .iter_mut()
            .zip(x)
            .for_each(|(m, x)| *m += scaled * x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_alone_is_always_said() {
        let design = Design::new(&[vec![0.5], vec![-0.5]]);
        let model = fit(&design, &[2, 2], 3);
        assert_eq!(model.probabilities(&[9.0]), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn two_of_three_classes_share_the_probability() {
        let design = Design::new(&[vec![1.0], vec![-1.0]]);
        let p = fit(&design, &[0, 2], 3).probabilities(&[1.0]);
        assert_eq!(p[1], 0.0);
        assert!(p[0] > 0.5 && (p[0] + p[2] - 1.0).abs() < 1e-12);
    }
}
