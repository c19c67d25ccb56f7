//! How much each triplet matters: AdaLoRA's smoothed sensitivity times its uncertainty
//! (Zhang et al. 2023, equations 8 to 11), as PEFT computes it.

use super::Triplets;

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
        let mean = |places: &mut dyn Iterator<Item = usize>, n: usize| {
            (places.map(|p| f64::from(element(p))).sum::<f64>() / n as f64) as f32
        };
        modules
            .iter()
            .flat_map(|m| {
                (0..m.rank).map(move |i| {
                    let down = mean(&mut (0..m.input).map(|j| m.down + j * m.rank + i), m.input);
                    let up = mean(
                        &mut (0..m.output).map(|k| m.up + i * m.output + k),
                        m.output,
                    );
                    element(m.lambda + i) + (down + up)
                })
            })
            .collect()
    }
}
