//! Token ids and lengths of one batch.

use crate::config::model_config::ModelConfig;
use crate::error::Error;

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
        self.check_behind(0, config, extra_rows)
    }

    /// [`Batch::check`] where the first token stands behind so many places ([`crate::Adaptation::prefix`]).
    ///
    /// # Errors
    /// As there.
    pub fn check_behind(
        &self,
        prefix: usize,
        config: &ModelConfig,
        extra_rows: usize,
    ) -> Result<(), Error> {
        let fail = |message: String| Err(Error::Batch(message));
        if self.batch == 0 || self.length == 0 {
            return fail(format!("empty: {} x {}", self.batch, self.length));
        }
        if Some(self.ids.len()) != self.batch.checked_mul(self.length) {
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
        if self.length.saturating_add(prefix) > config.max_positions {
            let behind = match prefix {
                0 => String::new(),
                n => format!(" behind a prefix of {n}"),
            };
            return fail(format!(
                "{} tokens{behind}, but the model has {} positions",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_checked_before_use() {
        let config = ModelConfig::bert(10, 8, 1, 2, 16, 4);
        let batch = |ids: &[u32], lengths: &[u32], length| Batch {
            ids: ids.to_vec(),
            lengths: lengths.to_vec(),
            batch: lengths.len(),
            length,
        };
        let t = |batch: Batch, extra_rows, expected: &str| {
            let message = match batch.check(&config, extra_rows) {
                Ok(()) => "ok".to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(message, expected);
        };
        t(batch(&[1, 2, 3, 9], &[2, 1], 2), 0, "ok");
        t(batch(&[1, 10], &[2], 2), 1, "ok");
        t(batch(&[], &[], 2), 0, "batch: empty: 0 x 2");
        t(batch(&[1], &[2], 2), 0, "batch: 1 ids for 1 x 2 tokens");
        // Twice this many tokens wrap around to none.
        let half = usize::MAX / 2 + 1;
        let expected = format!("batch: 0 ids for 2 x {half} tokens");
        t(batch(&[], &[1, 1], half), 0, &expected);
        t(batch(&[1, 2], &[3], 2), 0, "batch: row 0: length 3 of 2");
        t(batch(&[1, 2], &[0], 2), 0, "batch: row 0: length 0 of 2");
        t(
            batch(&[1; 5], &[5], 5),
            0,
            "batch: 5 tokens, but the model has 4 positions",
        );
        t(
            batch(&[1, 2, 3, 11], &[2, 2], 2),
            1,
            "batch: row 1, token 1: id 11, but the embedding has 11 rows",
        );
    }

    #[test]
    fn padding_is_any_short_row() {
        let batch = |lengths: &[u32]| Batch {
            ids: vec![1; 4],
            lengths: lengths.to_vec(),
            batch: 2,
            length: 2,
        };
        assert!(!batch(&[2, 2]).is_padded());
        assert!(batch(&[2, 1]).is_padded());
    }
}
