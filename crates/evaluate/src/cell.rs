//! The `metrics.json` of one cell.

use std::collections::BTreeMap;

use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::{Label, LabelKind, Split};
use serde::{Deserialize, Serialize};

use crate::bootstrap;
use crate::config::EvaluateConfig;
use crate::error::{Error, Result};
use crate::metrics::classes::Classes;
use crate::metrics::labels::Labels;
use crate::metrics::numbers::Metrics;
use crate::metrics::values;
use crate::probability::{sigmoid, softmax};

/// What `schema` says in every `metrics.json` of this version.
pub const SCHEMA: &str = "lingo-pipe/metrics/1";

/// The metrics that get confidence intervals, in the order of `headline`.
pub const WITH_INTERVALS: [&str; 4] = ["mcc", "accuracy", "f1_macro", "auroc"];

/// Everything that is measured of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellMetrics {
    /// [`SCHEMA`].
    pub schema: String,
    /// On the test rows.
    pub test: Metrics,
    /// On the dev rows, which chose the checkpoint.
    pub dev: Metrics,
    /// Bootstrap intervals of the test metrics.
    pub intervals: Intervals,
    /// Parameters that are trained; filled in by whoever knows the adapter.
    pub trainable_parameters: Option<u64>,
    /// Parameters in all.
    pub total_parameters: Option<u64>,
}

/// Confidence intervals, `[low, high]`, by metric; see [`bootstrap`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of the test metrics: `mcc`, `accuracy`, `f1_macro`, `auroc`.
    pub test: BTreeMap<String, Option<[f64; 2]>>,
    /// Share of the resamples within an interval.
    pub confidence: f64,
    /// How often the rows were drawn anew.
    pub resamples: u32,
}

/// Scores the dev and test rows of `predictions`; `seed` drives the bootstrap and nothing else.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::Row`], each naming the example.
pub fn score(predictions: &Predictions, config: &EvaluateConfig, seed: u64) -> Result<CellMetrics> {
    let test = Scored::new(predictions, Split::Test)?;
    let dev = Scored::new(predictions, Split::Dev)?;
    let confidence = config.confidence.get();
    Ok(CellMetrics {
        schema: SCHEMA.to_string(),
        test: test.metrics(),
        dev: dev.metrics(),
        intervals: Intervals {
            test: test.intervals(config.resamples, confidence, seed),
            confidence,
            resamples: config.resamples,
        },
        trainable_parameters: None,
        total_parameters: None,
    })
}

/// The rows of one split, ready to be measured.
pub(crate) enum Scored {
    Classes(Classes),
    Labels(Labels),
    Values {
        truth: Vec<f64>,
        predicted: Vec<f64>,
    },
}

impl Scored {
    fn new(predictions: &Predictions, split: Split) -> Result<Self> {
        let rows: Vec<&Prediction> = predictions
            .rows
            .iter()
            .filter(|row| row.split == split)
            .collect();
        for row in &rows {
            check(row, &predictions.labels)?;
        }
        Ok(match &predictions.labels {
            LabelKind::Classes(names) => {
                let truth = rows.iter().map(|r| class(&r.label)).collect();
                let probabilities = rows.iter().map(|r| softmax(&r.logits)).collect();
                Self::Classes(Classes::new(names, truth, probabilities))
            }
            LabelKind::Multilabel(names) => {
                let truth: Vec<Vec<u8>> = rows.iter().map(|r| multi(&r.label)).collect();
                let of =
                    |r: &&Prediction| r.logits.iter().map(|x| sigmoid(f64::from(*x))).collect();
                let probabilities: Vec<Vec<f64>> = rows.iter().map(of).collect();
                Self::Labels(Labels::new(names, &truth, &probabilities))
            }
            LabelKind::Regression => Self::Values {
                truth: rows.iter().map(|r| value(&r.label)).collect(),
                predicted: rows.iter().map(|r| f64::from(r.logits[0])).collect(),
            },
        })
    }

    pub(crate) fn metrics(&self) -> Metrics {
        match self {
            Self::Classes(c) => Metrics::Classification(c.metrics()),
            Self::Labels(l) => Metrics::Classification(l.metrics()),
            Self::Values { truth, predicted } => {
                Metrics::Regression(values::metrics(truth, predicted))
            }
        }
    }

    fn intervals(
        &self,
        resamples: u32,
        confidence: f64,
        seed: u64,
    ) -> BTreeMap<String, Option<[f64; 2]>> {
        let found = match self {
            Self::Classes(c) => {
                bootstrap::intervals(c.len(), resamples, confidence, seed, |w| c.headline(w))
            }
            Self::Labels(l) => {
                bootstrap::intervals(l.len(), resamples, confidence, seed, |w| l.headline(w))
            }
            Self::Values { .. } => return BTreeMap::new(),
        };
        WITH_INTERVALS
            .iter()
            .map(ToString::to_string)
            .zip(found)
            .collect()
    }
}

fn check(row: &Prediction, kind: &LabelKind) -> Result<()> {
    if let Some(value) = row.logits.iter().find(|x| !x.is_finite()) {
        return Err(Error::NotFinite {
            id: row.id.clone(),
            split: row.split,
            value: *value,
        });
    }
    let problem = if row.logits.len() != kind.outputs() {
        format!(
            "{} logits where {} are expected",
            row.logits.len(),
            kind.outputs()
        )
    } else if !kind.admits(&row.label) {
        format!(
            "the label {:?} is outside the classes {:?}",
            row.label,
            kind.names()
        )
    } else {
        return Ok(());
    };
    Err(Error::Row {
        id: row.id.clone(),
        problem,
    })
}

/// The class of a label that [`LabelKind::admits`] as one.
pub(crate) fn class(label: &Label) -> usize {
    match label {
        Label::Class(c) => *c as usize,
        Label::Multi(_) | Label::Value(_) => 0,
    }
}

/// The flags of a label that [`LabelKind::admits`] as several.
pub(crate) fn multi(label: &Label) -> Vec<u8> {
    match label {
        Label::Multi(flags) => flags.clone(),
        Label::Class(_) | Label::Value(_) => Vec::new(),
    }
}

/// The value of a label that [`LabelKind::admits`] as one.
pub(crate) fn value(label: &Label) -> f64 {
    match label {
        Label::Value(v) => f64::from(*v),
        Label::Class(_) | Label::Multi(_) => 0.0,
    }
}
