//! Writing examples row group by row group: Parquet, CSV, TSV or FASTA, with no more than one group in memory.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;

use crate::example::{Example, ExamplesMetadata};
use crate::{Error, Label, LabelKind, Result, Split, Strand, label, table};

/// An example that borrows its texts.
#[derive(Clone, Debug)]
pub struct ExampleRef<'a> {
    /// As [`Example::id`].
    pub id: Cow<'a, str>,
    /// As [`Example::split`].
    pub split: Split,
    /// As [`Example::sequence`]: ASCII letters.
    pub sequence: &'a [u8],
    /// As [`Example::sequence2`].
    pub sequence2: Option<&'a [u8]>,
    /// As [`Example::label`].
    pub label: Label,
    /// Chromosome, start, end and strand: as [`Example::interval`].
    pub interval: Option<(&'a str, u64, u64, Strand)>,
}

impl<'a> From<&'a Example> for ExampleRef<'a> {
    fn from(e: &'a Example) -> Self {
        Self {
            id: Cow::Borrowed(&e.id),
            split: e.split,
            sequence: e.sequence.as_bytes(),
            sequence2: e.sequence2.as_deref().map(str::as_bytes),
            label: e.label.clone(),
            interval: e
                .interval
                .as_ref()
                .map(|i| (i.chrom.as_str(), i.start, i.end, i.strand)),
        }
    }
}

/// Which of the columns that not every data set has are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// `sequence2`.
    pub pairs: bool,
    /// `chrom`, `start`, `end`, `strand`.
    pub intervals: bool,
}

/// What a file of examples can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExampleFormat {
    /// A table.
    Table(table::Format),
    /// `>id split=train label=name`, the sequence in one line; the second of a pair under `id/2`.
    Fasta,
}

impl ExampleFormat {
    /// By the path's ending: `.parquet`, `.csv`, `.tsv`, `.fa`, `.fasta`.
    ///
    /// # Errors
    /// [`Error::Ending`].
    pub fn of_path(path: &Path) -> Result<Self> {
        match path.extension().and_then(|e| e.to_str()) {
            Some("fa" | "fasta") => Ok(Self::Fasta),
            _ => table::Format::of_path(path)
                .map(Self::Table)
                .map_err(|_| Error::Ending {
                    path: path.to_path_buf(),
                    allowed: ".parquet, .csv, .tsv, .fa",
                }),
        }
    }
}

/// Turns examples into text; many threads may do so at once, each into a buffer of its own.
#[derive(Clone, Debug)]
pub struct TextEncoder {
    path: PathBuf,
    labels: LabelKind,
    shape: Shape,
    /// Nothing for FASTA.
    delimiter: Option<u8>,
}

impl TextEncoder {
    /// Of a format; nothing for Parquet, which is no text. `path` is what errors name.
    pub fn new(
        path: &Path,
        format: ExampleFormat,
        labels: &LabelKind,
        shape: Shape,
    ) -> Option<Self> {
        let delimiter = match format {
            ExampleFormat::Table(table::Format::Parquet) => return None,
            ExampleFormat::Table(table::Format::Csv) => Some(b','),
            ExampleFormat::Table(table::Format::Tsv) => Some(b'\t'),
            ExampleFormat::Fasta => None,
        };
        Some(Self {
            path: path.to_path_buf(),
            labels: labels.clone(),
            shape,
            delimiter,
        })
    }

    /// The header line, with its end; empty for FASTA.
    pub fn header(&self) -> Vec<u8> {
        let Some(delimiter) = self.delimiter else {
            return Vec::new();
        };
        let mut names = vec!["id", "split", "sequence"];
        if self.shape.pairs {
            names.push("sequence2");
        }
        names.push("label");
        if self.shape.intervals {
            names.extend(["chrom", "start", "end", "strand"]);
        }
        let mut line = names.join(&char::from(delimiter).to_string()).into_bytes();
        line.push(b'\n');
        line
    }

    /// Appends rows; `first` is the number of the first of them, from 0, for messages.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a label does not fit the kind.
    pub fn encode<'a>(
        &self,
        rows: impl Iterator<Item = ExampleRef<'a>>,
        first: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let failed = |e: io::Error| Error::io("write", &self.path)(e);
        match self.delimiter {
            None => rows
                .into_iter()
                .try_for_each(|row| self.fasta(&row, out))
                .map_err(failed),
            Some(delimiter) => {
                let mut writer = csv::WriterBuilder::new()
                    .delimiter(delimiter)
                    .from_writer(out);
                for (i, row) in rows.enumerate() {
                    label::column::check(&self.path, &self.labels, first + i, &row.label)?;
                    self.record(&row, &mut writer)
                        .map_err(|e| failed(io::Error::other(e)))?;
                }
                writer.flush().map_err(failed)
            }
        }
    }

    fn record(&self, row: &ExampleRef, out: &mut csv::Writer<&mut Vec<u8>>) -> csv::Result<()> {
        out.write_field(row.id.as_bytes())?;
        out.write_field(row.split.as_str())?;
        out.write_field(row.sequence)?;
        if self.shape.pairs {
            out.write_field(row.sequence2.unwrap_or_default())?;
        }
        out.write_field(row.label.to_string())?;
        if self.shape.intervals {
            match row.interval {
                Some((chrom, start, end, strand)) => {
                    out.write_field(chrom)?;
                    out.write_field(start.to_string())?;
                    out.write_field(end.to_string())?;
                    out.write_field(strand.as_str())?;
                }
                None => (0..4).try_for_each(|_| out.write_field(""))?,
            }
        }
        out.write_record(None::<&[u8]>)
    }

    fn fasta(&self, row: &ExampleRef, out: &mut Vec<u8>) -> io::Result<()> {
        let names = self.labels.names();
        let mut one = |id: &str, mate: &str, sequence: &[u8]| {
            out.push(b'>');
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(mate.as_bytes());
            out.extend_from_slice(b" split=");
            out.extend_from_slice(row.split.as_str().as_bytes());
            out.extend_from_slice(b" label=");
            match &row.label {
                Label::Class(c) => match names.get(*c as usize) {
                    Some(name) => out.extend_from_slice(name.as_bytes()),
                    None => write!(out, "{c}")?,
                },
                Label::Multi(all) => {
                    for (i, one) in all.iter().enumerate() {
                        let comma = if i > 0 { "," } else { "" };
                        write!(out, "{comma}{one}")?;
                    }
                }
                Label::Value(v) => write!(out, "{v}")?,
            }
            out.push(b'\n');
            out.extend_from_slice(sequence);
            out.push(b'\n');
            Ok(())
        };
        one(&row.id, "", row.sequence)?;
        match row.sequence2 {
            Some(second) => one(&row.id, "/2", second),
            None => Ok(()),
        }
    }
}

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
            .map_err(|e| Error::invalid(path, format!("a {name} is no text: {e}")))
    };
    let mut columns = vec![
        Column::new("id".into(), rows.iter().map(|e| &*e.id).collect::<Vec<_>>()),
        Column::new("split".into(), text(|e| e.split.as_str())),
        bases("sequence", |e| Some(e.sequence))?,
    ];
    if shape.pairs {
        columns.push(bases("sequence2", |e| e.sequence2)?);
    }
    columns.push(label::column::write(
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
        let writer = table::parquet_writer(out, &text)
            .batched(empty.schema())
            .map_err(|e| Error::io("write", path)(table::written(e)))?;
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
            .map_err(|e| Error::io("write", &self.path)(table::written(e)))
    }

    /// Writes the footer.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> Result<()> {
        self.writer
            .finish()
            .map(|_| ())
            .map_err(|e| Error::io("write", &self.path)(table::written(e)))
    }
}
