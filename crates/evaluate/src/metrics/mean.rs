//! The mean of numbers that may be undefined.

/// The mean; `None` when there is nothing, or when one value is undefined.
pub(crate) fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let mut sum = 0.0;
    let mut n = 0u64;
    for value in values {
        sum += value?;
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

/// The mean of those that are defined, and how many they are; `None` when there are none.
pub(crate) fn mean_of_defined(values: impl IntoIterator<Item = Option<f64>>) -> (Option<f64>, u64) {
    let (mut sum, mut n) = (0.0, 0u64);
    for value in values.into_iter().flatten() {
        sum += value;
        n += 1;
    }
    ((n > 0).then(|| sum / n as f64), n)
}
