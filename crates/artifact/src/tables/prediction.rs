//! Logits of every example: `predictions.parquet`, made by `adapt`, read by `evaluate`.

use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::{Column, DataFrame};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::tables::label_column;
use crate::tables::table::format::Format;
use crate::tables::table::list_column::f32_list_column;
use crate::tables::table::stream::TableStream;
use crate::tables::table::{read, write};
use crate::value::label::{Label, LabelKind};
use crate::value::split::Split;

/// One prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The example's id.
    pub id: String,
    /// The example's split.
    pub split: Split,
    /// The true label.
    pub label: Label,
    /// One logit a class (before softmax or sigmoid), or the predicted value.
    pub logits: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    labels: LabelKind,
}

fn metadata(path: &Path, labels: &LabelKind) -> Result<String> {
    let labels = labels.clone();
    serde_json::to_string(&Metadata { labels }).map_err(|e| Error::invalid(path, e.to_string()))
}

fn frame(path: &Path, labels: &LabelKind, rows: &[Prediction]) -> Result<DataFrame> {
    DataFrame::new_infer_height(vec![
        Column::new(
            "id".into(),
            rows.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
        ),
        Column::new(
            "split".into(),
            rows.iter().map(|r| r.split.as_str()).collect::<Vec<_>>(),
        ),
        label_column::write(path, labels, rows.iter().map(|r| &r.label))?,
        f32_list_column("logits", rows.iter().map(|r| r.logits.as_slice())),
    ])
    .map_err(|e| Error::invalid(path, e.to_string()))
}

/// Predictions that are written piece by piece.
pub struct PredictionStream<W: Write> {
    path: PathBuf,
    labels: LabelKind,
    table: TableStream<W>,
}

impl<W: Write> PredictionStream<W> {
    /// Begins `.parquet`, `.csv` or `.tsv`; `path` says which.
    ///
    /// # Errors
    /// [`Error::Ending`]; what the writer says.
    pub fn new(path: &Path, labels: &LabelKind, out: W) -> Result<Self> {
        let first = frame(path, labels, &[])?;
        let metadata = metadata(path, labels)?;
        Ok(Self {
            path: path.to_path_buf(),
            labels: labels.clone(),
            table: TableStream::new(path, Format::of_path(path)?, &metadata, &first, out)?,
        })
    }

    /// Writes more rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a label does not fit the kind; what the writer says.
    pub fn write(&mut self, rows: &[Prediction]) -> Result<()> {
        self.table.write(&frame(&self.path, &self.labels, rows)?)
    }

    /// Writes what stands behind the rows.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> Result<()> {
        self.table.finish()
    }
}

/// The predictions of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// What the labels are.
    pub labels: LabelKind,
    /// The rows, in the order of the tokens.
    pub rows: Vec<Prediction>,
}

impl Predictions {
    /// Writes `.parquet`, `.csv` or `.tsv` atomically.
    ///
    /// # Errors
    /// [`Error::Ending`], [`Error::Io`]; [`Error::Invalid`] when a label does not fit the kind.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut frame = frame(path, &self.labels, &self.rows)?;
        write::write(path, &mut frame, &metadata(path, &self.labels)?)
    }

    /// Reads what [`Predictions::write`] wrote, or a text table of any tool with `label` and `logits`
    /// (without `split` all rows are test, without `id` they are numbered).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`], [`Error::Column`], [`Error::Invalid`].
    pub fn read(path: &Path) -> Result<Self> {
        let t = read::read(path)?;
        let logits = t.f32_lists("logits")?;
        let kind = match &t.metadata {
            None => None,
            Some(text) => Some(
                serde_json::from_str::<Metadata>(text)
                    .map_err(|e| {
                        Error::invalid(
                            path,
                            format!("its metadata is not of a predictions table: {e}"),
                        )
                    })?
                    .labels,
            ),
        };
        let splits = if t.has("split") {
            t.parsed("split", "")?
        } else {
            vec![Split::Test; t.height()]
        };
        let ids = if t.has("id") {
            t.strings("id")?
        } else {
            (1..=t.height()).map(|i| i.to_string()).collect()
        };
        // In a text table, a class that no row is labelled with still has a logit in every row.
        let (mut labels, values) = label_column::read(path, &t, kind)?;
        if let LabelKind::Classes(names) = &mut labels {
            let width = logits.iter().map(Vec::len).max().unwrap_or(0);
            names.extend((names.len()..width).map(|i| i.to_string()));
        }
        if let Some(row) = logits.iter().position(|l| l.len() != labels.outputs()) {
            return Err(Error::invalid(
                path,
                format!(
                    "row {}: {} logits where {} are expected",
                    row + 1,
                    logits[row].len(),
                    labels.outputs()
                ),
            ));
        }
        let rows = ids
            .into_iter()
            .zip(splits)
            .zip(values)
            .zip(logits)
            .map(|(((id, split), label), logits)| Prediction {
                id,
                split,
                label,
                logits,
            })
            .collect();
        Ok(Self { labels, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let predictions = Predictions {
            labels: LabelKind::Classes(vec!["0".into(), "1".into()]),
            rows: vec![Prediction {
                id: "a".into(),
                split: Split::Test,
                label: Label::Class(1),
                logits: vec![0.1 + 0.2, -1.0e-30],
            }],
        };
        for ending in ["parquet", "csv", "tsv"] {
            let path = folder.path().join("p").with_extension(ending);
            predictions.write(&path).unwrap();
            assert_eq!(Predictions::read(&path).unwrap(), predictions, "{ending}");
            let file = std::fs::File::create(&path).unwrap();
            let mut stream = PredictionStream::new(&path, &predictions.labels, file).unwrap();
            for row in predictions.rows.chunks(1) {
                stream.write(row).unwrap();
            }
            stream.finish().unwrap();
            assert_eq!(Predictions::read(&path).unwrap(), predictions, "{ending}");
        }
    }

    #[test]
    fn a_missing_logit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        std::fs::write(&path, "label,logits\n1,0.5 0.5\n0,0.5\n").unwrap();
        let message = Predictions::read(&path).unwrap_err().to_string();
        assert!(message.contains("row 2: 1 logits where 2"), "{message}");
    }
}
