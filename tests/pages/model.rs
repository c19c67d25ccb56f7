//! A small BERT in the layout of Hugging Face with a tokenizer that reads any text, standing in for all-MiniLM-L6-v2.

use std::fs;
use std::path::Path;

use lingo_artifact::random::Stream;
use serde_json::{Value, json};

const WIDTH: usize = 16;
const INNER: usize = 16;
const BLOCKS: usize = 2;
const POSITIONS: usize = 640;
/// As many rows as `vocabulary: reuse` needs for 3-mers, from its row 2,000 on.
const ROWS: usize = 2200;

/// Writes `config.json`, `model.safetensors` and `tokenizer.json`.
pub fn write(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let config = json!({
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
        "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": BLOCKS,
        "num_attention_heads": 2, "vocab_size": ROWS, "type_vocab_size": 2,
        "max_position_embeddings": POSITIONS, "pad_token_id": 0, "layer_norm_eps": 1e-12,
        "initializer_range": 0.02, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
    });
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("config.json", config.to_string().as_bytes());
    write("model.safetensors", &weights());
    write("tokenizer.json", tokenizer().to_string().as_bytes());
}

/// The names and the shapes of its tensors.
fn shapes() -> Vec<(String, Vec<usize>)> {
    let mut shapes = Vec::new();
    let mut linear = |name: String, out: usize, input: usize| {
        shapes.push((format!("{name}.weight"), vec![out, input]));
        shapes.push((format!("{name}.bias"), vec![out]));
    };
    for block in 0..BLOCKS {
        let layer = |name: &str| format!("encoder.layer.{block}.{name}");
        for name in ["query", "key", "value"] {
            linear(layer(&format!("attention.self.{name}")), WIDTH, WIDTH);
        }
        linear(layer("attention.output.dense"), WIDTH, WIDTH);
        linear(layer("intermediate.dense"), INNER, WIDTH);
        linear(layer("output.dense"), WIDTH, INNER);
    }
    linear("pooler.dense".into(), WIDTH, WIDTH);
    for (name, rows) in [("word", ROWS), ("position", POSITIONS), ("token_type", 2)] {
        shapes.push((
            format!("embeddings.{name}_embeddings.weight"),
            vec![rows, WIDTH],
        ));
    }
    let mut norms = vec!["embeddings".to_string()];
    for block in 0..BLOCKS {
        norms.push(format!("encoder.layer.{block}.attention.output"));
        norms.push(format!("encoder.layer.{block}.output"));
    }
    for norm in norms {
        shapes.push((format!("{norm}.LayerNorm.weight"), vec![WIDTH]));
        shapes.push((format!("{norm}.LayerNorm.bias"), vec![WIDTH]));
    }
    shapes
}

/// A safetensors file: the length of its header, the header, the values one after another.
fn weights() -> Vec<u8> {
    let mut stream = Stream::new(1, "stand-in model");
    let (mut header, mut values) = (serde_json::Map::new(), Vec::<u8>::new());
    for (name, shape) in shapes() {
        let begin = values.len();
        for _ in 0..shape.iter().product() {
            let value = match name.ends_with("LayerNorm.weight") {
                true => 1.0,
                false => (0.1 * stream.normal()) as f32,
            };
            values.extend(f32::to_le_bytes(value));
        }
        let entry =
            json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, values.len()] });
        header.insert(name, entry);
    }
    let header = Value::Object(header).to_string();
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        &values,
    ]
    .concat()
}

/// WordPiece whose pieces are single letters, digits and signs, so that no text is unknown.
fn tokenizer() -> Value {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let mut vocabulary = serde_json::Map::new();
    let mut add = |token: String| {
        let id = vocabulary.len();
        vocabulary.insert(token, id.into());
    };
    special.iter().for_each(|token| add(token.to_string()));
    for letter in ('a'..='z').chain('0'..='9') {
        add(letter.to_string());
        add(format!("##{letter}"));
    }
    ":.,-_/".chars().for_each(|sign| add(sign.to_string()));
    let added: Vec<Value> = special
        .iter()
        .enumerate()
        .map(|(id, token)| {
            json!({
                "id": id, "content": token, "special": true,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2] },
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary,
        },
    })
}
