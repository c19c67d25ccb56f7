//! Models with a `vocab.txt` of k-mers, against transformers: values made by `tests/oracles/tokenize_vocabularies.py`.

// clippy.toml allows these in tests; the functions that tests share are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;

use lingo_tokenize::{Encoder, ModelVocabulary, Scheme, TokenizeConfig};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    sequence: String,
    ids: Vec<u32>,
}

type Golden = BTreeMap<String, BTreeMap<usize, Vec<Case>>>;

/// All k-mers in the order A, T, C, G.
fn kmers(k: usize) -> Vec<String> {
    match k {
        0 => vec![String::new()],
        k => "ATCG"
            .chars()
            .flat_map(|c| {
                kmers(k - 1)
                    .into_iter()
                    .map(move |rest| format!("{c}{rest}"))
            })
            .collect(),
    }
}

/// A model folder of the kind.
fn folder(kind: &str, k: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let mut lines: Vec<String> = if kind == "dnabert" {
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
            .map(String::from)
            .into()
    } else {
        ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"]
            .map(String::from)
            .into()
    };
    lines.extend(kmers(k));
    if kind != "dnabert" {
        lines.extend(["A", "T", "C", "G", "N"].map(String::from));
    }
    write("vocab.txt", &lines.join("\n"));
    write(
        "config.json",
        &format!(r#"{{"vocab_size": {}}}"#, lines.len()),
    );
    if kind == "nt" {
        write("tokenizer_config.json", r#"{"eos_token": null}"#);
    }
    folder
}

#[test]
fn ids_equal_those_of_transformers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vocabularies.json");
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(golden.len(), 3);
    for (kind, sizes) in golden {
        for (k, cases) in sizes {
            let folder = folder(&kind, k);
            let model = ModelVocabulary::load(folder.path()).unwrap();
            let stride = if kind == "dnabert" { 1 } else { k };
            // As the model's own tokenizer, and by the name of the scheme.
            for scheme in ["model".to_string(), format!("kmer:{k}:{stride}")] {
                let config = TokenizeConfig::new(scheme.parse().unwrap());
                let encoder = Encoder::new(&model, &config, &BTreeMap::new(), None).unwrap();
                let again = Encoder::from_encoding(encoder.encoding(), folder.path()).unwrap();
                for Case { sequence, ids } in &cases {
                    for encoder in [&encoder, &again] {
                        let found = encoder.encode_pair(sequence, None).unwrap();
                        assert_eq!(&found.ids, ids, "{kind} {k} {sequence}");
                        // transformers would make unknowns of lower case.
                        let lower = encoder.encode_pair(&sequence.to_lowercase(), None);
                        assert_eq!(lower.unwrap(), found);
                    }
                }
            }
        }
    }
}

#[test]
fn a_prefix_needs_words() {
    let folder = folder("nt", 3);
    let model = ModelVocabulary::load(folder.path()).unwrap();
    assert_eq!((model.pad, model.unknown), (1, Some(0)));
    let mut config = TokenizeConfig::new(Scheme::Model);
    config.prefix = Some("Sequence: {sequence}".to_string());
    let message = match Encoder::new(&model, &config, &BTreeMap::new(), None) {
        Err(e) => e.to_string(),
        Ok(_) => String::new(),
    };
    assert!(message.contains("k-mers and no words"), "{message}");
}

#[test]
fn another_vocabulary_is_refused_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), r#"{"vocab_size": 2}"#).unwrap();
    std::fs::write(folder.path().join("vocab.txt"), "the\nof\n").unwrap();
    let message = match ModelVocabulary::load(folder.path()) {
        Err(e) => e.to_string(),
        Ok(_) => String::new(),
    };
    assert!(
        message.contains("vocab.txt: it is not a vocabulary of k-mers"),
        "{message}"
    );
}
