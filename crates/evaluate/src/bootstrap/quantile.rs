//! From the values of the draws to an interval.

/// The interval of one metric from its values in `resamples` draws, undefined ones as NaN. `None` when more than half of
/// them are undefined, and of none.
pub fn interval(mut values: Vec<f64>, confidence: f64) -> Option<[f64; 2]> {
    let resamples = values.len();
    values.retain(|value| !value.is_nan());
    if values.is_empty() || 2 * values.len() < resamples {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Some([quantile(&values, tail), quantile(&values, 1.0 - tail)])
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
    fn what_is_mostly_undefined_has_no_interval() {
        assert_eq!(interval(vec![f64::NAN; 3], 0.95), None);
        assert_eq!(interval(vec![f64::NAN, f64::NAN, 1.0], 0.95), None);
        assert_eq!(interval(vec![f64::NAN, 1.0], 0.95), Some([1.0, 1.0]));
        assert_eq!(interval(Vec::new(), 0.95), None);
    }
}
