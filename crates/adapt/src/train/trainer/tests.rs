use std::path::Path;

use lingo_artifact::progress::Silent;
use lingo_artifact::tokens::TokenRow;
use lingo_artifact::{Label, Split};
use lingo_lm::{DeviceChoice, Model, open_device};

use crate::folder::trained::{Inference, Pass, Trained, merge};
use crate::method::methods::Method;
use crate::network::adapted::{Network, NetworkPlan};
use crate::network::store::Entry;
use crate::plan::pooling::pooling;
use crate::plan::steps::schedule;
use crate::tensor_file::TensorFile;
use crate::train::checkpoints::Identity;
use crate::train::trainer::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lm/tests/fixtures");
const STEPS: u64 = 6;

/// The settings of tests/oracles/adapt_training.py and adapt_bottleneck.py.
fn method(name: &str) -> Method {
    let text = match name {
        "lora" | "lora_norms" => r#"{"lora": {"rank": 2, "alpha": 8, "dropout": 0}}"#,
        "rslora" => r#"{"lora": {"rank": 2, "alpha": 8, "dropout": 0, "rank_stabilized": true}}"#,
        "dora" => r#"{"lora": {"rank": 2, "alpha": 8, "dropout": 0, "magnitude": true}}"#,
        "ia3" => r#"{"ia3": {}}"#,
        "prompt_tuning" => r#"{"prompt_tuning": {"tokens": 3}}"#,
        "prefix_tuning" => r#"{"prefix_tuning": {"tokens": 3}}"#,
        "bitfit" => r#"{"bitfit": {}}"#,
        "houlsby" => r#"{"bottleneck": {"placement": "houlsby", "reduction_factor": 4}}"#,
        "pfeiffer" => r#"{"bottleneck": {"reduction_factor": 5, "non_linearity": "gelu"}}"#,
        "parallel" => r#"{"bottleneck": {"placement": "parallel"}}"#,
        _ => {
            r#"{"adalora": {"initial_rank": 3, "target_rank": 2, "alpha": 8, "dropout": 0, "warmup_steps": 1,
                "final_steps": 2, "every": 1}}"#
        }
    };
    serde_json::from_str(text).unwrap()
}

fn equals_peft(family: &str, name: &str) {
    equals("training.safetensors", family, name);
}

/// Whether steps are those of a golden file.
fn equals(file: &str, family: &str, name: &str) {
    let mut golden = TensorFile::read(&Path::new(FIXTURES).join(file), "format").unwrap();
    let mut take = |what: &str| golden.take(&format!("{family}.{name}.{what}")).unwrap().1;
    let (ids, lengths, labels) = (take("ids"), take("lengths"), take("labels"));
    let (losses, logits) = (take("losses"), take("logits"));

    let device = open_device(DeviceChoice::Cpu).unwrap().autodiff();
    let model = Model::load(&Path::new(MODELS).join(family), &device).unwrap();
    let config = TrainConfig::default();
    let pooling = pooling(&config, model.config().family, family == "bert", None).unwrap();
    let method = method(name);
    let (network, mut store) = Network::build(
        model.into(),
        &NetworkPlan {
            method: &method,
            norms: name == "lora_norms",
            pooling,
            outputs: 3,
            hidden: None,
            new_rows: None,
            base_dropout: false,
            recompute: false,
            pad: if family == "bert" { 0 } else { 1 },
            seed: 0,
            silent_head: false,
        },
    )
    .unwrap();
    for entry in 0..store.entries.len() {
        let e = store.entries[entry].clone();
        let (_, values) = golden
            .take(&format!("{family}.{name}.initial.{}", e.name))
            .unwrap();
        store.values[e.range].copy_from_slice(&values);
    }
    let left: Vec<_> = golden
        .tensors
        .keys()
        .filter(|k| k.starts_with(&format!("{family}.{name}.initial")))
        .collect();
    assert!(left.is_empty(), "the store lacks {left:?}");

    let budget = method.low_rank().and_then(|settings| settings.budget);
    // The schedule is too short for `plan`, which is what it is for.
    let allocator = budget.as_ref().map(|budget| {
        let modules = network.triplets(&store);
        let n = modules.len() as u64;
        let schedule = crate::rank::schedule::Schedule {
            initial: 3 * n,
            target: 2 * n,
            warmup: 1,
            exchange: 0,
            finish: 2,
            every: 1,
            total: STEPS,
        };
        budget
            .selection
            .start(schedule, [0.85, 0.85], modules, store.len(), 0)
    });
    assert!(budget.is_none_or(|a| schedule(&a, 3, 12, STEPS).is_err()));
    let rows: Vec<TokenRow> = lengths
        .iter()
        .zip(&labels)
        .enumerate()
        .map(|(i, (&length, &label))| TokenRow {
            id: i.to_string(),
            split: Split::Train,
            label: Label::Class(label as u32),
            input_ids: ids[9 * i..9 * i + length as usize]
                .iter()
                .map(|&id| id as u32)
                .collect(),
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = Trainer {
        orthogonality: if allocator.is_some() { 0.5 } else { 0.0 },
        allocator,
        rank_dropout: None,
        rates: vec![1.0; store.entries.len()],
        select_from: 0,
        config: &config,
        objective: Objective::PLAIN,
        watch: Watch::new(2, STEPS, vec![0.0; 3], false),
        schedule: RateSchedule {
            peak: 2e-2,
            warmup: 2,
            total: STEPS,
            decay: config.schedule,
        },
        steps_per_epoch: 1,
        dropout: Dropout::new(0),
        seed: 0,
        train: Rows {
            rows: rows.iter().collect(),
            places: (0..rows.len()).collect(),
            first_kept: 0,
            ..Rows::default()
        },
        dev: Rows::default(),
        reader: Reader {
            readings: None,
            bases: false,
            view: View::GIVEN,
            beside: None,
            masking: None,
        },
        both_strands: false,
        log: TrainLog::create(&folder.path().join("train.jsonl")).unwrap(),
        checkpoints: Checkpoints::new(
            folder.path().join("checkpoints"),
            Identity {
                run: String::new(),
                computed_by: String::new(),
            },
            Default::default(),
        ),
        saved_evaluation: None,
        progress: &Silent,
        stop: &StopFlag::default(),
        state: Progressed::default(),
        average: RunningAverage::new(Default::default(), 0),
        best: None,
        last_gradients: Vec::new(),
        network,
        store,
    };
    let named = |what: &str, store: &ParameterStore| -> Vec<Vec<f32>> {
        let of = |e: &Entry| {
            golden
                .tensors
                .get(&format!("{family}.{name}.{what}.{}", e.name))
        };
        let found = store.entries.iter().filter_map(of);
        found.map(|(_, values)| values.clone()).collect()
    };
    let gradients = named("gradient", &trainer.store);
    for (step, expected) in losses.iter().enumerate() {
        let rate = trainer.schedule.rate(step as u64);
        // Accumulated over two uneven batches, which must not matter.
        let loss = trainer
            .step(&[vec![1, 0, 3], vec![2]], &[View::GIVEN; 4], rate)
            .unwrap();
        if step == 0 && !gradients.is_empty() {
            let found = &trainer.last_gradients;
            let expected = gradients.concat();
            assert_eq!(found.len(), expected.len());
            assert!(expected.iter().any(|g| g.abs() > 1e-2));
            for (i, (ours, theirs)) in found.iter().zip(&expected).enumerate() {
                let difference = (ours - theirs).abs();
                assert!(difference < 1e-5, "gradient {i}: {ours} {theirs}");
            }
        }
        trainer.allocate();
        assert!(
            (loss - f64::from(*expected)).abs() < 1e-4,
            "step {step}: {loss} {expected}"
        );
    }
    let live = trainer.allocator.as_ref().map(|a| a.live().to_vec());
    let pad = if family == "bert" { 0 } else { 1 };
    let trained = Trained::of(&trainer.network, &trainer.store, live.as_deref());
    let rows: Vec<&[u32]> = rows.iter().map(|r| r.input_ids.as_slice()).collect();
    let mut trained = trained;
    let mut inference = Inference::new(trainer.network.model, &trained).unwrap();
    let check = |inference: &Inference, tolerance: f32, what: &str| {
        let pass = Pass {
            pad,
            batch: 3,
            states: None,
            progress: &Silent,
            stop: &StopFlag::default(),
        };
        let found = inference.logits(&rows, &pass).unwrap().concat();
        for (i, (ours, theirs)) in found.iter().zip(&logits).enumerate() {
            let difference = (ours - theirs).abs();
            assert!(difference < tolerance, "{what} logit {i}: {ours} {theirs}");
        }
    };
    check(&inference, 1e-4, "adapted");
    // The same where what was trained is multiplied into the weights.
    if trained.of_model.is_empty() {
        let mut merged = Model::load(&Path::new(MODELS).join(family), &device).unwrap();
        merge(&mut merged, &mut trained).unwrap();
        assert!(trained.deltas.is_empty() && trained.scales.is_empty());
        inference = Inference::new(merged.into(), &trained).unwrap();
        check(&inference, 1e-4, "merged");
    }
}

#[test]
fn every_method_trains_as_in_peft() {
    for family in ["bert", "opt"] {
        for name in [
            "rslora",
            "dora",
            "ia3",
            "prompt_tuning",
            "bitfit",
            "lora_norms",
        ] {
            println!("{name} on {family}");
            equals_peft(family, name);
        }
    }
}

#[test]
fn a_prefix_trains_as_in_peft() {
    // Rows for places, turned keys, fewer heads of keys than of queries, a window.
    for family in ["bert", "opt", "gpt2", "llama", "mistral"] {
        println!("{family}");
        equals_peft(family, "prefix_tuning");
    }
}

#[test]
fn bottlenecks_train_as_in_adapters() {
    for family in ["bert", "gpt2", "llama"] {
        for placement in ["houlsby", "pfeiffer", "parallel"] {
            println!("{placement} on {family}");
            equals("bottleneck.safetensors", family, placement);
        }
    }
}

#[test]
fn lora_on_bert_trains_as_in_peft() {
    equals_peft("bert", "lora");
}

#[test]
fn adalora_on_bert_trains_as_in_peft() {
    equals_peft("bert", "adalora");
}

#[test]
fn lora_on_opt_trains_as_in_peft() {
    equals_peft("opt", "lora");
}

#[test]
fn adalora_on_opt_trains_as_in_peft() {
    equals_peft("opt", "adalora");
}
