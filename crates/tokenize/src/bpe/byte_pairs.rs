//! Learning merges and applying them.

use std::cell::RefCell;
use std::sync::Arc;

use lingo_artifact::progress::Progress;
use tokenizers::Model as _;
use tokenizers::models::bpe::BPE;

use crate::bpe::corpus::{Cell, Corpus};
use crate::bpe::encoder::{Encoder, Scratch};
use crate::bpe::merging::merging;
use crate::bpe::trainer;
use crate::bpe::vocabulary::{self, ALPHABET, Vocabulary};
use crate::error::Error;
use crate::nucleotide::{letters, normalized, runs};
use crate::special_tokens::SPECIAL_COUNT;

/// Merges, ready for use. Ids: A, C, G, N, T, then what each merge makes, in the order in which it was learned.
#[derive(Clone)]
pub struct Bpe {
    asked_size: u32,
    vocabulary: Arc<Vocabulary>,
    way: Arc<Way>,
}

/// How a run becomes tokens.
enum Way {
    /// By tables, for the vocabularies that trainers learn.
    Tables(Encoder),
    /// By merging, for vocabularies in which two merges make the same token or a token never arises.
    Merging(Box<BPE>),
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl std::fmt::Debug for Bpe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Bpe({} tokens, {} merges)",
            self.texts().len(),
            self.merges().len()
        )
    }
}

impl Bpe {
    /// Learns merges from sequences. `vocab_size` counts the five special tokens, the bases and N.
    ///
    /// The merges equal those of `tokenizers.trainers.BpeTrainer(vocab_size, special_tokens, initial_alphabet="ACGNT")`
    /// on the same runs of A, C, G, T. Memory: about 9 bytes a base on the yeast genome.
    ///
    /// # Errors
    /// [`Error::Training`] when no sequence holds two bases side by side.
    pub fn train<S: AsRef<str>>(
        sequences: impl Iterator<Item = S>,
        vocab_size: u32,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        Self::learn(vocab_size, progress, |push| {
            sequences.for_each(|s| push(&letters(s.as_ref())));
            Ok(())
        })
    }

    /// Learns from the sequences that `feed` pushes.
    pub(crate) fn learn(
        vocab_size: u32,
        progress: &dyn Progress,
        feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        if vocab_size <= u32::from(u16::MAX) {
            Self::learn_in::<u16>(vocab_size, progress, feed)
        } else {
            Self::learn_in::<u32>(vocab_size, progress, feed)
        }
    }

    fn learn_in<C: Cell>(
        vocab_size: u32,
        progress: &dyn Progress,
        feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut corpus = Corpus::<C>::new();
        feed(&mut |sequence| corpus.push(sequence))?;
        let letters = SPECIAL_COUNT as usize + ALPHABET.len();
        let most = (vocab_size as usize).saturating_sub(letters);
        let learned = trainer::learn(corpus, most, progress);
        if learned.is_empty() {
            return Err(Error::Training(
                "no sequence has two bases side by side, so there is nothing to merge".to_string(),
            ));
        }
        let mut texts: Vec<String> = ALPHABET.map(String::from).into();
        let mut merges = Vec::with_capacity(learned.len());
        for (left, right) in learned {
            let [left, right] = [left, right].map(|id| texts[id as usize].clone());
            texts.push(format!("{left}{right}"));
            merges.push((left, right));
        }
        Self::new(merges, vocab_size)
    }

    /// From merges in the order in which they were learned.
    ///
    /// # Errors
    /// [`Error::Encoding`] when a merge joins what no earlier merge made.
    pub fn new(merges: Vec<(String, String)>, asked_size: u32) -> Result<Self, Error> {
        let vocabulary = Vocabulary::new(merges)?;
        let way = match Encoder::new(&vocabulary) {
            Some(encoder) => Way::Tables(encoder),
            None => Way::Merging(Box::new(merging(&vocabulary)?)),
        };
        Ok(Self {
            asked_size,
            vocabulary: Arc::new(vocabulary),
            way: Arc::new(way),
        })
    }

    /// The size of the vocabulary that was asked for (fewer merges are learned from few data).
    pub fn asked_size(&self) -> u32 {
        self.asked_size
    }

    /// The text of each id.
    pub fn texts(&self) -> &[String] {
        &self.vocabulary.texts
    }

    /// What is merged, first learned first.
    pub fn merges(&self) -> &[(String, String)] {
        &self.vocabulary.merges
    }

    /// The id of N.
    pub fn unknown(&self) -> u32 {
        vocabulary::N
    }

    /// Appends the ids of a sequence: either case, U as T, every other letter as N.
    ///
    /// # Errors
    /// [`Error::Text`] when the merges fail, which they cannot on A, C, G, T.
    pub fn encode(&self, sequence: &[u8], ids: &mut Vec<u32>) -> Result<(), Error> {
        match &*self.way {
            Way::Tables(encoder) => {
                SCRATCH.with_borrow_mut(|scratch| encoder.encode(sequence, ids, scratch));
                Ok(())
            }
            Way::Merging(model) => self.merge(model, sequence, ids),
        }
    }

    fn merge(&self, model: &BPE, sequence: &[u8], ids: &mut Vec<u32>) -> Result<(), Error> {
        for run in runs(&normalized(sequence)) {
            if run == b"N" {
                ids.push(self.unknown());
                continue;
            }
            let text = String::from_utf8_lossy(run);
            let tokens = model.tokenize(&text).map_err(|e| Error::Text {
                text: text.chars().take(40).collect(),
                message: e.to_string(),
            })?;
            ids.extend(tokens.iter().map(|t| t.id));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use lingo_artifact::progress::Silent;

    use super::*;

    #[test]
    fn nothing_merges_across_an_n() {
        let bpe = Bpe::train(["ACACACNACAC", "acacNNacac"].iter(), 12, &Silent).unwrap();
        assert_eq!(
            bpe.texts(),
            ["A", "C", "G", "N", "T", "AC", "ACAC"].map(String::from)
        );
        let ids = |sequence: &str| {
            let mut ids = Vec::new();
            bpe.encode(sequence.as_bytes(), &mut ids).unwrap();
            ids
        };
        assert_eq!(ids("ACNNACAC"), [5, 3, 3, 6]);
        assert_eq!(ids(""), [0u32; 0]);
    }

    #[test]
    fn nothing_to_learn_from_is_said() {
        for sequences in [vec![], vec!["N"], vec!["ANC"]] {
            let e = Bpe::train(sequences.iter(), 20, &Silent).unwrap_err();
            assert!(e.to_string().contains("nothing to merge"), "{e}");
        }
    }

    #[test]
    fn two_merges_may_make_one_token() {
        let merges = [("A", "A"), ("AA", "A"), ("A", "AA")];
        let merges = merges.map(|(l, r)| (l.to_string(), r.to_string()));
        let bpe = Bpe::new(merges.to_vec(), 20).unwrap();
        assert_eq!(bpe.texts().len(), 7);
        let bad = vec![("AA".to_string(), "A".to_string())];
        assert!(Bpe::new(bad, 20).unwrap_err().to_string().contains("`AA`"));
    }
}
