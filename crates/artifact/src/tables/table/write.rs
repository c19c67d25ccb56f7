//! Writing a data frame in the format that the file's ending names.

use std::io::Write;
use std::path::Path;

use polars::prelude::*;

use crate::error::{Error, Result};
use crate::files::atomic;
use crate::tables::table::format::Format;
use crate::tables::table::id_lists;
use crate::tables::table::list_column::u32_list_column;
use crate::tables::table::parquet::{parquet_writer, write_failure};

/// Writes a frame atomically, in the format of the ending.
///
/// # Errors
/// [`Error::Ending`], [`Error::Io`], [`Error::Format`].
pub fn write(path: &Path, frame: &mut DataFrame, metadata: &str) -> Result<()> {
    let format = Format::of_path(path)?;
    atomic::write(path, |w| match format {
        Format::Parquet => parquet_writer(w, metadata)
            .finish(frame)
            .map(|_| ())
            .map_err(|e| Error::io("write", path)(write_failure(e))),
        Format::Csv => write_text(w, frame, b',').map_err(Error::io("write", path)),
        Format::Tsv => write_text(w, frame, b'\t').map_err(Error::io("write", path)),
    })
}

/// As [`write`], with a column of lists of ids behind the first `at` columns.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_with_lists(
    path: &Path,
    mut frame: DataFrame,
    (name, at): (&str, usize),
    lists: &[&[u32]],
    metadata: &str,
) -> Result<()> {
    if Format::of_path(path)? == Format::Parquet {
        return atomic::write(path, |w| {
            id_lists::write(w, path, &frame, (name, at), lists, metadata)
        });
    }
    frame
        .insert_column(at, u32_list_column(name, lists.iter().copied()))
        .map_err(|e| Error::invalid(path, e.to_string()))?;
    write(path, &mut frame, metadata)
}

/// Writes a frame as text with a header line.
///
/// # Errors
/// What the writer says.
pub fn write_text(mut to: impl Write, frame: &DataFrame, delimiter: u8) -> std::io::Result<()> {
    write_header(&mut to, frame, delimiter)?;
    write_rows(&mut to, frame, delimiter)
}

fn text_writer<W: Write>(to: W, delimiter: u8) -> csv::Writer<W> {
    csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(to)
}

/// Writes the names of a frame's columns as a line of text.
pub(crate) fn write_header(
    to: impl Write,
    frame: &DataFrame,
    delimiter: u8,
) -> std::io::Result<()> {
    let mut out = text_writer(to, delimiter);
    out.write_record(frame.columns().iter().map(|c| c.name().as_str()))?;
    out.flush()
}

/// Writes the rows of a frame as lines of text.
pub(crate) fn write_rows(to: impl Write, frame: &DataFrame, delimiter: u8) -> std::io::Result<()> {
    let mut out = text_writer(to, delimiter);
    let mut record = Vec::with_capacity(frame.width());
    for row in 0..frame.height() {
        record.clear();
        for column in frame.columns() {
            record.push(cell_text(&column.get(row).map_err(std::io::Error::other)?));
        }
        out.write_record(&record)?;
    }
    out.flush()
}

/// A value as text; lists with spaces, nothing for null.
fn cell_text(value: &AnyValue) -> String {
    match value {
        AnyValue::Null => String::new(),
        AnyValue::String(s) => (*s).to_string(),
        AnyValue::StringOwned(s) => s.to_string(),
        // Rust's shortest text that reads back as the same number.
        AnyValue::Float32(v) => v.to_string(),
        AnyValue::Float64(v) => v.to_string(),
        AnyValue::List(series) => series
            .iter()
            .map(|v| cell_text(&v))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}
