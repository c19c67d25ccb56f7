//! Bidirectional learning with the kernel of an infinitely wide network (Chen et al. 2022, *Bidirectional Learning for
//! Offline Infinite-width Model-based Optimization*, BDI): the ancestor of BIB, without a language model.
//!
//! The network has six layers, ReLU between them and no bias. With rho the cosine of two inputs its tangent kernel is
//! `|x| |x'| / d` times t(rho): `t = rho` at the first layer, and behind each ReLU `rho <- (sqrt(1 - rho^2) + (pi - acos rho) rho) / pi`,
//! `t <- rho + t (pi - acos rho) / pi` with the cosine before it (Arora et al. 2019); a factor of 2 a layer changes no prediction.
//! A sequence is the logarithm of 0.6 of its base and 0.4 of all four, at each place, standardised over the known.

use std::f64::consts::PI;

use rayon::prelude::*;

use crate::error::Error;
use crate::features::soft;
use crate::numbers::adam::Adam;
use crate::numbers::cholesky::Cholesky;
use crate::numbers::matrix::{Matrix, add_scaled, dot};
use crate::proxy::closed_form::Standardised;
use crate::request::{Found, Request};
use crate::settings::BdiSettings;

/// ReLUs between the layers.
const RELUS: usize = 5;

const RIDGE: f64 = 1e-6;

/// t and its derivative.
fn tangent(rho: f64) -> [f64; 2] {
    let mut rho = rho.clamp(-1.0, 1.0);
    let (mut slope, mut t, mut t_slope) = (1.0, rho, 1.0);
    for _ in 0..RELUS {
        let sine = (1.0 - rho * rho).max(0.0).sqrt();
        let share = (PI - rho.acos()) / PI;
        // Behind it stands the derivative of the share, which has no bound at a cosine of 1.
        let share_slope = 1.0 / (PI * sine.max(1e-6));
        let next = sine / PI + share * rho;
        t_slope = share * slope + t_slope * share + t * share_slope * slope;
        t = next + t * share;
        slope *= share;
        rho = next.min(1.0);
    }
    [t, t_slope]
}

struct Space {
    /// The inputs of the known.
    inputs: Matrix,
    norms: Vec<f64>,
    means: Vec<f64>,
    deviations: Vec<f64>,
    scores: Standardised,
    alpha: Vec<f64>,
}

/// The logarithms of a sequence.
fn logarithms(bases: &[u8]) -> Vec<f64> {
    let of = |base: &u8| {
        let base = usize::from(*base);
        (0..4).map(move |b| if b == base { 0.7f64.ln() } else { 0.1f64.ln() })
    };
    bases.iter().flat_map(of).collect()
}

impl Space {
    fn new(sequences: &[Vec<u8>], scores: &[f64]) -> Result<Self, Error> {
        let width = 4 * sequences.first().map_or(0, Vec::len);
        let mut inputs = Matrix {
            width,
            values: sequences.iter().flat_map(|s| logarithms(s)).collect(),
        };
        let means = inputs.means();
        let mut squares = vec![0.0; width];
        for row in inputs.rows() {
            for ((square, value), mean) in squares.iter_mut().zip(row).zip(&means) {
                *square += (value - mean).powi(2);
            }
        }
        let n = inputs.len() as f64;
        let deviations: Vec<f64> = squares.iter().map(|s| (s / n).sqrt() + 1e-6).collect();
        for row in inputs.values.chunks_exact_mut(width) {
            for ((value, mean), deviation) in row.iter_mut().zip(&means).zip(&deviations) {
                *value = (*value - mean) / deviation;
            }
        }
        let norms: Vec<f64> = inputs.rows().map(|row| dot(row, row).sqrt()).collect();
        let scores = Standardised::new(scores);
        let mut space = Self {
            inputs,
            norms,
            means,
            deviations,
            scores,
            alpha: Vec::new(),
        };
        let count = space.norms.len();
        let mut kernel = Matrix::zeros(count, count);
        let fill = |(i, row): (usize, &mut [f64])| {
            let x = space.inputs.row(i);
            for (j, value) in row.iter_mut().enumerate() {
                *value = space.kernel(x, space.norms[i], j)[0];
            }
        };
        kernel
            .values
            .par_chunks_mut(count)
            .enumerate()
            .for_each(fill);
        let trace: f64 = (0..count).map(|i| kernel.values[i * count + i]).sum();
        (0..count).for_each(|i| kernel.values[i * count + i] += RIDGE * trace / n);
        let factors = Cholesky::new(kernel).ok_or_else(|| {
            Error::Settings("bdi: the kernel of the known sequences has no inverse".into())
        })?;
        space.alpha = factors.solve(&space.scores.values);
        Ok(space)
    }

    /// The kernel of an input and a known one, t, and its derivative by the cosine, which is the last.
    fn kernel(&self, x: &[f64], norm: f64, known: usize) -> [f64; 4] {
        let width = x.len() as f64;
        let other = self.norms[known];
        let cosine = dot(x, self.inputs.row(known)) / (norm * other).max(f64::MIN_POSITIVE);
        let [t, slope] = tangent(cosine);
        [norm * other / width * t, t, slope, cosine]
    }

    /// The loss, the forward prediction, and the gradient of the loss.
    fn loss(&self, x: &[f64], target: f64) -> (f64, f64, Vec<f64>) {
        let width = x.len() as f64;
        let norm = dot(x, x).sqrt().max(1e-12);
        let count = self.norms.len();
        let kernels: Vec<[f64; 4]> = (0..count).map(|i| self.kernel(x, norm, i)).collect();
        let predicted: f64 = kernels.iter().zip(&self.alpha).map(|(k, a)| k[0] * a).sum();
        let own = norm * norm / width * tangent(1.0)[0];
        let rest = predicted - target;
        let mut loss = 0.5 * rest * rest;
        // What the loss changes with each kernel, and with the design's own.
        let mut of_own = 0.0;
        let mut of_kernels = Vec::with_capacity(count);
        for ((k, a), y) in kernels.iter().zip(&self.alpha).zip(&self.scores.values) {
            let backward = target * k[0] / own;
            let error = backward - y;
            loss += 0.5 * error * error / count as f64;
            of_kernels.push(rest * a + error / count as f64 * target / own);
            of_own -= error / count as f64 * backward / own;
        }
        let mut gradient = vec![0.0; x.len()];
        let mut along = of_own * 2.0 / width * tangent(1.0)[0];
        for (i, (k, weight)) in kernels.iter().zip(&of_kernels).enumerate() {
            let [_, t, slope, cosine] = *k;
            add_scaled(&mut gradient, self.inputs.row(i), weight * slope / width);
            along += weight * self.norms[i] / (width * norm) * (t - slope * cosine);
        }
        add_scaled(&mut gradient, x, along);
        (loss, predicted, gradient)
    }

    fn bases(&self, x: &[f64]) -> Vec<u8> {
        let raw = x.iter().zip(&self.deviations).zip(&self.means);
        let raw: Vec<f64> = raw
            .map(|((x, deviation), mean)| x * deviation + mean)
            .collect();
        soft::hard(&raw)
    }

    fn input(&self, bases: &[u8]) -> Vec<f64> {
        let raw = logarithms(bases);
        let all = raw.iter().zip(&self.means).zip(&self.deviations);
        all.map(|((x, mean), deviation)| (x - mean) / deviation)
            .collect()
    }
}

pub(crate) fn bdi(settings: &BdiSettings, request: &Request) -> Result<Vec<Found>, Error> {
    let known = &request.prepared.known;
    // The kernel is a matrix of all pairs: of more rows so many are taken, evenly from the lowest to the highest score.
    let order = known.by_score();
    let most = (settings.rows.get() as usize).min(order.len());
    let rows: Vec<usize> = (1..=most)
        .map(|i| order[i * order.len() / most - 1])
        .collect();
    let known = known.select(&rows);
    let space = Space::new(&known.sequences, &known.scores)?;
    let target = settings.target.get();
    let steps = settings.steps.get();
    let candidates = known.best(request.count);
    let found: Vec<Option<Found>> = candidates
        .par_iter()
        .map(|&row| {
            let mut x = space.input(&known.sequences[row]);
            let mut adam = Adam::new(x.len());
            for _ in 0..steps {
                if request.stop.is_raised() {
                    return None;
                }
                let (_, _, gradient) = space.loss(&x, target);
                let direction = adam.direction(&gradient);
                add_scaled(&mut x, &direction, -settings.learning_rate.get());
            }
            let mut bases = space.bases(&x);
            request.constraints.fix(&mut bases);
            let (loss, predicted, _) = space.loss(&space.input(&bases), target);
            Some(Found {
                bases,
                value: -loss,
                predicted: space.scores.measured(predicted),
            })
        })
        .collect();
    found
        .into_iter()
        .collect::<Option<_>>()
        .ok_or(Error::Stopped)
}

#[cfg(test)]
mod tests {
    use lingo_artifact::random::Stream;

    use super::*;

    #[test]
    fn the_kernel_of_equal_and_of_orthogonal_inputs() {
        // At a cosine of 1 each layer adds one.
        assert!((tangent(1.0)[0] - 6.0).abs() < 1e-12);
        // One ReLU by hand at a cosine of 0 (1/pi and a share of a half), then as it goes on.
        let mut rho = 1.0 / PI;
        let mut t = 1.0 / PI;
        for _ in 1..RELUS {
            let share = (PI - f64::acos(rho)) / PI;
            rho = ((1.0 - rho * rho).sqrt() + (PI - f64::acos(rho)) * rho) / PI;
            t = rho + t * share;
        }
        assert!((tangent(0.0)[0] - t).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let mut stream = Stream::new(3, "test");
        let sequences: Vec<Vec<u8>> = (0..30)
            .map(|_| (0..5).map(|_| stream.below(4) as u8).collect())
            .collect();
        let scores: Vec<f64> = (0..30).map(|_| stream.normal()).collect();
        let space = Space::new(&sequences, &scores).unwrap();
        let x: Vec<f64> = (0..20).map(|_| stream.normal()).collect();
        let (_, _, found) = space.loss(&x, 10.0);
        for i in 0..x.len() {
            let moved = |by: f64| {
                let mut x = x.clone();
                x[i] += by;
                space.loss(&x, 10.0).0
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let error = (found[i] - expected).abs() / expected.abs().max(1.0);
            assert!(error < 1e-4, "{} {expected}", found[i]);
        }
        assert_eq!(space.bases(&space.input(&sequences[7])), sequences[7]);
    }
}
