//! A scheme as a `tokenizer.json` of Hugging Face's `tokenizers`, so that any other tool can load it; and back.
//!
//! Ids: `[PAD] [UNK] [CLS] [SEP] [MASK]`, then the ids of the scheme, 5 higher. Overlapping k-mers read text that
//! was split beforehand (`ACG CGT GTA`), as DNABERT's tokenizer does: no pre-tokenizer can overlap.

use std::path::Path;

use lingo_artifact::atomic;
use serde_json::{Map, Value, json};

use crate::bpe::Bpe;
use crate::dna::dna_tokenizer::DnaTokenizer;
use crate::error::Error;
use crate::scheme::KmerScheme;
use crate::special_tokens::SPECIAL_TOKENS;

impl DnaTokenizer {
    /// The text of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Encoding`] when the text cannot be made, which no scheme causes.
    pub fn to_json(&self) -> Result<String, Error> {
        let texts = self.texts();
        let split = |pattern: String| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        let (pre_tokenizer, keep) = match self {
            Self::Base => (split(".".to_string()), ""),
            Self::Kmer(kmer) if kmer.has_single_bases() => {
                (split(format!("[ACGT]{{{}}}|.", kmer.k())), "")
            }
            Self::Kmer(_) => (json!({"type": "WhitespaceSplit"}), r"\s"),
            Self::Bpe(_) => (split("[ACGT]+|.".to_string()), ""),
        };
        // An overlapping k-mer that holds an N is [UNK], as in DNABERT; elsewhere N is a token of its own.
        let mut vocabulary = Map::new();
        for (id, token) in SPECIAL_TOKENS
            .iter()
            .copied()
            .chain(texts.iter().map(String::as_str))
            .enumerate()
        {
            vocabulary.insert(token.to_string(), json!(id));
        }
        let model = match self {
            Self::Bpe(bpe) => json!({
                "type": "BPE", "dropout": null, "unk_token": "[UNK]", "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": vocabulary, "merges": bpe.merges(),
            }),
            _ => json!({"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}),
        };
        let added: Vec<Value> = SPECIAL_TOKENS
            .iter()
            .enumerate()
            .map(|(id, content)| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": true})
            })
            .collect();
        let special = |name: &str, id: u32| json!({"id": name, "ids": [id], "tokens": [name]});
        let token = |name: &str, kind: u32| json!({"SpecialToken": {"id": name, "type_id": kind}});
        let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
        let whole = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": normalizer(keep),
            "pre_tokenizer": pre_tokenizer,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0)],
                "pair": [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0), sequence("B", 1), token("[SEP]", 1)],
                "special_tokens": {"[CLS]": special("[CLS]", 2), "[SEP]": special("[SEP]", 3)},
            },
            "decoder": {"type": "Fuse"},
            "model": model,
        });
        serde_json::to_string_pretty(&whole).map_err(|e| Error::Encoding(e.to_string()))
    }

    /// Writes `tokenizer.json` atomically, and `tokenizer_config.json` beside it, from which `AutoTokenizer` of
    /// `transformers` knows the class and which tokens are special. That file has one name only, so it is not written where
    /// `path` has another name than `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        atomic::write_bytes(path, self.to_json()?.as_bytes())?;
        if path.file_name() == Some("tokenizer.json".as_ref()) {
            let beside = path.with_file_name("tokenizer_config.json");
            atomic::write_json(&beside, &tokenizer_config())?;
        }
        Ok(())
    }

    /// Reads a `tokenizer.json` that [`DnaTokenizer::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Artifact`] when it cannot be read; [`Error::ModelFile`] when it is not of a scheme of this program.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bad = |message: String| Error::ModelFile {
            path: path.to_path_buf(),
            message,
        };
        let text =
            std::fs::read_to_string(path).map_err(lingo_artifact::Error::io("read", path))?;
        Self::from_json(&text).map_err(bad)
    }

    /// From the text of a `tokenizer.json`: the scheme whose own export is the same.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(text).map_err(|e| format!("it is not JSON: {e}"))?;
        let foreign = || "lingo-pipe did not write it: it belongs to none of the DNA schemes; to use it, take it as a model's own tokenizer (scheme `model`)";
        let model = value.get("model").ok_or_else(foreign)?;
        let vocabulary = model
            .get("vocab")
            .and_then(Value::as_object)
            .ok_or_else(foreign)?;
        let found = if let Some(merges) = model.get("merges") {
            let merges = serde_json::from_value(merges.clone()).map_err(|_| foreign())?;
            Self::Bpe(Bpe::new(merges, vocabulary.len() as u32).map_err(|_| foreign())?)
        } else {
            let is_dna = |t: &&String| t.bytes().all(|b| b"ACGT".contains(&b));
            let k = vocabulary.keys().filter(is_dna).map(String::len).max();
            let overlapping =
                value.pointer("/pre_tokenizer/type") == Some(&json!("WhitespaceSplit"));
            match k.and_then(|k| u8::try_from(k).ok()).ok_or_else(foreign)? {
                1 if !overlapping => Self::Base,
                k => Self::Kmer(
                    KmerScheme::new(k, if overlapping { 1 } else { k }).map_err(|_| foreign())?,
                ),
            }
        };
        let again: Value = found
            .to_json()
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .ok_or_else(foreign)?;
        if again == value {
            Ok(found)
        } else {
            Err(foreign().to_string())
        }
    }
}

/// What `transformers.AutoTokenizer` wants beside a `tokenizer.json` with [`SPECIAL_TOKENS`].
fn tokenizer_config() -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    })
}

/// Upper case, U as T, everything else as N (but for what is in `keep`).
fn normalizer(keep: &str) -> Value {
    let literal = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
    let mut steps: Vec<Value> = [
        ("a", "A"),
        ("c", "C"),
        ("g", "G"),
        ("t", "T"),
        ("u", "T"),
        ("U", "T"),
    ]
    .map(|(from, to)| literal(from, to))
    .into();
    steps.push(
        json!({"type": "Replace", "pattern": {"Regex": format!("[^ACGT{keep}]")}, "content": "N"}),
    );
    json!({"type": "Sequence", "normalizers": steps})
}
