//! Encoded examples: `tokens.parquet`, made by `tokenize`.

use std::path::Path;

use polars::prelude::{Column, DataFrame};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::records::vocabulary::Encoding;
use crate::tables::label_column;
use crate::tables::table::{read, write};
use crate::value::label::{Label, LabelKind};
use crate::value::split::Split;

/// The column of ids.
const INPUT_IDS: &str = "input_ids";

/// One encoded example.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRow {
    /// The example's id.
    pub id: String,
    /// The example's split.
    pub split: Split,
    /// The example's label.
    pub label: Label,
    /// Rows of the model's embedding, new rows behind its own; special tokens and prefix included, no padding.
    pub input_ids: Vec<u32>,
}

/// What stands beside the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokensMetadata {
    /// What the labels are.
    pub labels: LabelKind,
    /// How sequences became ids: goes into the adapter's `lingo.json`.
    pub encoding: Encoding,
    /// How many sequences lost DNA at their ends, by split in the order train, dev, test.
    pub truncated: [u64; 3],
    /// How many tokens were unknown to the scheme, by split.
    pub unknown: [u64; 3],
}

/// An encoded data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    /// The rows, in the order of the examples.
    pub rows: Vec<TokenRow>,
    /// Label kind, encoding, counts.
    pub metadata: TokensMetadata,
}

impl Tokens {
    /// Writes `.parquet`, `.csv` or `.tsv` atomically.
    ///
    /// # Errors
    /// [`Error::Ending`], [`Error::Io`]; [`Error::Invalid`] when a label does not fit the kind.
    pub fn write(&self, path: &Path) -> Result<()> {
        let metadata = serde_json::to_string(&self.metadata)
            .map_err(|e| Error::invalid(path, e.to_string()))?;
        let rows = &self.rows;
        let lengths: Vec<u32> = rows.iter().map(|r| r.input_ids.len() as u32).collect();
        let ids: Vec<&[u32]> = rows.iter().map(|r| r.input_ids.as_slice()).collect();
        let frame = DataFrame::new_infer_height(vec![
            Column::new(
                "id".into(),
                rows.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
            ),
            Column::new(
                "split".into(),
                rows.iter().map(|r| r.split.as_str()).collect::<Vec<_>>(),
            ),
            label_column::write(path, &self.metadata.labels, rows.iter().map(|r| &r.label))?,
            Column::new("length".into(), lengths),
        ])
        .map_err(|e| Error::invalid(path, e.to_string()))?;
        write::write_with_lists(path, frame, (INPUT_IDS, 3), &ids, &metadata)
    }

    /// Reads a Parquet file that [`Tokens::write`] wrote (text carries no encoding, so it cannot be read back).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`], [`Error::Column`], [`Error::Invalid`].
    pub fn read(path: &Path) -> Result<Self> {
        let t = read::read(path)?;
        let metadata: TokensMetadata = t
            .metadata
            .as_deref()
            .ok_or_else(|| {
                Error::invalid(
                    path,
                    "it carries no encoding; make it with `lingo-pipe tokenize encode --out t.parquet`",
                )
            })
            .and_then(|text| {
                serde_json::from_str(text).map_err(|e| {
                    Error::invalid(path, format!("its metadata is not of a tokens table: {e}"))
                })
            })?;
        let splits: Vec<Split> = t.parsed("split", "")?;
        let (_, labels) = label_column::read(path, &t, Some(metadata.labels.clone()))?;
        let rows = t
            .strings("id")?
            .into_iter()
            .zip(splits)
            .zip(labels)
            .zip(t.u32_lists(INPUT_IDS)?)
            .map(|(((id, split), label), input_ids)| TokenRow {
                id,
                split,
                label,
                input_ids,
            })
            .collect();
        Ok(Self { rows, metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.parquet");
        let tokens = Tokens {
            rows: vec![
                TokenRow {
                    id: "a".into(),
                    split: Split::Train,
                    label: Label::Class(0),
                    input_ids: vec![101, 5, 102],
                },
                TokenRow {
                    id: "b".into(),
                    split: Split::Dev,
                    label: Label::Class(1),
                    input_ids: vec![],
                },
            ],
            metadata: TokensMetadata {
                labels: LabelKind::Classes(vec!["0".into(), "1".into()]),
                encoding: Encoding {
                    scheme: "base".into(),
                    vocabulary: "reuse".into(),
                    tokens: vec![("A".into(), 1037)],
                    new_rows: None,
                    template: None,
                    before: vec![101],
                    after: vec![102],
                    between: vec![102],
                    max_length: 512,
                    pad: 0,
                    model_vocab_size: 30522,
                    tokenizer: None,
                },
                truncated: [0, 1, 0],
                unknown: [0, 0, 0],
            },
        };
        tokens.write(&path).unwrap();
        assert_eq!(Tokens::read(&path).unwrap(), tokens);
    }
}
