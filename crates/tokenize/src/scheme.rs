//! How DNA becomes tokens, as it is written in a pipeline file or on a command line.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The longest k-mers: 4^8 = 65,536 tokens are already more than most language models have.
pub const MAX_K: u8 = 8;

/// Special tokens, the four bases, N, and at least one merge.
pub const MIN_BPE_VOCABULARY: u32 = 11;

/// How DNA becomes tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// One base a token.
    Base,
    /// k-mers.
    Kmer(KmerScheme),
    /// Byte-pair encoding, trained on the training split or on a FASTA.
    Bpe(BpeScheme),
    /// The language model's own tokenizer, the DNA as text.
    Model,
}

/// Which k-mers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "WrittenKmer")]
#[schemars(with = "WrittenKmer")]
pub struct KmerScheme {
    k: u8,
    stride: u8,
}

impl KmerScheme {
    /// k-mers of `k` bases, one every `stride` bases.
    ///
    /// # Errors
    /// [`Error::Scheme`]: k outside 1..=8; a stride that is neither 1 nor k.
    pub fn new(k: u8, stride: u8) -> Result<Self, Error> {
        let bad = |message: String| Error::Scheme {
            scheme: format!("kmer:{k}:{stride}"),
            message,
        };
        if !(1..=MAX_K).contains(&k) {
            return Err(bad(format!("k must be 1 to {MAX_K}")));
        }
        if stride != 1 && stride != k {
            return Err(bad(format!(
                "the stride must be 1 (every base starts a k-mer, as in DNABERT) or {k} (k-mers side by side, as in \
                 the Nucleotide Transformer); with another, bases are skipped or weighted unevenly and the tail of a \
                 sequence has no token"
            )));
        }
        Ok(Self { k, stride })
    }

    /// Bases in a k-mer.
    pub fn k(self) -> usize {
        usize::from(self.k)
    }

    /// Bases from the start of one k-mer to the start of the next: 1 or k.
    pub fn stride(self) -> usize {
        usize::from(self.stride)
    }
}

/// Which k-mers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenKmer {
    /// Bases in a k-mer, 1 to 8.
    #[schemars(range(min = 1, max = 8))]
    k: u8,
    /// 1: every base starts a k-mer (DNABERT). k, the default: k-mers side by side (Nucleotide Transformer).
    #[serde(default)]
    stride: Option<u8>,
}

impl TryFrom<WrittenKmer> for KmerScheme {
    type Error = Error;

    fn try_from(w: WrittenKmer) -> Result<Self, Error> {
        Self::new(w.k, w.stride.unwrap_or(w.k))
    }
}

/// Which byte-pair encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "WrittenBpe")]
#[schemars(with = "WrittenBpe")]
pub struct BpeScheme {
    vocab_size: NonZeroU32,
    #[serde(skip_serializing_if = "Option::is_none")]
    fasta: Option<PathBuf>,
}

impl BpeScheme {
    /// A vocabulary of `vocab_size` tokens, learned from `fasta` or, without one, from the training split.
    ///
    /// # Errors
    /// [`Error::Scheme`] when `vocab_size` leaves no room for a merge.
    pub fn new(vocab_size: u32, fasta: Option<PathBuf>) -> Result<Self, Error> {
        match NonZeroU32::new(vocab_size) {
            Some(vocab_size) if vocab_size.get() >= MIN_BPE_VOCABULARY => {
                Ok(Self { vocab_size, fasta })
            }
            _ => Err(Error::Scheme {
                scheme: format!("bpe:{vocab_size}"),
                message: format!(
                    "the vocabulary must have {MIN_BPE_VOCABULARY} tokens or more: five special tokens, A, C, G, T, N, and at least one merged token"
                ),
            }),
        }
    }

    /// Tokens in the vocabulary, special tokens, bases and N counted in, as Hugging Face's trainer counts.
    pub fn vocab_size(&self) -> u32 {
        self.vocab_size.get()
    }

    /// Where it learns from; `None` is the training split.
    pub fn fasta(&self) -> Option<&PathBuf> {
        self.fasta.as_ref()
    }

    /// The same vocabulary size, learned from another file (a path resolved against the pipeline file).
    #[must_use]
    pub fn with_fasta(self, fasta: Option<PathBuf>) -> Self {
        Self { fasta, ..self }
    }
}

/// Which byte-pair encoding.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenBpe {
    /// Tokens in the vocabulary, five special ones, the bases and N counted in.
    #[schemars(range(min = 11))]
    vocab_size: u32,
    /// A FASTA to learn from; the training split where there is none.
    #[serde(default)]
    fasta: Option<PathBuf>,
}

impl TryFrom<WrittenBpe> for BpeScheme {
    type Error = Error;

    fn try_from(w: WrittenBpe) -> Result<Self, Error> {
        Self::new(w.vocab_size, w.fasta)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("base"),
            Self::Kmer(s) => write!(f, "kmer:{}:{}", s.k, s.stride),
            Self::Bpe(s) => write!(f, "bpe:{}", s.vocab_size),
            Self::Model => f.write_str("model"),
        }
    }
}

impl FromStr for Scheme {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Scheme {
            scheme: text.to_string(),
            message: "use base, kmer:K:STRIDE (kmer:3:3), bpe:VOCAB_SIZE (bpe:4096) or model"
                .to_string(),
        };
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["base"] => Ok(Self::Base),
            ["model"] => Ok(Self::Model),
            ["kmer", k, stride] => {
                let k = k.parse().map_err(|_| bad())?;
                let stride = stride.parse().map_err(|_| bad())?;
                Ok(Self::Kmer(KmerScheme::new(k, stride)?))
            }
            ["bpe", size] => Ok(Self::Bpe(BpeScheme::new(
                size.parse().map_err(|_| bad())?,
                None,
            )?)),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["base", "kmer:3:3", "kmer:6:1", "bpe:4096", "model"] {
            assert_eq!(text.parse::<Scheme>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bad_text_says_what_would_do() {
        fn t(text: &str, expected: &str) {
            let message = text.parse::<Scheme>().unwrap_err().to_string();
            assert!(
                message.contains(expected) && message.contains(text),
                "{message}"
            );
        }
        t("codon", "use base");
        t("kmer", "use base");
        t("kmer:3", "use base");
        t("kmer:x:1", "use base");
        t("kmer:0:0", "1 to 8");
        t("kmer:9:1", "1 to 8");
        t("kmer:6:2", "1 (every base");
        t("bpe:10", "11 tokens or more");
        t("bpe:0", "11 tokens or more");
    }

    #[test]
    fn written_as_a_map() {
        fn t(json: &str, text: &str) {
            let scheme: Scheme = serde_json::from_str(json).unwrap();
            assert_eq!(scheme.to_string(), text);
            let again = serde_json::to_string(&scheme).unwrap();
            assert_eq!(serde_json::from_str::<Scheme>(&again).unwrap(), scheme);
        }
        t(r#""base""#, "base");
        t(r#"{"kmer":{"k":3,"stride":1}}"#, "kmer:3:1");
        t(r#"{"kmer":{"k":6}}"#, "kmer:6:6");
        t(r#"{"bpe":{"vocab_size":4096,"fasta":"g.fa"}}"#, "bpe:4096");
        for bad in [
            r#"{"kmer":{"k":9}}"#,
            r#"{"kmer":{"k":6,"stride":2}}"#,
            r#"{"kmer":{"k":3,"step":3}}"#,
            r#"{"bpe":{"vocab_size":3}}"#,
        ] {
            assert!(serde_json::from_str::<Scheme>(bad).is_err(), "{bad}");
        }
    }
}
