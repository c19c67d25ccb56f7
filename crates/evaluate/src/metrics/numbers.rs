//! Every number that is measured of one split.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::calibration::CalibrationBin;

/// All metrics of one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Metrics {
    /// Of classes, or of several labels at once.
    Classification(Classification),
    /// Of measured values.
    Regression(Regression),
}

/// Metrics of predicted classes or labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Rows.
    pub n: u64,
    /// Matthews correlation coefficient (Gorodkin's for more than two classes; several labels: the mean over those
    /// that some rows have and some have not). 0 when all predictions, or all labels, are the same, as in scikit-learn.
    pub mcc: Option<f64>,
    /// Share of rows that are right (several labels: right in every one).
    pub accuracy: Option<f64>,
    /// Mean of the classes' F1; of several labels over those that are there or predicted in some row.
    pub f1_macro: Option<f64>,
    /// Mean of the classes' precision; of several labels over those that are predicted.
    pub precision: Option<f64>,
    /// Mean of the classes' recall; of several labels over those that are there.
    pub recall: Option<f64>,
    /// Area under the ROC curve: of the second of two classes, else the mean of one-vs-rest over the classes; of
    /// several labels over those that some rows have and some have not.
    pub auroc: Option<f64>,
    /// Average precision, averaged as `auroc`; of several labels over those that some rows have.
    pub auprc: Option<f64>,
    /// Brier score: mean squared distance to the truth; for more than two classes summed over the classes (0 to 2).
    pub brier: Option<f64>,
    /// Expected calibration error over 15 bins of equal width: of two classes of the second one's probability, of more
    /// of the most probable one's, of several labels the mean over the labels.
    #[serde(default)]
    pub ece: Option<f64>,
    /// Of several labels: over how many of them each mean is, those of which the metric is defined.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels_defined: BTreeMap<String, u64>,
    /// The calibration curve of what `ece` is about; of several labels of all together.
    #[serde(default)]
    pub calibration: Vec<CalibrationBin>,
    /// Counts, truth in rows and predictions in columns; empty for several labels at once.
    pub confusion_matrix: Vec<Vec<u64>>,
    /// Each class or label against the rest.
    pub per_class: Vec<PerClass>,
}

/// One class or label against the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerClass {
    /// Its name.
    pub name: String,
    /// Rows of this class that were predicted as it.
    pub true_positives: u64,
    /// Rows of other classes that were predicted as this one.
    pub false_positives: u64,
    /// Rows of this class that were predicted as another.
    pub false_negatives: u64,
    /// Rows of other classes that were predicted as another.
    pub true_negatives: u64,
    /// Undefined when no row was predicted as this class.
    pub precision: Option<f64>,
    /// Undefined when no row is of this class.
    pub recall: Option<f64>,
    /// Undefined when no row is of this class and none was predicted as it.
    pub f1: Option<f64>,
}

/// Metrics of predicted values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Rows.
    pub n: u64,
    /// Mean squared error.
    pub mse: Option<f64>,
    /// Its square root.
    #[serde(default)]
    pub rmse: Option<f64>,
    /// Mean absolute error.
    pub mae: Option<f64>,
    /// Coefficient of determination.
    pub r2: Option<f64>,
    /// Pearson's correlation; undefined when truth or prediction is constant.
    pub pearson: Option<f64>,
    /// Spearman's rank correlation, ties at their mean rank; undefined as `pearson`.
    pub spearman: Option<f64>,
}

impl Metrics {
    /// Every metric's name, in the order of the tables.
    pub const NAMES: [&'static str; 15] = [
        "mcc",
        "accuracy",
        "f1_macro",
        "precision",
        "recall",
        "auroc",
        "auprc",
        "brier",
        "ece",
        "mse",
        "rmse",
        "mae",
        "r2",
        "pearson",
        "spearman",
    ];

    /// A metric by its name; `None` where it is undefined or of the other kind.
    pub fn get(&self, name: &str) -> Option<f64> {
        match self {
            Self::Classification(m) => match name {
                "mcc" => m.mcc,
                "accuracy" => m.accuracy,
                "f1_macro" => m.f1_macro,
                "precision" => m.precision,
                "recall" => m.recall,
                "auroc" => m.auroc,
                "auprc" => m.auprc,
                "brier" => m.brier,
                "ece" => m.ece,
                _ => None,
            },
            Self::Regression(m) => match name {
                "mse" => m.mse,
                "rmse" => m.rmse,
                "mae" => m.mae,
                "r2" => m.r2,
                "pearson" => m.pearson,
                "spearman" => m.spearman,
                _ => None,
            },
        }
    }

    /// Rows.
    pub fn n(&self) -> u64 {
        match self {
            Self::Classification(m) => m.n,
            Self::Regression(m) => m.n,
        }
    }
}
