//! The real all-MiniLM-L6-v2, from the folder that LINGO_MINILM names.

// clippy.toml allows these in tests; the functions that tests share are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_tokenize::{Encoder, ModelVocabulary, Scheme, TokenizeConfig};

fn model() -> ModelVocabulary {
    let folder = PathBuf::from(std::env::var_os("LINGO_MINILM").expect("LINGO_MINILM"));
    ModelVocabulary::load(&folder).unwrap()
}

fn encode(config: &TokenizeConfig, sequence: &str) -> Vec<u32> {
    let keys = BTreeMap::from([("task".to_string(), "H3".to_string())]);
    let encoder = Encoder::new(&model(), config, &keys, None).unwrap();
    encoder.encode_pair(sequence, None).unwrap().ids
}

#[test]
#[ignore = "reads the folder LINGO_MINILM"]
fn padding_and_truncation_are_off() {
    let model = model();
    assert_eq!(
        (model.vocab_size, model.positions, model.pad),
        (30522, Some(512), 0)
    );
    assert_eq!(model.encode("task").unwrap().len(), 1);
    assert_eq!(model.encode(&"a ".repeat(300)).unwrap().len(), 300);
}

#[test]
#[ignore = "reads the folder LINGO_MINILM"]
fn bases_take_the_rows_of_the_letters() {
    // The ids of `a c g t n` in BERT's vocabulary.
    let config = TokenizeConfig::new(Scheme::Base);
    assert_eq!(
        encode(&config, "ACGTN"),
        [101, 1037, 1039, 1043, 1056, 1050, 102]
    );
    let config = TokenizeConfig::new("kmer:3:3".parse().unwrap());
    assert_eq!(
        encode(&config, "AAACGTTTTA"),
        [101, 2000, 2027, 2063, 1037, 102]
    );
}

#[test]
#[ignore = "reads the folder LINGO_MINILM"]
fn the_prefix_is_text_and_the_dna_is_not() {
    let mut config = TokenizeConfig::new(Scheme::Base);
    config.prefix = Some("Task: {task}. {sequence} ?".to_string());
    let ids = encode(&config, "AC");
    // From transformers: "Task: H3." is [4708, 1024, 1044, 2509, 1012], "?" is [1029].
    assert_eq!(
        ids,
        [101, 4708, 1024, 1044, 2509, 1012, 1037, 1039, 1029, 102]
    );
}

#[test]
#[ignore = "reads the folder LINGO_MINILM"]
fn dna_as_text_is_one_unknown_word() {
    let encoder = Encoder::new(
        &model(),
        &TokenizeConfig::new(Scheme::Model),
        &BTreeMap::new(),
        None,
    )
    .unwrap();
    let found = encoder.encode_pair(&"ACGT".repeat(40), None).unwrap();
    assert_eq!((found.ids, found.unknown), (vec![101, 100, 102], 1));
}
