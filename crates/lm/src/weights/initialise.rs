//! Random weights, as `transformers` initialises BERT and OPT: linears and embeddings from
//! N(0, `initializer_range`), biases zero, layer norms one, the padding row zero.

use std::f64::consts::TAU;

use crate::error::Error;
use crate::weights::parameters::{Kind, Source};

/// A source of random weights: the same seed and names give the same weights, in any order.
pub struct RandomWeights {
    /// Chooses the weights.
    pub seed: u64,
    /// Standard deviation of linears and embeddings.
    pub standard_deviation: f64,
}

impl Source for RandomWeights {
    fn values(&mut self, name: &str, shape: &[usize], kind: Kind) -> Result<Vec<f32>, Error> {
        let n = shape.iter().product();
        Ok(match kind {
            Kind::Bias => vec![0.0; n],
            Kind::Scale => vec![1.0; n],
            Kind::Linear | Kind::Turned => self.normal(name, n),
            Kind::Embedding { padding } => {
                let mut values = self.normal(name, n);
                let width = shape[1];
                if let Some(row) = padding.filter(|&row| row < shape[0]) {
                    values[row * width..(row + 1) * width].fill(0.0);
                }
                values
            }
        })
    }

    /// A model trained from nothing by masked-language modelling has no pooler.
    fn has(&self, name: &str) -> bool {
        !name.starts_with("pooler.")
    }
}

impl RandomWeights {
    /// `n` draws of N(0, standard deviation), by Box and Muller from a counter.
    fn normal(&self, name: &str, n: usize) -> Vec<f32> {
        // FNV-1a keeps the streams of different tensors apart.
        let stream = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64 ^ mix(self.seed), |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let uniform = |counter: u64| {
            let bits = mix(stream ^ mix(counter)) >> 11;
            // In (0, 1]: the logarithm below is finite.
            (bits as f64 + 1.0) / (1u64 << 53) as f64
        };
        let mut values = Vec::with_capacity(n + 1);
        for pair in 0..n.div_ceil(2) as u64 {
            let radius = (-2.0 * uniform(2 * pair).ln()).sqrt() * self.standard_deviation;
            let angle = TAU * uniform(2 * pair + 1);
            values.push((radius * angle.cos()) as f32);
            values.push((radius * angle.sin()) as f32);
        }
        values.truncate(n);
        values
    }
}

/// splitmix64's output function (Steele, Lea and Flood 2014).
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Sinusoidal position embeddings (Vaswani et al. 2017, section 3.5), `[positions, width]`,
/// with sines in the first half of a row and cosines in the second, scaled so that their
/// standard deviation is `standard_deviation`.
pub fn sinusoidal_positions(positions: usize, width: usize, standard_deviation: f64) -> Vec<f32> {
    let half = width.div_ceil(2);
    let amplitude = standard_deviation * 2f64.sqrt();
    let mut values = Vec::with_capacity(positions * width);
    for position in 0..positions {
        for column in 0..width {
            let rate = 10_000f64.powf(-((column % half) as f64) / half as f64);
            let angle = position as f64 * rate;
            let value = if column < half {
                angle.sin()
            } else {
                angle.cos()
            };
            values.push((amplitude * value) as f32);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, name: &str) -> Vec<f32> {
        RandomWeights {
            seed,
            standard_deviation: 0.02,
        }
        .values(name, &[100, 101], Kind::Linear)
        .unwrap()
    }

    #[test]
    fn normal_draws_have_the_moments_asked_for() {
        let values = draw(1, "a");
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
        // Four standard errors of each moment.
        assert!(mean.abs() < 4.0 * 0.02 / n.sqrt(), "mean {mean}");
        let ratio = variance / 4e-4;
        assert!((ratio - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{ratio}");
    }

    #[test]
    fn seed_and_name_choose_the_draws() {
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }

    #[test]
    fn the_padding_row_is_zero() {
        let mut weights = RandomWeights {
            seed: 1,
            standard_deviation: 0.02,
        };
        let kind = Kind::Embedding { padding: Some(2) };
        let values = weights.values("e", &[4, 3], kind).unwrap();
        assert_eq!(values[6..9], [0.0; 3]);
        assert!(values[..6].iter().chain(&values[9..]).all(|&x| x != 0.0));
    }

    #[test]
    fn sinusoids_have_the_deviation_asked_for() {
        let values = sinusoidal_positions(512, 64, 0.02);
        let square: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
        let deviation = (square / values.len() as f64).sqrt();
        assert!((deviation - 0.02).abs() < 1e-6, "{deviation}");
        assert_eq!(values[0], 0.0);
    }
}
