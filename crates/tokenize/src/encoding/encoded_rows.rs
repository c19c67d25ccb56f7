//! The sequences behind encoded rows, for training that reads bases or changes them.

use std::borrow::Cow;

use lingo_artifact::example::Example;
use lingo_artifact::readings::{ReadingError, Readings};

use crate::encoding::encoder::Encoder;
use crate::nucleotide::letters;

/// The examples that rows of tokens were made from, in their order, and their encoder.
pub struct EncodedRows {
    examples: Vec<Example>,
    encoder: Encoder,
}

impl EncodedRows {
    /// `examples` in the order of the tokens.
    pub fn new(examples: Vec<Example>, encoder: Encoder) -> Self {
        Self { examples, encoder }
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

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        let [first, rest @ ..] = sequences else {
            return Err("there is no sequence to encode".into());
        };
        let second = rest.first().map(Vec::as_slice);
        Ok(self.encoder.encode_letters(first, second)?.ids)
    }
}
