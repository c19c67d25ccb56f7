//! The `tokenize` section of the pipeline file.

use std::num::NonZeroU32;

use lingo_artifact::bounded::Probability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scheme::Scheme;

/// How sequences become rows of the model's embedding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenizeConfig {
    /// How DNA becomes tokens: `base`, `kmer`, `bpe` or `model`.
    pub scheme: Scheme,
    /// How DNA tokens become rows of the model's embedding. Not asked under scheme `model`.
    #[serde(default)]
    pub vocabulary: VocabularyMap,
    /// A text around the DNA, with `{sequence}`, `{task}` and any key of the task, for the model's own tokenizer.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The most tokens of a sequence, special tokens and prefix included. Without it: what holds the longest sequence.
    #[serde(default)]
    pub max_length: Option<NonZeroU32>,
    /// Whether of what is too long only the middle is kept; otherwise it is an error. Of a pair each sequence keeps its middle, and where that
    /// would make the two the same, what lies around their first difference.
    #[serde(default)]
    pub truncate: bool,
    /// The first row that `reuse` gives to k-mers and merged tokens, unless the model has a token for each of them.
    #[serde(default = "reuse_from")]
    pub reuse_from: u32,
    /// Under scheme `model`: the share of unknown tokens above which nothing is encoded; 0.01 where it is not said.
    #[serde(default)]
    pub max_unknown: Option<Probability>,
}

impl TokenizeConfig {
    /// The defaults of everything but the scheme.
    pub fn new(scheme: Scheme) -> Self {
        Self {
            scheme,
            vocabulary: VocabularyMap::default(),
            prefix: None,
            max_length: None,
            truncate: false,
            reuse_from: reuse_from(),
            max_unknown: None,
        }
    }

    /// Why the vocabulary map cannot go with the scheme, if it cannot.
    pub fn contradiction(&self) -> Option<&'static str> {
        match (self.vocabulary, &self.scheme) {
            (VocabularyMap::Compose, Scheme::Bpe(_)) => Some(
                "`compose` adds up a row for each position, and a merged token has no fixed number of positions; use `reuse` or `extend`",
            ),
            _ => None,
        }
    }

    /// The share of unknown tokens that scheme `model` may have.
    pub fn max_unknown_share(&self) -> f64 {
        self.max_unknown.map_or(0.01, Probability::get)
    }
}

/// Behind the special tokens, letters and signs of BERT's vocabulary: its row 1996 is `the`.
fn reuse_from() -> u32 {
    2000
}

/// How DNA tokens become rows of the model's embedding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VocabularyMap {
    /// They take rows that the model has: bases the rows of `a c g t n`, longer tokens their own where the model has them all (it was pretrained on the scheme), else those from `reuse_from` on.
    #[default]
    Reuse,
    /// Each gets a new row, which is trained.
    Extend,
    /// A k-mer's row is the sum of one trained vector for each position and base, k x 4 vectors, and half of a row that the model
    /// has (from `reuse_from` on), which stays as it is.
    Compose,
}

impl VocabularyMap {
    /// `reuse`, `extend` or `compose`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reuse => "reuse",
            Self::Extend => "extend",
            Self::Compose => "compose",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_a_default() {
        let config: TokenizeConfig = serde_json::from_str(r#"{"scheme":"base"}"#).unwrap();
        assert_eq!(config, TokenizeConfig::new(Scheme::Base));
        assert_eq!(config.vocabulary, VocabularyMap::Reuse);
        assert_eq!((config.reuse_from, config.truncate), (2000, false));
        assert_eq!(config.max_unknown_share(), 0.01);
    }

    #[test]
    fn the_schema_describes_the_numbers_of_a_scheme() {
        let schema = serde_json::to_string(&schemars::schema_for!(TokenizeConfig)).unwrap();
        for part in [
            "Bases in a k-mer, 1 to 8",
            "\"maximum\":8",
            "\"minimum\":11",
            "\"kmer\"",
            "\"compose\"",
            "\"default\":2000",
        ] {
            assert!(schema.contains(part), "{part} in {schema}");
        }
    }

    #[test]
    fn bad_values_do_not_parse() {
        for bad in [
            "{}",
            r#"{"scheme":"base","max_length":0}"#,
            r#"{"scheme":"base","vocabulary":"own"}"#,
            r#"{"scheme":"base","max_unknown":1.5}"#,
            r#"{"scheme":"base","prefx":"x"}"#,
            r#"{"scheme":"codon"}"#,
        ] {
            assert!(
                serde_json::from_str::<TokenizeConfig>(bad).is_err(),
                "{bad}"
            );
        }
    }
}
