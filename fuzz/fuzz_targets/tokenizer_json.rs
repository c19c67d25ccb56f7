//! Any bytes as a `tokenizer.json`: read or refused, and what is read encodes DNA and text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lingo_tokenize::{DnaTokenizer, ModelVocabulary};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(dna) = DnaTokenizer::from_json(text)
    {
        let bases = "ACGTTGCANNACGUacgtryAAAAAAAAAAC";
        let ids = dna
            .encode(bases)
            .expect("a scheme encodes what it is given");
        let decoded = dna.decode(&ids);
        assert!(decoded.is_empty() || decoded.starts_with('A'));
    }
    if let Ok(model) = ModelVocabulary::from_bytes(bytes, "tokenizer.json".as_ref()) {
        let _ = model.encode("Task: ACGT");
    }
});
