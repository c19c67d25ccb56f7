//! Several labels at once, each there or not.

use crate::metrics::confusion::{Confusion, ratio};
use crate::metrics::mean::mean;
use crate::metrics::numbers::Classification;
use crate::metrics::ranking::Ranking;

/// Truth and predicted probabilities of every label.
pub struct Labels {
    names: Vec<String>,
    rows: usize,
    columns: Vec<Column>,
}

struct Column {
    truth: Vec<usize>,
    predicted: Vec<usize>,
    positive: Vec<bool>,
    probability: Vec<f64>,
    ranking: Ranking,
}

impl Labels {
    /// `truth[row][label]` is 0 or 1, `probabilities` is `[rows][labels]`; a label is predicted above 0.5.
    pub fn new(names: &[String], truth: &[Vec<u8>], probabilities: &[Vec<f64>]) -> Self {
        let columns = (0..names.len())
            .map(|label| {
                let positive: Vec<bool> = truth.iter().map(|row| row[label] != 0).collect();
                let probability: Vec<f64> = probabilities.iter().map(|row| row[label]).collect();
                Column {
                    truth: positive.iter().map(|p| usize::from(*p)).collect(),
                    predicted: probability.iter().map(|p| usize::from(*p > 0.5)).collect(),
                    ranking: Ranking::new(&probability),
                    positive,
                    probability,
                }
            })
            .collect();
        Self {
            names: names.to_vec(),
            rows: truth.len(),
            columns,
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn confusions(&self, weights: &[u32]) -> Vec<Confusion> {
        self.columns
            .iter()
            .map(|c| Confusion::new(2, &c.truth, &c.predicted, weights))
            .collect()
    }

    /// Share of rows in which every label is right.
    fn accuracy(&self, weights: &[u32]) -> Option<f64> {
        let right = |row: &usize| {
            self.columns
                .iter()
                .all(|c| c.truth[*row] == c.predicted[*row])
        };
        let count = |row: usize| u64::from(weights[row]);
        let hits = (0..self.rows).filter(right).map(count).sum();
        ratio(hits, (0..self.rows).map(count).sum())
    }

    fn auroc(&self, weights: &[u32]) -> Option<f64> {
        mean(
            self.columns
                .iter()
                .map(|c| c.ranking.auroc(&c.positive, weights)),
        )
    }

    /// Every metric, each row counted once.
    pub fn metrics(&self) -> Classification {
        let weights = vec![1; self.rows];
        let confusions = self.confusions(&weights);
        let per_class: Vec<_> = self
            .names
            .iter()
            .zip(&confusions)
            .filter_map(|(name, c)| c.per_class(&[String::new(), name.clone()]).pop())
            .collect();
        // What is undefined for one label counts as 0 in the macro average, as in scikit-learn.
        let average = |of: fn(&super::PerClass) -> Option<f64>| {
            if self.rows == 0 {
                return None;
            }
            mean(per_class.iter().map(|c| Some(of(c).unwrap_or(0.0))))
        };
        Classification {
            n: self.rows as u64,
            mcc: mean(confusions.iter().map(Confusion::matthews_corrcoef)),
            accuracy: self.accuracy(&weights),
            f1_macro: average(|c| c.f1),
            precision: average(|c| c.precision),
            recall: average(|c| c.recall),
            auroc: self.auroc(&weights),
            auprc: mean(
                self.columns
                    .iter()
                    .map(|c| c.ranking.average_precision(&c.positive, &weights)),
            ),
            brier: mean(self.columns.iter().flat_map(|c| {
                c.probability
                    .iter()
                    .zip(&c.truth)
                    .map(|(p, t)| Some((p - *t as f64).powi(2)))
            })),
            confusion_matrix: Vec::new(),
            per_class,
        }
    }

    /// MCC, accuracy, macro F1 and AUROC with row `i` counted `weights[i]` times.
    pub fn headline(&self, weights: &[u32]) -> [Option<f64>; 4] {
        let confusions = self.confusions(weights);
        [
            mean(confusions.iter().map(Confusion::matthews_corrcoef)),
            self.accuracy(weights),
            mean(confusions.iter().map(positive_f1)),
            self.auroc(weights),
        ]
    }
}

/// F1 of the label itself; 0 where it is neither there nor predicted, `None` without rows.
fn positive_f1(confusion: &Confusion) -> Option<f64> {
    let counts = confusion.counts();
    let hits = counts[1][1];
    (confusion.total() > 0)
        .then(|| ratio(2 * hits, 2 * hits + counts[0][1] + counts[1][0]).unwrap_or(0.0))
}
