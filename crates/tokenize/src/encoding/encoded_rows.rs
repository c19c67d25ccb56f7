//! The sequences behind encoded rows, for training that reads bases or changes them.

use std::borrow::Cow;
use std::collections::HashMap;

use lingo_artifact::Strand;
use lingo_artifact::bases::reverse_complement;
use lingo_artifact::example::Example;
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::sequence_source::SequenceSource;

use crate::encoding::encoder::Encoder;
use crate::nucleotide::letters;

/// The examples that rows of tokens were made from, in their order, and their encoder.
pub struct EncodedRows {
    examples: Vec<Example>,
    hidden: Vec<Example>,
    encoder: Encoder,
    genome: Option<Around>,
}

/// A genome, and the lengths of its sequences by name.
struct Around {
    genome: Box<dyn SequenceSource>,
    lengths: HashMap<String, u64>,
}

impl EncodedRows {
    /// `examples` in the order of the tokens.
    pub fn new(examples: Vec<Example>, encoder: Encoder) -> Self {
        Self {
            examples,
            hidden: Vec::new(),
            encoder,
            genome: None,
        }
    }

    /// With examples that no tokens are of.
    pub fn hiding(self, hidden: Vec<Example>) -> Self {
        Self { hidden, ..self }
    }

    /// With the genome that the examples' intervals are places in. Where some have no place, as shuffled negatives, none
    /// has flanks: they would tell the classes apart.
    pub fn in_genome(self, genome: Box<dyn SequenceSource>) -> Self {
        if self
            .examples
            .iter()
            .any(|example| example.interval.is_none())
        {
            return self;
        }
        let lengths = genome.sequences().iter().cloned().collect();
        Self {
            genome: Some(Around { genome, lengths }),
            ..self
        }
    }
}

impl Readings for EncodedRows {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        let example = self.examples.get(row);
        let example =
            example.ok_or_else(|| format!("there are tokens of row {row}, but no example"))?;
        Ok(sequences(example).collect())
    }

    fn flanks(&self, row: usize, most: usize) -> Result<Option<[Vec<u8>; 2]>, ReadingError> {
        let interval = self.examples.get(row).and_then(|e| e.interval.as_ref());
        let (Some(Around { genome, lengths }), Some(place)) = (&self.genome, interval) else {
            return Ok(None);
        };
        let length = lengths.get(&place.chrom).copied().unwrap_or(place.end);
        let most = most as u64;
        let before = genome.fetch(&place.chrom, place.start.saturating_sub(most), place.start)?;
        let behind = genome.fetch(&place.chrom, place.end, (place.end + most).min(length))?;
        Ok(Some(match place.strand {
            Strand::Reverse => [reverse_complement(&behind), reverse_complement(&before)],
            _ => [before.into_owned(), behind.into_owned()],
        }))
    }

    fn hidden(&self) -> Vec<Cow<'_, [u8]>> {
        self.hidden.iter().flat_map(sequences).collect()
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        let [first, rest @ ..] = sequences else {
            return Err("there is no sequence to encode".into());
        };
        let second = rest.first().map(Vec::as_slice);
        Ok(self.encoder.encode_letters(first, second)?.ids)
    }
}

/// One sequence, or the two of a pair, upper case.
fn sequences(example: &Example) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let sequences = std::iter::once(&example.sequence).chain(&example.sequence2);
    sequences.map(|s| letters(s))
}
