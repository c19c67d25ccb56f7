//! What an encoding makes of a data set: bases per token, unknown share, lengths.

use std::collections::BTreeMap;

use lingo_artifact::example::Examples;
use lingo_artifact::tokens::Tokens;
use serde::Serialize;

/// What `tokenize inspect` shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Examples.
    pub examples: u64,
    /// Bases of all sequences, before anything was cut off.
    pub bases: u64,
    /// Tokens that stand for DNA: without special tokens and prefix.
    pub dna_tokens: u64,
    /// `bases / dna_tokens`; null without tokens.
    pub bases_per_token: Option<f64>,
    /// The share of the DNA tokens that the scheme does not know; null without tokens.
    pub unknown_share: Option<f64>,
    /// Sequences that lost DNA at their end.
    pub truncated: u64,
    /// How many examples have how many tokens, special tokens and prefix included, in order of length.
    pub lengths: Vec<(u32, u64)>,
}

/// Counts over a data set and what it was encoded as (the same rows in the same order).
pub fn inspect(examples: &Examples, tokens: &Tokens) -> Inspection {
    let encoding = &tokens.metadata.encoding;
    let mut lengths: BTreeMap<u32, u64> = BTreeMap::new();
    let (mut bases, mut dna_tokens) = (0u64, 0u64);
    for (example, row) in examples.rows.iter().zip(&tokens.rows) {
        let second = example.sequence2.as_deref();
        bases += (example.sequence.len() + second.map_or(0, str::len)) as u64;
        let between = if second.is_some() {
            encoding.between.len()
        } else {
            0
        };
        let fixed = encoding.before.len() + between + encoding.after.len();
        dna_tokens += row.input_ids.len().saturating_sub(fixed) as u64;
        *lengths.entry(row.input_ids.len() as u32).or_default() += 1;
    }
    let per_token = |n: u64| (dna_tokens > 0).then(|| n as f64 / dna_tokens as f64);
    Inspection {
        examples: tokens.rows.len() as u64,
        bases,
        dna_tokens,
        bases_per_token: per_token(bases),
        unknown_share: per_token(tokens.metadata.unknown.iter().sum()),
        truncated: tokens.metadata.truncated.iter().sum(),
        lengths: lengths.into_iter().collect(),
    }
}
