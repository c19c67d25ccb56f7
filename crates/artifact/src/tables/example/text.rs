//! Examples as CSV, TSV or FASTA.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::tables::example::borrowed::{ExampleRef, Shape};
use crate::tables::example::format::ExampleFormat;
use crate::tables::label_column;
use crate::tables::table::format::Format;
use crate::value::label::{Label, LabelKind};

/// Turns examples into text; many threads may do so at once, each into a buffer of its own.
#[derive(Clone, Debug)]
pub struct TextEncoder {
    path: PathBuf,
    labels: LabelKind,
    shape: Shape,
    /// `None` for FASTA.
    delimiter: Option<u8>,
}

impl TextEncoder {
    /// For a format; `None` for Parquet, which is not text. `path` is what errors name.
    pub fn new(
        path: &Path,
        format: ExampleFormat,
        labels: &LabelKind,
        shape: Shape,
    ) -> Option<Self> {
        let delimiter = match format {
            ExampleFormat::Table(Format::Parquet) => return None,
            ExampleFormat::Table(Format::Csv) => Some(b','),
            ExampleFormat::Table(Format::Tsv) => Some(b'\t'),
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
        if !self.labels.names().is_empty() {
            names.push("class");
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
                    label_column::check(&self.path, &self.labels, first + i, &row.label)?;
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
        let names = self.labels.names();
        match &row.label {
            _ if names.is_empty() => {}
            Label::Class(class) => {
                out.write_field(names.get(*class as usize).map_or("", String::as_str))?;
            }
            Label::Multi(all) => {
                let of_row = names.iter().zip(all).filter(|(_, one)| **one == 1);
                let of_row: Vec<&str> = of_row.map(|(name, _)| name.as_str()).collect();
                out.write_field(of_row.join(";"))?;
            }
            Label::Value(_) => out.write_field("")?,
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
