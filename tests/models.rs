//! `model states` and `model merge`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::fs;

use lingo_artifact::layer_states::LayerStates;
use serde_json::Value;
use toy::Toy;

#[test]
fn states_are_those_of_transformers() {
    let toy = Toy::new();
    let golden = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/crates/lm/tests/fixtures/bert/layers.json"
    );
    let golden: Value = serde_json::from_str(&fs::read_to_string(golden).unwrap()).unwrap();
    let ids: Vec<u32> = serde_json::from_value(golden["ids"].clone()).unwrap();
    let expected: Vec<Vec<f32>> = serde_json::from_value(golden["layers"].clone()).unwrap();
    let text: Vec<String> = ids.iter().map(u32::to_string).collect();
    for (out, kernels) in [("states.parquet", "portable"), ("states.tsv", "off")] {
        let arguments = [
            "model",
            "states",
            "model",
            "--ids",
            &text.join(","),
            "--out",
            out,
        ];
        let ran = toy
            .command(&arguments)
            .env("LINGO_KERNELS", kernels)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let states = LayerStates::read(&toy.path(out)).unwrap();
        assert_eq!(
            (&states.tokens, states.layers.len()),
            (&ids, expected.len())
        );
        for (got, expected) in states.layers.iter().zip(&expected) {
            assert_eq!(got.len(), expected.len());
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 2e-5 * b.abs().max(1.0);
            assert!(got.iter().zip(expected).all(near), "{out}");
        }
    }
}

#[test]
fn states_of_a_sequence_have_the_tokenizers_special_tokens() {
    let toy = Toy::new();
    toy.ok(&[
        "model",
        "states",
        "model",
        "--sequence",
        "ACGT",
        "--out",
        "s.parquet",
    ]);
    let states = LayerStates::read(&toy.path("s.parquet")).unwrap();
    assert_eq!(states.tokens.len(), 6, "{:?}", states.tokens);
    for (arguments, code, words) in [
        (vec!["--ids", "1,99999", "--out", "x.parquet"], 3, "99999"),
        (vec!["--ids", "1", "--out", "x.json"], 2, "--out x.json"),
        (vec!["--out", "x.parquet"], 2, "--ids"),
    ] {
        let ran = toy.lingo(&[vec!["model", "states", "model"], arguments].concat());
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn a_merged_folder_holds_the_adapter_and_its_head() {
    let toy = Toy::new();
    for (pooling, class) in [
        ("mean", "BertModel"),
        ("pooler", "BertForSequenceClassification"),
    ] {
        let (run, merged) = (format!("run-{pooling}"), format!("merged-{pooling}"));
        let set = format!("train.pooling={pooling}");
        toy.ok(&[
            "run", "toy.yaml", "--only", "left", "--set", &set, "--out", &run,
        ]);
        let adapter = format!("{run}/left/ars/seed-1/adapter");
        let merge = [
            "model",
            "merge",
            "--adapter",
            &adapter,
            "--out",
            &merged,
            "--verify",
        ];
        let ran = toy.ok(&merge);
        let told = "on 16 sequences (largest logit";
        assert!(ran.stdout.starts_with("largest logit difference ") && ran.stdout.contains(told));
        let config: Value =
            serde_json::from_str(&toy.read(&format!("{merged}/config.json"))).unwrap();
        assert_eq!(config["architectures"][0], class);
        assert_eq!(config.get("id2label").is_some(), pooling == "pooler");
        assert_eq!(
            toy.path(&format!("{merged}/head.safetensors")).is_file(),
            pooling == "mean"
        );
        for name in ["tokenizer.json", "lingo.json"] {
            assert!(toy.path(&format!("{merged}/{name}")).is_file(), "{name}");
        }
        // The program reads it as any model, and it is another one.
        let states = |folder: &str| {
            toy.ok(&[
                "model",
                "states",
                folder,
                "--ids",
                "2,7,9,3",
                "--out",
                "s.parquet",
            ]);
            LayerStates::read(&toy.path("s.parquet")).unwrap().layers
        };
        let (base, with_adapter) = (states("model"), states(&merged));
        assert_eq!(base[0], with_adapter[0]);
        assert_ne!(base[1], with_adapter[1]);
        // A folder that holds something stays as it is.
        let again = toy.lingo(&merge);
        assert!(
            again.code == 2 && again.stderr.contains("holds something"),
            "{}",
            again.stderr
        );
    }
    let other = [
        "model",
        "merge",
        "--adapter",
        "run-mean/left/lora/seed-1/adapter",
        "--model",
        "merged-mean",
        "--out",
        "x",
    ];
    let ran = toy.lingo(&other);
    assert!(
        ran.code == 2 && ran.stderr.contains("other weights"),
        "{}",
        ran.stderr
    );
    assert!(!toy.path("x").exists());
}
