//! Examples as Parquet, a row group at a time.

use std::io::Write;
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;

use crate::error::{Error, Result};
use crate::tables::example::borrowed::{ExampleRef, Shape};
use crate::tables::example::metadata::ExamplesMetadata;
use crate::tables::label_column;
use crate::tables::table::parquet::{parquet_writer, write_failure};
use crate::value::label::LabelKind;

/// Rows as a data frame; columns that `shape` leaves out are not in it.
///
/// # Errors
/// [`Error::Invalid`] when a label does not fit the kind.
pub fn frame(
    path: &Path,
    labels: &LabelKind,
    shape: Shape,
    rows: &[ExampleRef],
) -> Result<DataFrame> {
    let text = |of: fn(&ExampleRef) -> &'static str| rows.iter().map(of).collect::<Vec<_>>();
    let bases = |name: &str, of: for<'a> fn(&ExampleRef<'a>) -> Option<&'a [u8]>| {
        rows.iter()
            .map(|e| of(e).map(std::str::from_utf8).transpose())
            .collect::<std::result::Result<Vec<Option<&str>>, _>>()
            .map(|texts| Column::new(name.into(), texts))
            .map_err(|e| Error::invalid(path, format!("a {name} is not text: {e}")))
    };
    let mut columns = vec![
        Column::new("id".into(), rows.iter().map(|e| &*e.id).collect::<Vec<_>>()),
        Column::new("split".into(), text(|e| e.split.as_str())),
        bases("sequence", |e| Some(e.sequence))?,
    ];
    if shape.pairs {
        columns.push(bases("sequence2", |e| e.sequence2)?);
    }
    columns.push(label_column::write(
        path,
        labels,
        rows.iter().map(|e| &e.label),
    )?);
    if shape.intervals {
        let chrom: Vec<_> = rows.iter().map(|e| e.interval.map(|i| i.0)).collect();
        let start: Vec<_> = rows.iter().map(|e| e.interval.map(|i| i.1)).collect();
        let end: Vec<_> = rows.iter().map(|e| e.interval.map(|i| i.2)).collect();
        let strand: Vec<_> = rows
            .iter()
            .map(|e| e.interval.map(|i| i.3.as_str()))
            .collect();
        columns.push(Column::new("chrom".into(), chrom));
        columns.push(Column::new("start".into(), start));
        columns.push(Column::new("end".into(), end));
        columns.push(Column::new("strand".into(), strand));
    }
    DataFrame::new_infer_height(columns).map_err(|e| Error::invalid(path, e.to_string()))
}

/// A Parquet file of examples that grows by row groups.
pub struct ParquetStream<W: Write> {
    path: PathBuf,
    labels: LabelKind,
    shape: Shape,
    writer: BatchedWriter<W>,
}

impl<W: Write> ParquetStream<W> {
    /// Begins the file; `path` is what errors name.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(path: &Path, metadata: &ExamplesMetadata, shape: Shape, out: W) -> Result<Self> {
        let text =
            serde_json::to_string(metadata).map_err(|e| Error::invalid(path, e.to_string()))?;
        let empty = frame(path, &metadata.labels, shape, &[])?;
        let writer = parquet_writer(out, &text)
            .batched(empty.schema())
            .map_err(|e| Error::io("write", path)(write_failure(e)))?;
        Ok(Self {
            path: path.to_path_buf(),
            labels: metadata.labels.clone(),
            shape,
            writer,
        })
    }

    /// Writes one row group.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a label does not fit the kind; what the writer says.
    pub fn write(&mut self, rows: &[ExampleRef]) -> Result<()> {
        let frame = frame(&self.path, &self.labels, self.shape, rows)?;
        self.writer
            .write_batch(&frame)
            .map_err(|e| Error::io("write", &self.path)(write_failure(e)))
    }

    /// Writes the footer.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> Result<()> {
        self.writer
            .finish()
            .map(|_| ())
            .map_err(|e| Error::io("write", &self.path)(write_failure(e)))
    }
}
