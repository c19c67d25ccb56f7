//! What an encoding makes of a data set: bases per token, unknown share, lengths, which tokens are used.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use lingo_artifact::example::Examples;
use lingo_artifact::tokens::Tokens;
use serde::Serialize;

use crate::encoding::decode::Decoder;

/// How many tokens are listed as the longest and as the most frequent.
const LISTED: usize = 10;

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
    /// DNA tokens that the scheme does not know.
    pub unknown: u64,
    /// The share of the DNA tokens that the scheme does not know; null without tokens.
    pub unknown_share: Option<f64>,
    /// Sequences that lost DNA at their ends.
    pub truncated: u64,
    /// Tokens that DNA could become.
    pub vocabulary: u64,
    /// How many of them occur.
    pub used: u64,
    /// `used / vocabulary`.
    pub coverage: Option<f64>,
    /// The longest tokens that occur, longest first.
    pub longest: Vec<TokenUse>,
    /// The most frequent tokens, most frequent first.
    pub most_frequent: Vec<TokenUse>,
    /// How many DNA tokens have how many letters, in order of letters.
    pub letters: Vec<(u32, u64)>,
    /// How many examples have how many tokens, special tokens and prefix included, in order of length.
    pub lengths: Vec<(u32, u64)>,
}

/// A token and how often it occurs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenUse {
    /// Its text.
    pub token: String,
    /// How often it occurs.
    pub count: u64,
}

/// Counts over a data set and what it was encoded as (the same rows in the same order).
pub fn inspect(examples: &Examples, tokens: &Tokens, decoder: &Decoder) -> Inspection {
    let mut lengths: BTreeMap<u32, u64> = BTreeMap::new();
    let mut counts: HashMap<u32, u64> = HashMap::new();
    let (mut bases, mut dna_tokens) = (0u64, 0u64);
    for (example, row) in examples.rows.iter().zip(&tokens.rows) {
        let second = example.sequence2.as_deref();
        bases += (example.sequence.len() + second.map_or(0, str::len)) as u64;
        let (first, second) = decoder.parts(&row.input_ids);
        for id in first.iter().chain(second.into_iter().flatten()) {
            *counts.entry(*id).or_default() += 1;
            dna_tokens += 1;
        }
        *lengths.entry(row.input_ids.len() as u32).or_default() += 1;
    }
    let mut uses: Vec<TokenUse> = counts
        .into_iter()
        .map(|(row, count)| TokenUse {
            token: decoder.token(row).unwrap_or_else(|| format!("row {row}")),
            count,
        })
        .collect();
    let mut letters: BTreeMap<u32, u64> = BTreeMap::new();
    for one in &uses {
        *letters.entry(one.token.len() as u32).or_default() += one.count;
    }
    let listed = |uses: &[TokenUse]| uses.iter().take(LISTED).cloned().collect();
    uses.sort_by(|a, b| (Reverse(a.count), &a.token).cmp(&(Reverse(b.count), &b.token)));
    let most_frequent = listed(&uses);
    let used = uses.len() as u64;
    uses.sort_by_key(|one| Reverse(one.token.len()));
    let share = |n: u64, of: u64| (of > 0).then(|| n as f64 / of as f64);
    let vocabulary = decoder.vocabulary() as u64;
    let unknown = tokens.metadata.unknown.iter().sum();
    Inspection {
        examples: tokens.rows.len() as u64,
        bases,
        dna_tokens,
        bases_per_token: share(bases, dna_tokens),
        unknown,
        unknown_share: share(unknown, dna_tokens),
        truncated: tokens.metadata.truncated.iter().sum(),
        vocabulary,
        used,
        coverage: share(used, vocabulary),
        longest: listed(&uses),
        most_frequent,
        letters: letters.into_iter().collect(),
        lengths: lengths.into_iter().collect(),
    }
}
