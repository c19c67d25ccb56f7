//! Broken and foreign `tokenizer.json` and `vocab.txt` files are read or refused, and what is read can be used.
//!
//! `PROPTEST_CASES=1000000 cargo test -p lingo-tokenize --test hostile` looks for longer; `fuzz/` does so with coverage.

// clippy.toml allows these in tests; the functions that tests share are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use lingo_tokenize::vocabulary_file::VocabularyFile;
use lingo_tokenize::{DnaTokenizer, ModelVocabulary};
use proptest::prelude::*;

/// Files that are read as they are.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let names = ["base", "kmer-1-1", "kmer-2-2", "kmer-3-1", "bpe-40"];
    let exported = names.map(|name| folder.join(format!("exported/{name}.json")));
    let files = exported
        .into_iter()
        .chain([folder.join("opt/tokenizer.json")]);
    files.map(|file| std::fs::read(file).unwrap()).collect()
}

/// What is put in somewhere: signs and words of the format, and numbers past every end.
const PIECES: [&str; 24] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-1",
    "4294967295",
    "18446744073709551616",
    "1e99",
    "\"A\"",
    "\"N\"",
    "\"\"",
    "\"AA\"",
    "\\u0000",
    "\"BPE\"",
    "\"WordLevel\"",
    "true",
    "\"[UNK]\"",
    "\u{e9}",
    "[[\"A\",\"A\"]]",
    "{\"A\":0}",
];

/// One change: at a place, so many bytes out, a piece or a stretch of the file in.
fn change() -> impl Strategy<
    Value = (
        prop::sample::Index,
        usize,
        prop::sample::Index,
        Option<prop::sample::Index>,
    ),
> {
    (
        any::<prop::sample::Index>(),
        0..40usize,
        any::<prop::sample::Index>(),
        any::<Option<prop::sample::Index>>(),
    )
}

fn use_it(bytes: &[u8]) {
    if let Ok(dna) = std::str::from_utf8(bytes)
        .map_err(|e| e.to_string())
        .and_then(DnaTokenizer::from_json)
    {
        let ids = dna.encode("ACGTTGCANNACGUacgtryAAAAAAAAAAC").unwrap();
        assert!(dna.decode(&ids).len() <= 64);
    }
    if let Ok(model) = ModelVocabulary::from_bytes(bytes, Path::new("tokenizer.json")) {
        // An error at most.
        let _ = model.encode("Task: ACGT").map(|ids| model.decode(&ids));
    }
    let _ = VocabularyFile::read(&String::from_utf8_lossy(bytes), None);
}

proptest! {
    #[test]
    fn changed_files_are_read_or_refused(seed in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 0..6)) {
        let seeds = seeds();
        let mut bytes = seed.get(&seeds).clone();
        for (place, out, piece, from) in changes {
            let at = place.index(bytes.len() + 1);
            let end = (at + out).min(bytes.len());
            let into = match from {
                Some(from) => {
                    let start = from.index(bytes.len() + 1);
                    bytes[start..(start + out).min(bytes.len())].to_vec()
                }
                None => piece.get(&PIECES).as_bytes().to_vec(),
            };
            bytes.splice(at..end, into);
        }
        use_it(&bytes);
    }

    #[test]
    fn random_vocabularies_of_merges_are_read_or_refused(parts in prop::collection::vec(("[ACGTN]{0,3}", "[ACGTN]{0,3}"), 0..12)) {
        let merges = serde_json::to_value(&parts).unwrap();
        let text = serde_json::json!({"model": {"type": "BPE", "vocab": {"A": 0}, "merges": merges}}).to_string();
        use_it(text.as_bytes());
        if let Ok(bpe) = lingo_tokenize::bpe::Bpe::new(parts, 4096) {
            let dna = DnaTokenizer::Bpe(bpe);
            let again = DnaTokenizer::from_json(&dna.to_json().unwrap()).unwrap();
            let bases = "ACGTTGCANACGTACGAAAAAAAAAAC";
            let ids = again.encode(bases).unwrap();
            prop_assert_eq!(again.decode(&ids), bases);
            prop_assert_eq!(dna.encode(bases).unwrap(), ids);
        }
    }
}

/// Whatever the fuzzer found: `tokenizers` panics over each of these files, so each must be refused before it sees it.
#[test]
fn what_fuzzing_found_is_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/tokenizer_json");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let refused = ModelVocabulary::from_bytes(&bytes, &path).err().unwrap();
        let message = refused.to_string();
        assert!(!message.contains("it is broken"), "{message}");
        files += 1;
    }
    assert!(files > 0);
}
