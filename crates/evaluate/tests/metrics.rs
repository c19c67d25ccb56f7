//! Every metric against scikit-learn's and SciPy's answer (tests/oracles/evaluate.py).

// What helps a test may panic, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::{Label, LabelKind, Split};
use lingo_evaluate::metrics::Classification;
use lingo_evaluate::{EvaluateConfig, Metrics, Threshold, score};
use serde_json::Value;

#[path = "common/cases.rs"]
mod cases;

use cases::{fixture, predictions};

fn classification(metrics: &Metrics) -> &Classification {
    match metrics {
        Metrics::Classification(m) => m,
        Metrics::Regression(_) => panic!("values"),
    }
}

/// A mapping in the order of its keys.
fn sorted(value: &Value) -> Value {
    let map: BTreeMap<String, Value> = serde_json::from_value(value.clone()).unwrap();
    serde_json::json!(map)
}

#[test]
fn a_threshold_of_dev_has_the_highest_mcc_there_and_is_used_on_test() {
    let config = EvaluateConfig {
        resamples: 0,
        threshold: Threshold::Dev,
        ..EvaluateConfig::default()
    };
    let mut moved = 0;
    for case in fixture("metrics.json") {
        let name = case["name"].as_str().unwrap();
        let mut predictions = predictions(&case);
        let Some(best) = case["expected"].get("best_mcc") else {
            let error = score(&predictions, &config, 0).unwrap_err().to_string();
            assert!(error.contains("leave `threshold` out"), "{error}");
            continue;
        };
        // Without dev rows there is nothing to choose by.
        let by_test = score(&predictions, &config, 0).unwrap();
        assert!(by_test.thresholds.values().all(|t| *t == 0.5), "{name}");
        let as_dev = predictions.rows.clone().into_iter();
        predictions.rows.extend(as_dev.map(|row| Prediction {
            split: Split::Dev,
            ..row
        }));
        let cell = score(&predictions, &config, 0).unwrap();
        match (cell.dev.get("mcc"), best.as_f64()) {
            (Some(ours), Some(theirs)) => {
                assert!((ours - theirs).abs() < 1e-10, "{name}: {ours} {theirs}");
            }
            (ours, theirs) => assert_eq!(ours, theirs, "{name}"),
        }
        assert_eq!(cell.dev, cell.test);
        moved += u32::from(cell.thresholds.values().any(|t| *t != 0.5));
    }
    assert!(moved > 10, "{moved}");
}

#[test]
fn every_metric_is_scikit_learns() {
    let cases = fixture("metrics.json");
    assert!(cases.len() >= 40);
    let config = EvaluateConfig {
        resamples: 0,
        ..EvaluateConfig::default()
    };
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let cell = score(&predictions(case), &config, 0).unwrap();
        let expected = case["expected"].as_object().unwrap();
        let mut compared = 0;
        for (metric, value) in expected {
            match metric.as_str() {
                "n" => assert_eq!(Some(cell.test.n()), value.as_u64()),
                "confusion_matrix" => {
                    let Metrics::Classification(m) = &cell.test else {
                        panic!("{name}")
                    };
                    assert_eq!(serde_json::json!(m.confusion_matrix), *value, "{name}");
                }
                "per_class" => {
                    let Metrics::Classification(m) = &cell.test else {
                        panic!("{name}")
                    };
                    let counts: Vec<_> = m
                        .per_class
                        .iter()
                        .map(|c| {
                            [
                                [c.true_negatives, c.false_positives],
                                [c.false_negatives, c.true_positives],
                            ]
                        })
                        .collect();
                    assert_eq!(serde_json::json!(counts), *value, "{name}");
                }
                "calibration" => {
                    let ours = &classification(&cell.test).calibration;
                    let theirs = value.as_array().unwrap();
                    assert_eq!(ours.len(), theirs.len(), "{name}");
                    for (ours, theirs) in ours.iter().zip(theirs) {
                        assert_eq!(Some(ours.n), theirs["n"].as_u64(), "{name}");
                        for (ours, key) in
                            [(ours.predicted, "predicted"), (ours.observed, "observed")]
                        {
                            let theirs = theirs[key].as_f64().unwrap();
                            assert!(
                                (ours - theirs).abs() < 1e-10,
                                "{name}: {key} {ours} {theirs}"
                            );
                        }
                    }
                }
                "labels_defined" => {
                    let ours = &classification(&cell.test).labels_defined;
                    assert_eq!(serde_json::json!(ours), sorted(value), "{name}");
                }
                // Of the rows that the threshold is chosen on; see below.
                "best_mcc" => {}
                _ => match (cell.test.get(metric), value.as_f64()) {
                    (None, None) => compared += 1,
                    (Some(ours), Some(theirs)) if (ours - theirs).abs() <= 1e-10 => compared += 1,
                    (ours, theirs) => {
                        panic!("{name}: {metric} is {ours:?}, scikit-learn says {theirs:?}")
                    }
                },
            }
        }
        assert!(compared >= 5, "{name}: {compared}");
    }
}

#[test]
fn a_cell_reads_back_from_its_json_and_null_is_null() {
    let config = EvaluateConfig {
        resamples: 50,
        ..EvaluateConfig::default()
    };
    for case in fixture("metrics.json") {
        let cell = score(&predictions(&case), &config, 3).unwrap();
        let text = serde_json::to_string(&cell).unwrap();
        assert_eq!(
            serde_json::from_str::<lingo_evaluate::CellMetrics>(&text).unwrap(),
            cell
        );
        let json: Value = serde_json::from_str(&text).unwrap();
        if case["kind"] != "values" {
            // No dev rows here: every dev metric is there, as null.
            for name in &Metrics::NAMES[..9] {
                assert_eq!(json["dev"].get(name), Some(&Value::Null), "{name}");
            }
            for name in [
                "mcc", "accuracy", "f1_macro", "auroc", "auprc", "brier", "ece",
            ] {
                assert!(json["intervals"]["test"].get(name).is_some(), "{name}");
            }
        } else {
            for name in ["rmse", "r2", "pearson", "spearman"] {
                assert!(json["intervals"]["test"].get(name).is_some(), "{name}");
            }
        }
    }
}

#[test]
fn an_interval_holds_the_estimate() {
    let config = EvaluateConfig {
        resamples: 400,
        ..EvaluateConfig::default()
    };
    let mut held = 0;
    for case in fixture("metrics.json")
        .iter()
        .filter(|c| c["name"].as_str().unwrap().starts_with("random classes"))
    {
        let cell = score(&predictions(case), &config, 1).unwrap();
        let [low, high] = cell.intervals.test["accuracy"].unwrap();
        let estimate = cell.test.get("accuracy").unwrap();
        assert!(
            low <= estimate && estimate <= high,
            "{low} {estimate} {high}"
        );
        held += 1;
    }
    assert_eq!(held, 20);
}

#[test]
fn bad_rows_are_named() {
    fn t(label: Label, logits: Vec<f32>, expected: &str) {
        let rows = vec![Prediction {
            id: "seq-7".into(),
            split: Split::Test,
            label,
            logits,
        }];
        let labels = LabelKind::Classes(vec!["a".into(), "b".into()]);
        let error =
            score(&Predictions { labels, rows }, &EvaluateConfig::default(), 0).unwrap_err();
        assert!(
            error.to_string().contains("seq-7") && error.to_string().contains(expected),
            "{error}"
        );
    }
    t(Label::Class(0), vec![0.0, f32::NAN], "NaN");
    t(Label::Class(0), vec![0.0, f32::INFINITY], "inf");
    t(Label::Class(0), vec![0.0], "1 logits where 2");
    t(Label::Class(2), vec![0.0, 0.0], "outside the classes");
    t(Label::Value(0.5), vec![0.0, 0.0], "outside the classes");
}
