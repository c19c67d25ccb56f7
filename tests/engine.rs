//! The engine as a user sees it: instruction sets that can be forced, precision, batches by tokens, and a
//! whole pipeline on another device.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::fs;
use std::path::Path;

use lingo_artifact::prediction::Predictions;
use toy::Toy;

/// Runs the toy pipeline's task `left` with LoRA; the logits of dev and test.
fn logits(toy: &Toy, out: &str, kernels: &str, set: &[&str]) -> Vec<f32> {
    let mut arguments = vec!["run", "toy.yaml", "--device", "cpu", "--out", out];
    arguments.extend(["--only", "left", "--methods", "lora"]);
    for set in set {
        arguments.extend(["--set", set]);
    }
    let ran = toy
        .command(&arguments)
        .env("LINGO_KERNELS", kernels)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{kernels}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let path = toy.path(out).join("left/lora/seed-1/predictions.parquet");
    let predictions = Predictions::read(&path).unwrap();
    predictions
        .rows
        .into_iter()
        .flat_map(|row| row.logits)
        .collect()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(1.0f32, |m, x| m.max(x.abs()));
    let distances = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    distances.fold(0.0, f32::max) / largest
}

#[test]
fn every_instruction_set_trains_what_the_plain_operations_train() {
    let toy = Toy::new();
    let plain = logits(&toy, "off", "off", &[]);
    let mut here = 0;
    for level in ["portable", "neon", "avx2", "avx512", "avx512bf16"] {
        let known: lingo_lm::Level = level.parse().unwrap();
        if !known.is_here() {
            continue;
        }
        here += 1;
        let found = logits(&toy, level, level, &["train.precision=f32"]);
        let far = distance(&plain, &found);
        // Forty steps carry the rounding on: 2e-7 of the largest logit on AVX2.
        assert!(far < 2e-5, "{level}: {far}");
        let rounded = logits(
            &toy,
            &format!("{level}-bf16"),
            level,
            &["train.precision=bf16"],
        );
        let far = distance(&plain, &rounded);
        // 0.003 to 0.004 was measured.
        assert!(far > 0.0 && far < 0.02, "{level}, bf16: {far}");
    }
    assert!(here > 0);
    assert_eq!(plain, logits(&toy, "again", "off", &[]));
}

#[test]
fn recomputing_gives_the_same_bits_and_a_token_budget_other_batches() {
    let toy = Toy::new();
    let usual = logits(&toy, "usual", "", &[]);
    let again = logits(&toy, "again", "", &["train.recompute=true"]);
    assert_eq!(usual, again);
    let budget = logits(&toy, "budget", "", &["train.batch_tokens=160"]);
    assert_ne!(usual, budget);
    let log = toy.read("usual/left/lora/seed-1/train.jsonl");
    assert!(log.contains("peak_memory_bytes"), "{log}");
}

#[test]
fn frozen_layers_below_the_adapters_are_computed_once() {
    let toy = Toy::new();
    let upper = ["train.base_dropout=false", "methods.lora.lora.layers=1-1"];
    let mut arguments = vec!["run", "toy.yaml", "--device", "cpu", "--out", "cached"];
    arguments.extend(["--only", "left", "--methods", "lora"]);
    for set in upper {
        arguments.extend(["--set", set]);
    }
    arguments.extend(["--set", "seeds=[1, 2]"]);
    let ran = toy.ok(&arguments);
    assert_eq!(
        ran.stderr.matches("frozen layers").count(),
        1,
        "{}",
        ran.stderr
    );
    assert!(!toy.path("cached/left/.states").exists());
    let cached = Predictions::read(&toy.path("cached/left/lora/seed-1/predictions.parquet"));
    let cached: Vec<f32> = cached
        .unwrap()
        .rows
        .into_iter()
        .flat_map(|row| row.logits)
        .collect();
    let [dropout, layers] = upper;
    let plain = logits(
        &toy,
        "plain",
        "",
        &[dropout, layers, "train.cache_states=false"],
    );
    assert_eq!(cached, plain);
}

#[test]
fn an_instruction_set_that_is_not_there_is_an_error() {
    let toy = Toy::new();
    for (kernels, expected) in [
        ("sse9", "`sse9` is no instruction set: use one of portable"),
        (
            if cfg!(target_arch = "x86_64") {
                "neon"
            } else {
                "avx2"
            },
            "this processor lacks",
        ),
    ] {
        let ran = toy
            .command(&["run", "toy.yaml", "--device", "cpu", "--only", "left"])
            .env("LINGO_KERNELS", kernels)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&ran.stderr).replace('\n', " ");
        assert_eq!(ran.status.code(), Some(1), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
#[ignore = "needs a graphics adapter, which a software one can be"]
fn another_device_runs_the_demo() {
    let out = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/demo.yaml");
    // Shortened: a software adapter computes a hundred times slower than the processor it runs on.
    let mut arguments = vec!["run", demo.to_str().unwrap(), "--device", "wgpu"];
    arguments.extend(["--only", "binding", "--methods", "lora", "--seeds", "1"]);
    for set in [
        "model.pretrain.steps=2",
        "model.pretrain.batch=8",
        "model.pretrain.hidden=32",
        "model.pretrain.heads=2",
        "model.pretrain.feed_forward=64",
        "train.epochs=1",
    ] {
        arguments.extend(["--set", set]);
    }
    arguments.extend(["--out", out.path().to_str().unwrap()]);
    let ran = toy::lingo().args(arguments).output().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let training = out.path().join("binding/lora/seed-1/training.json");
    let training: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(training).unwrap()).unwrap();
    assert_ne!(training["device"], "cpu", "{training}");
    assert!(out.path().join("report.html").is_file());
}
