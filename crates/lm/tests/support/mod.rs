//! Reading the golden files that tests/oracles/lm.py wrote, and comparing with them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use lingo_lm::{Batch, DropoutSource};
use serde_json::Value;

pub const TOLERANCE: f32 = 2e-5;

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

pub fn golden(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub fn floats(value: &Value) -> Vec<f32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap() as f32)
        .collect()
}

pub fn batch(case: &Value) -> Batch {
    let rows = case["ids"].as_array().unwrap();
    let integers = |value: &Value| -> Vec<u32> {
        let values = value.as_array().unwrap().iter();
        values.map(|x| x.as_u64().unwrap() as u32).collect()
    };
    Batch {
        ids: rows.iter().flat_map(integers).collect(),
        lengths: integers(&case["lengths"]),
        batch: rows.len(),
        length: rows[0].as_array().unwrap().len(),
    }
}

pub fn matrix(values: Vec<f32>, columns: usize, device: &Device) -> Tensor<2> {
    let rows = values.len() / columns;
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().as_slice::<f32>().unwrap().to_vec()
}

/// The largest difference, relative to values above one.
#[track_caller]
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}: number of values");
    for (i, (&a, &b)) in got.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{what}: value {i} is {a}, not {b}"
        );
    }
}

/// Keeps the values of real tokens of `[batch, length, width]`.
pub fn real(values: &[f32], batch: &Batch) -> Vec<f32> {
    let width = values.len() / batch.ids.len();
    let mut kept = Vec::new();
    for (row, &n) in batch.lengths.iter().enumerate() {
        let start = row * batch.length * width;
        kept.extend_from_slice(&values[start..start + n as usize * width]);
    }
    kept
}

/// The mask pattern of tests/oracles/lm.py.
#[derive(Default)]
pub struct Pattern {
    pub calls: usize,
}

impl DropoutSource for Pattern {
    fn mask(&mut self, n: usize, p: f64) -> Vec<f32> {
        let keep = (1.0 / (1.0 - p)) as f32;
        let offset = self.calls * 3;
        self.calls += 1;
        (0..n)
            .map(|i| {
                if (i * 7 + offset).is_multiple_of(5) {
                    0.0
                } else {
                    keep
                }
            })
            .collect()
    }
}
