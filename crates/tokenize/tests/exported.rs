//! The exported `tokenizer.json` files: what they say to other tools is what the schemes do.
//!
//! The committed files are exports (LINGO_BLESS=1 writes them anew); `tests/oracles/tokenize_exported.py` loads them in
//! Python and writes the ids that it finds.

// clippy.toml allows these in tests; the functions that tests share are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingo_artifact::progress::Silent;
use lingo_tokenize::DnaTokenizer;
use lingo_tokenize::bpe::Bpe;
use lingo_tokenize::scheme::Scheme;
use serde::Deserialize;
use tokenizers::Tokenizer;

const SCHEMES: [&str; 6] = [
    "base", "kmer:1:1", "kmer:2:2", "kmer:3:3", "kmer:3:1", "bpe:40",
];

#[derive(Deserialize)]
struct Expected {
    sequence: String,
    /// What Python was given: the sequence, split beforehand for overlapping k-mers.
    text: String,
    ids: Vec<u32>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exported")
}

fn tokenizer(scheme: &str) -> DnaTokenizer {
    match scheme.parse::<Scheme>().unwrap() {
        Scheme::Bpe(s) => {
            let train = ["ACGATTACAGATTACATTTTACGACGATAGGGGGGCCACAAAAAAAATATNACGATTACAGATTACANNN"];
            DnaTokenizer::Bpe(Bpe::train(train.iter(), s.vocab_size(), &Silent).unwrap())
        }
        scheme => DnaTokenizer::of(&scheme).unwrap(),
    }
}

fn file(scheme: &str) -> PathBuf {
    folder().join(format!("{}.json", scheme.replace(':', "-")))
}

#[test]
fn exports_are_the_committed_files_and_read_back() {
    for scheme in SCHEMES {
        let dna = tokenizer(scheme);
        if std::env::var_os("LINGO_BLESS").is_some() {
            dna.write(&file(scheme)).unwrap();
        }
        let committed = std::fs::read_to_string(file(scheme)).unwrap();
        assert_eq!(dna.to_json().unwrap(), committed, "{scheme}");
        let again = DnaTokenizer::read(&file(scheme)).unwrap();
        assert_eq!(again.scheme().unwrap().to_string(), scheme);
        assert_eq!(again.texts(), dna.texts(), "{scheme}");
    }
}

#[test]
fn other_tools_find_the_ids_of_the_scheme() {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Vec<Expected>> = serde_json::from_str(&text).unwrap();
    for scheme in SCHEMES {
        let dna = tokenizer(scheme);
        let loaded = Tokenizer::from_file(file(scheme)).unwrap();
        // An overlapping k-mer with an N is [UNK] there.
        let overlapping = scheme == "kmer:3:1";
        for case in &expected[scheme] {
            let ids = dna.encode(&case.sequence).unwrap();
            let ids = ids.into_iter().map(|id| {
                if overlapping && id == dna.unknown() {
                    1
                } else {
                    id + 5
                }
            });
            let framed: Vec<u32> = std::iter::once(2).chain(ids).chain([3]).collect();
            assert_eq!(framed, case.ids, "{scheme} {}", case.sequence);
            let loaded = loaded.encode(case.text.as_str(), true).unwrap();
            assert_eq!(loaded.get_ids(), case.ids, "{scheme} {}", case.sequence);
        }
    }
}

#[test]
fn a_foreign_tokenizer_is_refused() {
    fn t(text: &str, expected: &str) {
        let message = DnaTokenizer::from_json(text).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    let foreign = "lingo-pipe did not write it";
    t("{", "not JSON");
    t("{}", foreign);
    t(r#"{"model":{"vocab":[]}}"#, foreign);
    t(r#"{"model":{"vocab":{}}}"#, foreign);
    t(r#"{"model":{"vocab":{"A":0}}}"#, foreign);
    t(
        r#"{"model":{"vocab":{"A":0},"merges":[["X","Y"]]}}"#,
        foreign,
    );
    let path = folder().parent().unwrap().join("bert/tokenizer.json");
    let message = DnaTokenizer::read(&path).unwrap_err().to_string();
    assert!(
        message.contains("bert/tokenizer.json") && message.contains(foreign),
        "{message}"
    );
}

#[test]
fn what_auto_tokenizer_wants_stands_beside_a_tokenizer_json() {
    let folder = tempfile::tempdir().unwrap();
    let scheme = DnaTokenizer::of(&"kmer:3:3".parse().unwrap()).unwrap();
    scheme.write(&folder.path().join("other.json")).unwrap();
    let beside = folder.path().join("tokenizer_config.json");
    assert!(!beside.exists());
    scheme.write(&folder.path().join("tokenizer.json")).unwrap();
    let config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(beside).unwrap()).unwrap();
    assert_eq!(config["tokenizer_class"], "PreTrainedTokenizerFast");
    assert_eq!(config["mask_token"], "[MASK]");
}
