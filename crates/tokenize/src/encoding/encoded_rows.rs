//! The sequences behind encoded rows, for training that reads bases or changes them.

use std::borrow::Cow;

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
    encoder: Encoder,
    genome: Option<Box<dyn SequenceSource>>,
}

impl EncodedRows {
    /// `examples` in the order of the tokens.
    pub fn new(examples: Vec<Example>, encoder: Encoder) -> Self {
        Self {
            examples,
            encoder,
            genome: None,
        }
    }

    /// With the genome that the examples' intervals are places in.
    pub fn in_genome(self, genome: Box<dyn SequenceSource>) -> Self {
        Self {
            genome: Some(genome),
            ..self
        }
    }
}

impl Readings for EncodedRows {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        let example = self.examples.get(row);
        let example =
            example.ok_or_else(|| format!("there are tokens of row {row}, but no example"))?;
        let sequences = std::iter::once(&example.sequence).chain(&example.sequence2);
        Ok(sequences.map(|s| letters(s)).collect())
    }

    fn flanks(&self, row: usize, most: usize) -> Result<Option<[Vec<u8>; 2]>, ReadingError> {
        let interval = self.examples.get(row).and_then(|e| e.interval.as_ref());
        let (Some(genome), Some(place)) = (&self.genome, interval) else {
            return Ok(None);
        };
        let names = genome.sequences().iter();
        let length = names.clone().find(|(name, _)| *name == place.chrom);
        let length = length.map_or(place.end, |(_, length)| *length);
        let most = most as u64;
        let before = genome.fetch(&place.chrom, place.start.saturating_sub(most), place.start)?;
        let behind = genome.fetch(&place.chrom, place.end, (place.end + most).min(length))?;
        Ok(Some(match place.strand {
            Strand::Reverse => [reverse_complement(&behind), reverse_complement(&before)],
            _ => [before.into_owned(), behind.into_owned()],
        }))
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        let [first, rest @ ..] = sequences else {
            return Err("there is no sequence to encode".into());
        };
        let second = rest.first().map(Vec::as_slice);
        Ok(self.encoder.encode_letters(first, second)?.ids)
    }
}
