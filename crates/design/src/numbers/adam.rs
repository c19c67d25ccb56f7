//! Adam (Kingma and Ba 2015) with its usual constants.

const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// The moments of some numbers.
#[derive(Clone, Debug)]
pub struct Adam {
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
}

impl Adam {
    /// Of so many numbers.
    pub fn new(numbers: usize) -> Self {
        Self {
            first: vec![0.0; numbers],
            second: vec![0.0; numbers],
            steps: 0,
        }
    }

    /// The direction of the next step: `m / (sqrt(v) + 1e-8)`, both corrected for their begin.
    pub fn direction(&mut self, gradient: &[f64]) -> Vec<f64> {
        self.steps += 1;
        let moments = self.first.iter_mut().zip(&mut self.second);
        let corrections = BETA.map(|beta| 1.0 - beta.powi(self.steps));
        moments
            .zip(gradient)
            .map(|((first, second), &g)| {
                *first = BETA[0] * *first + (1.0 - BETA[0]) * g;
                *second = BETA[1] * *second + (1.0 - BETA[1]) * g * g;
                *first / corrections[0] / ((*second / corrections[1]).sqrt() + EPSILON)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: the first direction is the sign; then m = 0.9 x 0.1 x 2 + 0.1 x (-1) = 0.08, corrected 0.08 / 0.19;
    /// v = 0.999 x 0.001 x 4 + 0.001 = 0.004996, corrected 0.004996 / 0.001999.
    #[test]
    fn directions_are_those_of_a_hand_table() {
        let mut adam = Adam::new(1);
        let first = adam.direction(&[2.0])[0];
        assert!((first - 1.0).abs() < 1e-7, "{first}");
        let second = adam.direction(&[-1.0])[0];
        let expected = (0.08 / 0.19) / (0.004_996f64 / 0.001_999).sqrt();
        assert!((second - expected).abs() < 1e-7, "{second} {expected}");
    }
}
