//! The floor against scikit-learn's `LogisticRegression` and `Ridge` (tests/oracles/evaluate.py).

// What helps a test may panic, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

use lingo_artifact::example::{Example, Examples, ExamplesMetadata};
use lingo_artifact::{Label, LabelKind, Split};
use lingo_evaluate::floor::{dinucleotide, logistic, newton::Design};
use lingo_evaluate::{Threshold, dinucleotide_floor, kmer_floor};
use serde_json::Value;

fn cases() -> Vec<Value> {
    fixture("floor.json")
}

fn fixture(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn examples(case: &Value, labels: LabelKind) -> Examples {
    let rows = case["rows"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(i, row)| {
            let class = row[2].as_u64().unwrap();
            Example {
                id: i.to_string(),
                split: row[0].as_str().unwrap().parse().unwrap(),
                sequence: row[1].as_str().unwrap().to_string(),
                sequence2: None,
                label: match labels {
                    LabelKind::Regression => Label::Value(class as f32),
                    _ => Label::Class(class as u32),
                },
                interval: None,
            }
        });
    Examples {
        rows: rows.collect(),
        metadata: ExamplesMetadata {
            labels,
            sources: Vec::new(),
            audit: Value::Null,
        },
    }
}

fn classes(case: &Value) -> LabelKind {
    LabelKind::Classes(
        (0..case["classes"].as_u64().unwrap())
            .map(|c| c.to_string())
            .collect(),
    )
}

#[test]
fn mcc_is_that_of_scikit_learns_logistic_regression() {
    for case in cases() {
        let floor = dinucleotide_floor(&examples(&case, classes(&case)), Threshold::Half).unwrap();
        for (split, metrics) in [("dev", &floor.dev), ("test", &floor.test)] {
            let theirs = case["mcc"][split].as_f64().unwrap();
            let ours = metrics.get("mcc").unwrap();
            assert!(
                (ours - theirs).abs() < 1e-10,
                "{} {split}: {ours} {theirs}",
                case["name"]
            );
        }
    }
}

#[test]
fn probabilities_are_those_of_the_converged_optimum() {
    for case in cases() {
        let examples = examples(&case, classes(&case));
        let part = |split: Split| examples.rows.iter().filter(move |r| r.split == split);
        let features = |split| {
            part(split)
                .map(|r| dinucleotide::counts(r, false))
                .collect::<Vec<_>>()
        };
        let (mut train, mut test) = (features(Split::Train), features(Split::Test));
        let standardiser = dinucleotide::Standardiser::of(&train);
        standardiser.apply(&mut train);
        standardiser.apply(&mut test);
        let truth: Vec<usize> = part(Split::Train)
            .map(|r| match r.label {
                Label::Class(c) => c as usize,
                _ => unreachable!(),
            })
            .collect();
        let model = logistic::fit(
            &Design::new(&train),
            &truth,
            case["classes"].as_u64().unwrap() as usize,
        );
        let theirs = case["probabilities"].as_array().unwrap();
        assert_eq!(test.len(), theirs.len());
        for (row, theirs) in test.iter().zip(theirs) {
            for (ours, theirs) in model
                .probabilities(row)
                .iter()
                .zip(theirs.as_array().unwrap())
            {
                let theirs = theirs.as_f64().unwrap();
                assert!(
                    (ours - theirs).abs() < 1e-6,
                    "{}: {ours} {theirs}",
                    case["name"]
                );
            }
        }
    }
}

#[test]
fn values_get_ridge_regression() {
    for case in cases() {
        let floor =
            dinucleotide_floor(&examples(&case, LabelKind::Regression), Threshold::Half).unwrap();
        for (split, metrics) in [("dev", &floor.dev), ("test", &floor.test)] {
            let (ours, theirs) = (
                metrics.get("mse").unwrap(),
                case["ridge_mse"][split].as_f64().unwrap(),
            );
            assert!((ours - theirs).abs() < 1e-10, "{ours} {theirs}");
        }
    }
}

#[test]
fn several_labels_get_one_model_each() {
    let case = &cases()[0];
    let two = dinucleotide_floor(&examples(case, classes(case)), Threshold::Half).unwrap();
    let mut both = examples(case, LabelKind::Multilabel(vec!["yes".into(), "no".into()]));
    for row in &mut both.rows {
        if let Label::Class(c) = row.label {
            row.label = Label::Multi(vec![c as u8, 1 - c as u8]);
        }
    }
    let floor = dinucleotide_floor(&both, Threshold::Half).unwrap();
    let (one, mean) = (
        two.test.get("auroc").unwrap(),
        floor.test.get("auroc").unwrap(),
    );
    assert!((one - mean).abs() < 1e-9, "{one} {mean}");
}

#[test]
fn nothing_to_learn_from_is_an_error_and_one_class_is_a_constant() {
    let mut examples = examples(&cases()[0], classes(&cases()[0]));
    for row in &mut examples.rows {
        if row.split == Split::Train {
            row.label = Label::Class(1);
        }
    }
    let floor = dinucleotide_floor(&examples, Threshold::Half).unwrap();
    assert_eq!(floor.test.get("mcc"), Some(0.0));
    assert_eq!(floor.test.get("auroc"), Some(0.5));
    let words = kmer_floor(&examples, false, Threshold::Half)
        .unwrap()
        .unwrap();
    assert_eq!(words.test.get("auroc"), Some(0.5));
    examples.rows.retain(|r| r.split != Split::Train);
    assert!(kmer_floor(&examples, false, Threshold::Half).is_err());
    assert!(
        dinucleotide_floor(&examples, Threshold::Half)
            .unwrap_err()
            .to_string()
            .contains("training examples")
    );
}

#[test]
fn words_are_weighed_as_scikit_learn_does_and_the_penalty_is_the_one_it_chooses() {
    for case in fixture("kmers.json") {
        let both = case["both"].as_bool().unwrap();
        let floor = kmer_floor(&examples(&case, classes(&case)), both, Threshold::Half)
            .unwrap()
            .unwrap();
        assert!(
            floor.name.contains(&format!("C = {}", case["strength"])),
            "{}: {}",
            case["strength"],
            floor.name
        );
        let ridge = kmer_floor(
            &examples(&case, LabelKind::Regression),
            both,
            Threshold::Half,
        )
        .unwrap()
        .unwrap();
        assert!(
            ridge
                .name
                .contains(&format!("C = {}", case["ridge_strength"]))
        );
        for (split, ours, mse) in [
            ("dev", &floor.dev, &ridge.dev),
            ("test", &floor.test, &ridge.test),
        ] {
            let t = |metric: &str, ours: &lingo_evaluate::metrics::numbers::Metrics, key: &str| {
                let (ours, theirs) = (
                    ours.get(metric).unwrap(),
                    case[key][split].as_f64().unwrap(),
                );
                assert!(
                    (ours - theirs).abs() < 1e-5,
                    "{} {split} {metric}: {ours} {theirs}",
                    case["name"]
                );
            };
            t("mcc", ours, "mcc");
            t("brier", ours, "brier");
            t("mse", mse, "ridge_mse");
        }
    }
}

#[test]
fn words_of_several_labels_get_one_model_each() {
    let case = &fixture("kmers.json")[1];
    let two = kmer_floor(&examples(case, classes(case)), true, Threshold::Half)
        .unwrap()
        .unwrap();
    let mut both = examples(case, LabelKind::Multilabel(vec!["yes".into(), "no".into()]));
    for row in &mut both.rows {
        if let Label::Class(c) = row.label {
            row.label = Label::Multi(vec![c as u8, 1 - c as u8]);
        }
    }
    let floor = kmer_floor(&both, true, Threshold::Half).unwrap().unwrap();
    let (one, mean) = (
        two.test.get("auroc").unwrap(),
        floor.test.get("auroc").unwrap(),
    );
    assert!((one - mean).abs() < 1e-9, "{one} {mean}");
    assert_eq!(floor.parameters, 2 * two.parameters);
}
