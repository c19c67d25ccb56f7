//! What training makes small: the loss of `loss.rs`, with smoothed labels and weighted classes where asked for.

use std::ops::Range;

use lingo_artifact::tokens::TokenRow;
use lingo_artifact::{Label, LabelKind};

use crate::error::Error;
use crate::settings::class_weights::ClassWeights;
use crate::settings::train_config::TrainConfig;
use crate::train::loss::summed_loss;
use crate::train::target_scale::TargetScale;

/// The loss of training. Its mean over a step is the sum over the examples divided by the sum of what they count.
///
/// Classes, with w the weights and e the smoothing: `torch.nn.CrossEntropyLoss(weight=w, label_smoothing=e)`, in which an
/// example counts what its class weighs. Several labels at once: `torch.nn.BCEWithLogitsLoss(pos_weight=w)` on labels
/// moved by e towards one half; each example counts the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Objective {
    smoothing: f64,
    /// One for each class or label.
    weights: Option<Vec<f64>>,
    /// What targets that are numbers are standardised with.
    pub targets: TargetScale,
    /// How many of the outputs are the task's own, where behind them stand those of a second task: a class from there on is
    /// one of the second, and each task has a softmax of its own.
    own: Option<usize>,
    /// How many outputs each of several tasks has, one task's behind the other's: each has a softmax of its own, and all are
    /// evaluated. None, where there is one task.
    heads: Vec<usize>,
}

impl Objective {
    /// The plain loss: that of evaluation.
    #[cfg(test)]
    pub const PLAIN: Self = Self {
        smoothing: 0.0,
        weights: None,
        targets: TargetScale::NONE,
        own: None,
        heads: Vec::new(),
    };

    /// What the settings ask for, on these training rows.
    ///
    /// # Errors
    /// Weights that are to be balanced, where a class (of several labels, one of its two values) has no training rows.
    pub fn of(
        config: &TrainConfig,
        labels: &LabelKind,
        train: &[&TokenRow],
        targets: TargetScale,
    ) -> Result<Self, Error> {
        let weights = match &config.class_weights {
            ClassWeights::None => None,
            ClassWeights::Balanced => Some(balanced(labels, train)?),
            ClassWeights::Each(weights) => Some(weights.iter().map(|w| w.get()).collect()),
        };
        Ok(Self {
            smoothing: config.label_smoothing.get(),
            weights,
            targets,
            own: None,
            heads: Vec::new(),
        })
    }

    /// The same for the classes of several tasks that are learnt together: so many outputs each.
    pub fn with_heads(mut self, heads: &[usize]) -> Self {
        self.heads = heads.to_vec();
        self
    }

    /// The same with rows that were added to those of the split: each class weighs together what it weighed without them.
    /// With `second`, as many further outputs are of a second task.
    pub fn with_added(
        mut self,
        labels: &LabelKind,
        all: &[&TokenRow],
        added: usize,
        second: usize,
    ) -> Self {
        let own = labels.outputs();
        let count = |rows: &[&TokenRow]| {
            let mut counts = vec![0.0f64; own];
            for row in rows {
                if let Label::Class(class) = row.label
                    && let Some(count) = counts.get_mut(class as usize)
                {
                    *count += 1.0;
                }
            }
            counts
        };
        let (before, now) = (count(&all[..all.len() - added]), count(all));
        let grown = now.iter().sum::<f64>() / before.iter().sum::<f64>().max(1.0);
        let weights = self.weights.take().unwrap_or_else(|| vec![1.0; own]);
        let weights = weights.iter().zip(before.iter().zip(&now));
        let weights = weights.map(|(w, (before, now))| w * before * grown / now.max(1.0));
        self.weights = Some(weights.chain(vec![1.0; second]).collect());
        self.own = (second > 0).then_some(own);
        self
    }

    /// Logits, a row after another, as they are evaluated, and how many a row has: without those of a second task; of
    /// several tasks those of others than the row's are those of what cannot be.
    pub fn evaluated(
        &self,
        mut logits: Vec<f32>,
        outputs: usize,
        labels: &[&Label],
    ) -> (Vec<f32>, usize) {
        if !self.heads.is_empty() {
            for (row, label) in logits.chunks_exact_mut(outputs).zip(labels) {
                let own = self.head_of(label, outputs);
                row[..own.start].fill(f32::NEG_INFINITY);
                row[own.end..].fill(f32::NEG_INFINITY);
            }
        }
        match self.own {
            None => (logits, outputs),
            Some(own) => {
                let rows = logits.chunks_exact(outputs);
                (
                    rows.flat_map(|row| row[..own].iter().copied()).collect(),
                    own,
                )
            }
        }
    }

    /// The outputs of the task that a label is one of.
    fn head_of(&self, label: &Label, outputs: usize) -> Range<usize> {
        let Label::Class(class) = label else {
            return 0..outputs;
        };
        let mut end = 0;
        for width in &self.heads {
            end += width;
            if (*class as usize) < end {
                return end - width..end;
            }
        }
        0..outputs
    }

    /// How much an example counts in the mean.
    pub fn counts(&self, label: &Label) -> f64 {
        match (label, &self.weights) {
            (Label::Class(class), Some(weights)) => weights[*class as usize],
            _ => 1.0,
        }
    }

    /// The logits that make this loss smallest where all rows get the same ones: what label frequencies alone give.
    pub fn constant(&self, outputs: usize, labels: &[&Label]) -> Vec<f32> {
        // What no row has gets a logit that is finite all the same.
        let log = |x: f64| x.max(1e-9).ln();
        // Of classes there may be thousands, and many more labels.
        let mut of_class = vec![0.0; outputs];
        for label in labels {
            if let Label::Class(class) = label {
                of_class[*class as usize] += 1.0;
            }
        }
        let logit = |k: usize| {
            if let Some(Label::Class(_)) = labels.first() {
                let counted = of_class.iter().enumerate();
                let shares = counted.map(|(class, count)| count * self.share(k, class, outputs));
                return log(shares.sum());
            }
            let (mut yes, mut no) = (0.0, 0.0);
            for label in labels {
                let (one, zero) = match label {
                    Label::Class(_) => (0.0, 0.0),
                    Label::Multi(flags) => self.shares(k, flags[k]),
                    Label::Value(value) => (self.targets.standardized(*value), 1.0),
                };
                yes += one;
                no += zero;
            }
            match labels.first() {
                Some(Label::Value(_)) => yes / no,
                _ => log(yes) - log(no),
            }
        };
        (0..outputs).map(|k| logit(k) as f32).collect()
    }

    /// The summed loss of a batch; writes `scale x` its gradient into `gradient`, `[batch, outputs]` like `logits`.
    pub fn summed(
        &self,
        logits: &[f32],
        outputs: usize,
        labels: &[&Label],
        scale: f64,
        gradient: &mut [f32],
    ) -> f64 {
        if self.weights.is_none() && self.smoothing == 0.0 && self.heads.is_empty() {
            return summed_loss(logits, outputs, labels, &self.targets, scale, gradient);
        }
        let rows = logits
            .chunks(outputs)
            .zip(gradient.chunks_mut(outputs))
            .zip(labels);
        rows.map(|((row, out), label)| match label {
            Label::Class(class) => {
                let head = self.head_of(label, outputs);
                let class = *class as usize;
                let Some(own) = self.own else {
                    out.fill(0.0);
                    let (row, out) = (&row[head.clone()], &mut out[head.clone()]);
                    return self.cross_entropy(row, (class, head.start), scale, out);
                };
                let (of_own, of_second) = out.split_at_mut(own);
                if class < own {
                    of_second.fill(0.0);
                    return self.cross_entropy(&row[..own], (class, 0), scale, of_own);
                }
                of_own.fill(0.0);
                let label = Label::Class((class - own) as u32);
                let (row, targets) = (&row[own..], &self.targets);
                summed_loss(row, row.len(), &[&label], targets, scale, of_second)
            }
            Label::Multi(flags) => self.binary_cross_entropy(row, flags, scale, out),
            Label::Value(_) => summed_loss(row, outputs, &[label], &self.targets, scale, out),
        })
        .sum()
    }

    /// `sum over c of q_c (-log p_c)`, with what of the example's weight lies on each class; the first of the row's is `first`.
    fn cross_entropy(
        &self,
        row: &[f32],
        (class, first): (usize, usize),
        scale: f64,
        out: &mut [f32],
    ) -> f64 {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let below = |x: f32| f64::from(x) - f64::from(top);
        let sum: f64 = row.iter().map(|&x| below(x).exp()).sum();
        let shares: Vec<f64> = (0..row.len())
            .map(|k| self.share(first + k, class, row.len()))
            .collect();
        let all: f64 = shares.iter().sum();
        let mut loss = 0.0;
        for ((&x, share), out) in row.iter().zip(&shares).zip(out) {
            *out = (scale * (all * below(x).exp() / sum - share)) as f32;
            loss += share * (sum.ln() - below(x));
        }
        loss
    }

    /// What of the weight of an example of `class` lies on class `k` of `n`.
    fn share(&self, k: usize, class: usize, n: usize) -> f64 {
        let weight = self.weights.as_ref().map_or(1.0, |w| w[k]);
        let spread = self.smoothing / n as f64;
        weight
            * if k == class {
                1.0 - self.smoothing + spread
            } else {
                spread
            }
    }

    fn binary_cross_entropy(&self, row: &[f32], flags: &[u8], scale: f64, out: &mut [f32]) -> f64 {
        let n = row.len() as f64;
        let mut loss = 0.0;
        for (k, ((&x, &flag), out)) in row.iter().zip(flags).zip(out).enumerate() {
            let (yes, no) = self.shares(k, flag);
            let x = f64::from(x);
            // yes (-log s(x)) + no (-log s(-x)), without overflow.
            let rest = (-x.abs()).exp().ln_1p();
            loss += yes * ((-x).max(0.0) + rest) + no * (x.max(0.0) + rest);
            let probability = 1.0 / (1.0 + (-x).exp());
            *out = (scale / n * (no * probability - yes * (1.0 - probability))) as f32;
        }
        loss / n
    }

    /// What of a label's weight lies on 1 and on 0.
    fn shares(&self, k: usize, flag: u8) -> (f64, f64) {
        let target = f64::from(flag) * (1.0 - self.smoothing) + self.smoothing / 2.0;
        let weight = self.weights.as_ref().map_or(1.0, |w| w[k]);
        (weight * target, 1.0 - target)
    }
}

/// Classes: rows / (classes x rows of the class), as scikit-learn's `compute_class_weight("balanced")`. Several labels:
/// rows without the label for each row with it, so that both weigh the same.
fn balanced(labels: &LabelKind, train: &[&TokenRow]) -> Result<Vec<f64>, Error> {
    let names = labels.names();
    let mut rows = vec![0u64; names.len()];
    for row in train {
        match &row.label {
            Label::Class(class) => rows[*class as usize] += 1,
            Label::Multi(flags) => rows
                .iter_mut()
                .zip(flags)
                .for_each(|(n, &flag)| *n += u64::from(flag)),
            Label::Value(_) => (),
        }
    }
    let all = train.len() as f64;
    let several = matches!(labels, LabelKind::Multilabel(_));
    let lacks = |n: u64| n == 0 || several && n == train.len() as u64;
    if let Some((name, &n)) = names.iter().zip(&rows).find(|(_, n)| lacks(**n)) {
        let what = match n {
            0 => "no training row is",
            _ => "every training row is",
        };
        return Err(Error::Data(format!(
            "class_weights: balanced: {what} of `{name}`, so it has no such weight; give the weights as a list, or leave them out"
        )));
    }
    let weight = |&n: &u64| match several {
        true => (all - n as f64) / n as f64,
        false => all / (names.len() as f64 * n as f64),
    };
    Ok(rows.iter().map(weight).collect())
}

#[cfg(test)]
mod tests {
    use lingo_artifact::Split;
    use serde::Deserialize;

    use super::*;

    /// A case of tests/oracles/adapt_loss.py.
    #[derive(Deserialize)]
    struct Case {
        kind: String,
        outputs: usize,
        label_smoothing: f64,
        class_weights: ClassWeights,
        weights: Option<Vec<f64>>,
        logits: Vec<f32>,
        labels: Vec<serde_json::Value>,
        loss: f64,
        gradient: Vec<f64>,
    }

    fn kind(name: &str, outputs: usize) -> LabelKind {
        let names = (0..outputs).map(|k| format!("label {k}")).collect();
        match name {
            "classes" => LabelKind::Classes(names),
            _ => LabelKind::Multilabel(names),
        }
    }

    fn rows(labels: Vec<Label>) -> Vec<TokenRow> {
        let row = |label| TokenRow {
            id: String::new(),
            split: Split::Train,
            label,
            input_ids: vec![1],
        };
        labels.into_iter().map(row).collect()
    }

    fn config(smoothing: f64, class_weights: ClassWeights) -> TrainConfig {
        TrainConfig {
            label_smoothing: smoothing.try_into().unwrap(),
            class_weights,
            ..TrainConfig::default()
        }
    }

    #[test]
    fn losses_gradients_and_balanced_weights_are_those_of_torch_and_scikit_learn() {
        let golden = include_str!("../../tests/fixtures/losses.json");
        let cases: Vec<Case> = serde_json::from_str(golden).unwrap();
        assert_eq!(cases.len(), 27);
        for case in cases {
            let labels = case.labels.into_iter().map(|label| match label.as_u64() {
                Some(class) => Label::Class(class as u32),
                None => Label::Multi(serde_json::from_value(label).unwrap()),
            });
            let rows = rows(labels.collect());
            let kind = kind(&case.kind, case.outputs);
            let config = config(case.label_smoothing, case.class_weights);
            let objective = Objective::of(
                &config,
                &kind,
                &rows.iter().collect::<Vec<_>>(),
                TargetScale::NONE,
            );
            let objective = objective.unwrap();
            assert_eq!(objective.weights.is_some(), case.weights.is_some());
            for (ours, theirs) in objective
                .weights
                .iter()
                .flatten()
                .zip(case.weights.iter().flatten())
            {
                assert!((ours - theirs).abs() < 1e-12, "{config:?}: {ours} {theirs}");
            }
            let labels: Vec<&Label> = rows.iter().map(|r| &r.label).collect();
            let counts: f64 = labels.iter().map(|label| objective.counts(label)).sum();
            let mut gradient = vec![0.0; case.logits.len()];
            let scale = 1.0 / counts;
            let summed =
                objective.summed(&case.logits, case.outputs, &labels, scale, &mut gradient);
            let loss = summed / counts;
            assert!(
                (loss - case.loss).abs() < 1e-6,
                "{config:?}: {loss} {}",
                case.loss
            );
            for (ours, theirs) in gradient.iter().zip(&case.gradient) {
                assert!(
                    (f64::from(*ours) - theirs).abs() < 1e-7,
                    "{config:?}: {ours} {theirs}"
                );
            }
        }
    }

    #[test]
    fn the_constant_logits_are_the_best_there_are() {
        let classes = [0, 2, 2, 1, 2].map(Label::Class);
        let several = [vec![0, 1], vec![1, 1], vec![0, 1]].map(Label::Multi);
        let values = [1.0, -3.0, 0.5].map(Label::Value);
        for (labels, outputs) in [(&classes[..], 3), (&several, 2), (&values, 1)] {
            let labels: Vec<&Label> = labels.iter().collect();
            for (smoothing, weights) in [(0.0, None), (0.2, Some(vec![0.5, 3.0, 1.5]))] {
                let objective = Objective {
                    smoothing,
                    weights,
                    ..Objective::PLAIN
                };
                let loss = |logits: &[f32]| -> f64 {
                    let all = logits.repeat(labels.len());
                    objective.summed(&all, outputs, &labels, 0.0, &mut vec![0.0; all.len()])
                };
                let constant = objective.constant(outputs, &labels);
                let best = loss(&constant);
                assert!(best.is_finite());
                for k in 0..outputs {
                    for by in [-0.1, 0.1] {
                        let mut moved = constant.clone();
                        moved[k] += by;
                        // One label is 1 in all rows: its best logit is infinite.
                        assert!(loss(&moved) > best - 1e-7, "{objective:?} {k} {by}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_class_without_rows_cannot_be_balanced() {
        fn t(kind: LabelKind, labels: Vec<Label>, part: &str) {
            let rows = rows(labels);
            let config = config(0.0, ClassWeights::Balanced);
            let error = Objective::of(
                &config,
                &kind,
                &rows.iter().collect::<Vec<_>>(),
                TargetScale::NONE,
            );
            let message = error.unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        t(
            kind("classes", 3),
            vec![Label::Class(0), Label::Class(2)],
            "no training row is of `label 1`",
        );
        t(
            kind("several", 2),
            vec![Label::Multi(vec![0, 1]), Label::Multi(vec![1, 1])],
            "every training row is of `label 1`",
        );
    }

    #[test]
    fn a_second_task_has_a_softmax_of_its_own_and_added_rows_leave_the_classes_their_weight() {
        let row = |class| TokenRow {
            id: "row".into(),
            split: Split::Train,
            label: Label::Class(class),
            input_ids: vec![1],
        };
        let labels = LabelKind::Classes(vec!["a".into(), "b".into()]);
        // Three rows of a, one of b; added are four of a, six of the second task.
        let rows: Vec<TokenRow> = [0, 0, 1, 0, 0, 0, 0, 0, 2, 2, 2, 3, 3, 3].map(row).into();
        let rows: Vec<&TokenRow> = rows.iter().collect();
        let objective = Objective::PLAIN.with_added(&labels, &rows, 10, 2);
        let counts = |class| objective.counts(&Label::Class(class));
        let (of_a, of_b) = (7.0 * counts(0), counts(1));
        assert!((of_a - 3.0 * of_b).abs() < 1e-9 && (of_a + of_b - 8.0).abs() < 1e-9);
        assert_eq!((counts(2), counts(3)), (1.0, 1.0));
        let logits = [0.3f32, -0.4, 1.5, 0.2];
        let plain = |logits: &[f32], class| {
            let mut gradient = [0.0; 2];
            let label = Label::Class(class);
            let loss = Objective::PLAIN.summed(logits, 2, &[&label], 1.0, &mut gradient);
            (loss, gradient)
        };
        for class in 0..4 {
            let (mut gradient, label) = ([9.0; 4], Label::Class(class));
            let loss = objective.summed(&logits, 4, &[&label], 1.0, &mut gradient);
            let (own, second) = gradient.split_at(2);
            let (of_task, other, weight) = match class {
                0 | 1 => (own, second, counts(class)),
                _ => (second, own, 1.0),
            };
            let first = if class < 2 { 0 } else { 2 };
            let (expected, slope) = plain(&logits[first..first + 2], class - first as u32);
            assert!((loss - weight * expected).abs() < 1e-6);
            assert_eq!(other, [0.0, 0.0]);
            for (found, slope) in of_task.iter().zip(slope) {
                assert!((f64::from(*found) - weight * f64::from(slope)).abs() < 1e-6);
            }
        }
        let (own, width) = objective.evaluated([logits, logits].concat(), 4, &[]);
        assert_eq!((own, width), (vec![0.3, -0.4, 0.3, -0.4], 2));
        // Without a second task.
        let weighted = Objective::PLAIN.with_added(&labels, &rows[..8], 4, 0);
        assert_eq!(weighted.evaluated(vec![1.0, 2.0], 2, &[]).1, 2);
        assert!((weighted.counts(&Label::Class(0)) - 6.0 / 7.0).abs() < 1e-9);
    }

    #[test]
    fn each_of_several_tasks_has_a_softmax_and_is_evaluated_by_it() {
        let objective = Objective {
            smoothing: 0.1,
            weights: Some(vec![1.0, 1.0, 2.0, 0.5, 3.0]),
            ..Objective::PLAIN
        };
        let heads = [2, 3];
        let joined = objective.clone().with_heads(&heads);
        let logits = [0.3f32, -0.4, 1.5, 0.2, -2.0];
        for class in 0..5u32 {
            let (first, alone) = match class {
                0 | 1 => (0, &heads[..1]),
                _ => (2, &heads[1..]),
            };
            let own = first..first + alone[0];
            let of_task = Objective {
                weights: objective.weights.as_ref().map(|w| w[own.clone()].to_vec()),
                ..objective.clone()
            };
            let (mut found, mut expected) = ([9.0; 5], [0.0; 5]);
            let label = Label::Class(class);
            let loss = joined.summed(&logits, 5, &[&label], 1.0, &mut found);
            let plain = Label::Class(class - first as u32);
            let (row, out) = (&logits[own.clone()], &mut expected[own.clone()]);
            let of_plain = of_task.summed(row, own.len(), &[&plain], 1.0, out);
            assert!((loss - of_plain).abs() < 1e-9 && joined.counts(&label) > 0.0);
            assert_eq!(found, expected);
            // What is evaluated: the loss is that of the task alone, and no class of another is predicted.
            let (evaluated, width) = joined.evaluated(logits.to_vec(), 5, &[&label]);
            let plain_loss = |row: &[f32], label: &Label| {
                let mut unused = vec![0.0; row.len()];
                summed_loss(
                    row,
                    row.len(),
                    &[label],
                    &TargetScale::NONE,
                    0.0,
                    &mut unused,
                )
            };
            let loss = plain_loss(&evaluated, &label);
            assert!((loss - plain_loss(row, &plain)).abs() < 1e-6, "{loss}");
            assert_eq!(width, 5);
            let best = (0..5).max_by(|&a, &b| evaluated[a].total_cmp(&evaluated[b]));
            assert!(own.contains(&best.unwrap()));
        }
        // The prior of each task is its own.
        let labels = [0, 0, 1, 2, 3, 3, 4].map(Label::Class);
        let labels: Vec<&Label> = labels.iter().collect();
        let plain = Objective::PLAIN.with_heads(&heads);
        let constant = plain.constant(5, &labels);
        assert!((f64::from(constant[0] - constant[1]) - 2f64.ln()).abs() < 1e-6);
        assert!((f64::from(constant[3] - constant[2]) - 2f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn large_logits_stay_finite() {
        let objective = Objective {
            smoothing: 0.1,
            weights: Some(vec![2.0, 0.5]),
            ..Objective::PLAIN
        };
        let mut gradient = [0.0; 2];
        for label in [Label::Class(0), Label::Multi(vec![1, 0])] {
            let loss = objective.summed(&[1e30, -1e30], 2, &[&label], 1.0, &mut gradient);
            assert!(loss.is_finite(), "{label:?}: {loss}");
            assert!(gradient.iter().all(|g| g.is_finite()), "{label:?}");
        }
    }
}
