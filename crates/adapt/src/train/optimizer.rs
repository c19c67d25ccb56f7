//! AdamW, clipping and the learning rate, on the host and the same for every device.

use crate::network::store::ParameterStore;

/// AdamW with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW` computes
/// it: betas 0.9 and 0.999, epsilon 1e-8, decay on every value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamW {
    pub weight_decay: f64,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

impl AdamW {
    /// One update. Values in `frozen` keep their value and their moments.
    pub fn step(
        &self,
        store: &mut ParameterStore,
        gradients: &[f32],
        learning_rate: f64,
        frozen: Option<&[bool]>,
    ) {
        store.steps += 1;
        let t = store.steps.min(i32::MAX as u64) as i32;
        let step_size = (learning_rate / (1.0 - BETA1.powi(t))) as f32;
        let correction2 = (1.0 - BETA2.powi(t)).sqrt() as f32;
        let keep = (1.0 - learning_rate * self.weight_decay) as f32;
        let (c1, b2, c2) = ((1.0 - BETA1) as f32, BETA2 as f32, (1.0 - BETA2) as f32);
        let ParameterStore {
            values,
            first_moments,
            second_moments,
            ..
        } = store;
        let moments = first_moments.iter_mut().zip(second_moments);
        for (i, ((value, (m, v)), &g)) in values.iter_mut().zip(moments).zip(gradients).enumerate()
        {
            if frozen.is_some_and(|f| f[i]) {
                continue;
            }
            *m += c1 * (g - *m);
            *v = b2 * *v + c2 * g * g;
            let denominator = v.sqrt() / correction2 + EPSILON;
            *value = *value * keep - step_size * (*m / denominator);
        }
    }
}

/// Scales `gradients` so that their norm is at most `limit`, as `torch.nn.utils.clip_grad_norm_`
/// does; the norm before. Without a limit nothing is scaled.
pub(crate) fn clip(gradients: &mut [f32], limit: Option<f64>) -> f64 {
    let square: f64 = gradients.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
    let norm = square.sqrt();
    if let Some(limit) = limit {
        let factor = limit / (norm + 1e-6);
        if factor < 1.0 {
            gradients.iter_mut().for_each(|g| *g *= factor as f32);
        }
    }
    norm
}

/// Linear warm-up from 0, then linear decay to 0: `transformers`' `get_linear_schedule_with_warmup`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinearSchedule {
    pub peak: f64,
    pub warmup: u64,
    pub total: u64,
}

impl LinearSchedule {
    /// The rate of the update that `done` updates come before.
    pub fn rate(&self, done: u64) -> f64 {
        let factor = if done < self.warmup {
            done as f64 / self.warmup.max(1) as f64
        } else {
            self.total.saturating_sub(done) as f64
                / self.total.saturating_sub(self.warmup).max(1) as f64
        };
        self.peak * factor
    }
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    const FIXTURE: &[u8] = include_bytes!("../../tests/fixtures/adamw.safetensors");

    fn floats(file: &SafeTensors, name: &str) -> Vec<f32> {
        let tensor = file.tensor(name).unwrap();
        tensor
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&b| f32::from_le_bytes(b))
            .collect()
    }

    #[test]
    fn thirty_steps_equal_torch() {
        let file = SafeTensors::deserialize(FIXTURE).unwrap();
        let (gradients, values) = (floats(&file, "gradients"), floats(&file, "values"));
        let rates: Vec<f64> = file
            .tensor("rates")
            .unwrap()
            .data()
            .as_chunks::<8>()
            .0
            .iter()
            .map(|&b| f64::from_le_bytes(b))
            .collect();
        let schedule = LinearSchedule {
            peak: 0.05,
            warmup: 6,
            total: 30,
        };
        let optimizer = AdamW { weight_decay: 0.1 };
        let mut store = ParameterStore::default();
        store.add("p", &[17], floats(&file, "start"));
        for (t, &expected_rate) in rates.iter().enumerate() {
            let mut gradient = gradients[17 * t..17 * (t + 1)].to_vec();
            clip(&mut gradient, Some(1.0));
            let rate = schedule.rate(t as u64);
            assert!(
                (rate - expected_rate).abs() < 1e-12,
                "step {t}: {rate} {expected_rate}"
            );
            optimizer.step(&mut store, &gradient, rate, None);
            for (i, (ours, theirs)) in store.values.iter().zip(&values[17 * t..]).enumerate() {
                assert!(
                    (ours - theirs).abs() < 2e-6,
                    "step {t}, value {i}: {ours} {theirs}"
                );
            }
        }
    }

    #[test]
    fn frozen_values_keep_value_and_moments() {
        let mut store = ParameterStore::default();
        store.add("p", &[2], vec![1.0, 1.0]);
        AdamW { weight_decay: 0.1 }.step(&mut store, &[1.0, 1.0], 0.1, Some(&[true, false]));
        assert_eq!(
            (
                store.values[0],
                store.first_moments[0],
                store.second_moments[0]
            ),
            (1.0, 0.0, 0.0)
        );
        assert!(store.values[1] < 1.0);
    }
}
