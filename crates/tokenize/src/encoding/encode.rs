//! A whole data set -> `tokens.parquet`.

use std::collections::BTreeMap;

use lingo_artifact::example::Examples;
use lingo_artifact::progress::Progress;
use lingo_artifact::tokens::{TokenRow, Tokens, TokensMetadata};
use lingo_artifact::{Label, LabelKind, Split};
use rayon::prelude::*;

use crate::bpe::Bpe;
use crate::config::TokenizeConfig;
use crate::dna::dna_tokenizer::DnaTokenizer;
use crate::encoding::encoder::{Encoded, Encoder};
use crate::error::Error;
use crate::scheme::Scheme;
use crate::special_tokens::SPECIAL_COUNT;
use crate::vocabulary::model_vocabulary::ModelVocabulary;

/// How many examples are encoded between two reports of progress.
const BATCH: usize = 8192;

/// Encodes a data set; under scheme `bpe` without a FASTA the merges are learned from its training split first.
///
/// `keys` are what the language prefix may name: `task`, and what else the task gives.
///
/// # Errors
/// As [`encode_with`]; [`Error::Scheme`] under `bpe` with a FASTA, which [`crate::train_bpe_from`] reads.
pub fn encode(
    examples: &Examples,
    model: &ModelVocabulary,
    config: &TokenizeConfig,
    keys: &BTreeMap<String, String>,
    progress: &dyn Progress,
) -> Result<Tokens, Error> {
    let dna = match &config.scheme {
        Scheme::Bpe(scheme) if scheme.fasta().is_some() => {
            return Err(Error::Scheme {
                scheme: config.scheme.to_string(),
                message:
                    "it learns from a FASTA: train it with `train_bpe_from`, then `encode_with`"
                        .to_string(),
            });
        }
        Scheme::Bpe(scheme) => Some(train_on(examples, scheme.vocab_size(), progress)?),
        _ => None,
    };
    encode_with(examples, model, config, keys, dna, progress)
}

/// Learns merges from the training split.
fn train_on(
    examples: &Examples,
    vocab_size: u32,
    progress: &dyn Progress,
) -> Result<DnaTokenizer, Error> {
    let training = examples.rows.iter().filter(|e| e.split == Split::Train);
    let sequences: Vec<&str> = training
        .flat_map(|e| std::iter::once(e.sequence.as_str()).chain(e.sequence2.as_deref()))
        .collect();
    let bpe = Bpe::train(sequences.into_iter(), vocab_size, progress)?;
    let learned = SPECIAL_COUNT + bpe.texts().len() as u32;
    if learned < vocab_size {
        progress.say(&format!(
            "byte-pair encoding: the training split gave {learned} of {vocab_size} tokens, then nothing was left to merge"
        ));
    }
    Ok(DnaTokenizer::Bpe(bpe))
}

/// Encodes a data set with a tokenizer that was trained before; `None` for schemes that need no training.
///
/// # Errors
/// [`Error::TooLong`] when sequences do not fit and `truncate` is off; [`Error::Unknown`] when the model's own
/// tokenizer does not know DNA; what [`Encoder::new`] refuses.
pub fn encode_with(
    examples: &Examples,
    model: &ModelVocabulary,
    config: &TokenizeConfig,
    keys: &BTreeMap<String, String>,
    dna: Option<DnaTokenizer>,
    progress: &dyn Progress,
) -> Result<Tokens, Error> {
    let encoder = Encoder::new(model, config, keys, dna)?;
    progress.begin("tokenize", examples.rows.len() as u64);
    let mut encoded: Vec<Encoded> = Vec::with_capacity(examples.rows.len());
    for batch in examples.rows.chunks(BATCH) {
        let part: Result<Vec<Encoded>, Error> = batch
            .par_iter()
            .with_min_len(64)
            .map(|e| encoder.encode_pair(&e.sequence, e.sequence2.as_deref()))
            .collect();
        encoded.extend(part?);
        progress.advance(encoded.len() as u64, "");
    }
    progress.end("");
    let named = examples.rows.iter().map(|example| Named {
        id: &example.id,
        split: example.split,
        label: &example.label,
    });
    let labels = examples.metadata.labels.clone();
    collect(named.collect(), labels, encoded, config, &encoder, progress)
}

/// An example without its sequence.
pub(crate) struct Named<'a> {
    pub id: &'a str,
    pub split: Split,
    pub label: &'a Label,
}

/// Checks what was encoded and counts what was lost.
pub(crate) fn collect(
    examples: Vec<Named>,
    labels: LabelKind,
    encoded: Vec<Encoded>,
    config: &TokenizeConfig,
    encoder: &Encoder,
    progress: &dyn Progress,
) -> Result<Tokens, Error> {
    check_unknown(config, &encoded)?;
    if !config.truncate {
        check_length(&examples, config, encoder, &encoded)?;
    }
    let alike = encoded.iter().filter(|one| one.cut_alike).count();
    if let Some((example, _)) = examples.iter().zip(&encoded).find(|(_, one)| one.cut_alike) {
        return Err(Error::CutAlike {
            count: alike,
            total: encoded.len(),
            id: example.id.to_string(),
            limit: encoder.encoding().max_length,
        });
    }

    let empty = encoded.iter().filter(|one| one.dna_tokens == 0).count();
    if empty > 0 {
        progress.say(&format!(
            "{empty} of {} sequences have no token at all: they are shorter than a k-mer, or empty",
            encoded.len()
        ));
    }

    let mut truncated = [0u64; 3];
    let mut unknown = [0u64; 3];
    let mut rows = Vec::with_capacity(encoded.len());
    for (example, one) in examples.iter().zip(encoded) {
        truncated[example.split as usize] += u64::from(one.truncated());
        unknown[example.split as usize] += u64::from(one.unknown);
        rows.push(TokenRow {
            id: example.id.to_string(),
            split: example.split,
            label: example.label.clone(),
            input_ids: one.ids,
        });
    }
    let cut: u64 = truncated.iter().sum();
    if cut > 0 {
        progress.say(&format!(
            "{cut} of {} sequences lost DNA at their ends: more than {} tokens",
            rows.len(),
            encoder.encoding().max_length
        ));
    }
    let longest = rows.iter().map(|r| r.input_ids.len() as u32).max();
    let mut encoding = encoder.encoding().clone();
    if config.max_length.is_none() {
        encoding.max_length = longest.unwrap_or(encoding.max_length);
    }
    Ok(Tokens {
        rows,
        metadata: TokensMetadata {
            labels,
            encoding,
            truncated,
            unknown,
        },
    })
}

/// Refuses, under scheme `model`, what the model's tokenizer mostly does not know.
fn check_unknown(config: &TokenizeConfig, encoded: &[Encoded]) -> Result<(), Error> {
    if config.scheme != Scheme::Model {
        return Ok(());
    }
    let total: u64 = encoded.iter().map(|one| u64::from(one.dna_tokens)).sum();
    let unknown: u64 = encoded.iter().map(|one| u64::from(one.unknown)).sum();
    if total > 0 && unknown as f64 > config.max_unknown_share() * total as f64 {
        return Err(Error::Unknown {
            unknown,
            total,
            percent: 100.0 * unknown as f64 / total as f64,
        });
    }
    Ok(())
}

fn check_length(
    examples: &[Named],
    config: &TokenizeConfig,
    encoder: &Encoder,
    encoded: &[Encoded],
) -> Result<(), Error> {
    let count = encoded.iter().filter(|one| one.truncated()).count();
    let longest = examples
        .iter()
        .zip(encoded)
        .rev()
        .max_by_key(|(_, one)| one.full_length);
    match longest {
        Some((example, one)) if count > 0 => Err(Error::TooLong {
            count,
            total: encoded.len(),
            longest: one.full_length,
            id: example.id.to_string(),
            limit: encoder.encoding().max_length,
            limit_of: if config.max_length.is_some() {
                "max_length"
            } else {
                "the model's positions"
            },
        }),
        _ => Ok(()),
    }
}
