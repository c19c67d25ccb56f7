//! DNA tokens of a model that is trained from nothing, and the `tokenizer.json` that says so.
//!
//! Ids: `[PAD] [UNK] [CLS] [SEP] [MASK]`; for k-mers the 4^k of them in the order A < C < G < T; the
//! single bases; N. The file is the one that the scheme's own export is, so the scheme fits the model
//! without a map. Of overlapping k-mers there are no single bases and no N, and the file is DNABERT's `vocab.txt`: no
//! `tokenizer.json` cuts a text into tokens that overlap.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How the DNA of a model that is trained from nothing becomes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PretrainScheme {
    /// One base a token.
    Base,
    /// k-mers: side by side, a single base where k bases without N do not follow; or overlapping, as DNABERT has them.
    Kmer(PretrainKmer),
}

/// Which k-mers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PretrainKmer {
    /// Bases in a k-mer.
    pub k: KmerLength,
    /// 1: every base begins a k-mer. Default: k-mers stand side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Overlapping>,
}

/// 1, the stride of k-mers that overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
pub struct Overlapping(#[schemars(range(min = 1, max = 1))] u8);

impl TryFrom<u8> for Overlapping {
    type Error = String;

    fn try_from(stride: u8) -> Result<Self, String> {
        match stride {
            1 => Ok(Self(stride)),
            _ => Err(format!(
                "the stride is {stride}; it is 1 where k-mers overlap, and not given where they stand side by side"
            )),
        }
    }
}

impl From<Overlapping> for u8 {
    fn from(stride: Overlapping) -> Self {
        stride.0
    }
}

/// 2 to 6: the embedding of longer k-mers is larger than a small model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
pub struct KmerLength(#[schemars(range(min = 2, max = 6))] u8);

impl TryFrom<u8> for KmerLength {
    type Error = String;

    fn try_from(k: u8) -> Result<Self, String> {
        if (2..=6).contains(&k) {
            Ok(Self(k))
        } else {
            Err(format!(
                "k is {k}; a model that is trained from nothing takes k-mers of 2 to 6 bases"
            ))
        }
    }
}

impl From<KmerLength> for u8 {
    fn from(k: KmerLength) -> Self {
        k.0
    }
}

const UNKNOWN: u32 = 1;
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
pub(super) const PAD: u32 = 0;
pub(super) const CLS: u32 = 2;
pub(super) const SEP: u32 = 3;
pub(super) const MASK: u32 = 4;
const BASES: [char; 4] = ['A', 'C', 'G', 'T'];

/// The tokens of one window, special tokens not among them.
pub(super) struct Row {
    pub ids: Vec<u32>,
    /// The bases of the window that each token stands for.
    pub spans: Vec<Range<usize>>,
}

/// The ids of a scheme.
pub(super) struct Vocabulary {
    /// Bases of a k-mer; 1 for single bases.
    k: usize,
    /// Whether every base begins a k-mer.
    overlaps: bool,
}

impl Vocabulary {
    pub fn new(scheme: PretrainScheme) -> Self {
        let (k, overlaps) = match scheme {
            PretrainScheme::Base => (1, false),
            PretrainScheme::Kmer(kmer) => (usize::from(kmer.k.0), kmer.stride.is_some()),
        };
        Self { k, overlaps }
    }

    /// k-mers, or none under `base`, whose single bases are the tokens.
    fn kmers(&self) -> u32 {
        if self.k == 1 {
            0
        } else {
            4u32.pow(self.k as u32)
        }
    }

    /// Ids of A, C, G and T alone: what is masked, and what random replacements are drawn from.
    pub fn dna(&self) -> Range<u32> {
        let first = SPECIAL.len() as u32;
        first..first + self.kmers() + self.singles()
    }

    /// Single bases that are tokens.
    fn singles(&self) -> u32 {
        if self.overlaps { 0 } else { BASES.len() as u32 }
    }

    /// How many tokens side by side are hidden at a time: among overlapping k-mers one that is hidden alone could be read
    /// off its neighbours, so as many are hidden as hold a base (DNABERT).
    pub fn hidden_together(&self) -> usize {
        if self.overlaps { self.k } else { 1 }
    }

    /// Rows of the embedding.
    pub fn size(&self) -> usize {
        self.dna().end as usize + usize::from(!self.overlaps)
    }

    /// How many bases DNA tokens stand for; of overlapping ones each for one.
    pub fn bases(&self, ids: &[u32]) -> u64 {
        if self.overlaps {
            return ids.len() as u64;
        }
        let first_single = self.dna().start + self.kmers();
        ids.iter()
            .map(|&id| if id < first_single { self.k as u64 } else { 1 })
            .sum()
    }

    /// Upper-case bases as tokens: the leftmost k-mer wherever there is one, else a single base or N.
    pub fn encode(&self, bases: &[u8]) -> Row {
        let digit = |base: &u8| {
            BASES
                .iter()
                .position(|&b| b == char::from(*base))
                .map(|d| d as u32)
        };
        let dna = self.dna();
        let mut row = Row {
            ids: Vec::with_capacity(bases.len() / self.k + self.k),
            spans: Vec::new(),
        };
        if self.overlaps {
            for (start, kmer) in bases.windows(self.k).enumerate() {
                let code = kmer
                    .iter()
                    .try_fold(0, |code, b| Some(4 * code + digit(b)?));
                row.ids
                    .push(code.map_or(UNKNOWN, |code: u32| dna.start + code));
                row.spans.push(start..start + self.k);
            }
            return row;
        }
        let mut at = 0;
        while let Some(rest) = bases.get(at..).filter(|rest| !rest.is_empty()) {
            let kmer = rest.get(..self.k).filter(|_| self.k > 1).and_then(|kmer| {
                kmer.iter()
                    .try_fold(0, |code, b| Some(4 * code + digit(b)?))
            });
            let (id, taken) = match kmer {
                Some(code) => (dna.start + code, self.k),
                None => (
                    digit(&rest[0]).map_or(dna.end, |d| dna.start + self.kmers() + d),
                    1,
                ),
            };
            row.ids.push(id);
            row.spans.push(at..at + taken);
            at += taken;
        }
        row
    }

    /// The text of each id.
    fn texts(&self) -> Vec<String> {
        let kmer = |code: u32| -> String {
            (0..self.k)
                .rev()
                .map(|place| BASES[(code >> (2 * place) & 3) as usize])
                .collect()
        };
        let mut texts: Vec<String> = SPECIAL.map(str::to_string).into();
        texts.extend((0..self.kmers()).map(kmer));
        if self.overlaps {
            return texts;
        }
        texts.extend(BASES.map(String::from));
        texts.push("N".to_string());
        texts
    }

    /// `vocab.txt` of overlapping k-mers.
    pub fn vocabulary_file(&self) -> Option<String> {
        let line = |text: String| text + "\n";
        self.overlaps
            .then(|| self.texts().into_iter().map(line).collect())
    }

    /// `tokenizer.json` of Hugging Face's `tokenizers`: upper case, U as T, all else N; then the tokens.
    pub fn tokenizer_json(&self) -> Value {
        let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
        let mut normalizers: Vec<Value> = [
            ("a", "A"),
            ("c", "C"),
            ("g", "G"),
            ("t", "T"),
            ("u", "T"),
            ("U", "T"),
        ]
        .map(|(from, to)| replace(from, to))
        .into();
        normalizers
            .push(json!({"type": "Replace", "pattern": {"Regex": "[^ACGT]"}, "content": "N"}));
        let pattern = if self.k == 1 {
            ".".to_string()
        } else {
            format!("[ACGT]{{{}}}|.", self.k)
        };
        let vocabulary: Map<String, Value> = self
            .texts()
            .into_iter()
            .enumerate()
            .map(|(id, text)| (text, json!(id)))
            .collect();
        let added = SPECIAL.iter().enumerate().map(|(id, content)| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        });
        let token = |name: &str, kind: u32| json!({"SpecialToken": {"id": name, "type_id": kind}});
        let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
        let special = |name: &str, id: u32| json!({"id": name, "ids": [id], "tokens": [name]});
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added.collect::<Vec<_>>(),
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0)],
                "pair": [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0), sequence("B", 1), token("[SEP]", 1)],
                "special_tokens": {"[CLS]": special("[CLS]", CLS), "[SEP]": special("[SEP]", SEP)},
            },
            "decoder": {"type": "Fuse"},
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_sequence() {
        fn t(scheme: &str, bases: &str, expected: &[&str]) {
            let vocabulary = Vocabulary::new(serde_json::from_str(scheme).unwrap());
            let texts = vocabulary.texts();
            assert_eq!(texts.len(), vocabulary.size());
            let row = vocabulary.encode(bases.as_bytes());
            let found: Vec<&str> = row
                .ids
                .iter()
                .map(|&id| texts[id as usize].as_str())
                .collect();
            assert_eq!(found, expected);
            let spans: Vec<&str> = row.spans.iter().map(|s| &bases[s.clone()]).collect();
            assert_eq!(spans, expected);
            let dna: Vec<u32> = row
                .ids
                .into_iter()
                .filter(|id| vocabulary.dna().contains(id))
                .collect();
            let known = bases.bytes().filter(|b| *b != b'N').count();
            assert_eq!(vocabulary.bases(&dna), known as u64);
        }
        t(r#""base""#, "ACNT", &["A", "C", "N", "T"]);
        t(r#"{"kmer":{"k":3}}"#, "ACGTAC", &["ACG", "TAC"]);
        t(
            r#"{"kmer":{"k":3}}"#,
            "TTTACNACGGT",
            &["TTT", "A", "C", "N", "ACG", "G", "T"],
        );
        t(r#"{"kmer":{"k":2}}"#, "", &[]);
    }

    #[test]
    fn overlapping_tokens_of_a_sequence() {
        let scheme = serde_json::from_str(r#"{"kmer":{"k":3,"stride":1}}"#).unwrap();
        let vocabulary = Vocabulary::new(scheme);
        let texts = vocabulary.texts();
        assert_eq!((texts.len(), vocabulary.size()), (69, 69));
        let row = vocabulary.encode(b"ACGTNACG");
        let found: Vec<&str> = row
            .ids
            .iter()
            .map(|&id| texts[id as usize].as_str())
            .collect();
        assert_eq!(found, ["ACG", "CGT", "[UNK]", "[UNK]", "[UNK]", "ACG"]);
        assert_eq!(row.spans[5], 5..8);
        let file = vocabulary.vocabulary_file().unwrap();
        assert_eq!(file.lines().nth(5), Some("AAA"));
        assert_eq!(file.lines().count(), 69);
    }

    #[test]
    fn a_bad_length_does_not_parse() {
        for bad in [
            r#"{"kmer":{"k":1}}"#,
            r#"{"kmer":{"k":7}}"#,
            r#"{"kmer":{}}"#,
            r#"{"kmer":{"k":3,"stride":3}}"#,
            r#""model""#,
        ] {
            assert!(
                serde_json::from_str::<PretrainScheme>(bad).is_err(),
                "{bad}"
            );
        }
    }
}
