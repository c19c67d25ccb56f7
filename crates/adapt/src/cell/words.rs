//! The linear models on words that stand beside networks of motifs, each trained without one part of the rows.

use lingo_artifact::{Label, lbfgs};
use rayon::prelude::*;

use crate::cell::begun::Begun;
use crate::error::Error;
use crate::network::words::{Counter, Weights, Words, heads_of, spread};
use crate::settings::motif_cnn::WordCounts;
use crate::train::loss::{mean_loss, summed_loss};
use crate::train::target_scale::TargetScale;

/// What the loss of a row weighs against half the squared weights; the one with which rows of the first part, unseen, have
/// the lowest loss is taken for all.
const WEIGHTS: [f64; 7] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1];

/// Where a fit ends: the largest entry of the gradient of the mean loss, and steps.
const END: (f64, usize) = (2e-5, 100);

/// The words of rows, one row after another.
struct Counted {
    starts: Vec<usize>,
    words: Vec<(u32, f32)>,
}

impl Counted {
    fn of(rows: Vec<Vec<(u32, f32)>>) -> Self {
        let mut counted = Self {
            starts: vec![0],
            words: Vec::with_capacity(rows.iter().map(Vec::len).sum()),
        };
        for row in rows {
            counted.words.extend(row);
            counted.starts.push(counted.words.len());
        }
        counted
    }

    fn row(&self, i: usize) -> &[(u32, f32)] {
        &self.words[self.starts[i]..self.starts[i + 1]]
    }
}

/// Fits a model without each part; `fold_of` is the part of each training row, `sequences` its bases.
///
/// # Errors
/// The run was stopped.
pub(super) fn train_words(
    begun: &Begun,
    settings: &[WordCounts],
    sequences: &[Vec<Vec<u8>>],
    (fold_of, folds): (&[u32], usize),
    without: Vec<Option<u32>>,
) -> Result<Words, Error> {
    let request = begun.request;
    request.progress.begin("words", folds as u64);
    let longest = sequences.iter().flatten().map(Vec::len).max();
    let counter = Counter::new(settings, longest.unwrap_or_default());
    let rows: Vec<Vec<(u32, f32)>> = sequences.par_iter().map(|row| counter.count(row)).collect();
    let counted = Counted::of(rows);
    let labels = &request.tokens.metadata.labels;
    let (heads, outputs) = (heads_of(labels), labels.outputs());
    let of_row = sequences.first().map_or(1, Vec::len);
    let fit = Fit {
        targets: &begun.targets,
        counted: &counted,
        labels: begun.train.rows.iter().map(|row| &row.label).collect(),
        width: of_row * counter.width,
        heads,
        outputs,
    };
    let part = |fold: u32, is_in: bool| -> Vec<usize> {
        let rows = (0..fold_of.len()).filter(|&i| (fold_of[i] == fold) == is_in);
        rows.collect()
    };
    let (seen, unseen) = (part(0, false), part(0, true));
    let mut point = vec![0.0; (fit.width + 1) * heads];
    let mut best: Option<(f64, f64, Vec<f64>)> = None;
    for weight in WEIGHTS {
        begun.stopped()?;
        point = fit.minimum(&seen, weight, point);
        let loss = fit.loss(&unseen, &point);
        match &best {
            Some((least, ..)) if loss >= *least => break,
            _ => best = Some((loss, weight, point.clone())),
        }
    }
    let (_, weight, first) = best.unwrap_or((0.0, WEIGHTS[0], point));
    // From the same point each, so that no fit depends on which was done before it.
    let others = (1..folds as u32).into_par_iter().map(|fold| {
        begun.stopped()?;
        let fitted = fit.minimum(&part(fold, false), weight, first.clone());
        request.progress.advance(u64::from(fold), "");
        Ok(fitted)
    });
    let others: Vec<Vec<f64>> = others.collect::<Result<_, Error>>()?;
    request.progress.end("");
    let narrow = |point: Vec<f64>| Weights(point.into_iter().map(|w| w as f32).collect());
    let all = std::iter::once(first).chain(others).map(narrow);
    Ok(Words::new(
        counter,
        [heads, outputs],
        all.collect(),
        without,
    ))
}

struct Fit<'a> {
    targets: &'a TargetScale,
    counted: &'a Counted,
    labels: Vec<&'a Label>,
    /// Columns.
    width: usize,
    heads: usize,
    outputs: usize,
}

impl Fit<'_> {
    fn logits(&self, rows: &[usize], point: &[f64]) -> Vec<f32> {
        let mut logits = Vec::with_capacity(rows.len() * self.outputs);
        let mut sums = vec![0.0; self.heads];
        for &row in rows {
            sums.copy_from_slice(&point[self.width * self.heads..]);
            for &(column, count) in self.counted.row(row) {
                let first = column as usize * self.heads;
                for (sum, weight) in sums.iter_mut().zip(&point[first..first + self.heads]) {
                    *sum += weight * f64::from(count);
                }
            }
            spread(&sums, self.outputs, &mut logits);
        }
        logits
    }

    fn labels(&self, rows: &[usize]) -> Vec<&Label> {
        rows.iter().map(|&row| self.labels[row]).collect()
    }

    fn loss(&self, rows: &[usize], point: &[f64]) -> f64 {
        let logits = self.logits(rows, point);
        mean_loss(&logits, self.outputs, &self.labels(rows), self.targets)
    }

    /// The minimum of the mean loss and half the squared weights (not the bias) over `weight` times the rows.
    fn minimum(&self, rows: &[usize], weight: f64, from: Vec<f64>) -> Vec<f64> {
        let labels = self.labels(rows);
        let count = rows.len().max(1) as f64;
        let penalty = 1.0 / (weight * count);
        let weights = self.width * self.heads;
        lbfgs::minimise(from, END, |point, gradient| {
            let logits = self.logits(rows, point);
            let mut of_logits = vec![0.0; logits.len()];
            let loss = summed_loss(
                &logits,
                self.outputs,
                &labels,
                self.targets,
                1.0 / count,
                &mut of_logits,
            ) / count;
            gradient.fill(0.0);
            let mut of_heads = vec![0.0; self.heads];
            for (&row, of_row) in rows.iter().zip(of_logits.chunks_exact(self.outputs)) {
                match of_row {
                    [first, second] if self.heads == 1 => {
                        of_heads[0] = (f64::from(*second) - f64::from(*first)) / 2.0;
                    }
                    of_row => {
                        let pairs = of_heads.iter_mut().zip(of_row);
                        pairs.for_each(|(head, g)| *head = f64::from(*g));
                    }
                }
                for &(column, count) in self.counted.row(row) {
                    let first = column as usize * self.heads;
                    let sums = &mut gradient[first..first + self.heads];
                    for (sum, g) in sums.iter_mut().zip(&of_heads) {
                        *sum += g * f64::from(count);
                    }
                }
                for (sum, g) in gradient[weights..].iter_mut().zip(&of_heads) {
                    *sum += g;
                }
            }
            let mut squares = 0.0;
            for (g, w) in gradient[..weights].iter_mut().zip(point) {
                *g += penalty * w;
                squares += w * w;
            }
            loss + 0.5 * penalty * squares
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// tests/oracles/adapt_words.py
    #[test]
    fn the_minimum_is_that_of_scikit_learn() {
        let golden: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/words.json")).unwrap();
        let sequences: Vec<String> = serde_json::from_value(golden["sequences"].clone()).unwrap();
        let classes: Vec<u32> = serde_json::from_value(golden["labels"].clone()).unwrap();
        let labels: Vec<Label> = classes.into_iter().map(Label::Class).collect();
        let settings = serde_json::from_str(r#"{"longest": 3}"#).unwrap();
        let counter = Counter::new(&[settings], 20);
        let rows = sequences
            .iter()
            .map(|row| counter.count(&[row.clone().into_bytes()]));
        let counted = Counted::of(rows.collect());
        let fit = Fit {
            targets: &TargetScale::NONE,
            counted: &counted,
            labels: labels.iter().collect(),
            width: counter.width,
            heads: 1,
            outputs: 2,
        };
        let all: Vec<usize> = (0..sequences.len()).collect();
        for weight in [0.01, 0.1] {
            let point = fit.minimum(&all, weight, vec![0.0; counter.width + 1]);
            let logits = fit.logits(&all, &point);
            let expected = &golden["logits"][weight.to_string()];
            let expected: Vec<f64> = serde_json::from_value(expected.clone()).unwrap();
            for (logits, expected) in logits.chunks_exact(2).zip(expected) {
                let found = f64::from(logits[1] - logits[0]);
                assert!(
                    (found - expected).abs() < 2e-3,
                    "{weight}: {found} {expected}"
                );
            }
        }
    }
}
