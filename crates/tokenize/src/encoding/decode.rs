//! `input_ids` back to sequences.

use std::collections::HashMap;

use crate::dna::dna_tokenizer::DnaTokenizer;
use crate::encoding::encoder::{Dna, Encoder};
use crate::error::Error;
use crate::vocabulary::model_vocabulary::ModelVocabulary;

/// Undoes an [`Encoder`]: special tokens and prefix off, rows of the embedding back to DNA.
pub struct Decoder<'a> {
    encoder: &'a Encoder,
    dna: Tokens<'a>,
}

enum Tokens<'a> {
    /// The scheme, which of its ids each row of the embedding stands for, and the text of each id.
    Scheme(&'a DnaTokenizer, HashMap<u32, u32>, Vec<String>),
    Text(&'a ModelVocabulary),
}

impl<'a> Decoder<'a> {
    /// For what an encoder made.
    pub fn new(encoder: &'a Encoder) -> Self {
        let dna = match &encoder.dna {
            Dna::Scheme(dna, rows) => {
                let ids = (0..).zip(rows).map(|(id, row)| (*row, id));
                Tokens::Scheme(dna, ids.collect(), dna.texts())
            }
            Dna::Text(model) => Tokens::Text(model),
        };
        Self { encoder, dna }
    }

    /// The ids that stand for DNA: of one sequence, or of both of a pair, where special tokens stand between them.
    pub fn parts<'b>(&self, input_ids: &'b [u32]) -> (&'b [u32], Option<&'b [u32]>) {
        let e = self.encoder.encoding();
        let ids = input_ids.strip_prefix(&e.before[..]).unwrap_or(input_ids);
        let ids = ids.strip_suffix(&e.after[..]).unwrap_or(ids);
        let width = e.between.len();
        let mut places = ids.windows(width.max(1));
        match places.position(|w| width > 0 && w == e.between) {
            Some(at) => (&ids[..at], Some(&ids[at + width..])),
            None => (ids, None),
        }
    }

    /// The sequence of an example, or both of a pair. What was cut off or never had a token does not come back; what
    /// is no row of the scheme is N.
    ///
    /// # Errors
    /// [`Error::Text`] from the model's own tokenizer.
    pub fn sequences(&self, input_ids: &[u32]) -> Result<(String, Option<String>), Error> {
        let (first, second) = self.parts(input_ids);
        let second = second.map(|ids| self.sequence(ids)).transpose()?;
        Ok((self.sequence(first)?, second))
    }

    fn sequence(&self, rows: &[u32]) -> Result<String, Error> {
        match &self.dna {
            Tokens::Scheme(dna, ids, _) => {
                let ids = rows.iter().map(|row| ids.get(row).copied());
                let ids: Vec<u32> = ids.map(|id| id.unwrap_or(u32::MAX)).collect();
                Ok(dna.decode(&ids))
            }
            Tokens::Text(model) => {
                let text = model.decode(rows)?;
                Ok(text.split_whitespace().collect())
            }
        }
    }

    /// The text of a row, where it stands for a token.
    pub fn token(&self, row: u32) -> Option<String> {
        match &self.dna {
            Tokens::Scheme(_, ids, texts) => texts.get(*ids.get(&row)? as usize).cloned(),
            Tokens::Text(model) => model.token(row),
        }
    }

    /// How many tokens DNA could become.
    pub fn vocabulary(&self) -> usize {
        match &self.dna {
            Tokens::Scheme(_, _, texts) => texts.len(),
            Tokens::Text(model) => model.vocab_size as usize,
        }
    }
}
