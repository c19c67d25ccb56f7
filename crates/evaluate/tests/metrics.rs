//! Every metric against scikit-learn's and SciPy's answer (tests/oracles/evaluate.py).

// What helps a test may panic, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::{Label, LabelKind, Split};
use lingo_evaluate::{EvaluateConfig, Metrics, score};
use serde_json::Value;

fn fixture(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn predictions(case: &Value) -> Predictions {
    let width = case["width"].as_u64().unwrap() as usize;
    let names: Vec<String> = (0..width).map(|i| i.to_string()).collect();
    let labels = match case["kind"].as_str().unwrap() {
        "classes" => LabelKind::Classes(names),
        "labels" => LabelKind::Multilabel(names),
        _ => LabelKind::Regression,
    };
    let label = |truth: &Value| match &labels {
        LabelKind::Classes(_) => Label::Class(truth.as_u64().unwrap() as u32),
        LabelKind::Multilabel(_) => {
            let flags = truth.as_array().unwrap().iter();
            Label::Multi(flags.map(|f| f.as_u64().unwrap() as u8).collect())
        }
        LabelKind::Regression => Label::Value(truth.as_f64().unwrap() as f32),
    };
    let rows = case["truth"].as_array().unwrap().iter();
    let rows = rows.zip(case["logits"].as_array().unwrap());
    let rows = rows
        .enumerate()
        .map(|(i, (truth, logits))| Prediction {
            id: i.to_string(),
            split: Split::Test,
            label: label(truth),
            logits: logits
                .as_array()
                .unwrap()
                .iter()
                .map(|x| x.as_f64().unwrap() as f32)
                .collect(),
        })
        .collect();
    Predictions { labels, rows }
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
            for name in &Metrics::NAMES[..8] {
                assert_eq!(json["dev"].get(name), Some(&Value::Null), "{name}");
            }
            for name in ["mcc", "accuracy", "f1_macro", "auroc"] {
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
