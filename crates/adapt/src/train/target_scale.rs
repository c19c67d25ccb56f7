//! Regression targets as they are trained on: with mean 0 and standard deviation 1.

use lingo_artifact::Label;
use serde::{Deserialize, Serialize};

/// What regression targets are standardised with. A network's output `z` stands for `mean + deviation z`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetScale {
    /// Of the training rows' targets.
    pub mean: f64,
    /// Of the training rows' targets, as a population; 1 where all are the same.
    pub deviation: f64,
}

impl TargetScale {
    /// Targets as they are.
    pub const NONE: Self = Self {
        mean: 0.0,
        deviation: 1.0,
    };

    /// That of these labels; [`TargetScale::NONE`] for labels that are no numbers.
    pub(crate) fn of<'a>(labels: impl Iterator<Item = &'a Label>) -> Self {
        let values = labels.filter_map(|label| match label {
            Label::Value(value) => Some(f64::from(*value)),
            Label::Class(_) | Label::Multi(_) => None,
        });
        let values: Vec<f64> = values.collect();
        if values.is_empty() {
            return Self::NONE;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        let deviation = (squares / n).sqrt();
        Self {
            mean,
            // Values that differ by rounding alone are the same.
            deviation: match deviation > 1e-7 * mean.abs() {
                true => deviation,
                false => 1.0,
            },
        }
    }

    /// A target as it is trained on.
    pub(crate) fn standardized(&self, value: f32) -> f64 {
        (f64::from(value) - self.mean) / self.deviation
    }

    /// Outputs of a network as values.
    pub(crate) fn put_back(&self, outputs: &mut [f32]) {
        if *self == Self::NONE {
            return;
        }
        for output in outputs {
            *output = (self.mean + self.deviation * f64::from(*output)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_mean_0_and_deviation_1_and_are_put_back() {
        let values = [1e6f32, 1.5e6, 3e6, -2e6];
        let labels = values.map(Label::Value);
        let scale = TargetScale::of(labels.iter());
        let z = values.map(|v| scale.standardized(v));
        let mean = z.iter().sum::<f64>() / 4.0;
        let square = z.iter().map(|z| z * z).sum::<f64>() / 4.0;
        assert!(mean.abs() < 1e-12 && (square - 1.0).abs() < 1e-12);
        let mut back = z.map(|z| z as f32);
        scale.put_back(&mut back);
        for (back, value) in back.iter().zip(values) {
            assert!((back - value).abs() <= 0.5, "{back} {value}");
        }
        let same = [Label::Value(0.1), Label::Value(0.1), Label::Value(0.1)];
        let scale = TargetScale::of(same.iter());
        assert_eq!(scale.deviation, 1.0);
        assert!(scale.standardized(0.1).abs() < 1e-8);
        assert_eq!(TargetScale::of([Label::Class(3)].iter()), TargetScale::NONE);
    }
}
