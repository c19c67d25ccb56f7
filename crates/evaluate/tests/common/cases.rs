//! Predictions as the golden values hold them.

use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::{Label, LabelKind, Split};
use serde_json::Value;

pub fn fixture(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn predictions(case: &Value) -> Predictions {
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
