//! Token ids and lengths of one batch.

use crate::{Error, ModelConfig};

/// One batch of token sequences, padded on the right to a common length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Token ids, row-major `[batch, length]`. Ids from `vocab_size` up are rows of the new
    /// embedding rows ([`crate::Adaptation::extra_rows`]).
    pub ids: Vec<u32>,
    /// The number of real tokens of each row, `[batch]`; at least 1.
    pub lengths: Vec<u32>,
    /// How many sequences.
    pub batch: usize,
    /// The padded length.
    pub length: usize,
}

impl Batch {
    /// Whether any row is shorter than the padded length.
    pub fn is_padded(&self) -> bool {
        self.lengths.iter().any(|&n| (n as usize) < self.length)
    }

    /// Checks sizes, lengths and ids against a model with `extra_rows` new embedding rows.
    ///
    /// # Errors
    /// [`Error::Batch`] naming the row and the value at fault.
    pub fn check(&self, config: &ModelConfig, extra_rows: usize) -> Result<(), Error> {
        let fail = |message: String| Err(Error::Batch(message));
        if self.batch == 0 || self.length == 0 {
            return fail(format!("empty: {} x {}", self.batch, self.length));
        }
        if self.ids.len() != self.batch * self.length {
            return fail(format!(
                "{} ids for {} x {} tokens",
                self.ids.len(),
                self.batch,
                self.length
            ));
        }
        if self.lengths.len() != self.batch {
            return fail(format!(
                "{} lengths for {} rows",
                self.lengths.len(),
                self.batch
            ));
        }
        if self.length > config.max_positions {
            return fail(format!(
                "{} tokens, but the model has {} positions",
                self.length, config.max_positions
            ));
        }
        for (row, &n) in self.lengths.iter().enumerate() {
            if n == 0 || n as usize > self.length {
                return fail(format!("row {row}: length {n} of {}", self.length));
            }
        }
        let rows = config.vocab_size + extra_rows;
        for (index, &id) in self.ids.iter().enumerate() {
            if id as usize >= rows {
                return fail(format!(
                    "row {}, token {}: id {id}, but the embedding has {rows} rows",
                    index / self.length,
                    index % self.length
                ));
            }
        }
        Ok(())
    }
}
