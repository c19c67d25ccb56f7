//! Training from nothing: the masked-language-modelling head, random models, saving.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "cpu")]

mod support;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use lingo_lm::{Adaptation, Batch, MlmHead, Model, ModelConfig};
use support::{TOLERANCE, assert_close, batch, fixture, floats, golden, host};

const WORDS: &str = "embeddings.word_embeddings.weight";

#[test]
fn masked_language_modelling_equals_transformers() {
    let device = Device::flex().autodiff();
    let golden = golden("bert_mlm/golden.json");
    let mut model = Model::load(&fixture("bert_mlm"), &device).unwrap();
    let mut head = MlmHead::load(&fixture("bert_mlm"), &model).unwrap();
    model.require_grad(&[WORDS]).unwrap();
    let dense = "cls.predictions.transform.dense.weight";
    head.parameters_mut().require_grad(&[dense]).unwrap();

    let batch = batch(&golden);
    let integers = |key: &str| -> Vec<i32> {
        let values = golden[key].as_array().unwrap().iter();
        values.map(|x| x.as_i64().unwrap() as i32).collect()
    };
    let index = |key: &str| -> Tensor<1, Int> {
        let values = integers(key);
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), &device)
    };
    let hidden = model.forward(&batch, Adaptation::none());
    assert!(hidden.pooled.is_none());
    let states = hidden
        .states
        .reshape([12, 16])
        .select(0, index("positions"));
    let logits = head.logits(&model, states);
    let expected = floats(&golden["logits"]);
    assert_close("logits", &host(logits.clone()), &expected, TOLERANCE);

    let targets = index("targets").reshape([4, 1]);
    let loss = -activation::log_softmax(logits, 1).gather(1, targets).mean();
    let gradients = loss.backward();
    let got = model.gradient(WORDS, &gradients).unwrap().unwrap();
    assert_close("words", &got, &floats(&golden["word_gradient"]), TOLERANCE);
    let got = head.parameters().gradient(dense, &gradients).unwrap();
    let expected = floats(&golden["dense_gradient"]);
    assert_close("dense", &got.unwrap(), &expected, TOLERANCE);
}

fn small() -> ModelConfig {
    ModelConfig::bert(12, 16, 2, 4, 24, 10)
}

fn states(model: &Model) -> Vec<f32> {
    let batch = Batch {
        ids: vec![1, 5, 11, 3, 2, 0],
        lengths: vec![3, 2],
        batch: 2,
        length: 3,
    };
    host(model.forward(&batch, Adaptation::none()).states)
}

#[test]
fn a_saved_model_is_the_same_model() {
    let device = Device::flex();
    let mut model = Model::random(small(), 7, &device).unwrap();
    model.set_sinusoidal_positions(0.02).unwrap();
    let head = MlmHead::random(&model, 7).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for with_head in [false, true] {
        if with_head {
            model.save_with_head(&head, folder.path()).unwrap();
        } else {
            model.save(folder.path()).unwrap();
        }
        let again = Model::load(folder.path(), &device).unwrap();
        assert_eq!(again.config(), model.config());
        assert_eq!(again.tensors(), model.tensors());
        for (name, _) in model.tensors() {
            assert_eq!(
                again.tensor(&name).unwrap(),
                model.tensor(&name).unwrap(),
                "{name}"
            );
        }
        assert_eq!(states(&again), states(&model));
    }
    let again = MlmHead::load(folder.path(), &model).unwrap();
    for (name, _) in head.parameters().tensors() {
        assert_eq!(
            again.parameters().values(&name).unwrap(),
            head.parameters().values(&name).unwrap()
        );
    }
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["config.json", "model.safetensors"]);
}

#[test]
fn an_opt_saves_and_loads_too() {
    for name in ["opt", "opt_post_norm"] {
        let model = Model::load(&fixture(name), &Device::flex()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        model.save(folder.path()).unwrap();
        let again = Model::load(folder.path(), &Device::flex()).unwrap();
        assert_eq!(again.config(), model.config());
        assert_eq!(states(&again), states(&model));
    }
}

#[test]
fn appended_rows_are_extra_rows() {
    let device = Device::flex();
    let mut model = Model::random(small(), 3, &device).unwrap();
    let rows: Vec<f32> = (0..32).map(|i| i as f32 / 32.0).collect();
    let batch = Batch {
        ids: vec![1, 12, 13, 2],
        lengths: vec![4],
        batch: 1,
        length: 4,
    };
    assert!(batch.check(model.config(), 0).is_err());
    batch.check(model.config(), 2).unwrap();
    let extra = support::matrix(rows.clone(), 16, &device);
    let adaptation = Adaptation {
        extra_rows: Some(&extra),
        ..Adaptation::none()
    };
    let before = host(model.forward(&batch, adaptation).states);
    model.append_rows(&rows).unwrap();
    batch.check(model.config(), 0).unwrap();
    let after = host(model.forward(&batch, Adaptation::none()).states);
    assert_eq!(before, after);
    assert!(model.append_rows(&rows[1..]).is_err());
}

#[test]
fn a_replaced_tensor_stays_trainable() {
    let device = Device::flex().autodiff();
    let mut model = Model::random(small(), 3, &device).unwrap();
    model.require_grad(&[WORDS]).unwrap();
    let doubled = model
        .tensor(WORDS)
        .unwrap()
        .iter()
        .map(|x| x * 2.0)
        .collect();
    let before = states(&model);
    model.set_tensor(WORDS, doubled).unwrap();
    assert_ne!(states(&model), before);
    let batch = Batch {
        ids: vec![4, 5],
        lengths: vec![2],
        batch: 1,
        length: 2,
    };
    let hidden = model.forward(&batch, Adaptation::none());
    // Squared, because a layer norm's outputs have a constant sum.
    let loss = hidden.states.clone() * hidden.states.slice([0..1, 0..1]);
    let gradients = loss.sum().backward();
    let gradient = model.gradient(WORDS, &gradients).unwrap().unwrap();
    let rows: Vec<bool> = gradient
        .chunks(16)
        .map(|row| row.iter().any(|&g| g != 0.0))
        .collect();
    let expected: Vec<bool> = (0..12).map(|id| id == 4 || id == 5).collect();
    assert_eq!(rows, expected);

    let message = |result: Result<(), lingo_lm::Error>| result.unwrap_err().to_string();
    assert_eq!(
        message(model.set_tensor("nothing", vec![])),
        "the model has no parameter `nothing`"
    );
    assert_eq!(
        message(model.set_tensor(WORDS, vec![0.0])),
        "parameter `embeddings.word_embeddings.weight` holds 192 values, got 1"
    );
    let mut plain = Model::random(small(), 3, &Device::flex()).unwrap();
    assert!(message(plain.require_grad(&[WORDS])).contains("no autodiff"));
    model.freeze();
    let frozen = model.forward(&batch, Adaptation::none()).states;
    assert!(!model.parameters().any_trainable() && !frozen.is_tracked());
}
