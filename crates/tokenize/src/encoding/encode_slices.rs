//! Slices of a genome -> `tokens.parquet`, with no text in between.

use std::collections::{BTreeMap, HashMap};

use lingo_artifact::example::Interval;
use lingo_artifact::progress::Progress;
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::tokens::Tokens;
use lingo_artifact::{Label, LabelKind, Split, Strand};
use rayon::prelude::*;

use crate::config::TokenizeConfig;
use crate::dna::dna_tokenizer::DnaTokenizer;
use crate::encoding::encode::{Named, collect};
use crate::encoding::encoder::{Encoded, Encoder};
use crate::error::Error;
use crate::nucleotide::reverse_complement;
use crate::vocabulary::model_vocabulary::ModelVocabulary;

/// The name of the one class of slices whose label nobody knows.
pub const UNLABELLED: &str = "unlabelled";

/// A slice of a genome.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// What it is called.
    pub id: String,
    /// Where it lies.
    pub interval: Interval,
    /// Its label; without one class 0 of [`UNLABELLED`].
    pub label: Label,
}

/// Slices of a genome.
#[derive(Clone, Debug, PartialEq)]
pub struct Slices {
    /// In the order in which they are encoded.
    pub rows: Vec<Slice>,
    /// What their labels are.
    pub labels: LabelKind,
}

/// Encodes slices of a genome. Each sequence of the genome is read once, and only one is in memory at a time. Slices
/// have no split of their own; all are written as test.
///
/// # Errors
/// As [`crate::encode_with`]; [`Error::Source`] when the genome cannot be read, or an interval runs past its sequence.
pub fn encode_slices(
    source: &dyn SequenceSource,
    Slices {
        rows: slices,
        labels,
    }: &Slices,
    model: &ModelVocabulary,
    config: &TokenizeConfig,
    keys: &BTreeMap<String, String>,
    dna: Option<DnaTokenizer>,
    progress: &dyn Progress,
) -> Result<Tokens, Error> {
    let encoder = Encoder::new(model, config, keys, dna)?;
    let mut of_sequence: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, slice) in slices.iter().enumerate() {
        let chrom = &slice.interval.chrom;
        of_sequence.entry(chrom).or_default().push(i);
    }
    progress.begin("tokenize", slices.len() as u64);
    let mut encoded: Vec<Option<Encoded>> = vec![None; slices.len()];
    let mut done = 0;
    for (name, length) in source.sequences() {
        let Some(rows) = of_sequence.remove(name.as_str()) else {
            continue;
        };
        let bases = source.fetch(name, 0, *length).map_err(Error::Source)?;
        let part: Result<Vec<Encoded>, Error> = rows
            .par_iter()
            .with_min_len(64)
            .map(|i| encode_slice(&encoder, &bases, &slices[*i]))
            .collect();
        done += rows.len() as u64;
        for (i, one) in rows.into_iter().zip(part?) {
            encoded[i] = Some(one);
        }
        progress.advance(done, "");
    }
    progress.end("");
    if let Some(chrom) = of_sequence.keys().min() {
        // The source's own error lists the sequences that it has.
        let message = format!("the genome has no sequence `{chrom}`");
        return Err(Error::Source(
            source.fetch(chrom, 0, 0).err().unwrap_or(message.into()),
        ));
    }
    let named = slices.iter().map(|slice| Named {
        id: &slice.id,
        split: Split::Test,
        label: &slice.label,
    });
    let encoded = encoded.into_iter().flatten().collect();
    let (named, labels) = (named.collect(), labels.clone());
    collect(named, labels, encoded, config, &encoder, progress)
}

fn encode_slice(
    encoder: &Encoder,
    bases: &[u8],
    Slice { id, interval, .. }: &Slice,
) -> Result<Encoded, Error> {
    let (start, end) = (interval.start as usize, interval.end as usize);
    let slice = bases.get(start..end).ok_or_else(|| {
        let (chrom, length) = (&interval.chrom, bases.len());
        let message =
            format!("`{id}`: {start}..{end} is not within the {length} bases of `{chrom}`");
        Error::Source(message.into())
    })?;
    match interval.strand {
        Strand::Reverse => encoder.encode_letters(&reverse_complement(slice), None),
        _ => encoder.encode_letters(slice, None),
    }
}
