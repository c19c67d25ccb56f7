//! Whether training has begun to learn: its loss beside what is known without it, the label frequencies or a stem.

use serde::{Deserialize, Serialize};

use crate::reading::{Input, add_beside};

/// At least so many steps are looked at: the loss of a few says little.
const FEWEST_STEPS: u64 = 10;
/// A loss that is not lower than what is known gives by so much of it has not moved.
const LEAST_GAIN: f64 = 0.01;

/// The steps whose loss is looked at: the tenth of all that follows the warm-up, in which little can be learnt; where
/// that is warned of, each stretch as long behind it, until the loss falls.
pub(crate) struct Watch {
    first: u64,
    /// Of a stretch.
    steps: u64,
    /// The logits of every row without training: those of the label frequencies, or zeros beside a stem.
    known: Vec<f32>,
    has_stem: bool,
}

/// Sums over the steps that were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Of the training loss.
    pub loss: f64,
    /// Of the loss without training on the same examples; of all of them, that of label frequencies is their entropy.
    pub prior: f64,
}

impl Watch {
    pub fn new(warmup: u64, total: u64, known: Vec<f32>, has_stem: bool) -> Self {
        let steps = total.div_ceil(10).max(FEWEST_STEPS).min(total);
        Self {
            first: warmup.min(total - steps) + 1,
            steps,
            known,
            has_stem,
        }
    }

    /// Whether step `step` is looked at.
    pub fn covers(&self, step: u64, is_warned: bool) -> bool {
        step >= self.first && (step < self.first + self.steps || is_warned)
    }

    /// Whether step `step` is the last of a stretch.
    pub fn ends_at(&self, step: u64) -> bool {
        step >= self.first && (step + 1 - self.first).is_multiple_of(self.steps)
    }

    /// The logits without training: so many rows of them, of these inputs.
    pub fn untrained(&self, inputs: &[Input], rows: usize) -> Vec<f32> {
        let mut logits = self.known.repeat(rows);
        add_beside(&mut logits, inputs);
        logits
    }

    /// What is to be said of the stretch that ends with step `last`: `try_also` names settings beside the learning rate.
    pub fn warning(&self, last: u64, seen: Seen, try_also: &str) -> Option<String> {
        let steps = self.steps as f64;
        let (loss, prior) = (seen.loss / steps, seen.prior / steps);
        let alone = match self.has_stem {
            true => "stem",
            false => "label frequencies",
        };
        // Where all labels are the same, there is nothing to learn.
        let stands = prior > 1e-6 && loss > (1.0 - LEAST_GAIN) * prior;
        stands.then(|| {
            format!(
                "nothing is learnt yet: in steps {} to {last} the training loss is {loss:.4}, beside {prior:.4} by the \
                 {alone} alone; try another `learning_rate`{try_also}",
                last + 1 - self.steps
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use lingo_artifact::Label;

    use super::*;
    use crate::train::objective::Objective;

    #[test]
    fn a_tenth_of_the_steps_is_looked_at_behind_the_warm_up() {
        for (warmup, total, expected) in [
            (50, 1000, (51, 150)),
            (5, 50, (6, 15)),
            (1, 4, (1, 4)),
            (90, 100, (91, 100)),
            (200, 100, (91, 100)),
        ] {
            let watch = Watch::new(warmup, total, vec![0.0], false);
            let last = watch.first + watch.steps - 1;
            assert_eq!((watch.first, last), expected, "{warmup} {total}");
            for (step, is_covered, is_end) in [
                (expected.0 - 1, false, false),
                (expected.0, true, false),
                (last, true, true),
                (last + 1, false, false),
                (last + watch.steps, false, true),
            ] {
                assert_eq!(watch.covers(step, false), is_covered, "{step}");
                assert_eq!(watch.covers(step, true), step >= expected.0, "{step}");
                assert_eq!(watch.ends_at(step), is_end, "{step}");
            }
        }
    }

    #[test]
    fn a_loss_is_put_beside_the_entropy_of_the_labels() {
        let labels = [0, 0, 1, 0].map(Label::Class);
        let labels: Vec<&Label> = labels.iter().collect();
        let known = Objective::PLAIN.constant(2, &labels);
        let watch = Watch::new(0, 4, known.clone(), false);
        let entropy = -(0.75 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        let logits = known.repeat(4);
        let prior = Objective::PLAIN.summed(&logits, 2, &labels, 0.0, &mut [0.0; 8]) / 4.0;
        assert!((prior - entropy).abs() < 1e-7, "{prior} {entropy}");
        for (loss, is_warned) in [
            (entropy, true),
            (0.995 * entropy, true),
            (2.0 * entropy, true),
            (0.98 * entropy, false),
        ] {
            let seen = Seen {
                loss: 4.0 * loss,
                prior: 4.0 * prior,
            };
            let warning = watch.warning(4, seen, ", or another");
            assert_eq!(warning.is_some(), is_warned, "{loss}: {warning:?}");
            if let Some(warning) = warning {
                assert!(warning.contains("beside 0.5623 by the label"), "{warning}");
                assert!(
                    warning.ends_with("`learning_rate`, or another"),
                    "{warning}"
                );
            }
        }
        // One class alone leaves nothing to learn.
        assert_eq!(watch.warning(4, Seen::default(), ""), None);
    }
}
