//! How the steps of a search went.

/// One step, over all candidates. Losses are of standardised scores, `predicted` is in the unit of the measured ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// From 1.
    pub step: u32,
    /// Different sequences among the candidates.
    pub distinct: usize,
    /// The mean of what the proxy predicts before the step.
    pub predicted: f64,
    /// The mean of the forward loss, where there is one.
    pub forward: Option<f64>,
    /// The mean of the backward loss.
    pub backward: Option<f64>,
    /// The weight of the forward loss.
    pub gamma: Option<Span>,
    /// The learning rate.
    pub rate: Span,
}

/// Mean and extremes over the candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The mean.
    pub mean: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Span {
    /// Of numbers; zeros of none.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut sum, mut count) = (0.0, 0.0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            sum += value;
            count += 1.0;
            least = least.min(value);
            most = most.max(value);
        }
        if count == 0.0 {
            (least, most, count) = (0.0, 0.0, 1.0);
        }
        // A sum of equal numbers, divided, may lie beside them.
        let mean = (sum / count).max(least).min(most);
        Self { mean, least, most }
    }
}
