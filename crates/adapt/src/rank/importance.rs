//! How much each triplet matters: AdaLoRA's smoothed sensitivity times its uncertainty
//! (Zhang et al. 2023, equations 8 to 11), as PEFT computes it.

use crate::rank::triplets::Triplets;

/// The two moving averages for every value of the parameter vector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Importance {
    pub sensitivity: Vec<f32>,
    pub uncertainty: Vec<f32>,
}

impl Importance {
    pub fn new(length: usize) -> Self {
        Self {
            sensitivity: vec![0.0; length],
            uncertainty: vec![0.0; length],
        }
    }

    /// Takes in `|value x gradient|` of every value that is not frozen.
    pub fn update(
        &mut self,
        values: &[f32],
        gradients: &[f32],
        [beta1, beta2]: [f64; 2],
        frozen: Option<&[bool]>,
    ) {
        let (b1, c1) = (beta1 as f32, (1.0 - beta1) as f32);
        let (b2, c2) = (beta2 as f32, (1.0 - beta2) as f32);
        let averages = self.sensitivity.iter_mut().zip(&mut self.uncertainty);
        let products = values.iter().zip(gradients).map(|(v, g)| (v * g).abs());
        let update = |((s, u), now): ((&mut f32, &mut f32), f32)| {
            *s = b1 * *s + c1 * now;
            *u = b2 * *u + c2 * (now - *s).abs();
        };
        match frozen {
            // Without a branch, so that it vectorises.
            None => averages.zip(products).for_each(update),
            Some(frozen) => averages
                .zip(products)
                .zip(frozen)
                .filter(|(_, frozen)| !**frozen)
                .for_each(|(pair, _)| update(pair)),
        }
    }

    /// One score for each triplet of `modules`, in their order: that of lambda plus the means of
    /// those of the two vectors.
    pub fn scores(&self, modules: &[Triplets]) -> Vec<f32> {
        let element = |place: usize| self.sensitivity[place] * self.uncertainty[place];
        let mut scores = Vec::new();
        for m in modules {
            // Row by row, as `down` lies in memory; each triplet's sum still runs in the same order.
            let mut down = vec![0.0f64; m.rank];
            for row in 0..m.input {
                for (i, sum) in down.iter_mut().enumerate() {
                    *sum += f64::from(element(m.down + row * m.rank + i));
                }
            }
            for (i, down) in down.into_iter().enumerate() {
                let first = m.up + i * m.output;
                let up: f64 = (first..first + m.output)
                    .map(|p| f64::from(element(p)))
                    .sum();
                let mean = |sum: f64, n: usize| (sum / n as f64) as f32;
                scores.push(element(m.lambda + i) + (mean(down, m.input) + mean(up, m.output)));
            }
        }
        scores
    }
}
