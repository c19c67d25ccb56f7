//! The bias-corrected and accelerated bootstrap interval of a mean difference.

use lingo_artifact::random::Stream;

use crate::bootstrap::quantile::quantile;
use crate::paired::distribution::{normal_cdf, normal_quantile};
use crate::paired::sample::{is_constant, mean};

/// The BCa interval of the mean of `differences`, from `resamples` draws of as many differences with replacement;
/// `seed` drives the draws. See [`interval_of`] for the formula.
///
/// The same as `scipy.stats.bootstrap((differences,), numpy.mean, method="BCa")` but for the draws; `None` for fewer
/// than two differences, without resamples, and when all differences are equal. With few differences it is too narrow.
pub fn interval(
    differences: &[f64],
    resamples: u32,
    confidence: f64,
    seed: u64,
) -> Option<[f64; 2]> {
    if is_constant(differences) {
        return None;
    }
    let mut stream = Stream::new(seed, "paired bootstrap");
    let mut weights = vec![0; differences.len()];
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            redraw(&mut stream, &mut weights);
            let pairs = differences.iter().zip(&weights);
            pairs.map(|(d, w)| d * f64::from(*w)).sum::<f64>() / differences.len() as f64
        })
        .collect();
    let acceleration = acceleration(differences);
    interval_of(&mut means, mean(differences), acceleration, confidence)
}

/// The acceleration of a mean, by the jackknife: Σ u³ / (6 (Σ u²)^(3/2)) with u = d - d̄, a sixth of the skewness of
/// the mean. Efron and Tibshirani (1993), An Introduction to the Bootstrap, equation 14.15. 0 without spread.
pub fn acceleration(differences: &[f64]) -> f64 {
    if is_constant(differences) {
        return 0.0;
    }
    let middle = mean(differences);
    let moment = |power| -> f64 { differences.iter().map(|d| (d - middle).powi(power)).sum() };
    moment(3) / (6.0 * moment(2).powf(1.5))
}

/// The BCa interval of an `estimate` whose bootstrap values are `draws` (they are sorted here): their quantiles at
/// Φ(z₀ + (z₀ + z) / (1 - a (z₀ + z))), where z is the normal quantile at (1 - confidence) / 2 and at
/// (1 + confidence) / 2, z₀ the normal quantile of the share of draws below the estimate (a tie is half below), and a
/// the `acceleration`. Efron (1987), Better Bootstrap Confidence Intervals, Journal of the American Statistical
/// Association 82; Efron and Tibshirani (1993), equations 14.9, 14.10 and 14.14.
///
/// `None` when all draws lie on one side of the estimate, or there are none.
pub fn interval_of(
    draws: &mut [f64],
    estimate: f64,
    acceleration: f64,
    confidence: f64,
) -> Option<[f64; 2]> {
    if draws.is_empty() {
        return None;
    }
    draws.sort_by(f64::total_cmp);
    // A draw of the same values in another order may be off by a rounding and is a tie all the same.
    let rounding = 1e-12
        * draws
            .iter()
            .fold(estimate.abs(), |most, d| most.max(d.abs()));
    let below = draws.partition_point(|d| *d < estimate - rounding);
    let up_to = draws.partition_point(|d| *d <= estimate + rounding);
    let bias = normal_quantile((below + up_to) as f64 / (2 * draws.len()) as f64);
    let place = |z: f64| {
        let shifted = bias + z;
        let scale = 1.0 - acceleration * shifted;
        (bias.is_finite() && scale > 0.0).then(|| normal_cdf(bias + shifted / scale))
    };
    let z = normal_quantile((1.0 + confidence) / 2.0);
    Some([quantile(draws, place(-z)?), quantile(draws, place(z)?)])
}

/// Draws as many differences as there are, with replacement: `weights[i]` is how often difference `i` was drawn.
fn redraw(stream: &mut Stream, weights: &mut [u32]) {
    weights.fill(0);
    for _ in 0..weights.len() {
        weights[stream.below(weights.len())] += 1;
    }
}
