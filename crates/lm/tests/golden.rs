//! Hidden states, poolers and gradients against `transformers` and torch; the golden files
//! come from tests/oracles/lm.py.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "cpu")]

mod support;

use burn::tensor::{Device, Tensor};
use lingo_lm::{Adaptation, Batch, LowRank, Model, Packing, Precision};
use serde_json::Value;
use support::{
    Pattern, TOLERANCE, assert_close, batch, fixture, floats, golden, host, matrix, real,
};

const FOLDERS: [&str; 19] = [
    "bert",
    "distilbert",
    "dnabert2",
    "esm",
    "esm_rotary",
    "gpt2",
    "gpt_neox",
    "gpt_neox/sequential",
    "llama",
    "llama/scaled",
    "mistral",
    "modernbert",
    "mpnet",
    "nucleotide_transformer_v2",
    "opt",
    "opt_post_norm",
    "qwen2",
    "qwen3",
    "roberta",
];

#[test]
fn states_equal_transformers() {
    for packed in [false, true] {
        check_states(&Device::flex(), packed, TOLERANCE);
        check_states(&Device::flex().autodiff(), packed, TOLERANCE);
    }
}

#[cfg(feature = "wgpu")]
#[test]
#[ignore = "needs a graphics adapter, which a software one can be"]
fn another_device_equals_transformers() {
    let device = lingo_lm::open_device(lingo_lm::DeviceChoice::Wgpu).unwrap();
    check_states(&device, false, 1e-4);
    for case in golden("bert/golden.json")["adapted"].as_array().unwrap() {
        check_adapted("bert", case, Base::Plain, &device.clone().autodiff());
    }
}

fn check_states(device: &Device, packed: bool, tolerance: f32) {
    for folder in FOLDERS {
        let mut model = Model::load(&fixture(folder), device).unwrap();
        if packed {
            assert!(model.pack(packing(Precision::F32)).unwrap());
        }
        let golden = golden(&format!("{folder}/golden.json"));
        let parameters = golden["parameters"].as_u64().unwrap();
        assert_eq!(model.parameter_count() as u64, parameters, "{folder}");
        for (number, case) in golden["cases"].as_array().unwrap().iter().enumerate() {
            let what = format!("{folder}, case {number}");
            let batch = batch(case);
            batch.check(model.config(), 0).unwrap();
            let hidden = model.forward(&batch, Adaptation::none());
            let got = real(&host(hidden.states), &batch);
            let expected = real(&floats(&case["states"]), &batch);
            assert_close(&what, &got, &expected, tolerance);
            match (hidden.pooled, case.get("pooled")) {
                (Some(got), Some(expected)) => {
                    assert_close(&what, &host(got), &floats(expected), tolerance);
                }
                (got, expected) => assert!(got.is_none() && expected.is_none(), "{what}"),
            }
        }
    }
}

#[test]
fn states_of_every_layer_equal_transformers() {
    for packed in [false, true] {
        let mut checked = 0;
        for folder in FOLDERS {
            let path = fixture(folder).join("layers.json");
            if !path.is_file() {
                continue;
            }
            let golden = golden(&format!("{folder}/layers.json"));
            let mut model = Model::load(&fixture(folder), &Device::flex()).unwrap();
            if packed {
                assert!(model.pack(packing(Precision::F32)).unwrap());
            }
            let ids: Vec<u32> = serde_json::from_value(golden["ids"].clone()).unwrap();
            let layers = model.states_of_layers(&ids).unwrap();
            let expected = golden["layers"].as_array().unwrap();
            assert_eq!(layers.len(), expected.len(), "{folder}");
            for (layer, (got, expected)) in layers.iter().zip(expected).enumerate() {
                let what = format!("{folder}, layer {layer}, packed {packed}");
                assert_close(&what, got, &floats(expected), TOLERANCE);
            }
            assert!(model.states_of_layers(&[]).is_err());
            assert!(model.states_of_layers(&[u32::MAX]).is_err());
            checked += 1;
        }
        // Those that plain transformers has: neither DNABERT-2 nor the Nucleotide Transformer 2.
        assert_eq!(checked, 7);
    }
}

#[test]
fn gradients_of_deltas_and_new_rows_equal_torch() {
    for folder in FOLDERS {
        for case in golden(&format!("{folder}/golden.json"))["adapted"]
            .as_array()
            .unwrap()
        {
            let device = Device::flex().autodiff();
            for base in [Base::Plain, Base::Trained, Base::Packed] {
                check_adapted(folder, case, base, &device);
            }
        }
    }
}

/// What the base is: frozen in plain operations, trained in them, or frozen and packed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    Plain,
    Trained,
    Packed,
}

/// Loss and gradients of one case; those of base tensors as well, where they are trained.
fn check_adapted(folder: &str, case: &Value, kind: Base, device: &Device) {
    let mut model = Model::load(&fixture(folder), device).unwrap();
    let what = format!("{folder}, {kind:?}, dropout {}", case["dropout"]);
    let base = case["base_gradients"].as_object().unwrap();
    let full = kind == Base::Trained;
    if full {
        let names: Vec<&String> = base.keys().collect();
        model.require_grad(&names).unwrap();
    }
    if kind == Base::Packed {
        assert!(model.pack(packing(Precision::F32)).unwrap());
    }

    let dropout = case["dropout"].as_f64().unwrap();
    let deltas = case["deltas"].as_array().unwrap();
    let sites: Vec<&str> = model.sites().iter().map(|s| s.name.as_str()).collect();
    let names: Vec<&str> = deltas.iter().map(|d| d["site"].as_str().unwrap()).collect();
    assert_eq!(sites, names, "{folder}: sites");
    let low_rank: Vec<Option<LowRank>> = deltas
        .iter()
        .zip(model.sites())
        .map(|(delta, site)| {
            Some(LowRank {
                down: matrix(floats(&delta["down"]), 2, device).require_grad(),
                up: matrix(floats(&delta["up"]), site.output, device).require_grad(),
                dropout,
                magnitude: None,
            })
        })
        .collect();
    let width = model.config().embedding_size();
    let rows = matrix(floats(&case["rows"]), width, device).require_grad();
    let batch = batch(case);
    batch.check(model.config(), 2).unwrap();
    let mut pattern = Pattern::default();
    let hidden = model.forward(
        &batch,
        Adaptation {
            low_rank: &low_rank,
            scales: &[],
            bottlenecks: &[],
            prefix: None,
            extra_rows: Some(&rows),
            dropout: (dropout > 0.0).then_some(&mut pattern),
            base_dropout: true,
            recompute: false,
            from: None,
        },
    );

    let states = hidden.states.reshape([batch.ids.len(), width]);
    let weights = matrix(floats(&case["weights"]), width, device);
    let mut loss: Tensor<1> = (states * weights).sum();
    if let Some(pooled) = hidden.pooled {
        let weights = matrix(floats(&case["pooled_weights"]), width, device);
        loss = loss + (pooled * weights).sum();
    }
    let expected = case["loss"].as_f64().unwrap() as f32;
    assert_close(&what, &host(loss.clone()), &[expected], 1e-4);
    let gradients = loss.backward();

    let check = |name: &str, tensor: &Tensor<2>, expected: &Value| {
        let got = host(tensor.grad(&gradients).expect(name));
        assert_close(&format!("{what}: {name}"), &got, &floats(expected), 1e-4);
    };
    check("rows", &rows, &case["rows_gradient"]);
    for (delta, low_rank) in deltas.iter().zip(&low_rank) {
        let site = delta["site"].as_str().unwrap();
        let low_rank = low_rank.as_ref().unwrap();
        check(site, &low_rank.down, &delta["down_gradient"]);
        check(site, &low_rank.up, &delta["up_gradient"]);
    }
    for (name, expected) in base.iter().filter(|_| kind != Base::Packed) {
        let got = model.gradient(name, &gradients).unwrap();
        if full {
            let what = format!("{what}: {name}");
            assert_close(&what, &got.expect(name), &floats(expected), 1e-4);
        } else {
            assert!(got.is_none(), "{name} is frozen but has a gradient");
        }
    }
}

#[test]
#[ignore = "reads all-MiniLM-L6-v2 from the folder LINGO_MINILM"]
fn the_real_minilm_equals_transformers() {
    let folder = std::env::var_os("LINGO_MINILM").expect("LINGO_MINILM");
    let golden = golden("values/minilm.json");
    let parameters = golden["parameters"].as_u64().unwrap();
    let batch = batch(&golden);
    // bf16 rounds to 8 bits at each of some forty places.
    for (precision, tolerance) in [
        (None, TOLERANCE),
        (Some(Precision::F32), TOLERANCE),
        (Some(Precision::Bf16), 0.05),
    ] {
        let mut model = Model::load(folder.as_ref(), &Device::flex()).unwrap();
        assert_eq!(model.parameter_count() as u64, parameters);
        if let Some(precision) = precision {
            assert!(model.pack(packing(precision)).unwrap());
        }
        let hidden = model.forward(&batch, Adaptation::none());
        let every_16th =
            |values: Vec<f32>| -> Vec<f32> { values.into_iter().step_by(16).collect() };
        // The width, 384, is a multiple of 16.
        let states = every_16th(real(&host(hidden.states), &batch));
        let what = |name| format!("{name}, {precision:?}");
        assert_close(
            &what("states"),
            &states,
            &floats(&golden["states"]),
            tolerance,
        );
        let pooled = every_16th(host(hidden.pooled.unwrap()));
        assert_close(
            &what("pooled"),
            &pooled,
            &floats(&golden["pooled"]),
            tolerance,
        );
    }
}

/// A model whose blocks are read one by one when they are packed is the same as one that was read whole.
#[test]
fn blocks_that_are_packed_as_they_are_read_give_the_same_bits() {
    for folder in FOLDERS {
        let folder = fixture(folder);
        let device = Device::flex();
        let mut whole = Model::load(&folder, &device).unwrap();
        let is_packed = whole.pack(packing(Precision::F32)).unwrap();
        let by_block = Model::load_packed(&folder, &device, packing(Precision::F32)).unwrap();
        assert_eq!(by_block.packing().is_some(), is_packed);
        assert_eq!(by_block.tensors(), whole.tensors());
        let ids: Vec<u32> = (5..14).collect();
        let batch = Batch {
            ids: [&ids[..], &ids[..]].concat(),
            lengths: vec![9, 4],
            batch: 2,
            length: 9,
        };
        let states = |model: &Model| {
            let hidden = model.forward(&batch, Adaptation::none());
            let pooled = hidden.pooled.map(host);
            (real(&host(hidden.states), &batch), pooled)
        };
        assert!(states(&whole) == states(&by_block), "{}", folder.display());
        // What is not packed can be read, what is packed cannot, as after `pack`.
        for (name, _) in whole.tensors() {
            let [a, b] = [&whole, &by_block].map(|model| model.tensor(&name).ok());
            assert!(a == b, "{}: {name}", folder.display());
        }
    }
}

/// A folder that is written says the same as the one it was read from.
#[test]
fn what_is_written_is_read_again() {
    for folder in FOLDERS {
        let model = Model::load(&fixture(folder), &Device::flex()).unwrap();
        let written = tempfile::tempdir().unwrap();
        model.save(written.path()).unwrap();
        let again = Model::load(written.path(), &Device::flex()).unwrap();
        assert_eq!(again.config(), model.config(), "{folder}");
        assert_eq!(again.tensors(), model.tensors(), "{folder}");
        for (name, _) in model.tensors() {
            let [expected, got] = [&model, &again].map(|model| model.tensor(&name).unwrap());
            assert_eq!(got, expected, "{folder}: {name}");
        }
    }
}

fn packing(precision: Precision) -> Packing {
    Packing {
        precision,
        quantization: None,
        gradients: true,
    }
}
