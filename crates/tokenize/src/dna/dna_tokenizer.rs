//! A scheme ready for use: sequence -> ids of the scheme -> sequence.

use crate::bpe::Bpe;
use crate::error::Error;
use crate::nucleotide::{BASES, base_index, letters};
use crate::scheme::{BpeScheme, KmerScheme, Scheme};

/// The id of N under scheme `base`, behind A, C, G, T.
const BASE_UNKNOWN: u32 = 4;

/// A scheme of this crate (everything but `model`), ready for use.
#[derive(Clone, Debug)]
pub enum DnaTokenizer {
    /// One base a token: A, C, G, T, N.
    Base,
    /// k-mers.
    Kmer(KmerScheme),
    /// Byte-pair encoding.
    Bpe(Bpe),
}

impl DnaTokenizer {
    /// The scheme that needs no data: `None` for `bpe`, which is trained, and for `model`.
    pub fn of(scheme: &Scheme) -> Option<Self> {
        match scheme {
            Scheme::Base => Some(Self::Base),
            Scheme::Kmer(kmer) => Some(Self::Kmer(*kmer)),
            Scheme::Bpe(_) | Scheme::Model => None,
        }
    }

    /// The scheme that it is.
    ///
    /// # Errors
    /// [`Error::Scheme`] for byte-pair encoding of a vocabulary that is too small.
    pub fn scheme(&self) -> Result<Scheme, Error> {
        Ok(match self {
            Self::Base => Scheme::Base,
            Self::Kmer(kmer) => Scheme::Kmer(*kmer),
            Self::Bpe(bpe) => Scheme::Bpe(BpeScheme::new(bpe.asked_size(), None)?),
        })
    }

    /// The text of each id.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Base => ["A", "C", "G", "T", "N"].map(String::from).into(),
            Self::Kmer(kmer) => kmer.texts(),
            Self::Bpe(bpe) => bpe.texts().to_vec(),
        }
    }

    /// The id of N, which also stands for everything that is not A, C, G or T.
    pub fn unknown(&self) -> u32 {
        match self {
            Self::Base => BASE_UNKNOWN,
            Self::Kmer(kmer) => kmer.unknown(),
            Self::Bpe(bpe) => bpe.unknown(),
        }
    }

    /// A sequence as ids of the scheme; lower case is taken as upper case, U as T.
    ///
    /// # Errors
    /// [`Error::Text`] from byte-pair encoding.
    pub fn encode(&self, sequence: &str) -> Result<Vec<u32>, Error> {
        let mut ids = Vec::new();
        self.encode_bytes(&letters(sequence), &mut ids)?;
        Ok(ids)
    }

    /// Appends the ids of a sequence, a byte a base: either case, U as T, every other byte as N.
    ///
    /// # Errors
    /// [`Error::Text`] from byte-pair encoding.
    pub fn encode_bytes(&self, sequence: &[u8], ids: &mut Vec<u32>) -> Result<(), Error> {
        match self {
            Self::Base => {
                let id = |b: &u8| base_index(*b).unwrap_or(BASE_UNKNOWN);
                ids.extend(sequence.iter().map(id));
            }
            Self::Kmer(kmer) => kmer.encode(sequence, ids),
            Self::Bpe(bpe) => bpe.encode(sequence, ids)?,
        }
        Ok(())
    }

    /// The sequence of ids; an id that the scheme does not have is N.
    pub fn decode(&self, ids: &[u32]) -> String {
        match self {
            Self::Base => ids
                .iter()
                .map(|id| char::from(*BASES.get(*id as usize).unwrap_or(&b'N')))
                .collect(),
            Self::Kmer(kmer) => kmer.decode(ids),
            Self::Bpe(bpe) => ids
                .iter()
                .map(|id| bpe.texts().get(*id as usize).map_or("N", String::as_str))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use lingo_artifact::progress::Silent;
    use proptest::prelude::*;

    use super::*;

    fn all() -> Vec<DnaTokenizer> {
        let mut all = vec![DnaTokenizer::Base];
        for k in 1..=6 {
            for stride in [1, k] {
                all.push(DnaTokenizer::Kmer(KmerScheme::new(k, stride).unwrap()));
            }
        }
        let text = "ACGATTACAGATTACATTTTACGACGATAGGGGGGCCACAAAAAAAATAT";
        all.push(DnaTokenizer::Bpe(
            Bpe::train([text].iter(), 30, &Silent).unwrap(),
        ));
        all
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(sequence in "[ACGT]{8,200}") {
            for tokenizer in all() {
                let ids = tokenizer.encode(&sequence).unwrap();
                prop_assert_eq!(tokenizer.decode(&ids), &*sequence, "{:?}", tokenizer);
                prop_assert!(!ids.contains(&tokenizer.unknown()));
            }
        }

        #[test]
        fn every_id_has_a_text(sequence in "[ACGTNRacgtunx]{0,100}") {
            for tokenizer in all() {
                let size = tokenizer.texts().len() as u32;
                let ids = tokenizer.encode(&sequence).unwrap();
                prop_assert!(ids.iter().all(|id| *id < size));
                let again = tokenizer.encode(&sequence.to_lowercase().replace('t', "u")).unwrap();
                prop_assert_eq!(ids, again);
            }
        }
    }
}
