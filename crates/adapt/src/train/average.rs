//! The mean of the trained values over steps or evaluations.

use crate::settings::average::Average;

/// An average under way.
#[derive(Debug)]
pub(crate) struct RunningAverage {
    rule: Average,
    /// The first step whose values are averaged.
    from: u64,
    /// The moving average, or the values at the last evaluations, the oldest first.
    pub kept: Vec<Vec<f32>>,
}

impl RunningAverage {
    /// Values before step `from` are left out.
    pub fn new(rule: Average, from: u64) -> Self {
        Self {
            rule,
            // The first values are those that the first step makes.
            from: from.max(1),
            kept: Vec::new(),
        }
    }

    /// Takes in the values that step `step` left.
    ///
    /// The decay rises as in TensorFlow's `ExponentialMovingAverage`: about the last tenth of the steps so far counts.
    /// A correction of the bias alone (as Adam's) would give all steps of a run shorter than 1 / (1 - decay) the same
    /// weight, those before anything was learnt among them.
    pub fn after_step(&mut self, step: u64, values: &[f32]) {
        let Average::Ema(ema) = self.rule else {
            return;
        };
        if step < self.from {
            return;
        }
        let Some(average) = self.kept.first_mut() else {
            self.kept.push(values.to_vec());
            return;
        };
        let t = (step - self.from) as f64;
        let decay = ema.decay.get().min((1.0 + t) / (10.0 + t));
        let share = (1.0 - decay) as f32;
        for (average, value) in average.iter_mut().zip(values) {
            *average += share * (value - *average);
        }
    }

    /// Takes in the values of the evaluation after step `step`.
    pub fn at_evaluation(&mut self, step: u64, values: &[f32]) {
        let Average::Last(k) = self.rule else {
            return;
        };
        if step < self.from {
            return;
        }
        if self.kept.len() >= k.get() as usize {
            self.kept.remove(0);
        }
        self.kept.push(values.to_vec());
    }

    /// The average; `None` where there is nothing to average yet.
    pub fn values(&self) -> Option<Vec<f32>> {
        let (first, others) = self.kept.split_first()?;
        if others.is_empty() {
            return Some(first.clone());
        }
        let n = self.kept.len() as f64;
        let mean = |i: usize| (self.kept.iter().map(|v| f64::from(v[i])).sum::<f64>() / n) as f32;
        Some((0..first.len()).map(mean).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn average(text: &str, from: u64) -> RunningAverage {
        RunningAverage::new(serde_json::from_str(text).unwrap(), from)
    }

    #[test]
    fn the_decay_of_a_moving_average_rises_to_its_limit() {
        let mut ema = average(r#"{"ema": {"decay": 0.3}}"#, 3);
        for step in 1..=2 {
            ema.after_step(step, &[9.0, 7.0]);
        }
        assert_eq!(ema.values(), None);
        ema.after_step(3, &[1.0, 7.0]);
        assert_eq!(ema.values(), Some(vec![1.0, 7.0]));
        // t = 1, 2, 3: 2/11, 3/12, 4/13 (above the limit of 0.3).
        let mut expected = 1.0;
        for (step, value, decay) in [(4, 5.0, 2.0 / 11.0), (5, -1.0, 0.25), (6, 2.0, 0.3)] {
            expected = decay * expected + (1.0 - decay) * value;
            ema.after_step(step, &[value as f32, 7.0]);
            let found = ema.values().unwrap();
            assert!((f64::from(found[0]) - expected).abs() < 1e-6, "{found:?}");
            // What does not move is its own average to the last bit.
            assert_eq!(found[1], 7.0);
        }
        // An evaluation adds nothing.
        let before = ema.values();
        ema.at_evaluation(6, &[100.0, 100.0]);
        assert_eq!(ema.values(), before);
    }

    #[test]
    fn the_last_evaluations_weigh_the_same() {
        let mut last = average(r#"{"last": 2}"#, 10);
        last.at_evaluation(9, &[100.0]);
        last.after_step(10, &[100.0]);
        assert_eq!(last.values(), None);
        for (step, value, expected) in [(10, 1.0, 1.0), (20, 2.0, 1.5), (30, 4.0, 3.0)] {
            last.at_evaluation(step, &[value]);
            assert_eq!(last.values(), Some(vec![expected]), "{step}");
        }
    }

    #[test]
    fn without_a_rule_nothing_is_kept() {
        let mut none = average(r#""none""#, 0);
        none.after_step(1, &[1.0]);
        none.at_evaluation(1, &[1.0]);
        assert_eq!(none.values(), None);
        for bad in [
            r#"{"ema": {"decay": 1}}"#,
            r#"{"last": 0}"#,
            r#"{"mean": 3}"#,
        ] {
            assert!(serde_json::from_str::<Average>(bad).is_err(), "{bad}");
        }
    }
}
