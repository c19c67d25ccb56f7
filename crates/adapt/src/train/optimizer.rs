//! AdamW, clipping and the learning rate, on the host and the same for every device.

use crate::network::store::ParameterStore;
use crate::settings::train_config::RateDecay;

/// AdamW with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW` computes
/// it: betas 0.9 and 0.999, epsilon 1e-8, decay on every value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamW<'a> {
    pub weight_decay: f64,
    /// What the learning rate of each entry of the store is multiplied with.
    pub rates: &'a [f64],
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

impl AdamW<'_> {
    /// One update. Values that are `apart` keep their value and their moments.
    pub fn step(
        &self,
        store: &mut ParameterStore,
        gradients: &[f32],
        learning_rate: f64,
        apart: Option<&[bool]>,
    ) {
        store.steps += 1;
        for (entry, rate) in store.entries.iter().zip(self.rates) {
            let update = Update::new(learning_rate * rate, self.weight_decay, store.steps);
            let range = entry.range.clone();
            let values = store.values[range.clone()].iter_mut();
            let moments = store.first_moments[range.clone()]
                .iter_mut()
                .zip(&mut store.second_moments[range.clone()]);
            let each = values.zip(moments).zip(&gradients[range.clone()]);
            match apart {
                // Without a branch, so that it vectorises.
                None => each.for_each(|((value, (m, v)), &g)| update.apply(value, m, v, g)),
                Some(apart) => each
                    .zip(&apart[range])
                    .filter(|(_, apart)| !**apart)
                    .for_each(|(((value, (m, v)), &g), _)| update.apply(value, m, v, g)),
            }
        }
    }

    /// The `steps`-th update of a few values that have a clock of their own.
    pub fn step_apart(
        &self,
        store: &mut ParameterStore,
        gradients: &[f32],
        learning_rate: f64,
        steps: u64,
        places: impl Iterator<Item = usize>,
    ) {
        let (mut range, mut update) = (0..0, Update::new(0.0, 0.0, 1));
        for place in places {
            if !range.contains(&place) {
                let entry = store.entries.partition_point(|e| e.range.end <= place);
                range = store.entries[entry].range.clone();
                let rate = learning_rate * self.rates[entry];
                update = Update::new(rate, self.weight_decay, steps);
            }
            update.apply(
                &mut store.values[place],
                &mut store.first_moments[place],
                &mut store.second_moments[place],
                gradients[place],
            );
        }
    }
}

/// One update of values that share a learning rate and a number of steps.
#[derive(Clone, Copy)]
struct Update {
    step_size: f32,
    correction2: f32,
    keep: f32,
}

impl Update {
    fn new(learning_rate: f64, weight_decay: f64, steps: u64) -> Self {
        let t = steps.min(i32::MAX as u64) as i32;
        Self {
            step_size: (learning_rate / (1.0 - BETA1.powi(t))) as f32,
            correction2: (1.0 - BETA2.powi(t)).sqrt() as f32,
            keep: (1.0 - learning_rate * weight_decay) as f32,
        }
    }

    #[inline(always)]
    fn apply(self, value: &mut f32, m: &mut f32, v: &mut f32, g: f32) {
        const C1: f32 = (1.0 - BETA1) as f32;
        const B2: f32 = BETA2 as f32;
        const C2: f32 = (1.0 - BETA2) as f32;
        *m += C1 * (g - *m);
        *v = B2 * *v + C2 * g * g;
        let denominator = v.sqrt() / self.correction2 + EPSILON;
        *value = *value * self.keep - self.step_size * (*m / denominator);
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

/// Linear warm-up from 0 to the peak, then the decay: `transformers`' `get_linear_schedule_with_warmup`,
/// `get_cosine_schedule_with_warmup` (half a cosine) or `get_constant_schedule_with_warmup`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateSchedule {
    pub peak: f64,
    pub warmup: u64,
    pub total: u64,
    pub decay: RateDecay,
}

impl RateSchedule {
    /// The rate of the update that `done` updates come before.
    pub fn rate(&self, done: u64) -> f64 {
        if done < self.warmup {
            return self.peak * (done as f64 / self.warmup.max(1) as f64);
        }
        let left = self.total.saturating_sub(done) as f64
            / self.total.saturating_sub(self.warmup).max(1) as f64;
        self.peak
            * match self.decay {
                RateDecay::Linear => left,
                RateDecay::Cosine => (1.0 + (std::f64::consts::PI * (1.0 - left)).cos()) / 2.0,
                RateDecay::Constant => 1.0,
            }
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
        let schedule = RateSchedule {
            peak: 0.05,
            warmup: 6,
            total: 30,
            decay: RateDecay::Linear,
        };
        let optimizer = AdamW {
            weight_decay: 0.1,
            rates: &[1.0],
        };
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

    /// The values of tests/oracles/adapt_schedules.py.
    #[test]
    fn rates_equal_those_of_transformers() {
        let text = include_str!("../../tests/fixtures/schedules.json");
        let golden: std::collections::BTreeMap<String, Vec<f64>> =
            serde_json::from_str(text).unwrap();
        for (name, expected) in golden {
            let schedule = RateSchedule {
                peak: 0.02,
                warmup: 4,
                total: 20,
                decay: serde_json::from_str(&format!("{name:?}")).unwrap(),
            };
            assert_eq!(expected.len(), 20);
            for (done, expected) in expected.into_iter().enumerate() {
                let rate = schedule.rate(done as u64);
                assert!(
                    (rate - expected).abs() < 1e-15,
                    "{name}, {done}: {rate} {expected}"
                );
            }
        }
    }

    const DECAY: AdamW = AdamW {
        weight_decay: 0.1,
        rates: &[1.0, 0.5],
    };

    #[test]
    fn values_apart_keep_value_and_moments() {
        let mut store = ParameterStore::default();
        store.add("p", &[2], vec![1.0, 1.0]);
        DECAY.step(&mut store, &[1.0, 1.0], 0.1, Some(&[true, false]));
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

    #[test]
    fn a_clock_of_its_own_gives_what_a_run_of_its_own_gives() {
        let store = || {
            let mut store = ParameterStore::default();
            store.add("p", &[2], vec![1.0, -2.0]);
            store.add("q", &[2], vec![0.5, 3.0]);
            store
        };
        let gradients = [0.3, -0.2, 0.1, 0.7];
        let (mut late, mut alone) = (store(), store());
        for _ in 0..20 {
            DECAY.step(
                &mut late,
                &gradients,
                0.1,
                Some(&[true, false, true, false]),
            );
        }
        for step in 1..=3 {
            DECAY.step_apart(&mut late, &gradients, 0.1, step, [0, 2].into_iter());
            DECAY.step(&mut alone, &gradients, 0.1, None);
        }
        for place in [0, 2] {
            assert_eq!(late.values[place], alone.values[place]);
            assert_eq!(late.second_moments[place], alone.second_moments[place]);
        }
        // An entry's rate is a factor of the whole update.
        let (mut half, mut whole) = (store(), store());
        let alike = AdamW {
            rates: &[1.0, 1.0],
            ..DECAY
        };
        DECAY.step(&mut half, &[1.0; 4], 0.1, None);
        alike.step(&mut whole, &[1.0; 4], 0.05, None);
        assert_eq!(half.values[2..], whole.values[2..]);
        assert_ne!(half.values[..2], whole.values[..2]);
    }
}
