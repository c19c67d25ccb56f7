//! Encoding by merging, for the vocabularies that the tables cannot hold.

use tokenizers::models::bpe::{BPE, Vocab};

use crate::bpe::vocabulary::Vocabulary;
use crate::error::Error;

/// The merges for the encoder of `tokenizers`.
pub(crate) fn merging(vocabulary: &Vocabulary) -> Result<BPE, Error> {
    let ids = vocabulary.texts.iter().cloned().zip(0..);
    BPE::builder()
        .vocab_and_merges(ids.collect::<Vocab>(), vocabulary.merges.clone())
        .build()
        .map_err(|e| Error::Encoding(e.to_string()))
}
