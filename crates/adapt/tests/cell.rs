//! Whole cells on a tiny model: what is learned, written, resumed and predicted.

// The functions that tests share may unwrap as the tests do: a failure there is a failed test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use lingo_adapt::{
    AdaptRequest, Description, Error, Kind, LoadRequest, MergeRequest, Method, Models, PeftFacts,
    PredictRequest, Predictor, TrainConfig, adapt, forget_checkpoints, last_checkpoint, merge,
    predict,
};
use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::progress::{Progress, Silent, StopFlag};
use lingo_artifact::tokens::{TokenRow, Tokens};
use lingo_artifact::train_log::{self, TrainEvent};
use lingo_artifact::training::Training;
use lingo_artifact::vocabulary::NewRows;
use lingo_artifact::{Label, LabelKind, Split};
use lingo_lm::DeviceChoice;

mod support;

use support::{StopAt, classes, model};

fn tokens(kind: &LabelKind, new_rows: Option<NewRows>) -> Tokens {
    let split = |i| [Split::Train, Split::Train, Split::Dev, Split::Test][i % 4];
    support::tokens(160, split, kind, new_rows)
}

fn config(text: &str) -> TrainConfig {
    serde_json::from_str(text).unwrap()
}

/// Overfits the toy set: no dropout, many epochs.
const LONG: &str = r#"{"epochs": 40, "batch": 8, "learning_rate": 0.005, "base_dropout": false,
    "weight_decay": 0, "pooling": "mean"}"#;
const SHORT: &str =
    r#"{"epochs": 4, "batch": 8, "learning_rate": 0.01, "pooling": "mean", "log_every": 1}"#;
/// The same with everything in it that has a state of its own.
const STATEFUL: [&str; 2] = [
    r#"{"epochs": 4, "batch": 4, "accumulate": 2, "learning_rate": 0.01, "pooling": "mean", "log_every": 1, "evaluate_every": 3,
        "average": {"ema": {"decay": 0.7}}, "label_smoothing": 0.1, "class_weights": "balanced", "select_window": 3}"#,
    // So slow that a warning says so, of steps before and behind an interruption.
    r#"{"epochs": 4, "batch": 8, "learning_rate": 1e-5, "pooling": "mean", "log_every": 1, "evaluate_every": 3,
        "average": {"last": 3}, "select_window": 3, "select_by": "loss"}"#,
];

struct Cell<'a> {
    tokens: &'a Tokens,
    method: &'a str,
    train: &'a TrainConfig,
    seed: u64,
    /// A fixture's name, or a whole path.
    model: &'a str,
}

impl Cell<'_> {
    fn run(&self, out: &Path, progress: &dyn Progress, stop: &StopFlag) -> Result<Training, Error> {
        adapt(&AdaptRequest {
            model: &model(self.model),
            tokens: self.tokens,
            readings: None,
            natural: None,
            heads: &[],
            masking: None,
            trained_before: 0,
            both_strands: false,
            method: &serde_json::from_str::<Method>(self.method).unwrap(),
            train: self.train,
            seed: self.seed,
            device: DeviceChoice::Cpu,
            out,
            states: None,
            models: &Models::default(),
            checkpoint_every: Default::default(),
            progress,
            stop,
        })
    }
}

fn events(out: &Path) -> Vec<TrainEvent> {
    train_log::read(&out.join("train.jsonl")).unwrap()
}

fn request<'a>(
    adapter: &'a Path,
    model: Option<&'a Path>,
    rows: &'a [TokenRow],
) -> PredictRequest<'a> {
    PredictRequest {
        adapter,
        model,
        rows,
        readings: None,
        device: DeviceChoice::Cpu,
        merge: false,
        progress: &Silent,
    }
}

#[track_caller]
fn assert_near(found: &Predictions, expected: &[Prediction]) {
    assert_eq!(found.rows.len(), expected.len());
    for (one, other) in found.rows.iter().zip(expected) {
        assert_eq!(one.id, other.id);
        for (a, b) in one.logits.iter().zip(&other.logits) {
            assert!(
                (a - b).abs() < 1e-4 * b.abs().max(1.0),
                "{}: {a} {b}",
                one.id
            );
        }
    }
}

fn accuracy(predictions: &Predictions, split: Split) -> f64 {
    let rows: Vec<_> = predictions
        .rows
        .iter()
        .filter(|r| r.split == split)
        .collect();
    let right = rows.iter().filter(|r| {
        let yes = r.logits[1] > r.logits[0];
        r.label == Label::Class(u32::from(yes))
    });
    right.count() as f64 / rows.len() as f64
}

#[test]
fn every_low_rank_method_learns_and_predicts_again_what_it_predicted() {
    let tokens = tokens(&classes(), None);
    let train = config(LONG);
    for (family, method) in [
        ("bert", r#"{"lora": {"rank": 4, "dropout": 0}}"#),
        (
            "bert",
            r#"{"adalora": {"initial_rank": 6, "target_rank": 3, "dropout": 0}}"#,
        ),
        (
            "bert",
            r#"{"adaptive_rank_sampling": {"initial_rank": 6, "target_rank": 3, "dropout": 0}}"#,
        ),
        (
            "bert",
            r#"{"adaptive_rank_sampling": {"variant": "as-published-code", "initial_rank": 6, "target_rank": 3, "dropout": 0}}"#,
        ),
        (
            "bert",
            r#"{"adaptive_rank_sampling": {"variant": "gated", "initial_rank": 6, "target_rank": 3, "dropout": 0}}"#,
        ),
        (
            "bert",
            r#"{"lora": {"rank": 4, "dropout": 0, "rank_dropout": 0.2}}"#,
        ),
        ("opt", r#"{"lora": {"rank": 4, "dropout": 0}}"#),
        (
            "bert",
            r#"{"lora": {"rank": 4, "dropout": 0, "rank_stabilized": true, "magnitude": true}}"#,
        ),
        ("opt", r#"{"ia3": {"learning_rate": 0.1}}"#),
        ("bert", r#"{"ia3": {"learning_rate": 0.1}}"#),
        (
            "bert",
            r#"{"prompt_tuning": {"tokens": 1, "learning_rate": 0.1}}"#,
        ),
        (
            "opt",
            r#"{"prompt_tuning": {"tokens": 1, "learning_rate": 0.1}}"#,
        ),
        (
            "bert",
            r#"{"prefix_tuning": {"tokens": 1, "learning_rate": 0.1}}"#,
        ),
        (
            "opt",
            r#"{"prefix_tuning": {"tokens": 1, "learning_rate": 0.1}}"#,
        ),
        (
            "bert",
            r#"{"bottleneck": {"placement": "houlsby", "reduction_factor": 4}}"#,
        ),
        ("bert", r#"{"bottleneck": {"reduction_factor": 2}}"#),
        ("opt", r#"{"bottleneck": {"placement": "parallel"}}"#),
    ] {
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method,
            train: &train,
            seed: 1,
            model: family,
        };
        let outcome = cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
        let losses: Vec<f64> = events(out.path()).iter().filter_map(|e| e.loss).collect();
        // One vector, all that these positions leave room for, learns less.
        let limit = if method.contains("prompt") { 0.5 } else { 0.2 };
        assert!(
            losses[0] > 0.6 && losses[losses.len() - 1] < limit,
            "{method}: {losses:?}"
        );
        let predictions = Predictions::read(&out.path().join("predictions.parquet")).unwrap();
        assert_eq!(predictions.rows.len(), 80);
        let floor = if method.contains("prompt") { 0.6 } else { 0.8 };
        let found = accuracy(&predictions, Split::Test);
        assert!(found > floor, "{method}: {found}");

        // The folder alone, on the rows in the order of the predictions, gives the same bits.
        let rows: Vec<TokenRow> = [Split::Dev, Split::Test]
            .iter()
            .flat_map(|s| tokens.rows.iter().filter(move |r| r.split == *s).cloned())
            .collect();
        let adapter = out.path().join("adapter");
        let base = model(family);
        let again = predict(&request(&adapter, Some(&base), &rows)).unwrap();
        assert_eq!(again, predictions, "{method}");
        let merged = predict(&PredictRequest {
            merge: true,
            ..request(&adapter, Some(&base), &rows)
        });
        assert_near(&merged.unwrap(), &predictions.rows);
        assert_merged_folder_is_near(&adapter, &base, &rows);

        if method.contains("rank\": 6") {
            let allocations: Vec<TrainEvent> = events(out.path())
                .into_iter()
                .filter(|e| e.rank_pattern.is_some())
                .collect();
            assert!(allocations.len() >= 10, "{method}");
            let text = std::fs::read_to_string(adapter.join("adapter_config.json")).unwrap();
            let peft: serde_json::Value = serde_json::from_str(&text).unwrap();
            let between = allocations[2].step - allocations[1].step;
            assert_eq!(peft["deltaT"], between, "{method}");
            // PEFT divides by the initial rank, gates by the target rank.
            let scale = peft["lora_alpha"].as_f64().unwrap() / (6.0 + 1e-5);
            let gated = method.contains("gated");
            let expected = if gated {
                16.0 / 3.0
            } else {
                32.0 / (6.0 + 1e-5)
            };
            assert!((scale - expected).abs() < 1e-9, "{method}: {scale}");
            assert_eq!(allocations.len() as u64, outcome.allocations, "{method}");
            let back: u64 = allocations.iter().filter_map(|e| e.reintroduced).sum();
            assert_eq!(back, outcome.reintroduced);
            // In AdaLoRA a pruned lambda may grow back; in rank sampling triplets must come back.
            assert!(back > 0 || !method.contains("sampling"), "{method}");
            if !method.contains("published") {
                assert!(
                    allocations.iter().all(|e| e.rank_alive <= e.rank_budget),
                    "{method}"
                );
                assert_eq!(
                    allocations.last().unwrap().rank_alive,
                    Some(3 * 12),
                    "{method}"
                );
            }
            assert!(outcome.trainable_parameters < outcome.trained_initially);
        } else {
            assert_eq!(outcome.trainable_parameters, outcome.trained_initially);
        }
    }
}

#[test]
fn heads_new_rows_and_whole_models_learn_too() {
    let extend = NewRows {
        trained: 9,
        composition: (0..9).map(|i| vec![i]).collect(),
        like_rows_from: None,
    };
    let compose = NewRows {
        trained: 10,
        composition: (0..9).map(|i| vec![i, i + 1]).collect(),
        // The last row but one and the last, by turns.
        like_rows_from: Some(28),
    };
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(model("bert").join(file), folder.path().join(file)).unwrap();
    }
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    let norms = LONG.replace("\"pooling\"", "\"train_norms\": true, \"pooling\"");
    for (method, new_rows, train) in [
        (r#"{"full": {"learning_rate": 0.003}}"#, None, LONG),
        (r#"{"bitfit": {"learning_rate": 0.03}}"#, None, LONG),
        (r#"{"lora": {"rank": 2}}"#, Some(extend), LONG),
        (r#"{"lora": {"rank": 2}}"#, Some(compose), LONG),
        (r#"{"lora": {"rank": 2}}"#, None, norms.as_str()),
        (r#"{"head": {}}"#, None, LONG),
    ] {
        let tokens = tokens(&classes(), new_rows);
        let trains_norms = train != LONG;
        let train = config(train);
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method,
            train: &train,
            seed: 1,
            model: folder.path().to_str().unwrap(),
        };
        let outcome = cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
        let losses: Vec<f64> = events(out.path()).iter().filter_map(|e| e.loss).collect();
        // A probe on a random model learns little.
        let limit = if method.contains("head") {
            losses[0] - 0.02
        } else {
            0.3
        };
        assert!(losses[losses.len() - 1] < limit, "{method}: {losses:?}");
        let own = ["full", "bitfit"].iter().any(|m| method.contains(m))
            || trains_norms
            || tokens.metadata.encoding.new_rows.is_some();
        assert_eq!(out.path().join("model/config.json").is_file(), own);
        assert_eq!(out.path().join("model/tokenizer.json").is_file(), own);
        assert!(!out.path().join("model/merges.txt").exists());
        let predictions = Predictions::read(&out.path().join("predictions.parquet")).unwrap();
        let rows: Vec<TokenRow> = tokens
            .rows
            .iter()
            .filter(|r| r.split == Split::Test)
            .cloned()
            .collect();
        let base = model("bert");
        let base = (!own).then_some(base.as_path());
        let adapter = out.path().join("adapter");
        for merge in [false, true] {
            let again = predict(&PredictRequest {
                merge,
                ..request(&adapter, base, &rows)
            });
            assert_near(&again.unwrap(), &predictions.rows[40..]);
        }
        assert!(outcome.total_parameters >= outcome.trained_initially);
    }
}

#[test]
fn a_head_with_a_hidden_layer_learns_and_predicts_again_what_it_predicted() {
    let tokens = tokens(&classes(), None);
    let deep = LONG.replace("\"pooling\"", "\"head\": {\"hidden\": 12}, \"pooling\"");
    for (family, method) in [
        ("bert", r#"{"head": {}}"#),
        ("bert", r#"{"lora": {"rank": 4, "dropout": 0}}"#),
        ("opt", r#"{"lora": {"rank": 4, "dropout": 0}}"#),
    ] {
        let run = |train: &str| {
            let train = config(train);
            let out = tempfile::tempdir().unwrap();
            let cell = Cell {
                tokens: &tokens,
                method,
                train: &train,
                seed: 1,
                model: family,
            };
            let outcome = cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
            (out, outcome)
        };
        let (_, flat) = run(LONG);
        let (out, outcome) = run(&deep);
        let losses: Vec<f64> = events(out.path()).iter().filter_map(|e| e.loss).collect();
        let limit = if method.contains("lora") { 0.2 } else { 0.65 };
        assert!(losses[losses.len() - 1] < limit, "{method}: {losses:?}");
        let adapter = out.path().join("adapter");
        let bytes = std::fs::read(adapter.join("adapter_model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let place = if family == "bert" {
            "classifier"
        } else {
            "score"
        };
        let shape = |name: &str| {
            let name = format!("base_model.model.{place}.{name}");
            file.tensor(&name).unwrap().shape().to_vec()
        };
        let width = shape("0.weight")[1];
        for (name, expected) in [
            ("0.weight", vec![12, width]),
            ("0.bias", vec![12]),
            ("2.weight", vec![2, 12]),
            ("2.bias", vec![2]),
        ] {
            assert_eq!(shape(name), expected, "{name}");
        }
        // In the place of (width + 1) x 2 values there are (width + 1) x 12 + 13 x 2.
        let more = (width as u64 + 1) * 10 + 26;
        assert_eq!(
            outcome.trainable_parameters,
            flat.trainable_parameters + more
        );
        assert_eq!(outcome.trained_initially, flat.trained_initially + more);
        assert_eq!(outcome.total_parameters, flat.total_parameters + more);
        if method.contains("lora") {
            let text = std::fs::read_to_string(adapter.join("adapter_config.json")).unwrap();
            let peft: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(peft["modules_to_save"], serde_json::json!([place]));
            assert!(peft["task_type"].is_null());
        }
        let predictions = Predictions::read(&out.path().join("predictions.parquet")).unwrap();
        let rows: Vec<TokenRow> = [Split::Dev, Split::Test]
            .iter()
            .flat_map(|s| tokens.rows.iter().filter(move |r| r.split == *s).cloned())
            .collect();
        let base = model(family);
        let again = predict(&request(&adapter, Some(&base), &rows)).unwrap();
        assert_eq!(again, predictions, "{method}");
    }
}

#[test]
fn other_kinds_of_labels_train() {
    for kind in [
        LabelKind::Multilabel(vec!["a".into(), "b".into()]),
        LabelKind::Regression,
    ] {
        let tokens = tokens(&kind, None);
        let train = config(LONG);
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method: r#"{"lora": {"rank": 4}}"#,
            train: &train,
            seed: 1,
            model: "bert",
        };
        cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
        let events = events(out.path());
        let losses: Vec<f64> = events.iter().filter_map(|e| e.loss).collect();
        assert!(
            losses[losses.len() - 1] < losses[0] / 2.0,
            "{kind:?}: {losses:?}"
        );
        let scored = events.iter().any(|e| e.dev_mcc.is_some());
        assert_eq!(scored, kind != LabelKind::Regression);
    }
}

/// Raises the flag when the given step is reported.
/// Rank adaptation by every rule, with much happening in few steps; and the other methods.
const RULES: [&str; 11] = [
    r#"{"adaptive_rank_sampling": {"initial_rank": 6, "target_rank": 3, "every": 1}}"#,
    r#"{"adaptive_rank_sampling": {"variant": "as-published-code", "initial_rank": 6, "target_rank": 3, "every": 1, "call_every": 2}}"#,
    r#"{"adaptive_rank_sampling": {"variant": "gated", "initial_rank": 6, "target_rank": 3, "every": 2,
        "probability": 0.5, "rank_dropout": 0.1, "up_rate": 2, "lambda_rate": 0.5}}"#,
    r#"{"adaptive_rank_sampling": {"variant": "gated", "initial_rank": 6, "target_rank": 3, "every": 2,
        "probability": 0.5, "return": "value", "budget_in": "parameters", "lambda": "fixed"}}"#,
    r#"{"adalora": {"initial_rank": 6, "target_rank": 3, "every": 1}}"#,
    r#"{"lora": {"rank": 2, "magnitude": true}}"#,
    r#"{"ia3": {}}"#,
    r#"{"prompt_tuning": {"tokens": 1}}"#,
    r#"{"prefix_tuning": {"tokens": 1}}"#,
    r#"{"bottleneck": {"placement": "houlsby", "reduction_factor": 4, "layers": "1", "dropout": 0.1}}"#,
    r#"{"bitfit": {}}"#,
];

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    for method in RULES {
        goes_on_to_the_same_bits(method, SHORT);
    }
    let norms = SHORT.replacen('{', r#"{"train_norms": true, "#, 1);
    goes_on_to_the_same_bits(RULES[2], &norms);
    for train in STATEFUL {
        goes_on_to_the_same_bits(r#"{"lora": {"rank": 2}}"#, train);
        goes_on_to_the_same_bits(RULES[2], train);
    }
}

fn goes_on_to_the_same_bits(method: &str, train: &str) {
    let tokens = tokens(&classes(), None);
    let train = config(train);
    let cell = Cell {
        tokens: &tokens,
        method,
        train: &train,
        seed: 3,
        model: "bert",
    };
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at_once = cell
        .run(whole.path(), &Silent, &StopFlag::default())
        .unwrap();
    // Once in the middle of an epoch, once at its end, before the evaluation; at last before the predictions.
    for step in [13, 30, at_once.steps] {
        let stop = StopFlag::default();
        let error = cell
            .run(broken.path(), &StopAt::new(step, &stop), &stop)
            .unwrap_err();
        assert!(
            matches!(error, Error::Interrupted { step: s, .. } if s == step),
            "{error}"
        );
        assert_eq!(error.kind(), Kind::Interrupted);
        assert_eq!(
            last_checkpoint(broken.path()),
            Some((step, broken.path().join("checkpoints")))
        );
    }
    let in_parts = cell
        .run(broken.path(), &Silent, &StopFlag::default())
        .unwrap();
    assert_eq!(
        in_parts,
        Training {
            seconds: in_parts.seconds,
            peak_memory_bytes: in_parts.peak_memory_bytes,
            ..at_once
        }
    );
    let slow = train.learning_rate.get() < 1e-4;
    assert_eq!(slow, !in_parts.warnings.is_empty(), "{method}");
    forget_checkpoints(broken.path()).unwrap();
    assert_eq!(last_checkpoint(broken.path()), None);
    let weights: &[&str] = match method.contains("bottleneck") {
        true => &[
            "adapter/adapter.safetensors",
            "adapter/model_head.safetensors",
        ],
        false => &["adapter/adapter_model.safetensors"],
    };
    let others = [
        "adapter/adapter_config.json",
        "adapter/lingo.json",
        "predictions.parquet",
    ];
    for file in weights.iter().chain(&others) {
        // PEFT has no BitFit.
        let read = |folder: &Path| std::fs::read(folder.join(file)).ok();
        let found = read(broken.path());
        assert!(read(whole.path()) == found, "{method}: {file}");
        let of_peft = file.ends_with("config.json") && method.contains("bitfit");
        assert_eq!(found.is_none(), of_peft, "{method}: {file}");
    }
    let strip = |out: &Path| -> Vec<TrainEvent> {
        events(out)
            .into_iter()
            .map(|e| TrainEvent {
                seconds: None,
                tokens_per_second: None,
                peak_memory_bytes: None,
                ..e
            })
            .collect()
    };
    assert_eq!(strip(whole.path()), strip(broken.path()), "{method}");
}

#[test]
fn gates_with_a_fixed_lambda_and_nothing_to_prune_are_lora() {
    let tokens = tokens(&classes(), None);
    let train = config(SHORT);
    let run = |method| {
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method,
            train: &train,
            seed: 3,
            model: "bert",
        };
        let outcome = cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
        let predictions = std::fs::read(out.path().join("predictions.parquet")).unwrap();
        let losses: Vec<_> = events(out.path())
            .into_iter()
            .map(|e| (e.step, e.loss, e.dev_loss))
            .collect();
        let counts = (
            outcome.trainable_parameters,
            outcome.trained_initially,
            outcome.best_step,
            outcome.best_score,
        );
        (predictions, losses, counts)
    };
    // As is, and with rank dropout, which draws from a stream of its own.
    for (lora, gated) in [
        (
            r#"{"lora": {"rank": 4}}"#,
            r#"{"adaptive_rank_sampling": {"variant": "gated", "initial_rank": 4, "target_rank": 4, "lambda": "fixed"}}"#,
        ),
        (
            r#"{"lora": {"rank": 4, "rank_dropout": 0.3}}"#,
            r#"{"adaptive_rank_sampling": {"variant": "gated", "initial_rank": 4, "target_rank": 4, "lambda": "fixed", "rank_dropout": 0.3}}"#,
        ),
    ] {
        assert!(run(lora) == run(gated), "{gated}");
    }
    // A trained lambda is another method.
    let trained =
        r#"{"adaptive_rank_sampling": {"variant": "gated", "initial_rank": 4, "target_rank": 4}}"#;
    assert!(run(r#"{"lora": {"rank": 4}}"#).0 != run(trained).0);
}

/// Cross entropy of the dev rows as they are predicted by the exported adapter.
fn dev_loss(out: &Path) -> f64 {
    let predictions = Predictions::read(&out.join("predictions.parquet")).unwrap();
    let dev: Vec<_> = predictions
        .rows
        .iter()
        .filter(|r| r.split == Split::Dev)
        .collect();
    let loss = |row: &Prediction| {
        let logits: Vec<f64> = row.logits.iter().map(|&x| f64::from(x)).collect();
        let is_of = |class: &u32| row.label == Label::Class(*class);
        let class = (0..logits.len() as u32).find(is_of).unwrap();
        logits.iter().map(|x| x.exp()).sum::<f64>().ln() - logits[class as usize]
    };
    dev.iter().map(|row| loss(row)).sum::<f64>() / dev.len() as f64
}

#[test]
fn what_is_selected_is_what_is_exported() {
    for average in [r#""none""#, r#"{"ema": {"decay": 0.9}}"#, r#"{"last": 4}"#] {
        what_is_selected_is_exported(average);
    }
}

fn what_is_selected_is_exported(average: &str) {
    let tokens = tokens(&classes(), None);
    // Evaluated between two calls of the published allocator, when pruned lambdas have grown again.
    let mut train = config(
        r#"{"epochs": 8, "batch": 8, "learning_rate": 0.02, "pooling": "mean", "evaluate_every": 1, "base_dropout": false}"#,
    );
    train.average = serde_json::from_str(average).unwrap();
    let mut between_calls = 0;
    for method in RULES.into_iter().chain([
        r#"{"adaptive_rank_sampling": {"variant": "as-published-code", "initial_rank": 6,
            "target_rank": 3, "every": 1, "call_every": 5, "initial_lambda": 1}}"#,
    ]) {
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method,
            train: &train,
            seed: 3,
            model: "bert",
        };
        let outcome = cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
        between_calls +=
            u32::from(!outcome.best_step.is_multiple_of(5) && method.contains("call_every"));
        let logged = events(out.path())
            .into_iter()
            .find(|e| e.step == outcome.best_step && e.dev_loss.is_some())
            .and_then(|e| e.dev_loss)
            .unwrap();
        let found = dev_loss(out.path());
        assert!(
            (found - logged).abs() < 1e-5,
            "{average}, {method}: {found} {logged}"
        );
    }
    assert!(between_calls > 0);
}

/// What a cell leaves: the bytes of its adapter and of its predictions.
fn left(tokens: &Tokens, method: &str, train: &str) -> [Vec<u8>; 2] {
    let out = tempfile::tempdir().unwrap();
    let cell = Cell {
        tokens,
        method,
        train: &config(train),
        seed: 1,
        model: "bert",
    };
    cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
    ["adapter/adapter_model.safetensors", "predictions.parquet"]
        .map(|file| std::fs::read(out.path().join(file)).unwrap())
}

#[test]
fn averages_are_exported_with_and_without_a_dev_split() {
    let lora = r#"{"lora": {"rank": 2}}"#;
    let mut tokens = tokens(&classes(), None);
    for has_dev in [true, false] {
        if !has_dev {
            tokens.rows.retain(|r| r.split != Split::Dev);
        }
        let with = |average: &str| {
            let train = format!(
                r#"{{"epochs": 3, "batch": 8, "pooling": "mean", "select_by": "last", "average": {average}}}"#
            );
            left(&tokens, lora, &train)
        };
        let plain = with(r#""none""#);
        assert!(plain == with(r#"{"last": 1}"#));
        assert!(plain != with(r#"{"last": 2}"#));
        assert!(plain != with(r#"{"ema": {}}"#));
    }
}

/// Keeps what is said.
struct Said(std::sync::Mutex<Vec<String>>);

impl Progress for Said {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
    fn say(&self, line: &str) {
        self.0.lock().unwrap().push(line.into());
    }
}

#[test]
fn a_run_that_learns_nothing_is_warned_of() {
    let tokens = tokens(&classes(), None);
    let mut late = 0;
    for (rate, is_warned) in [("1e-12", true), ("1e-3", false), ("0.02", false)] {
        let train = config(&format!(
            r#"{{"epochs": 12, "batch": 8, "learning_rate": {rate}, "pooling": "mean"}}"#
        ));
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method: r#"{"lora": {"rank": 4}}"#,
            train: &train,
            seed: 1,
            model: "bert",
        };
        let said = Said(Vec::new().into());
        let outcome = cell.run(out.path(), &said, &StopFlag::default()).unwrap();
        let said = said.0.into_inner().unwrap();
        assert_eq!(outcome.warnings.len(), usize::from(is_warned), "{said:?}");
        let first = said.iter().find(|line| line.contains("nothing is learnt"));
        // 120 steps, 12 of them warm-up.
        assert!(first.is_none_or(|line| line.contains("in steps 13 to 24")));
        for warning in &outcome.warnings {
            assert!(warning.contains("in steps 109 to 120"), "{warning}");
            assert!(warning.contains("`pooling`"), "{warning}");
        }
        let is_back = said.iter().any(|line| line.contains("has begun to fall"));
        assert_eq!(is_back, first.is_some() && !is_warned, "{said:?}");
        late += usize::from(is_back);
        let text = std::fs::read_to_string(out.path().join("training.json")).unwrap();
        assert_eq!(text.contains("nothing is learnt yet"), is_warned, "{text}");
    }
    assert!(late > 0);
}

#[test]
fn what_the_authors_ran_is_run_with_a_warning() {
    let tokens = tokens(&classes(), None);
    let train = config(SHORT);
    let out = tempfile::tempdir().unwrap();
    let cell = Cell {
        tokens: &tokens,
        method: r#"{"adaptive_rank_sampling": {"variant": "as-published-code", "initial_rank": 6, "target_rank": 3,
            "every": 15, "call_every": 5, "total_steps": 90, "warmup_steps": 4, "final_steps": 10}}"#,
        train: &train,
        seed: 3,
        model: "bert",
    };
    let said = Said(Vec::new().into());
    let outcome = cell.run(out.path(), &said, &StopFlag::default()).unwrap();
    assert_eq!((outcome.steps, outcome.allocations), (40, 2));
    let said = said.0.into_inner().unwrap();
    assert!(
        said.iter().any(|l| l.contains("make 2 allocations")),
        "{said:?}"
    );
    assert!(outcome.warnings[0].contains("make 2 allocations"));
    assert!(
        out.path()
            .join("adapter/adapter_model.safetensors")
            .is_file()
    );
}

#[test]
fn threads_and_cells_side_by_side_change_no_bit() {
    let tokens = tokens(&classes(), None);
    let train = config(STATEFUL[0]);
    let method = r#"{"adaptive_rank_sampling": {"initial_rank": 6, "target_rank": 3, "every": 1}}"#;
    let weights = |threads: usize, seed: u64| {
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method,
            train: &train,
            seed,
            model: "bert",
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| cell.run(out.path(), &Silent, &StopFlag::default()))
            .unwrap();
        ["adapter/adapter_model.safetensors", "predictions.parquet"]
            .map(|file| std::fs::read(out.path().join(file)).unwrap())
    };
    let one = weights(1, 1);
    assert!(one == weights(2, 1));
    assert!(one != weights(1, 2));
    let (a, b) = std::thread::scope(|s| {
        let (a, b) = (s.spawn(|| weights(1, 1)), s.spawn(|| weights(1, 2)));
        (a.join().unwrap(), b.join().unwrap())
    });
    assert!(a == one && b != one);
}

#[test]
fn what_cannot_work_is_refused_before_training() {
    fn t(method: &str, change: impl Fn(&mut Tokens, &mut TrainConfig), kind: Kind, part: &str) {
        let mut tokens = tokens(&classes(), None);
        let mut train = config(SHORT);
        change(&mut tokens, &mut train);
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method,
            train: &train,
            seed: 1,
            model: "bert",
        };
        let error = cell
            .run(out.path(), &Silent, &StopFlag::default())
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert!(!out.path().join("adapter").exists() && !out.path().join("train.jsonl").exists());
    }
    let lora = r#"{"lora": {}}"#;
    t(
        r#"{"lora": {"targets": ["qery"]}}"#,
        |_, _| (),
        Kind::Config,
        "did you mean `query`?",
    );
    t(
        r#"{"lora": {"rank": 17}}"#,
        |_, _| (),
        Kind::Config,
        "is a layer of 16 x 16, whose rank is at most 16: lower `rank`",
    );
    t(
        r#"{"adalora": {"initial_rank": 17}}"#,
        |_, _| (),
        Kind::Config,
        "`initial_rank` is 17",
    );
    t(
        r#"{"adalora": {"every": 30}}"#,
        |_, _| (),
        Kind::Config,
        "at least 10",
    );
    t(
        r#"{"adaptive_rank_sampling": {"temperature": 1}}"#,
        |_, _| (),
        Kind::Config,
        "`temperature` is a setting of `gated`",
    );
    t(
        lora,
        |t, _| t.rows.retain(|r| r.split != Split::Dev),
        Kind::Input,
        "no dev examples",
    );
    t(
        lora,
        |t, _| t.rows.retain(|r| r.split != Split::Train),
        Kind::Input,
        "no training examples",
    );
    t(
        lora,
        |t, _| t.rows[3].label = Label::Class(2),
        Kind::Input,
        "row 3",
    );
    t(
        lora,
        |t, _| t.rows[3].input_ids.clear(),
        Kind::Input,
        "row 3",
    );
    t(
        lora,
        |t, _| t.rows[3].input_ids.push(30),
        Kind::Input,
        "`row 3` has the token 30, but the embedding has 30 rows",
    );
    t(
        lora,
        |t, _| t.rows[3].input_ids.resize(1000, 5),
        Kind::Input,
        "`row 3` has 1000 tokens",
    );
    t(
        lora,
        |t, _| t.metadata.encoding.model_vocab_size = 9,
        Kind::Input,
        "of a vocabulary of 9 rows",
    );
}

#[test]
fn what_does_not_go_with_the_labels_is_refused() {
    for (kind, keys, part) in [
        (
            LabelKind::Regression,
            r#"{"label_smoothing": 0.1}"#,
            "label_smoothing: the labels are numbers",
        ),
        (
            LabelKind::Regression,
            r#"{"class_weights": "balanced"}"#,
            "class_weights: the labels are numbers",
        ),
        (
            classes(),
            r#"{"class_weights": [1, 2, 3]}"#,
            "there are 3 weights, but the labels are 2 classes (no, yes)",
        ),
    ] {
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens(&kind, None),
            method: r#"{"lora": {}}"#,
            train: &config(keys),
            seed: 1,
            model: "bert",
        };
        let error = cell
            .run(out.path(), &Silent, &StopFlag::default())
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert!(!out.path().join("train.jsonl").exists());
    }
}

#[test]
fn the_most_steps_end_training_with_the_schedule_and_an_evaluation() {
    let tokens = tokens(&classes(), None);
    // An epoch has ten steps.
    let train = config(
        r#"{"epochs": 40, "batch": 8, "max_steps": 27, "log_every": 1, "pooling": "mean", "warmup_steps": 0}"#,
    );
    for method in [
        r#"{"lora": {"rank": 2}}"#,
        r#"{"adaptive_rank_sampling": {"initial_rank": 6, "target_rank": 3, "every": 1}}"#,
    ] {
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method,
            train: &train,
            seed: 1,
            model: "bert",
        };
        let outcome = cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
        assert_eq!(outcome.steps, 27, "{method}");
        let events = events(out.path());
        let rates: Vec<f64> = events.iter().filter_map(|e| e.learning_rate).collect();
        assert_eq!(rates.len(), 27);
        // The rate falls in a line to one step before 0.
        assert!((rates[26] - 1e-3 / 27.0).abs() < 1e-12, "{rates:?}");
        let evaluated: Vec<u64> = events
            .iter()
            .filter(|e| e.dev_loss.is_some())
            .map(|e| e.step)
            .collect();
        assert_eq!(evaluated, [10, 20, 27], "{method}");
        assert_eq!(last_checkpoint(out.path()).map(|(step, _)| step), Some(27));
        // Allocations are planned for 27 steps, not for 400.
        assert_eq!(outcome.allocations >= 10, method.contains("sampling"));
    }
}

#[test]
fn smoothing_and_weights_change_what_is_learnt_and_not_what_dev_is_measured_by() {
    for kind in [
        classes(),
        LabelKind::Multilabel(vec!["a".into(), "b".into()]),
    ] {
        let tokens = tokens(&kind, None);
        let losses = |keys: &str| {
            let train = config(&format!(
                r#"{{"epochs": 1, "batch": 80, "log_every": 1, "learning_rate": 1e-12, "base_dropout": false{keys}}}"#
            ));
            let out = tempfile::tempdir().unwrap();
            let cell = Cell {
                tokens: &tokens,
                method: r#"{"lora": {"rank": 2, "dropout": 0}}"#,
                train: &train,
                seed: 1,
                model: "bert",
            };
            cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
            let events = events(out.path());
            let first = |of: fn(&TrainEvent) -> Option<f64>| events.iter().find_map(of).unwrap();
            (first(|e| e.loss), first(|e| e.dev_loss))
        };
        let plain = losses("");
        for keys in [
            r#", "label_smoothing": 0.2"#,
            r#", "class_weights": [1, 5]"#,
        ] {
            let other = losses(keys);
            assert_ne!(plain.0, other.0, "{kind:?}{keys}");
            assert!((plain.1 - other.1).abs() < 1e-9, "{kind:?}{keys}");
        }
        assert_eq!(plain, losses(r#", "class_weights": "none""#));
    }
}

#[test]
fn a_loss_that_is_no_number_stops_with_the_step_and_keeps_the_checkpoint() {
    let mut tokens = tokens(&LabelKind::Regression, None);
    for row in &mut tokens.rows {
        row.label = Label::Value(3e38);
    }
    let train = config(
        r#"{"epochs": 4, "batch": 8, "learning_rate": 1e30, "warmup_steps": 0, "standardize_targets": false}"#,
    );
    let out = tempfile::tempdir().unwrap();
    let cell = Cell {
        tokens: &tokens,
        method: r#"{"lora": {"rank": 2}}"#,
        train: &train,
        seed: 1,
        model: "bert",
    };
    let error = cell
        .run(out.path(), &Silent, &StopFlag::default())
        .unwrap_err();
    assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Failed);
    assert!(error.to_string().contains("at step"), "{error}");
    assert!(!out.path().join("adapter").exists());
}

#[test]
fn a_dev_loss_that_is_no_number_is_not_selected() {
    let tokens = tokens(&classes(), None);
    // The very last update breaks the model: no training step comes to see it.
    let train = config(
        r#"{"epochs": 1, "batch": 80, "learning_rate": 1e30, "warmup_steps": 0, "clip": 1e9}"#,
    );
    let out = tempfile::tempdir().unwrap();
    let cell = Cell {
        tokens: &tokens,
        method: r#"{"lora": {"rank": 2}}"#,
        train: &train,
        seed: 1,
        model: "bert",
    };
    let error = cell
        .run(out.path(), &Silent, &StopFlag::default())
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFinite {
                what: "dev loss",
                step: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(!out.path().join("adapter").exists());
}

#[test]
fn patience_ends_training_early_and_the_best_is_kept() {
    let tokens = tokens(&classes(), None);
    let train = config(
        r#"{"epochs": 50, "batch": 8, "learning_rate": 0.02, "patience": 2, "select_by": "loss", "pooling": "mean"}"#,
    );
    let out = tempfile::tempdir().unwrap();
    let cell = Cell {
        tokens: &tokens,
        method: r#"{"lora": {"rank": 4}}"#,
        train: &train,
        seed: 1,
        model: "bert",
    };
    let outcome = cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
    let losses: Vec<(u64, f64)> = events(out.path())
        .iter()
        .filter_map(|e| Some((e.step, e.dev_loss?)))
        .collect();
    let best = losses.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!(outcome.best_step, best.0);
    assert!(outcome.steps < 500);
    assert_eq!(losses.last().unwrap().0, best.0 + 2 * 10);
}

#[test]
fn a_window_of_evaluations_is_compared() {
    let tokens = tokens(&classes(), None);
    let mut differ = 0;
    for by in ["loss", "mcc"] {
        let run = |window: usize| {
            let train = config(&format!(
                r#"{{"epochs": 6, "batch": 8, "learning_rate": 0.03, "pooling": "mean", "evaluate_every": 2,
                    "select_by": "{by}", "select_window": {window}}}"#
            ));
            let out = tempfile::tempdir().unwrap();
            let cell = Cell {
                tokens: &tokens,
                method: r#"{"lora": {"rank": 4}}"#,
                train: &train,
                seed: 1,
                model: "bert",
            };
            let outcome = cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
            let scores: Vec<(u64, f64)> = events(out.path())
                .iter()
                .filter_map(|e| {
                    let score = if by == "loss" {
                        -e.dev_loss?
                    } else {
                        e.dev_mcc?
                    };
                    Some((e.step, score))
                })
                .collect();
            (outcome, scores)
        };
        let (plain, scores) = run(1);
        for window in [1, 4] {
            let (outcome, same) = run(window);
            assert_eq!(scores, same);
            let mut best = (0, f64::NEG_INFINITY);
            for i in 0..scores.len() {
                let seen = &scores[(i + 1).saturating_sub(window)..=i];
                let mean = seen.iter().map(|s| s.1).sum::<f64>() / seen.len() as f64;
                if mean > best.1 {
                    best = (scores[i].0, mean);
                }
            }
            assert_eq!(outcome.best_step, best.0, "{by} {window}");
            assert!((outcome.best_score.unwrap() - best.1).abs() < 1e-12);
            differ += usize::from(outcome.best_step != plain.best_step);
        }
    }
    assert!(differ > 0);
}

#[test]
fn an_adapter_on_another_model_is_refused() {
    let tokens = tokens(&classes(), None);
    let train = config(SHORT);
    let out = tempfile::tempdir().unwrap();
    let cell = Cell {
        tokens: &tokens,
        method: r#"{"lora": {}}"#,
        train: &train,
        seed: 1,
        model: "bert",
    };
    cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
    let adapter = out.path().join("adapter");
    let t = |base: Option<&Path>, part: &str| {
        let error = predict(&request(&adapter, base, &tokens.rows)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    t(Some(&model("bert_mlm")), "other weights");
    t(None, "its base model `bert`");
    let weights = adapter.join("adapter_model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    for (old, new, part) in [
        (
            "layer.0.output.dense.lora_A",
            "layer.0.output.dense.lora_C",
            "belongs to no delta",
        ),
        (".bert.", ".bort.", "no low-rank delta"),
    ] {
        // Names of one length: the header stays as long as it says.
        let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
        let changed = header.replace(old, new);
        assert_ne!(header, changed);
        std::fs::write(
            &weights,
            [&bytes[..8], changed.as_bytes(), &bytes[8 + length..]].concat(),
        )
        .unwrap();
        t(Some(&model("bert")), part);
    }
    std::fs::write(adapter.join("lingo.json"), "{").unwrap();
    t(Some(&model("bert")), "lingo.json");
}

/// The merged folder gives the adapter's logits, but for rounding, and none is written over another.
fn assert_merged_folder_is_near(adapter: &Path, base: &Path, rows: &[TokenRow]) {
    let folder = tempfile::tempdir().unwrap();
    let verify: Vec<Vec<u32>> = rows.iter().map(|row| row.input_ids.clone()).collect();
    let request = MergeRequest {
        adapter,
        model: Some(base),
        described: None,
        out: &folder.path().join("merged"),
        verify: &verify,
        device: DeviceChoice::Cpu,
    };
    let apart = match Description::read(adapter).unwrap().method.name() {
        "prompt_tuning" => Some("before the tokens"),
        "prefix_tuning" => Some("before those of the tokens"),
        "bottleneck" => Some("layers of their own"),
        _ => None,
    };
    if let Some(apart) = apart {
        let message = merge(&request).unwrap_err().to_string();
        assert!(message.contains(apart), "{message}");
        assert!(!request.out.exists());
        return;
    }
    let merged = merge(&request).unwrap();
    let difference = merged.difference.unwrap();
    assert_eq!(difference.sequences, rows.len());
    assert!(
        difference.is_rounding() && difference.largest < 1e-4,
        "{difference:?}"
    );
    assert!(difference.of > 0.1, "{merged:?}");
    let message = merge(&request).unwrap_err().to_string();
    assert!(message.contains("holds something"), "{message}");
}

#[test]
fn what_peft_would_have_written_is_predicted_with_and_merged_too() {
    let tokens = tokens(&classes(), None);
    let train = config(r#"{"epochs": 2, "batch": 8, "learning_rate": 0.01, "pooling": "pooler"}"#);
    for method in [
        r#"{"lora": {"rank": 4, "rank_stabilized": true}}"#,
        r#"{"lora": {"rank": 4, "magnitude": true}}"#,
        r#"{"ia3": {}}"#,
        r#"{"prompt_tuning": {"tokens": 1}}"#,
        r#"{"prefix_tuning": {"tokens": 1}}"#,
    ] {
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            method,
            train: &train,
            seed: 1,
            model: "bert",
        };
        cell.run(out.path(), &Silent, &StopFlag::default()).unwrap();
        let adapter = &out.path().join("adapter");
        let own = Description::read(adapter).unwrap();
        std::fs::remove_file(adapter.join("lingo.json")).unwrap();
        assert!(Description::is_left_to_peft(adapter));
        let model = &model("bert");
        let classes = ["no".to_owned(), "yes".to_owned()];
        let described = Description::of_peft(
            adapter,
            PeftFacts {
                model,
                encoding: own.encoding.clone(),
                classes: &classes,
            },
        )
        .unwrap();
        assert_eq!(described.pooling, own.pooling);
        assert_eq!(described.method.name(), own.method.name());
        assert_eq!(described.trainable_parameters, own.trainable_parameters);
        assert_eq!(
            described.base_model.as_ref().unwrap().sha256,
            own.base_model.unwrap().sha256
        );
        let before = if method.contains("tokens") { 1 } else { 0 };
        assert_eq!(
            described.encoding.max_length + before,
            own.encoding.max_length
        );
        let predictor = Predictor::load(&LoadRequest {
            adapter,
            model: Some(model),
            described: Some(&described),
            device: DeviceChoice::Cpu,
            merge: false,
            models: &Models::default(),
        })
        .unwrap();
        let rows = tokens.rows.iter().filter(|r| r.split == Split::Test);
        let rows: Vec<TokenRow> = rows.cloned().collect();
        let found = predictor.logits(&rows, None, &Silent, &StopFlag::default());
        let expected = Predictions::read(&out.path().join("predictions.parquet")).unwrap();
        let expected = expected.rows.iter().filter(|r| r.split == Split::Test);
        let expected: Vec<f32> = expected.flat_map(|r| r.logits.clone()).collect();
        let found = found.unwrap();
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-5, "{method}: {a} {b}");
        }
        if before == 0 {
            let merged = merge(&MergeRequest {
                adapter,
                model: Some(model),
                described: Some(&described),
                out: &out.path().join("merged"),
                verify: &[rows[0].input_ids.clone()],
                device: DeviceChoice::Cpu,
            });
            assert!(
                merged.unwrap().difference.unwrap().is_rounding(),
                "{method}"
            );
        }
    }
}
