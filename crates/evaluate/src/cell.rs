//! The `metrics.json` of one cell.

use std::collections::BTreeMap;

use lingo_artifact::digest::Digest;
use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::progress::StopFlag;
use lingo_artifact::{Label, LabelKind, Split};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bootstrap::resampling::{Intervals as Bounds, Resampling};
use crate::bootstrap::{of_classes, of_labels, of_values};
use crate::config::{EvaluateConfig, Threshold};
use crate::error::{Error, Result};
use crate::metrics::binary::Binary;
use crate::metrics::classes::Classes;
use crate::metrics::labels::Labels;
use crate::metrics::numbers::Metrics;
use crate::metrics::ranking::best_threshold;
use crate::metrics::values::Values;
use crate::probability::{HALF, sigmoid, softmax};

/// What `schema` says in every `metrics.json` of this version.
pub const SCHEMA: &str = "lingo-pipe/metrics/1";

/// The metrics that get confidence intervals, in the order of the tables.
pub const WITH_INTERVALS: [&str; 11] = [
    "mcc", "accuracy", "f1_macro", "auroc", "auprc", "brier", "ece", "rmse", "r2", "pearson",
    "spearman",
];

/// Everything that is measured of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellMetrics {
    /// [`SCHEMA`].
    pub schema: String,
    /// On the test rows.
    pub test: Metrics,
    /// On the dev rows, which chose the checkpoint.
    pub dev: Metrics,
    /// Where `threshold: dev` asked for it: above which probability the second of two classes, or each label, is
    /// predicted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, f64>,
    /// sha256 over the ids and labels of the test rows, whatever their order: results of other rows cannot be compared.
    /// What an older version wrote has none.
    #[serde(default)]
    pub test_rows: Option<Digest>,
    /// Bootstrap intervals of the test metrics.
    pub intervals: Intervals,
    /// Parameters that are trained; filled in by whoever knows the adapter.
    pub trainable_parameters: Option<u64>,
    /// Parameters in all.
    pub total_parameters: Option<u64>,
}

impl CellMetrics {
    /// Whether both are of the same test rows, as far as they say which they are of.
    pub fn of_the_same_rows(&self, other: &Self) -> bool {
        let same = match (self.test_rows, other.test_rows) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        same && self.test.n() == other.test.n()
    }
}

/// sha256 over the ids and labels of the rows of a split, whatever their order.
pub fn rows_digest(predictions: &Predictions, split: Split) -> Digest {
    let rows = predictions.rows.par_iter().filter(|row| row.split == split);
    let mut of_rows: Vec<Digest> = rows
        .map(|row| {
            let mut bytes = row.id.as_bytes().to_vec();
            bytes.push(0);
            match &row.label {
                Label::Class(class) => bytes.extend(class.to_le_bytes()),
                Label::Multi(flags) => bytes.extend(flags),
                Label::Value(value) => bytes.extend(value.to_le_bytes()),
            }
            Digest::of_bytes(&bytes)
        })
        .collect();
    of_rows.par_sort_unstable();
    let all = of_rows.iter().flat_map(|digest| *digest.bytes());
    Digest::of_bytes(&all.collect::<Vec<u8>>())
}

/// Confidence intervals, `[low, high]`, by metric; see [`crate::bootstrap`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of the test metrics: those of [`WITH_INTERVALS`] that the kind of labels has.
    pub test: BTreeMap<String, Option<[f64; 2]>>,
    /// Share of the resamples within an interval.
    pub confidence: f64,
    /// How often the rows were drawn anew.
    pub resamples: u32,
}

/// Scores the dev and test rows of `predictions`; `seed` drives the bootstrap and nothing else.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::Row`], each naming the example; [`Error::NoThreshold`].
pub fn score(predictions: &Predictions, config: &EvaluateConfig, seed: u64) -> Result<CellMetrics> {
    score_until(predictions, config, seed, &StopFlag::default())
}

/// As [`score()`], until the flag is raised.
///
/// # Errors
/// As [`score()`]; [`Error::Stopped`] soon after the flag was raised: within the time that a walk through the rows takes.
pub fn score_until(
    predictions: &Predictions,
    config: &EvaluateConfig,
    seed: u64,
    stop: &StopFlag,
) -> Result<CellMetrics> {
    check_threshold(config, &predictions.labels)?;
    let going = || match stop.is_raised() {
        true => Err(Error::Stopped),
        false => Ok(()),
    };
    let [dev, test] = [Split::Dev, Split::Test].map(|split| rows_of(predictions, split));
    let (dev, test) = (dev?, test?);
    let [dev, test] = [&dev, &test].map(|rows| Scored::of(rows, &predictions.labels));
    going()?;
    let [dev, test] = with_thresholds(dev, test, config.threshold);
    let thresholds = dev.thresholds();
    let dev = dev.metrics();
    going()?;
    let how = Resampling {
        resamples: config.resamples,
        confidence: config.confidence.get(),
        seed,
        stop,
    };
    Ok(CellMetrics {
        schema: SCHEMA.to_string(),
        test: test.metrics(),
        dev,
        test_rows: Some(rows_digest(predictions, Split::Test)),
        thresholds: by_name(&predictions.labels, thresholds),
        intervals: Intervals {
            test: test.intervals(&how).ok_or(Error::Stopped)?,
            confidence: config.confidence.get(),
            resamples: config.resamples,
        },
        trainable_parameters: None,
        total_parameters: None,
    })
}

/// Whether what is predicted has the threshold that `config` asks for.
///
/// # Errors
/// [`Error::NoThreshold`].
pub fn check_threshold(config: &EvaluateConfig, labels: &LabelKind) -> Result<()> {
    let has_one = match labels {
        LabelKind::Classes(names) => names.len() == 2,
        LabelKind::Multilabel(_) => true,
        LabelKind::Regression => false,
    };
    if config.threshold == Threshold::Dev && !has_one {
        return Err(Error::NoThreshold {
            labels: labels.clone(),
        });
    }
    Ok(())
}

/// Dev and test rows with the thresholds that `rule` says, chosen on dev.
pub(crate) fn with_thresholds<'a>(
    dev: Scored<'a>,
    test: Scored<'a>,
    rule: Threshold,
) -> [Scored<'a>; 2] {
    if rule == Threshold::Half {
        return [dev, test];
    }
    let best = |column: &Binary| best_threshold(&column.probability, &column.positive, HALF);
    let thresholds: Vec<f64> = match &dev {
        Scored::Classes(classes) => classes.one_vs_rest().map(|column| best(&column)).collect(),
        Scored::Labels(labels) => {
            let each = labels.each(|_, column, _| Some(best(column)));
            each.unwrap_or_default()
        }
        Scored::Values(_) => Vec::new(),
    };
    [dev, test].map(|scored| match scored {
        Scored::Classes(classes) => Scored::Classes(match thresholds.as_slice() {
            [threshold] => classes.with_threshold(*threshold),
            _ => classes,
        }),
        Scored::Labels(labels) => Scored::Labels(labels.with_thresholds(thresholds.clone())),
        values => values,
    })
}

/// Thresholds by the names of what they are of.
fn by_name(labels: &LabelKind, thresholds: Vec<f64>) -> BTreeMap<String, f64> {
    let names = labels.names();
    let of = &names[names.len().saturating_sub(thresholds.len())..];
    of.iter().cloned().zip(thresholds).collect()
}

/// The rows of one split, ready to be measured.
pub(crate) enum Scored<'a> {
    Classes(Classes),
    Labels(Labels<'a>),
    Values(Values),
}

/// The rows of a split, each of which can be measured.
fn rows_of(predictions: &Predictions, split: Split) -> Result<Vec<&Prediction>> {
    let rows = predictions.rows.iter().filter(|row| row.split == split);
    rows.map(|row| check(row, &predictions.labels).map(|()| row))
        .collect()
}

impl<'a> Scored<'a> {
    fn of(rows: &'a [&'a Prediction], labels: &LabelKind) -> Self {
        match labels {
            LabelKind::Classes(names) => {
                let truth = rows.par_iter().map(|r| class(&r.label) as u32).collect();
                let logits = rows.par_iter().flat_map_iter(|r| softmax(&r.logits));
                Self::Classes(Classes::new(names, truth, logits.collect()))
            }
            LabelKind::Multilabel(names) => {
                let at = |row: usize, label: usize| {
                    let row = rows[row];
                    let positive = flags(&row.label).get(label).is_some_and(|flag| *flag != 0);
                    (positive, sigmoid(f64::from(row.logits[label])))
                };
                Self::Labels(Labels::new(names, rows.len(), at))
            }
            LabelKind::Regression => Self::Values(Values {
                truth: rows.iter().map(|r| value(&r.label)).collect(),
                predicted: rows.iter().map(|r| f64::from(r.logits[0])).collect(),
            }),
        }
    }

    /// Of several labels, `[rows][labels]`.
    pub(crate) fn of_flags(
        names: &[String],
        truth: Vec<Vec<u8>>,
        probabilities: Vec<Vec<f64>>,
    ) -> Scored<'static> {
        let rows = truth.len();
        let at =
            move |row: usize, label: usize| (truth[row][label] != 0, probabilities[row][label]);
        Scored::Labels(Labels::new(names, rows, at))
    }

    /// The thresholds that were chosen; none where none were.
    fn thresholds(&self) -> Vec<f64> {
        match self {
            Self::Classes(c) => c.threshold().into_iter().collect(),
            Self::Labels(l) => l.chosen_thresholds().unwrap_or_default(),
            Self::Values(_) => Vec::new(),
        }
    }

    pub(crate) fn metrics(&self) -> Metrics {
        match self {
            Self::Classes(c) => Metrics::Classification(c.metrics()),
            Self::Labels(l) => Metrics::Classification(l.metrics()),
            Self::Values(v) => Metrics::Regression(v.metrics()),
        }
    }

    /// `None` once the flag is raised.
    fn intervals(&self, how: &Resampling<'_>) -> Option<Bounds> {
        match self {
            Self::Classes(c) => of_classes::intervals(c, how),
            Self::Labels(l) => of_labels::intervals(l, how),
            Self::Values(v) => of_values::intervals(v, how),
        }
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
pub(crate) fn flags(label: &Label) -> &[u8] {
    match label {
        Label::Multi(flags) => flags,
        Label::Class(_) | Label::Value(_) => &[],
    }
}

/// As [`flags`], for keeping.
pub(crate) fn multi(label: &Label) -> Vec<u8> {
    flags(label).to_vec()
}

/// The value of a label that [`LabelKind::admits`] as one.
pub(crate) fn value(label: &Label) -> f64 {
    match label {
        Label::Value(v) => f64::from(*v),
        Label::Class(_) | Label::Multi(_) => 0.0,
    }
}
