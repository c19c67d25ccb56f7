//! The floors: what any language model must beat.
//!
//! **Composition**: a linear model on dinucleotide counts. The features are how often each of the 16 dinucleotides stands
//! in the sequence (overlapping, pairs with anything but A, C, G, T left out; of a pair of sequences 16 each),
//! standardised by the mean and standard deviation of the training rows. Classes: logistic regression with
//! scikit-learn's default penalty (`LogisticRegression(C=1)`), multinomial for more than two, each label by itself where
//! there are several. Values: ridge regression (`Ridge(alpha=1)`).
//!
//! **Words**: the same on the counts of 6-mers, see [`kmers`].

pub mod dinucleotide;
pub mod kmers;
pub mod logistic;
pub mod newton;

use lingo_artifact::example::{Example, Examples};
use lingo_artifact::{LabelKind, Split};
use serde::{Deserialize, Serialize};

use crate::cell::{Scored, class, multi, value, with_thresholds};
use crate::config::Threshold;
use crate::error::{Error, Result};
use crate::metrics::classes::Classes;
use crate::metrics::numbers::Metrics;
use crate::metrics::values::Values;
use dinucleotide::Standardiser;
use kmers::Vocabulary;
use logistic::Logistic;
use newton::Design;

/// How a linear model on counts does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// What it is, for the report.
    pub name: String,
    /// What is counted, in a word or two: `dinucleotides`, `6-mers`.
    pub counts: String,
    /// On the dev rows.
    pub dev: Metrics,
    /// On the test rows.
    pub test: Metrics,
    /// Weights and intercepts.
    pub parameters: u64,
}

/// Trains a linear model on 6-mer counts on the training rows, chooses its penalty on dev, scores on dev and test. With
/// `both` strands a 6-mer and its reverse complement are counted as one. Nothing where there are very many classes or
/// labels. Its thresholds are found as those of a method.
///
/// # Errors
/// [`Error::NothingToLearn`] without training rows; [`Error::Row`] when a label does not fit the table.
pub fn kmer_floor(examples: &Examples, both: bool, threshold: Threshold) -> Result<Option<Floor>> {
    let kind = &examples.metadata.labels;
    let outputs = kind.names().len().max(1);
    if outputs > kmers::MOST_OUTPUTS {
        return Ok(None);
    }
    let pairs = examples.rows.iter().any(|e| e.sequence2.is_some());
    let mut parts: [Vec<&Example>; 3] = Default::default();
    for row in &examples.rows {
        check(kind, row)?;
        parts[row.split as usize].push(row);
    }
    let [train, dev, test] = parts;
    if train.is_empty() {
        return Err(Error::NothingToLearn);
    }
    let vocabulary = Vocabulary::new(both, pairs);
    let taken = kmers::thinned(&train, outputs);
    let model = kmers::fit(kind, &vocabulary, &taken, &dev, &kmers::STRENGTHS);
    let of = match kind {
        LabelKind::Regression => "ridge regression",
        LabelKind::Classes(_) => "logistic regression",
        LabelKind::Multilabel(_) => "logistic regression, one a label,",
    };
    let strands = if both { " of both strands" } else { "" };
    let share = match taken.len() < train.len() {
        true => format!(", {} of {} training rows", taken.len(), train.len()),
        false => String::new(),
    };
    let [dev, test] = [&dev, &test].map(|rows| model.score(kind, &vocabulary, rows));
    let [dev, test] = with_thresholds(dev, test, threshold);
    Ok(Some(Floor {
        name: format!(
            "{of} on 6-mer counts{strands} (C = {:?}{share})",
            model.strength
        ),
        counts: "6-mers".into(),
        dev: dev.metrics(),
        test: test.metrics(),
        parameters: model.parameters(),
    }))
}

fn check(kind: &LabelKind, row: &Example) -> Result<()> {
    if kind.admits(&row.label) {
        return Ok(());
    }
    Err(Error::Row {
        id: row.id.clone(),
        problem: format!(
            "the label {:?} is outside the classes {:?}",
            row.label,
            kind.names()
        ),
    })
}

/// Trains a linear model on dinucleotide counts on the training rows, scores on dev and test. Its thresholds are found as
/// those of a method.
///
/// # Errors
/// [`Error::NothingToLearn`] without training rows; [`Error::Row`] when a label does not fit the table.
pub fn dinucleotide_floor(examples: &Examples, threshold: Threshold) -> Result<Floor> {
    let kind = &examples.metadata.labels;
    let pairs = examples.rows.iter().any(|e| e.sequence2.is_some());
    let mut parts: [Part; 3] = std::array::from_fn(|_| Part::default());
    for row in &examples.rows {
        check(kind, row)?;
        let part = &mut parts[row.split as usize];
        part.features.push(dinucleotide::counts(row, pairs));
        part.rows.push(row);
    }
    let [train, dev, test] = &mut parts;
    if train.rows.is_empty() {
        return Err(Error::NothingToLearn);
    }
    let standardiser = Standardiser::of(&train.features);
    for part in [&mut *train, &mut *dev, &mut *test] {
        standardiser.apply(&mut part.features);
    }
    let model = Model::fit(kind, train);
    let [dev, test] = with_thresholds(model.score(dev), model.score(test), threshold);
    Ok(Floor {
        name: model.name().to_string(),
        counts: "dinucleotides".into(),
        dev: dev.metrics(),
        test: test.metrics(),
        parameters: model.parameters(),
    })
}

/// A fitted linear model.
enum Model {
    Classes(Vec<String>, Logistic),
    Labels(Vec<String>, Vec<Logistic>),
    Values(Vec<f64>),
}

impl Model {
    fn fit(kind: &LabelKind, train: &Part) -> Self {
        let design = Design::new(&train.features);
        match kind {
            LabelKind::Classes(names) => {
                let model = logistic::fit(&design, &train.classes(), names.len());
                Self::Classes(names.clone(), model)
            }
            LabelKind::Multilabel(names) => {
                let flags = train.flags();
                let of_label = |label: usize| {
                    let truth: Vec<usize> = flags.iter().map(|f| usize::from(f[label])).collect();
                    logistic::fit(&design, &truth, 2)
                };
                Self::Labels(names.clone(), (0..names.len()).map(of_label).collect())
            }
            LabelKind::Regression => Self::Values(newton::ridge(&design, &train.values(), 1.0)),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Classes(..) => "logistic regression on dinucleotide counts",
            Self::Labels(..) => "logistic regression on dinucleotide counts, one a label",
            Self::Values(_) => "ridge regression on dinucleotide counts",
        }
    }

    fn parameters(&self) -> u64 {
        match self {
            Self::Classes(_, model) => model.parameters(),
            Self::Labels(_, models) => models.iter().map(Logistic::parameters).sum(),
            Self::Values(weights) => weights.len() as u64,
        }
    }

    fn score(&self, part: &Part) -> Scored<'static> {
        let rows = part.features.iter();
        match self {
            Self::Classes(names, model) => {
                let truth = part.rows.iter().map(|r| class(&r.label) as u32).collect();
                let probabilities = rows.flat_map(|x| model.probabilities(x)).collect();
                Scored::Classes(Classes::new(names, truth, probabilities))
            }
            Self::Labels(names, models) => {
                let row = |x: &Vec<f64>| models.iter().map(|m| m.probabilities(x)[1]).collect();
                let probabilities: Vec<Vec<f64>> = rows.map(row).collect();
                Scored::of_flags(names, part.flags(), probabilities)
            }
            Self::Values(weights) => Scored::Values(Values {
                truth: part.values(),
                predicted: rows.map(|x| newton::linear(weights, x)).collect(),
            }),
        }
    }
}

/// The rows of one split and their features.
#[derive(Default)]
struct Part<'a> {
    rows: Vec<&'a Example>,
    features: Vec<Vec<f64>>,
}

impl Part<'_> {
    fn classes(&self) -> Vec<usize> {
        self.rows.iter().map(|r| class(&r.label)).collect()
    }

    fn flags(&self) -> Vec<Vec<u8>> {
        self.rows.iter().map(|r| multi(&r.label)).collect()
    }

    fn values(&self) -> Vec<f64> {
        self.rows.iter().map(|r| value(&r.label)).collect()
    }
}

/// `Split as usize` is the place in [`Split::ALL`].
const _: () =
    assert!(Split::Train as usize == 0 && Split::Dev as usize == 1 && Split::Test as usize == 2);
