//! The parity of devices: the same cell, seed and steps on every device that is there, held against the CPU.

#![allow(clippy::unwrap_used)]

use lingo_adapt::{AdaptRequest, Method, Models, TrainConfig, adapt};
use lingo_artifact::prediction::Predictions;
use lingo_artifact::progress::{Silent, StopFlag};
use lingo_artifact::{Split, train_log};
use lingo_lm::DeviceChoice;

mod support;

const LORA: &str = r#"{"lora": {"rank": 4, "alpha": 8, "dropout": 0.1}}"#;
const ARS: &str =
    r#"{"adaptive_rank_sampling": {"initial_rank": 4, "target_rank": 2, "dropout": 0.1}}"#;

/// The test logits after training `epochs` epochs in batches of `batch`.
fn logits(model: &str, method: &str, epochs: u32, batch: u32, device: DeviceChoice) -> Vec<f32> {
    let out = tempfile::tempdir().unwrap();
    // 64 training rows, and 16 to predict.
    let split = |i| if i < 64 { Split::Train } else { Split::Test };
    let train: TrainConfig = serde_json::from_value(serde_json::json!({
        "epochs": epochs, "batch": batch, "learning_rate": 0.01, "warmup_steps": 0,
        "select_by": "last", "precision": "f32", "log_every": 1,
    }))
    .unwrap();
    adapt(&AdaptRequest {
        model: &support::model(model),
        tokens: &support::tokens(80, split, &support::classes(), None),
        readings: None,
        natural: None,
        heads: &[],
        masking: None,
        trained_before: 0,
        both_strands: false,
        method: &serde_json::from_str::<Method>(method).unwrap(),
        train: &train,
        seed: 3,
        device,
        out: out.path(),
        states: None,
        models: &Models::default(),
        checkpoint_every: Default::default(),
        progress: &Silent,
        stop: &StopFlag::default(),
    })
    .unwrap();
    // What the device holds is told where it has memory of its own.
    let log = train_log::read(&out.path().join("train.jsonl")).unwrap();
    let held = log.iter().filter_map(|event| event.device_memory_bytes);
    assert_eq!(held.max() > Some(0), device == DeviceChoice::Wgpu);
    let predictions = Predictions::read(&out.path().join("predictions.parquet")).unwrap();
    predictions
        .rows
        .into_iter()
        .flat_map(|r| r.logits)
        .collect()
}

#[test]
#[ignore = "needs a graphics adapter, which a software one can be"]
fn another_device_trains_as_the_cpu_does() {
    // One step, then fifty and fifty-two: rounding differs, and training carries it on.
    for (model, method, epochs, batch, tolerance) in [
        ("bert", LORA, 1, 64, 1e-5),
        ("opt", LORA, 1, 64, 1e-5),
        ("bert", LORA, 50, 64, 1e-4),
        ("bert", ARS, 13, 16, 1e-4),
    ] {
        let cpu = logits(model, method, epochs, batch, DeviceChoice::Cpu);
        let other = logits(model, method, epochs, batch, DeviceChoice::Wgpu);
        let distance = cpu
            .iter()
            .zip(&other)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        let spread = cpu.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        println!("{model}, {method}, {epochs} epochs: {distance:e} of {spread}");
        assert!(cpu.len() == 32 && distance <= tolerance * spread.max(1.0));
    }
}
