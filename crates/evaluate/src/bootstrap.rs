//! Confidence intervals by the percentile bootstrap.
//!
//! The rows are drawn with replacement, as many as there are, `resamples` times; each metric is computed on
//! each draw; the interval runs between the (1 - confidence) / 2 and (1 + confidence) / 2 quantiles (linear
//! interpolation, Hyndman and Fan's type 7). Draws in which a metric is undefined (a class is missing) are left
//! out, and the interval is undefined when that is more than half of them. It says how far the number would
//! move with other rows of the same kind; it says nothing about other seeds, and rows that overlap in the
//! genome make it too narrow. Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

use lingo_artifact::random::Stream;

/// An interval for each of `N` metrics. `metrics(weights)` computes them with row `i` counted `weights[i]` times.
pub fn intervals<const N: usize>(
    rows: usize,
    resamples: u32,
    confidence: f64,
    seed: u64,
    metrics: impl Fn(&[u32]) -> [Option<f64>; N],
) -> [Option<[f64; 2]>; N] {
    let mut stream = Stream::new(seed, "bootstrap");
    let mut draws: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    let mut weights = vec![0u32; rows];
    for _ in 0..resamples {
        redraw(&mut stream, &mut weights);
        for (values, value) in draws.iter_mut().zip(metrics(&weights)) {
            values.extend(value);
        }
    }
    let tail = (1.0 - confidence) / 2.0;
    draws.map(|mut values| {
        if values.is_empty() || 2 * values.len() < resamples as usize {
            return None;
        }
        values.sort_by(f64::total_cmp);
        Some([quantile(&values, tail), quantile(&values, 1.0 - tail)])
    })
}

/// Draws as many rows as there are, with replacement: `weights[i]` is how often row `i` was drawn.
pub(crate) fn redraw(stream: &mut Stream, weights: &mut [u32]) {
    weights.fill(0);
    for _ in 0..weights.len() {
        weights[stream.below(weights.len())] += 1;
    }
}

/// The `q` quantile of sorted values, at least one (NumPy's default, `linear`).
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([1, 2, 4, 8], [0.0, 0.1, 0.5, 0.975, 1.0])
        let values = [1.0, 2.0, 4.0, 8.0];
        for (q, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (0.975, 7.7), (1.0, 8.0)] {
            assert!((quantile(&values, q) - expected).abs() < 1e-12, "{q}");
        }
    }

    #[test]
    fn an_interval_of_a_mean_is_the_normal_one() {
        // 400 rows, half of them 1: the standard error of the mean is 0.025.
        let share = |weights: &[u32]| {
            let ones: u32 = weights[..200].iter().sum();
            [Some(f64::from(ones) / 400.0)]
        };
        let [Some([low, high])] = intervals(400, 4000, 0.95, 1, share) else {
            panic!("defined");
        };
        assert!((low - (0.5 - 1.96 * 0.025)).abs() < 0.005, "{low}");
        assert!((high - (0.5 + 1.96 * 0.025)).abs() < 0.005, "{high}");
        assert_eq!(
            intervals(400, 100, 0.95, 1, share),
            intervals(400, 100, 0.95, 1, share)
        );
        assert_ne!(
            intervals(400, 100, 0.95, 1, share),
            intervals(400, 100, 0.95, 2, share)
        );
    }

    #[test]
    fn what_is_mostly_undefined_has_no_interval() {
        assert_eq!(intervals(3, 10, 0.95, 0, |_| [None, Some(1.0)])[0], None);
        assert_eq!(intervals(3, 0, 0.95, 0, |_| [Some(1.0)]), [None]);
    }
}
