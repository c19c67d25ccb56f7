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
