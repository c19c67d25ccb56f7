//! Broken model folders: each is refused with an error that names the file and what is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "cpu")]

mod support;

use std::path::Path;

use burn::tensor::Device;
use lingo_lm::{Model, OfFamily, Positions, Rotary, RotaryScaling};
use serde_json::{Value, json};
use support::fixture;

const WEIGHTS: &str = "model.safetensors";

/// A copy of the tiny BERT, changed by `change`, loaded.
fn load_changed(change: impl FnOnce(&Path)) -> Result<Model, String> {
    load_changed_of("bert", change)
}

/// A copy of another tiny model, changed, loaded.
fn load_changed_of(model: &str, change: impl FnOnce(&Path)) -> Result<Model, String> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", WEIGHTS] {
        std::fs::copy(fixture(model).join(file), folder.path().join(file)).unwrap();
    }
    change(folder.path());
    // Paths differ from run to run; the table below does not.
    let shown = format!("{}/", folder.path().display());
    Model::load(folder.path(), &Device::flex()).map_err(|error| {
        let message = error.to_string();
        assert!(message.contains(&shown[..shown.len() - 1]), "{message}");
        message.replace(&shown, "")
    })
}

#[track_caller]
fn refused(change: impl FnOnce(&Path), expected: &str) {
    refused_of("bert", change, expected);
}

#[track_caller]
fn refused_of(model: &str, change: impl FnOnce(&Path), expected: &str) {
    match load_changed_of(model, change) {
        Ok(_) => panic!("loaded, but should say: {expected}"),
        Err(message) => assert!(message.contains(expected), "{message}\nnot: {expected}"),
    }
}

fn split(file: &[u8]) -> (Value, Vec<u8>) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = serde_json::from_slice(&file[8..8 + length]).unwrap();
    (header, file[8 + length..].to_vec())
}

fn join(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

/// Rewrites the header of the weights.
fn header(change: impl FnOnce(&mut Value)) -> impl FnOnce(&Path) {
    move |folder| {
        let path = folder.join(WEIGHTS);
        let (mut header, data) = split(&std::fs::read(&path).unwrap());
        change(&mut header);
        std::fs::write(&path, join(&header.to_string(), &data)).unwrap();
    }
}

/// Replaces the bytes of the weights.
fn bytes(change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> impl FnOnce(&Path) {
    move |folder| {
        let path = folder.join(WEIGHTS);
        let file = std::fs::read(&path).unwrap();
        std::fs::write(&path, change(file)).unwrap();
    }
}

/// Sets one key of config.json.
fn config(key: &str, value: Value) -> impl FnOnce(&Path) {
    let key = key.to_owned();
    move |folder| {
        let path = folder.join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config[key] = value;
        std::fs::write(&path, config.to_string()).unwrap();
    }
}

fn rename(from: &'static str, to: &'static str) -> impl FnOnce(&Path) {
    header(move |header| {
        let entry = header.as_object_mut().unwrap().remove(from).unwrap();
        header[to] = entry;
    })
}

const BIAS: &str = "pooler.dense.bias";

#[test]
fn unchanged_it_loads() {
    load_changed(|_| ()).unwrap();
}

#[test]
fn missing_files_are_named() {
    let remove =
        |file: &'static str| move |folder: &Path| std::fs::remove_file(folder.join(file)).unwrap();
    refused(remove("config.json"), "the model folder has no config.json");
    refused(remove(WEIGHTS), "the model folder has no model.safetensors");
    refused(
        |folder| {
            std::fs::rename(folder.join(WEIGHTS), folder.join("pytorch_model.bin")).unwrap();
        },
        "no model.safetensors, only pytorch_model.bin: `lingo-pipe model import FOLDER`",
    );
}

#[test]
fn headers_that_lie_are_refused() {
    refused(
        bytes(|_| vec![]),
        "model.safetensors: bad safetensors header: the file has 0 bytes",
    );
    refused(bytes(|file| file[..5].to_vec()), "the file has 5 bytes");
    refused(
        bytes(|file| file[..100].to_vec()),
        "but only 92 follow (truncated file?)",
    );
    refused(
        bytes(|file| [&u64::MAX.to_le_bytes(), &file[8..]].concat()),
        "it claims 18446744073709551615 bytes, more than",
    );
    refused(
        bytes(|file| [&90_000_000u64.to_le_bytes(), &file[8..]].concat()),
        "it claims 90000000 bytes, but only",
    );
    refused(
        bytes(|file| file[..file.len() - 1].to_vec()),
        "but the file holds",
    );
    refused(
        bytes(|file| [file, vec![0]].concat()),
        "the tensors end at byte",
    );
    refused(
        bytes(|file| join("[]", &file)),
        "not valid JSON: invalid type: sequence, expected an object of tensors",
    );
    refused(
        bytes(|file| join("{\"a\": \u{7f}", &file)),
        "not valid JSON",
    );
    refused(bytes(|file| join("{}", &file)), "the tensors end at byte 0");
    refused(
        header(|header| header[BIAS]["data_offsets"] = json!([4, 0])),
        "tensor `pooler.dense.bias`: F32 of shape [16] needs 64 bytes, but its offsets are 4 to 0",
    );
    refused(
        header(|header| header[BIAS]["data_offsets"] = json!([0, u64::MAX])),
        "tensor `pooler.dense.bias`: F32 of shape [16] needs 64 bytes",
    );
    refused(
        header(|header| header[BIAS]["data_offsets"] = json!([-4, 60])),
        "tensor `pooler.dense.bias`: invalid value: integer `-4`",
    );
    refused(
        header(|header| header[BIAS]["shape"] = json!([u64::MAX, 2])),
        "tensor `pooler.dense.bias`: shape [18446744073709551615, 2] overflows",
    );
    refused(
        header(|header| header[BIAS]["dtype"] = json!("F31")),
        "tensor `pooler.dense.bias` has the unknown type `F31`",
    );
    refused(
        header(|header| header[BIAS] = json!({"dtype": "F32"})),
        "tensor `pooler.dense.bias`: missing field `shape`",
    );
    refused(
        header(|header| {
            let first = header["embeddings.LayerNorm.bias"]["data_offsets"].clone();
            header[BIAS]["data_offsets"] = first;
        }),
        "it overlaps the tensor before it",
    );
    refused(
        header(|header| {
            header
                .as_object_mut()
                .unwrap()
                .remove("embeddings.LayerNorm.bias");
        }),
        "it leaves a gap before it",
    );
    refused(
        bytes(|file| {
            let (header, data) = split(&file);
            let entry = header[BIAS].to_string();
            let text = header.to_string();
            join(&format!("{{\"{BIAS}\":{entry},{}", &text[1..]), &data)
        }),
        "tensor `pooler.dense.bias` appears twice",
    );
}

#[test]
fn tensors_must_be_the_familys() {
    refused(
        rename(BIAS, "pooler.dense.bia"),
        "model.safetensors: tensor `pooler.dense.bias` is missing",
    );
    refused(
        header(|header| header[BIAS]["shape"] = json!([2, 8])),
        "tensor `pooler.dense.bias` has shape [2, 8], but config.json asks for [16]",
    );
    refused(
        header(|header| header[BIAS]["dtype"] = json!("I32")),
        "tensor `pooler.dense.bias` has type I32; weights must be F32, F16 or BF16",
    );
    refused(
        config("num_hidden_layers", json!(1)),
        "tensor `encoder.layer.1.attention.output.LayerNorm.bias` is not part of a bert model",
    );
    refused(
        config("num_hidden_layers", json!(3)),
        "tensor `encoder.layer.2.attention.self.query.weight` is missing",
    );
    refused(
        config("hidden_size", json!(20)),
        "has shape [30, 16], but config.json asks for [30, 20]",
    );
}

#[test]
fn known_spare_tensors_and_prefixes_are_accepted() {
    let spare = |name: &'static str| {
        bytes(move |file| {
            let (mut header, mut data) = split(&file);
            let end = data.len();
            header[name] = json!({"dtype": "I64", "shape": [1], "data_offsets": [end, end + 8]});
            data.extend([0; 8]);
            join(&header.to_string(), &data)
        })
    };
    for name in [
        "embeddings.position_ids",
        "bert.embeddings.position_ids",
        "cls.seq_relationship.bias",
        "lm_head.weight",
        "classifier.weight",
        "score.weight",
    ] {
        load_changed(spare(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    refused(
        spare("encoder.extra"),
        "tensor `encoder.extra` is not part of a bert model",
    );
    refused(spare("bert.pooler.dense.bias"), "is there twice (also as `");
    let prefixed = header(|header| {
        let entries = std::mem::take(header.as_object_mut().unwrap());
        for (name, entry) in entries {
            let name = match name.as_str() {
                "__metadata__" => name,
                _ => format!("bert.{name}"),
            };
            header[name] = entry;
        }
    });
    load_changed(prefixed).unwrap();
    let converted_from_tensorflow = header(|header| {
        let entries = std::mem::take(header.as_object_mut().unwrap());
        for (name, entry) in entries {
            let name = name
                .replace("LayerNorm.weight", "LayerNorm.gamma")
                .replace("LayerNorm.bias", "LayerNorm.beta");
            header[name] = entry;
        }
    });
    load_changed(converted_from_tensorflow).unwrap();
    let without_pooler = rename("pooler.dense.weight", "cls.spare");
    refused(without_pooler, "tensor `pooler.dense.bias` is not part of");
}

#[test]
fn half_precision_is_read() {
    for (dtype, half) in [
        ("F16", half::f16::from_f32(1.5).to_le_bytes()),
        ("BF16", half::bf16::from_f32(1.5).to_le_bytes()),
    ] {
        // The header's last tensor in the file, so that no other range moves.
        let model = load_changed(bytes(|file| {
            let (mut header, mut data) = split(&file);
            let last = header
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, _)| *name != "__metadata__")
                .max_by_key(|(_, entry)| entry["data_offsets"][1].as_u64())
                .map(|(name, _)| name.clone())
                .unwrap();
            assert_eq!(last, "pooler.dense.weight");
            let begin = header[&last]["data_offsets"][0].as_u64().unwrap() as usize;
            let values = (data.len() - begin) / 4;
            data.truncate(begin);
            data.extend(half.iter().cycle().take(values * 2));
            header[&last]["dtype"] = json!(dtype);
            header[&last]["data_offsets"] = json!([begin, data.len()]);
            join(&header.to_string(), &data)
        }))
        .unwrap();
        let values = model.tensor("pooler.dense.weight").unwrap();
        assert!(values.iter().all(|&x| x == 1.5), "{dtype}");
    }
}

#[test]
fn shards_are_read_through_their_index() {
    fn shard(folder: &Path, file: &str) {
        let (header, data) = split(&std::fs::read(folder.join(WEIGHTS)).unwrap());
        std::fs::remove_file(folder.join(WEIGHTS)).unwrap();
        let mut map = serde_json::Map::new();
        let names = header.as_object().unwrap().keys();
        for (number, name) in names.filter(|name| *name != "__metadata__").enumerate() {
            // Every tensor in a file of its own.
            let offsets = &header[name]["data_offsets"];
            let [begin, end] = [0, 1].map(|i| offsets[i].as_u64().unwrap() as usize);
            let mut entry = header[name].clone();
            entry["data_offsets"] = json!([0, end - begin]);
            let part = json!({ name: entry }).to_string();
            let path = format!("{number}.safetensors");
            std::fs::write(folder.join(&path), join(&part, &data[begin..end])).unwrap();
            map.insert(name.clone(), json!(path));
        }
        map[BIAS] = json!(file.replace('#', map[BIAS].as_str().unwrap()));
        let index = json!({ "weight_map": map }).to_string();
        std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    }
    load_changed(|folder| shard(folder, "#")).unwrap();
    refused(
        |folder| shard(folder, "gone.safetensors"),
        "gone.safetensors: ",
    );
    refused(
        |folder| shard(folder, "../#"),
        "model.safetensors.index.json: not valid JSON: `../",
    );
}

#[test]
fn configurations_are_checked() {
    for (key, value, expected) in [
        (
            "model_type",
            json!("t5"),
            "`model_type` is `t5`; this program knows bert, distilbert, esm, gpt2, gpt_neox, llama, mistral, modernbert, mpnet, opt, qwen2, qwen3, roberta",
        ),
        ("model_type", json!(null), "`model_type` is missing"),
        ("model_type", json!(3), "`model_type` is 3, not a string"),
        ("vocab_size", json!(null), "`vocab_size` is missing"),
        (
            "vocab_size",
            json!(-1),
            "`vocab_size` is -1, not a whole number",
        ),
        (
            "hidden_size",
            json!(0),
            "`hidden_size` is 0, not a whole number from 1 to",
        ),
        (
            "hidden_size",
            json!(1u64 << 62),
            "not a whole number from 1 to",
        ),
        (
            "num_attention_heads",
            json!(5),
            "`num_attention_heads` is 5, which does not divide hidden_size 16",
        ),
        (
            "hidden_act",
            json!("mish"),
            "`hidden_act` is `mish`; known are gelu",
        ),
        (
            "hidden_dropout_prob",
            json!(1.0),
            "`hidden_dropout_prob` is 1, not below 1",
        ),
        (
            "layer_norm_eps",
            json!("tiny"),
            "`layer_norm_eps` is \"tiny\", not a number from 0 up",
        ),
        (
            "position_embedding_type",
            json!("relative_key"),
            "only `absolute` is known",
        ),
        ("is_decoder", json!(true), "only encoders are known"),
        (
            "is_decoder",
            json!(1),
            "`is_decoder` is 1, not true or false",
        ),
        (
            "pad_token_id",
            json!(-1),
            "`pad_token_id` is -1, not a token id",
        ),
    ] {
        refused(config(key, value), expected);
    }
    let broken = |folder: &Path| std::fs::write(folder.join("config.json"), "{").unwrap();
    refused(broken, "config.json: not valid JSON: EOF while parsing");
    let list = |folder: &Path| std::fs::write(folder.join("config.json"), "[]").unwrap();
    refused(list, "config.json: not valid JSON: not an object");
}

#[test]
fn configurations_of_decoders_are_checked() {
    for (model, key, value, expected) in [
        (
            "llama",
            "num_key_value_heads",
            json!(3),
            "`num_key_value_heads` is 3, which does not divide num_attention_heads 4",
        ),
        (
            "llama",
            "head_dim",
            json!(5),
            "`rope_parameters.partial_rotary_factor` is 1: 5 of the 5 values of a head cannot be rotated in pairs",
        ),
        (
            "llama",
            "head_dim",
            json!(6),
            "tensor `layers.0.self_attn.q_proj.weight` has shape [16, 16], but config.json asks for [24, 16]",
        ),
        (
            "llama",
            "rope_scaling",
            json!({"type": "yarn", "factor": 4.0}),
            "`rope_scaling.rope_type` is `yarn`; known are default, linear and llama3",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "dynamic", "factor": 4.0}),
            "`rope_parameters.rope_type` is `dynamic`",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "linear"}),
            "`rope_parameters.factor` is missing",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "linear", "factor": 0}),
            "`rope_parameters.factor` is 0, not above 0",
        ),
        (
            "llama",
            "rope_parameters",
            json!({
                "rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4
            }),
            "`rope_parameters.high_freq_factor` is 4, not above low_freq_factor, 4",
        ),
        (
            "llama",
            "rope_parameters",
            json!(3),
            "`rope_parameters` is 3, not an object",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_theta": 0}),
            "`rope_parameters.rope_theta` is 0",
        ),
        (
            "gpt2",
            "scale_attn_by_inverse_layer_idx",
            json!(true),
            "`scale_attn_by_inverse_layer_idx` is true; only false is known",
        ),
        (
            "gpt_neox",
            "rope_parameters",
            json!({"partial_rotary_factor": 0.3}),
            "`rope_parameters.partial_rotary_factor` is 0.3: 1 of the 4 values of a head",
        ),
        (
            "qwen2",
            "layer_types",
            json!(["full_attention"]),
            "`layer_types` has 1 kinds for 2 blocks",
        ),
        (
            "qwen2",
            "layer_types",
            json!(["full_attention", "chunked_attention"]),
            "`layer_types` has `chunked_attention`; known are full_attention and sliding_attention",
        ),
        (
            "qwen2",
            "layer_types",
            json!("all"),
            "`layer_types` is \"all\", not a list of strings",
        ),
    ] {
        refused_of(model, config(key, value), expected);
    }
}

/// The shape by the keys of `transformers` before its version 5 and by those since.
#[test]
fn rotary_positions_are_read_from_both_places() {
    let read = |keys: &[(&'static str, Value)]| {
        let change = |folder: &Path| {
            config("rope_parameters", json!(null))(folder);
            for (key, value) in keys {
                config(key, value.clone())(folder);
            }
        };
        load_changed_of("llama", change).unwrap().config().positions
    };
    let rotary = |base, scaling| {
        Positions::Rotary(Rotary {
            base,
            size: 4,
            scaling,
        })
    };
    assert_eq!(read(&[]), rotary(10_000.0, RotaryScaling::None));
    let theta = ("rope_theta", json!(500.0));
    assert_eq!(
        read(std::slice::from_ref(&theta)),
        rotary(500.0, RotaryScaling::None)
    );
    let within = json!({"rope_theta": 700.0, "rope_type": "linear", "factor": 2.0});
    let linear = RotaryScaling::Linear { factor: 2.0 };
    assert_eq!(read(&[("rope_parameters", within)]), rotary(700.0, linear));
    let old = ("rope_scaling", json!({"type": "linear", "factor": 2.0}));
    assert_eq!(read(&[theta.clone(), old]), rotary(500.0, linear));
    let llama3 = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0
    });
    let expected = RotaryScaling::Llama3 {
        factor: 8.0,
        low: 1.0,
        high: 4.0,
        original: 12.0,
    };
    assert_eq!(
        read(&[theta, ("rope_scaling", llama3)]),
        rotary(500.0, expected)
    );
}

/// Which blocks have windows, and where a null means that none has.
#[test]
fn windows_are_those_of_transformers() {
    let read = |model: &str, keys: &[(&'static str, Value)]| {
        let change = |folder: &Path| {
            for (key, value) in keys {
                config(key, value.clone())(folder);
            }
        };
        let model = load_changed_of(model, change).unwrap();
        match &model.config().of_family {
            OfFamily::Llama(own) => own.windows.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read("llama", &[("sliding_window", json!(4))]), [None; 2]);
    assert_eq!(read("mistral", &[]), [Some(3); 2]);
    assert_eq!(
        read("mistral", &[("sliding_window", json!(null))]),
        [None; 2]
    );
    assert_eq!(read("qwen2", &[]), [None, Some(2)]);
    let asked = ("use_sliding_window", json!(false));
    assert_eq!(read("qwen2", &[asked]), [None; 2]);
    let kinds = ("layer_types", json!(null));
    assert_eq!(
        read("qwen2", &[kinds, ("max_window_layers", json!(0))]),
        [Some(2); 2]
    );
}
