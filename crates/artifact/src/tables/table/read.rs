//! Reading a table in the format that the file's ending names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use polars::prelude::*;

use crate::error::{Error, Result};
use crate::tables::table::columns::Table;
use crate::tables::table::format::Format;
use crate::tables::table::parquet::METADATA_KEY;

fn unreadable(path: &Path, e: PolarsError) -> Error {
    match e {
        PolarsError::IO { error, .. } => {
            Error::io("read", path)(std::io::Error::new(error.kind(), error.to_string()))
        }
        e => Error::Format {
            path: path.to_path_buf(),
            format: Format::Parquet.name(),
            message: e.to_string(),
        },
    }
}

/// Reads a table in the format of the ending.
///
/// # Errors
/// [`Error::Ending`], [`Error::Io`], [`Error::Format`] (with the line for text).
pub fn read(path: &Path) -> Result<Table> {
    let format = Format::of_path(path)?;
    let file = File::open(path).map_err(Error::io("read", path))?;
    match format {
        Format::Parquet => read_parquet(path, file),
        Format::Csv => read_text(path, file, b',', format),
        Format::Tsv => read_text(path, file, b'\t', format),
    }
}

fn read_parquet(path: &Path, file: File) -> Result<Table> {
    let bad = |e| unreadable(path, e);
    let mut reader = ParquetReader::new(file);
    let metadata = reader
        .get_metadata()
        .map_err(bad)?
        .key_value_metadata()
        .as_ref()
        .and_then(|pairs| pairs.iter().find(|kv| kv.key == METADATA_KEY))
        .and_then(|kv| kv.value.clone());
    let frame = reader.finish().map_err(bad)?;
    Ok(Table {
        path: path.to_path_buf(),
        frame,
        metadata,
    })
}

/// Reads delimited text as columns of strings; the typed getters of [`Table`] parse them.
///
/// # Errors
/// [`Error::Format`] with the line: no header, a ragged row, text that is not UTF-8.
pub fn read_text(path: &Path, from: impl Read, delimiter: u8, format: Format) -> Result<Table> {
    let bad = |message: String| Error::Format {
        path: path.to_path_buf(),
        format: format.name(),
        message,
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(from);
    let header = reader.headers().map_err(|e| bad(e.to_string()))?.clone();
    if header.is_empty() {
        return Err(bad("it is empty; a header line is needed".into()));
    }
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); header.len()];
    for record in reader.records() {
        let record = record.map_err(|e| bad(e.to_string()))?;
        for (column, field) in columns.iter_mut().zip(record.iter()) {
            column.push((!field.is_empty()).then(|| field.to_string()));
        }
    }
    let columns = header
        .iter()
        .zip(columns)
        .map(|(name, values)| Column::new(name.into(), values))
        .collect();
    Ok(Table {
        path: path.to_path_buf(),
        frame: DataFrame::new_infer_height(columns).map_err(|e| bad(e.to_string()))?,
        metadata: None,
    })
}
