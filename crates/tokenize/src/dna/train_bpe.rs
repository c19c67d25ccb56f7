//! Tokenizers that are learned from data.

use lingo_artifact::progress::Progress;
use lingo_artifact::sequence_source::SequenceSource;

use crate::bpe::Bpe;
use crate::dna::dna_tokenizer::DnaTokenizer;
use crate::error::Error;
use crate::scheme::BpeScheme;

/// A genome is learned from in pieces of this many bases, so that no token grows along a repeat without end.
const PIECE: u64 = 512;

/// Learns a byte-pair encoding from sequences: a `tokenizer.json`.
///
/// # Errors
/// [`Error::Training`]; [`Error::Scheme`] when `vocab_size` leaves no room for a merge.
pub fn train_bpe<S: AsRef<str>>(
    sequences: impl Iterator<Item = S>,
    vocab_size: u32,
    progress: &dyn Progress,
) -> Result<String, Error> {
    let scheme = BpeScheme::new(vocab_size, None)?;
    let bpe = Bpe::train(sequences, scheme.vocab_size(), progress)?;
    DnaTokenizer::Bpe(bpe).to_json()
}

/// Learns a byte-pair encoding from a genome, cut into pieces of 512 bases.
///
/// # Errors
/// [`Error::Source`] when the genome cannot be read; [`Error::Training`].
pub fn train_bpe_from(
    source: &dyn SequenceSource,
    vocab_size: u32,
    progress: &dyn Progress,
) -> Result<DnaTokenizer, Error> {
    BpeScheme::new(vocab_size, None)?;
    let bpe = Bpe::learn(vocab_size, progress, |push| {
        for (name, length) in source.sequences() {
            // Read in larger stretches: a piece at a time would open a compressed block for each.
            let stretch = PIECE * 2048;
            for start in (0..*length).step_by(stretch as usize) {
                let end = length.min(&(start + stretch)).to_owned();
                let bases = source.fetch(name, start, end).map_err(Error::Source)?;
                bases.chunks(PIECE as usize).for_each(&mut *push);
            }
        }
        Ok(())
    })?;
    Ok(DnaTokenizer::Bpe(bpe))
}

#[cfg(test)]
mod tests {
    use lingo_artifact::progress::Silent;

    use super::*;

    struct Genome(Vec<(String, u64)>, Vec<u8>);

    impl SequenceSource for Genome {
        fn sequences(&self) -> &[(String, u64)] {
            &self.0
        }

        fn fetch(
            &self,
            name: &str,
            start: u64,
            end: u64,
        ) -> Result<std::borrow::Cow<'_, [u8]>, Box<dyn std::error::Error + Send + Sync>> {
            if name == "broken" {
                return Err("g.fa: `broken` ends early".into());
            }
            Ok(self.1[start as usize..end as usize].into())
        }
    }

    #[test]
    fn a_genome_is_learned_from_piece_by_piece() {
        // Longer than one stretch that is read at a time, and no multiple of a piece.
        let bases = b"GATTACAT".repeat(140_000);
        let length = bases.len() as u64 - 3;
        let genome = Genome(vec![("I".into(), length), ("II".into(), 7)], bases.clone());
        let text = String::from_utf8(bases).unwrap();
        let mut pieces: Vec<&str> = Vec::new();
        for whole in [&text[..length as usize], &text[..7]] {
            pieces.extend(
                (0..whole.len())
                    .step_by(512)
                    .map(|i| &whole[i..whole.len().min(i + 512)]),
            );
        }
        let expected = Bpe::train(pieces.into_iter(), 18, &Silent).unwrap();
        let DnaTokenizer::Bpe(found) = train_bpe_from(&genome, 18, &Silent).unwrap() else {
            panic!("not byte pairs");
        };
        assert_eq!(found.merges(), expected.merges());

        let broken = Genome(vec![("broken".into(), 10)], Vec::new());
        let message = train_bpe_from(&broken, 18, &Silent)
            .unwrap_err()
            .to_string();
        assert_eq!(message, "g.fa: `broken` ends early");
        let message = train_bpe(["ACGT"].iter(), 3, &Silent)
            .unwrap_err()
            .to_string();
        assert!(message.contains("11 tokens or more"), "{message}");
    }
}
