//! From logits to what is told: names, probabilities, log odds; of several adapters their mean and spread.

use lingo_artifact::LabelKind;
use lingo_artifact::thresholds::Thresholds;
use lingo_evaluate::probability::{HALF, class_of, is_above, sigmoid, softmax};
use lingo_workflow::{Error, Kind};

use crate::arguments::ValueChoice;

/// How logits are read.
#[derive(Clone, Debug)]
pub struct Outcomes {
    pub kind: LabelKind,
    /// The class whose value goes to tracks, variants and mutations.
    pub class: usize,
    /// Above which probability something is predicted, by its place among the classes; none where nothing was chosen.
    pub thresholds: Vec<Option<f64>>,
}

/// The mean over adapters, and their standard deviation (with n - 1; 0 of one adapter).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub mean: f64,
    pub deviation: f64,
}

impl Spread {
    /// Of one value of each adapter.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n.max(1.0);
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Self {
            mean,
            deviation: (squares / (n - 1.0).max(1.0)).sqrt(),
        }
    }
}

impl Outcomes {
    /// `class` is the name of one of the classes; by default the last is meant.
    ///
    /// # Errors
    /// There is no such class.
    pub fn new(kind: &LabelKind, class: Option<&str>) -> Result<Self, Error> {
        let names = kind.names();
        let class = match class {
            None => names.len().saturating_sub(1),
            Some(class) => names.iter().position(|n| n == class).ok_or_else(|| {
                let message = match names {
                    [] => "--class: the adapter predicts a number, and has no classes".to_string(),
                    names => format!(
                        "--class {class}: the adapter has no such class; its classes are {}",
                        names.join(", ")
                    ),
                };
                Error::stage(Kind::Usage, message)
            })?,
        };
        Ok(Self {
            kind: kind.clone(),
            class,
            thresholds: vec![None; names.len()],
        })
    }

    /// With the thresholds of the adapters, by name; of several adapters their mean, as of the probabilities. An adapter
    /// that has none has 0.5.
    pub fn with_thresholds(mut self, of_adapters: &[Thresholds]) -> Self {
        for (name, threshold) in self.kind.names().iter().zip(&mut self.thresholds) {
            let chosen: Vec<Option<f64>> = of_adapters
                .iter()
                .map(|adapter| adapter.thresholds.get(name).copied())
                .collect();
            if chosen.iter().any(Option::is_some) {
                let values: Vec<f64> = chosen.iter().map(|t| t.unwrap_or(HALF)).collect();
                *threshold = Some(Spread::of(&values).mean);
            }
        }
        self
    }

    /// Logits of a row of one adapter.
    pub fn outputs(&self) -> usize {
        self.kind.outputs()
    }

    /// Probabilities of the classes by one adapter's logits; none for a number.
    fn probabilities(&self, logits: &[f32]) -> Vec<f64> {
        match &self.kind {
            LabelKind::Classes(_) => softmax(logits),
            LabelKind::Multilabel(_) => logits.iter().map(|x| sigmoid(f64::from(*x))).collect(),
            LabelKind::Regression => Vec::new(),
        }
    }

    /// Probabilities of the classes, or the predicted number alone; `logits` are those of all adapters.
    pub fn of_row(&self, logits: &[f32]) -> Vec<Spread> {
        let members = logits.chunks(self.outputs().max(1));
        let told: Vec<Vec<f64>> = members
            .map(|logits| match &self.kind {
                LabelKind::Regression => logits.iter().map(|v| f64::from(*v)).collect(),
                _ => self.probabilities(logits),
            })
            .collect();
        let columns = 0..self.outputs();
        columns
            .map(|i| {
                let of_each: Vec<f64> = told.iter().filter_map(|t| t.get(i).copied()).collect();
                Spread::of(&of_each)
            })
            .collect()
    }

    /// What is predicted, and a BED score (0 to 1000).
    pub fn told(&self, row: &[Spread]) -> (String, String) {
        let score = |p: f64| format!("{:.0}", (1000.0 * p).clamp(0.0, 1000.0));
        let means: Vec<f64> = row.iter().map(|s| s.mean).collect();
        match &self.kind {
            LabelKind::Classes(names) => {
                let threshold = self.thresholds.last().copied().flatten();
                let best = class_of(&means, threshold);
                let name = names.get(best).cloned().unwrap_or_default();
                (name, score(means.get(best).copied().unwrap_or(0.0)))
            }
            LabelKind::Multilabel(names) => {
                let there: Vec<&str> = names
                    .iter()
                    .zip(&means)
                    .zip(&self.thresholds)
                    .filter(|((_, p), threshold)| is_above(**p, threshold.unwrap_or(HALF)))
                    .map(|((name, _), _)| name.as_str())
                    .collect();
                let most = means.iter().copied().fold(0.0, f64::max);
                (there.join(";"), score(most))
            }
            LabelKind::Regression => {
                let value = means.first().copied().unwrap_or(f64::NAN) as f32;
                (value.to_string(), "0".to_string())
            }
        }
    }

    /// Logits that stand for the mean over adapters: of one adapter its own.
    pub fn mean_logits(&self, logits: &[f32]) -> Vec<f32> {
        if logits.len() == self.outputs() {
            return logits.to_vec();
        }
        let row = self.of_row(logits);
        let logit = |s: &Spread| match &self.kind {
            LabelKind::Classes(_) => s.mean.ln(),
            LabelKind::Multilabel(_) => (s.mean / (1.0 - s.mean)).ln(),
            LabelKind::Regression => s.mean,
        };
        row.iter()
            .map(|s| (logit(s) as f32).clamp(f32::MIN, f32::MAX))
            .collect()
    }

    /// The one value of a row by each adapter.
    pub fn values(&self, logits: &[f32], what: ValueChoice) -> Vec<f64> {
        let of_one = |logits: &[f32]| match (&self.kind, what) {
            (LabelKind::Regression, _) => logits.first().copied().map_or(f64::NAN, f64::from),
            (_, ValueChoice::Probability) => {
                let probabilities = self.probabilities(logits);
                probabilities.get(self.class).copied().unwrap_or(f64::NAN)
            }
            (LabelKind::Classes(_), ValueChoice::Logit) => self.log_odds(logits),
            (LabelKind::Multilabel(_), ValueChoice::Logit) => {
                logits.get(self.class).copied().map_or(f64::NAN, f64::from)
            }
        };
        logits.chunks(self.outputs().max(1)).map(of_one).collect()
    }

    /// The logarithm of the odds of the class against all others: of two classes the difference of the two logits.
    fn log_odds(&self, logits: &[f32]) -> f64 {
        let others = logits
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != self.class)
            .map(|(_, x)| f64::from(*x));
        let largest = others.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = others.map(|x| (x - largest).exp()).sum();
        let own = logits.get(self.class).copied().map_or(f64::NAN, f64::from);
        own - (largest + sum.ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(n: usize) -> Outcomes {
        let names = (0..n).map(|i| format!("c{i}")).collect();
        Outcomes::new(&LabelKind::Classes(names), None).unwrap()
    }

    #[test]
    fn log_odds_are_those_of_the_probability() {
        for logits in [&[0.5f32, -1.25][..], &[0.1, 2.0, -3.0], &[80.0, -80.0, 3.0]] {
            let outcomes = classes(logits.len());
            let p = outcomes.values(logits, ValueChoice::Probability)[0];
            let odds = outcomes.values(logits, ValueChoice::Logit)[0];
            assert!((sigmoid(odds) - p).abs() < 1e-12, "{logits:?}");
        }
        assert_eq!(
            classes(2).values(&[0.5, -1.25], ValueChoice::Logit),
            [-1.75]
        );
    }

    #[test]
    fn several_adapters_have_a_mean_and_a_spread() {
        let outcomes = classes(2);
        let logits = [0.0, 0.0, 0.0, 3f32.ln()];
        let row = outcomes.of_row(&logits);
        assert!((row[1].mean - 0.625).abs() < 1e-7, "{row:?}");
        assert!(
            (row[1].deviation - 0.125 * 2f64.sqrt()).abs() < 1e-7,
            "{row:?}"
        );
        assert_eq!(outcomes.told(&row), ("c1".to_string(), "625".to_string()));
        // The mean's logits are read as its probabilities.
        let again = outcomes.of_row(&outcomes.mean_logits(&logits));
        assert!((again[1].mean - 0.625).abs() < 1e-6, "{again:?}");
        assert_eq!(outcomes.mean_logits(&logits[..2]), logits[..2]);
    }

    #[test]
    fn a_threshold_of_dev_decides_and_a_tie_is_no() {
        let chosen = |t: &[(&str, f64)]| {
            Thresholds::new(t.iter().map(|(name, t)| (name.to_string(), *t)).collect())
        };
        let said = |outcomes: &Outcomes, logits: &[f32]| outcomes.told(&outcomes.of_row(logits)).0;
        let two = classes(2);
        assert_eq!(
            [said(&two, &[0.0, 0.0]), said(&two, &[0.0, 1.0])],
            ["c0", "c1"]
        );
        let lower = two.clone().with_thresholds(&[chosen(&[("c1", 0.25)])]);
        assert_eq!(
            [said(&lower, &[0.0, 0.0]), said(&lower, &[2.0, 0.0])],
            ["c1", "c0"]
        );
        // Of two adapters the mean: 0.25 and 0.5, which the second one has.
        let both = two.with_thresholds(&[chosen(&[("c1", 0.25)]), Thresholds::default()]);
        assert_eq!(both.thresholds, [None, Some(0.375)]);
        let kind = LabelKind::Multilabel(vec!["a".into(), "b".into()]);
        let labels = Outcomes::new(&kind, None).unwrap();
        assert_eq!(said(&labels, &[0.0, 0.1]), "b");
        let labels = labels.with_thresholds(&[chosen(&[("a", 0.4), ("b", 0.9)])]);
        assert_eq!(said(&labels, &[0.0, 0.1]), "a");
    }

    #[test]
    fn a_class_is_named() {
        let kind = LabelKind::Classes(vec!["off".into(), "on".into()]);
        assert_eq!(Outcomes::new(&kind, Some("off")).unwrap().class, 0);
        let message = Outcomes::new(&kind, Some("of")).unwrap_err().to_string();
        assert!(message.contains("its classes are off, on"), "{message}");
        assert!(Outcomes::new(&LabelKind::Regression, Some("on")).is_err());
    }
}
