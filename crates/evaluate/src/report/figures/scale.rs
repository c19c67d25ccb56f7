//! From numbers to places on a drawing, with ticks at round numbers.

/// A linear scale.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    /// Maps `from.0..from.1` to `to.0..to.1`; an empty range is widened.
    pub fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        let from = if from.1 > from.0 {
            from
        } else {
            (from.0 - 0.5, from.0 + 0.5)
        };
        Self { from, to }
    }

    /// Where `value` stands.
    pub fn place(&self, value: f64) -> f64 {
        let part = (value - self.from.0) / (self.from.1 - self.from.0);
        self.to.0 + part * (self.to.1 - self.to.0)
    }
}

/// About `wanted` round numbers (1, 2 or 5 times a power of ten apart) that span `low..high`.
pub fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = if high > low { high - low } else { 1.0 };
    let rough = span / wanted.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|s| *s >= rough * 0.999)
        .unwrap_or(10.0 * power);
    let first = (low / step + 1e-9).floor() as i64;
    let last = (high / step - 1e-9).ceil() as i64;
    (first..=last.max(first + 1))
        .map(|i| i as f64 * step)
        .collect()
}

/// Decimals that tell neighbouring ticks apart.
pub fn decimals(ticks: &[f64]) -> usize {
    match ticks {
        [a, b, ..] => (-(b - a).abs().log10()).ceil().clamp(0.0, 9.0) as usize,
        _ => 2,
    }
}

/// The smallest and the largest; 0 and 1 when there is nothing.
pub fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_span_the_range() {
        fn t(low: f64, high: f64, expected: &[f64]) {
            let ticks = ticks(low, high, 4);
            assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
            for (a, b) in ticks.iter().zip(expected) {
                assert!((a - b).abs() < 1e-9, "{ticks:?}");
            }
        }
        t(0.0, 0.72, &[0.0, 0.2, 0.4, 0.6, 0.8]);
        t(0.0, 1200.0, &[0.0, 500.0, 1000.0, 1500.0]);
        t(-0.05, 0.3, &[-0.1, 0.0, 0.1, 0.2, 0.3]);
        t(3.0, 3.0, &[3.0, 3.5]);
    }
}
