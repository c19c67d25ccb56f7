//! Logits to probabilities, in double precision.

/// Softmax of one row of logits: positive, sums to 1. The largest logit is taken off first, so nothing overflows.
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|x| (f64::from(*x) - f64::from(largest)).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// The logistic function, without overflow for large negative logits.
pub fn sigmoid(logit: f64) -> f64 {
    if logit >= 0.0 {
        1.0 / (1.0 + (-logit).exp())
    } else {
        let e = logit.exp();
        e / (1.0 + e)
    }
}

/// The first position of the largest value, as NumPy's `argmax`; 0 for an empty row.
pub fn argmax<T: PartialOrd>(values: &[T]) -> usize {
    values.iter().enumerate().fold(
        0,
        |best, (i, value)| if *value > values[best] { i } else { best },
    )
}

/// What is called positive: a probability above the threshold, not one that equals it.
pub fn is_above(probability: f64, threshold: f64) -> bool {
    probability > threshold
}

/// The threshold where none is chosen.
pub const HALF: f64 = 0.5;

/// The class that is predicted: of two with a `threshold` the second if it [`is_above`] it, else the first; otherwise the
/// most probable one, of equals the first. The one rule for scores and for predictions.
pub fn class_of(probabilities: &[f64], threshold: Option<f64>) -> usize {
    match (threshold, probabilities) {
        (Some(threshold), [_, second]) => usize::from(is_above(*second, threshold)),
        _ => argmax(probabilities),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_softmax_is_a_distribution_with_the_logits_order(
            logits in prop::collection::vec(-1e30f32..1e30, 1..9)
        ) {
            let p = softmax(&logits);
            prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert_eq!(argmax(&p), argmax(&logits));
        }

        #[test]
        fn sigmoid_is_the_softmax_of_two(x in -700f32..700.0) {
            let p = softmax(&[0.0, x])[1];
            prop_assert!((sigmoid(f64::from(x)) - p).abs() < 1e-15);
        }
    }

    #[test]
    fn ties_go_to_the_first() {
        assert_eq!(
            class_of(&[0.5, 0.5], None),
            class_of(&[0.5, 0.5], Some(HALF))
        );
        assert_eq!(
            [
                class_of(&[0.7, 0.3], Some(0.2)),
                class_of(&[0.8, 0.2], Some(0.2))
            ],
            [1, 0]
        );
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax::<f64>(&[]), 0);
    }
}
