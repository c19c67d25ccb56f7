//! Several labels at once, each there or not.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::metrics::binary::{Binary, squared_error};
use crate::metrics::calibration::Bins;
use crate::metrics::confusion::{Confusion, ratio};
use crate::metrics::mean::mean_of_defined;
use crate::metrics::numbers::{Classification, PerClass};
use crate::probability::{HALF, is_above};

/// Labels that are read together: of a row, the numbers of so many neighbours come from memory at once.
const TOGETHER: usize = 16;

/// Truth and predicted probabilities of every label, looked up where they are needed: of many labels and rows, only a few
/// labels are held at a time.
pub struct Labels<'a> {
    names: Vec<String>,
    rows: usize,
    at: Box<dyn Fn(usize, usize) -> (bool, f64) + Sync + 'a>,
    /// 0.5 where none were chosen.
    thresholds: Vec<f64>,
    chosen: bool,
}

impl<'a> Labels<'a> {
    /// `at(row, label)` says whether the label is there, and how probable that is; a label is predicted above its
    /// threshold, which is 0.5 until another is set.
    pub fn new(
        names: &[String],
        rows: usize,
        at: impl Fn(usize, usize) -> (bool, f64) + Sync + 'a,
    ) -> Self {
        Self {
            names: names.to_vec(),
            rows,
            at: Box::new(at),
            thresholds: vec![HALF; names.len()],
            chosen: false,
        }
    }

    /// With a threshold for each label.
    pub fn with_thresholds(self, thresholds: Vec<f64>) -> Self {
        Self {
            thresholds,
            chosen: true,
            ..self
        }
    }

    /// The thresholds that were chosen; `None` where none were.
    pub fn chosen_thresholds(&self) -> Option<Vec<f64>> {
        self.chosen.then(|| self.thresholds.clone())
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Labels.
    pub fn labels(&self) -> usize {
        self.names.len()
    }

    /// What `of` makes of each label and its threshold, in the order of the labels; `None` where it is `None` of one.
    ///
    /// A few labels are held at a time by each thread: 9 bytes a row each.
    pub fn each<T: Send>(
        &self,
        of: impl Fn(usize, &Binary, f64) -> Option<T> + Sync,
    ) -> Option<Vec<T>> {
        let threads = rayon::current_num_threads();
        let together = (self.names.len() / (4 * threads)).clamp(1, TOGETHER);
        let firsts: Vec<usize> = (0..self.names.len()).step_by(together).collect();
        let groups = firsts.par_iter().with_max_len(1).map(|first| {
            let labels = *first..(first + together).min(self.names.len());
            let mut columns = vec![Binary::default(); labels.len()];
            for column in &mut columns {
                column.positive.reserve_exact(self.rows);
                column.probability.reserve_exact(self.rows);
            }
            for row in 0..self.rows {
                for (column, label) in columns.iter_mut().zip(labels.clone()) {
                    let (positive, probability) = (self.at)(row, label);
                    column.positive.push(positive);
                    column.probability.push(probability);
                }
            }
            let all = columns.iter().zip(labels);
            all.map(|(column, label)| of(label, column, self.thresholds[label]))
                .collect::<Option<Vec<T>>>()
        });
        let groups = groups.collect::<Option<Vec<Vec<T>>>>()?;
        Some(groups.into_iter().flatten().collect())
    }

    /// In how many rows every label is right, and in how many not.
    pub fn right_and_wrong(&self) -> [u64; 2] {
        let right = |row: usize| {
            let mut labels = self.thresholds.iter().enumerate();
            labels.all(|(label, threshold)| {
                let (positive, probability) = (self.at)(row, label);
                is_above(probability, *threshold) == positive
            })
        };
        let right = (0..self.rows)
            .into_par_iter()
            .filter(|row| right(*row))
            .count() as u64;
        [right, self.rows as u64 - right]
    }

    /// Of each row the squared distance of probability and truth, a mean over the labels.
    pub fn squared_errors(&self) -> Vec<f64> {
        let labels = self.names.len();
        let rows = (0..self.rows).into_par_iter();
        rows.map(|row| {
            let errors = (0..labels).map(|label| {
                let (positive, probability) = (self.at)(row, label);
                squared_error(probability, positive)
            });
            errors.sum::<f64>() / labels as f64
        })
        .collect()
    }

    /// Every metric; each is a mean over the labels of which it is defined.
    pub fn metrics(&self) -> Classification {
        let of_label = |_, column: &Binary, threshold| {
            Some(OfLabel {
                confusion: column.confusion(threshold),
                areas: column.areas(),
                brier: column.brier(),
                bins: column.bins(),
            })
        };
        let all = self.each(of_label).unwrap_or_default();
        let per_class: Vec<PerClass> = self
            .names
            .iter()
            .zip(&all)
            .filter_map(|(name, of)| {
                let both = of.confusion.per_class(&[String::new(), name.clone()]);
                both.into_iter().next_back()
            })
            .collect();
        let mut bins = Bins::default();
        all.iter().for_each(|of| bins.add(&of.bins));
        let mut labels_defined = BTreeMap::new();
        let mut average = |name: &str, values: Vec<Option<f64>>| {
            let (mean, n) = mean_of_defined(values);
            labels_defined.insert(name.to_string(), n);
            mean
        };
        let of_class = |of: fn(&PerClass) -> Option<f64>| per_class.iter().map(of).collect();
        let [right, wrong] = self.right_and_wrong();
        Classification {
            n: self.rows as u64,
            mcc: average(
                "mcc",
                all.iter().map(|of| correlation(&of.confusion)).collect(),
            ),
            accuracy: ratio(right, right + wrong),
            f1_macro: average("f1_macro", of_class(|c| c.f1)),
            precision: average("precision", of_class(|c| c.precision)),
            recall: average("recall", of_class(|c| c.recall)),
            auroc: average("auroc", all.iter().map(|of| of.areas.auroc).collect()),
            auprc: average("auprc", all.iter().map(|of| of.areas.auprc).collect()),
            brier: mean_of_defined(all.iter().map(|of| of.brier)).0,
            ece: mean_of_defined(all.iter().map(|of| of.bins.expected_error())).0,
            labels_defined,
            calibration: bins.curve(),
            confusion_matrix: Vec::new(),
            per_class,
        }
    }
}

/// What is measured of one label.
struct OfLabel {
    confusion: Confusion,
    areas: crate::metrics::ranking::Areas,
    brier: Option<f64>,
    bins: Bins,
}

/// Matthews correlation of a label; `None` where all rows have it, or none: whatever is predicted, it would be 0.
pub fn correlation(confusion: &Confusion) -> Option<f64> {
    let [absent, present] = [0, 1].map(|truth| confusion.counts()[truth].iter().sum::<u64>());
    match absent > 0 && present > 0 {
        true => confusion.matthews_corrcoef(),
        false => None,
    }
}
