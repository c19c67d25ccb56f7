//! The floor: a linear model on dinucleotide counts, what any language model must beat.
//!
//! The features are how often each of the 16 dinucleotides stands in the sequence (overlapping, pairs with
//! anything but A, C, G, T left out; of a pair of sequences 16 each), standardised by the mean and standard
//! deviation of the training rows. Classes: logistic regression with scikit-learn's default penalty
//! (`LogisticRegression(C=1)`), multinomial for more than two, each label by itself where there are several.
//! Values: ridge regression (`Ridge(alpha=1)`).

pub mod dinucleotide;
pub mod logistic;
pub mod newton;

use std::collections::BTreeSet;

use lingo_artifact::example::{Example, Examples};
use lingo_artifact::{LabelKind, Split};
use serde::{Deserialize, Serialize};

use crate::cell::{Scored, class, multi, value};
use crate::metrics::Metrics;
use crate::metrics::classes::Classes;
use crate::metrics::labels::Labels;
use crate::{Error, Result};
use dinucleotide::Standardiser;
use newton::Design;

/// How the linear model on dinucleotide counts does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// What it is, for the report.
    pub name: String,
    /// On the dev rows.
    pub dev: Metrics,
    /// On the test rows.
    pub test: Metrics,
    /// Weights and intercepts.
    pub parameters: u64,
}

/// Trains on the training rows, scores on dev and test.
///
/// # Errors
/// [`Error::NothingToLearn`] without training rows; [`Error::Row`] when a label does not fit the table.
pub fn dinucleotide_floor(examples: &Examples) -> Result<Floor> {
    let kind = &examples.metadata.labels;
    let pairs = examples.rows.iter().any(|e| e.sequence2.is_some());
    let mut parts: [Part; 3] = std::array::from_fn(|_| Part::default());
    for row in &examples.rows {
        if !kind.admits(&row.label) {
            return Err(Error::Row {
                id: row.id.clone(),
                problem: format!(
                    "the label {:?} is outside the classes {:?}",
                    row.label,
                    kind.names()
                ),
            });
        }
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
    let design = Design::new(&train.features);
    let width = design.width() as u64;
    let truth = |part: &Part| {
        part.rows
            .iter()
            .map(|r| class(&r.label))
            .collect::<Vec<_>>()
    };
    let (name, parameters, scored): (&str, u64, Box<dyn Fn(&Part) -> Scored>) = match kind {
        LabelKind::Classes(names) => {
            let model = logistic::fit(&design, &truth(train), names.len());
            let names = names.clone();
            (
                "logistic regression on dinucleotide counts",
                width * model.rows() as u64,
                Box::new(move |part| {
                    let p = part
                        .features
                        .iter()
                        .map(|x| model.probabilities(x))
                        .collect();
                    Scored::Classes(Classes::new(&names, truth(part), p))
                }),
            )
        }
        LabelKind::Multilabel(names) => {
            let flags = |part: &Part| {
                part.rows
                    .iter()
                    .map(|r| multi(&r.label))
                    .collect::<Vec<_>>()
            };
            let train_flags = flags(train);
            let models: Vec<_> = (0..names.len())
                .map(|label| {
                    let truth: Vec<usize> =
                        train_flags.iter().map(|f| usize::from(f[label])).collect();
                    logistic::fit(&design, &truth, 2)
                })
                .collect();
            let names = names.clone();
            (
                "logistic regression on dinucleotide counts, one a label",
                width * names.len() as u64,
                Box::new(move |part| {
                    let row = |x: &Vec<f64>| models.iter().map(|m| m.probabilities(x)[1]).collect();
                    let p: Vec<Vec<f64>> = part.features.iter().map(row).collect();
                    Scored::Labels(Labels::new(&names, &flags(part), &p))
                }),
            )
        }
        LabelKind::Regression => {
            let values = |part: &Part| {
                part.rows
                    .iter()
                    .map(|r| value(&r.label))
                    .collect::<Vec<_>>()
            };
            let weights = newton::ridge(&design, &values(train), 1.0);
            (
                "ridge regression on dinucleotide counts",
                width,
                Box::new(move |part| Scored::Values {
                    truth: values(part),
                    predicted: part
                        .features
                        .iter()
                        .map(|x| newton::linear(&weights, x))
                        .collect(),
                }),
            )
        }
    };
    Ok(Floor {
        name: name.to_string(),
        dev: scored(dev).metrics(),
        test: scored(test).metrics(),
        parameters,
    })
}

/// The rows of one split and their features.
#[derive(Default)]
struct Part<'a> {
    rows: Vec<&'a Example>,
    features: Vec<Vec<f64>>,
}

/// The classes that `truth` holds, in order.
pub(crate) fn classes_seen(truth: &[usize]) -> Vec<usize> {
    truth
        .iter()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// `Split as usize` is the place in [`Split::ALL`].
const _: () =
    assert!(Split::Train as usize == 0 && Split::Dev as usize == 1 && Split::Test as usize == 2);
