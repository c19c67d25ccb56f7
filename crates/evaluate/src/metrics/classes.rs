//! One of several classes.

use rayon::prelude::*;

use crate::metrics::binary::{Binary, squared_error};
use crate::metrics::calibration::Bins;
use crate::metrics::chunk::CHUNK;
use crate::metrics::confusion::Confusion;
use crate::metrics::mean::mean;
use crate::metrics::numbers::Classification;
use crate::probability::{argmax, class_of};

/// Truth and predicted probabilities.
pub struct Classes {
    names: Vec<String>,
    truth: Vec<u32>,
    predicted: Vec<u32>,
    /// `[rows * classes]`.
    probabilities: Vec<f64>,
    threshold: Option<f64>,
}

impl Classes {
    /// `truth` holds indices into `names`; `probabilities` is `[rows * classes]`, row by row.
    pub fn new(names: &[String], truth: Vec<u32>, probabilities: Vec<f64>) -> Self {
        Self {
            predicted: predicted(names.len(), &probabilities, None),
            names: names.to_vec(),
            truth,
            probabilities,
            threshold: None,
        }
    }

    /// Of two classes the second is predicted above `threshold`.
    pub fn with_threshold(self, threshold: f64) -> Self {
        Self {
            predicted: predicted(self.names.len(), &self.probabilities, Some(threshold)),
            threshold: Some(threshold),
            ..self
        }
    }

    /// The threshold that was chosen.
    pub fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    /// Counts of truth against prediction.
    pub fn confusion(&self) -> Confusion {
        Confusion::new(self.names.len(), &self.truth, &self.predicted)
    }

    /// What is ranked: of two classes the second, of more each against the rest.
    pub fn one_vs_rest(&self) -> impl Iterator<Item = Binary> {
        let ranked = if self.names.len() == 2 {
            1..2
        } else {
            0..self.names.len()
        };
        ranked.map(|class| Binary {
            positive: self
                .truth
                .par_iter()
                .map(|t| *t as usize == class)
                .collect(),
            probability: self
                .probabilities
                .par_chunks(self.names.len())
                .with_min_len(CHUNK)
                .map(|row| row[class])
                .collect(),
        })
    }

    /// What is calibrated where there are more than two classes: the probability of the most probable one, and whether it
    /// is the right one (Guo et al. 2017, On Calibration of Modern Neural Networks).
    pub fn confidence(&self) -> Binary {
        let rows = || {
            let rows = self.probabilities.par_chunks(self.names.len().max(1));
            rows.with_min_len(CHUNK).map(|row| (argmax(row), row))
        };
        let most = rows().map(|(best, row)| row.get(best).copied().unwrap_or(0.0));
        let right = rows()
            .zip(&self.truth)
            .map(|((best, _), t)| best == *t as usize);
        Binary {
            positive: right.collect(),
            probability: most.collect(),
        }
    }

    /// Of each row the squared distance to the truth, summed over the classes; of two classes that of the second alone
    /// (`sklearn.metrics.brier_score_loss`).
    pub fn squared_errors(&self) -> Vec<f64> {
        let two = self.names.len() == 2;
        let rows = self.probabilities.par_chunks(self.names.len().max(1));
        rows.with_min_len(CHUNK)
            .zip(&self.truth)
            .map(|(row, truth)| match (two, row) {
                (true, [_, second]) => squared_error(*second, *truth == 1),
                _ => {
                    let of_class = row.iter().enumerate();
                    let of_class = of_class.map(|(c, p)| squared_error(*p, c == *truth as usize));
                    of_class.sum()
                }
            })
            .collect()
    }

    /// Every metric.
    pub fn metrics(&self) -> Classification {
        let confusion = self.confusion();
        let [precision, recall, f1_macro] = confusion.macro_averages();
        let (mut auroc, mut auprc) = (Vec::new(), Vec::new());
        let (mut bins, mut brier) = (None, None);
        for column in self.one_vs_rest() {
            let areas = column.areas();
            auroc.push(areas.auroc);
            auprc.push(areas.auprc);
            if self.names.len() == 2 {
                (bins, brier) = (Some(column.bins()), column.brier());
            }
        }
        let bins: Bins = bins.unwrap_or_else(|| self.confidence().bins());
        if self.names.len() != 2 {
            let errors = self.squared_errors();
            let parts: Vec<f64> = errors.par_chunks(CHUNK).map(|e| e.iter().sum()).collect();
            let rows = self.len();
            brier = (rows > 0).then(|| parts.iter().sum::<f64>() / rows as f64);
        }
        Classification {
            n: self.len() as u64,
            mcc: confusion.matthews_corrcoef(),
            accuracy: confusion.accuracy(),
            f1_macro,
            precision,
            recall,
            auroc: mean(auroc),
            auprc: mean(auprc),
            brier,
            ece: bins.expected_error(),
            labels_defined: Default::default(),
            calibration: bins.curve(),
            per_class: confusion.per_class(&self.names),
            confusion_matrix: confusion.counts().to_vec(),
        }
    }
}

/// The class that is predicted of each row.
fn predicted(classes: usize, probabilities: &[f64], threshold: Option<f64>) -> Vec<u32> {
    let rows = probabilities.par_chunks(classes.max(1)).with_min_len(CHUNK);
    rows.map(|row| class_of(row, threshold) as u32).collect()
}
