//! Reading a table in the format that the file's ending names.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

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
        Format::Parquet => {
            let mut reader = ParquetReader::new(file);
            let (_, metadata) = shape_of_parquet(path, &mut reader)?;
            let frame = reader.finish();
            Ok(Table {
                path: path.to_path_buf(),
                frame: frame.map_err(|e| unreadable(path, e))?,
                before: 0,
                metadata,
            })
        }
        Format::Csv => read_text(path, file, b',', format),
        Format::Tsv => read_text(path, file, b'\t', format),
    }
}

/// How many rows a Parquet file has, and our JSON in it.
fn shape_of_parquet(
    path: &Path,
    reader: &mut ParquetReader<File>,
) -> Result<(usize, Option<String>)> {
    let metadata = reader.get_metadata().map_err(|e| unreadable(path, e))?;
    let pairs = metadata.key_value_metadata().as_ref();
    let ours = pairs.and_then(|pairs| pairs.iter().find(|kv| kv.key == METADATA_KEY));
    Ok((metadata.num_rows, ours.and_then(|kv| kv.value.clone())))
}

/// Reads delimited text as columns of strings; the typed getters of [`Table`] parse them.
///
/// # Errors
/// [`Error::Format`] with the line: no header, a ragged row, text that is not UTF-8.
pub fn read_text(path: &Path, from: impl Read, delimiter: u8, format: Format) -> Result<Table> {
    Lines::new(path, from, delimiter, format)?.next(usize::MAX)
}

/// A table that is read piece by piece, and never held as a whole.
pub struct TableReader {
    path: PathBuf,
    /// The metadata of a Parquet file.
    pub metadata: Option<String>,
    from: From,
    /// Rows that were read.
    before: usize,
}

enum From {
    /// The file, and how many rows it has.
    Parquet(File, usize),
    Text(Box<Lines<File>>),
}

impl TableReader {
    /// Opens a table in the format of the ending.
    ///
    /// # Errors
    /// As [`read`].
    pub fn open(path: &Path) -> Result<Self> {
        let format = Format::of_path(path)?;
        let file = File::open(path).map_err(Error::io("read", path))?;
        let (metadata, from) = match format {
            Format::Parquet => {
                let again = file.try_clone().map_err(Error::io("read", path))?;
                let (rows, metadata) = shape_of_parquet(path, &mut ParquetReader::new(again))?;
                (metadata, From::Parquet(file, rows))
            }
            Format::Csv => (
                None,
                From::Text(Box::new(Lines::new(path, file, b',', format)?)),
            ),
            Format::Tsv => (
                None,
                From::Text(Box::new(Lines::new(path, file, b'\t', format)?)),
            ),
        };
        Ok(Self {
            path: path.to_path_buf(),
            metadata,
            from,
            before: 0,
        })
    }

    /// The next rows, at most so many; the rows are none behind the last.
    ///
    /// # Errors
    /// As [`read`].
    pub fn next(&mut self, most: usize) -> Result<Table> {
        let table = match &mut self.from {
            From::Parquet(file, rows) => {
                let rows = most.min(rows.saturating_sub(self.before));
                let file = file.try_clone().map_err(Error::io("read", &self.path))?;
                let reader = ParquetReader::new(file).with_slice(Some((self.before, rows)));
                Table {
                    path: self.path.clone(),
                    frame: reader.finish().map_err(|e| unreadable(&self.path, e))?,
                    before: self.before,
                    metadata: self.metadata.clone(),
                }
            }
            From::Text(lines) => lines.next(most)?,
        };
        self.before += table.height();
        Ok(table)
    }
}

/// Delimited text with a header.
struct Lines<R> {
    path: PathBuf,
    format: Format,
    header: csv::StringRecord,
    reader: csv::Reader<R>,
    /// Rows that were read.
    before: usize,
}

impl<R: Read> Lines<R> {
    fn new(path: &Path, from: R, delimiter: u8, format: Format) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .from_reader(from);
        let header = reader.headers().cloned();
        let mut lines = Self {
            path: path.to_path_buf(),
            format,
            header: csv::StringRecord::new(),
            reader,
            before: 0,
        };
        lines.header = header.map_err(|e| lines.bad(e.to_string()))?;
        match lines.header.is_empty() {
            true => Err(lines.bad("it is empty; a header line is needed".into())),
            false => Ok(lines),
        }
    }

    fn bad(&self, message: String) -> Error {
        Error::Format {
            path: self.path.clone(),
            format: self.format.name(),
            message,
        }
    }

    fn next(&mut self, most: usize) -> Result<Table> {
        let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); self.header.len()];
        let mut rows = 0;
        while rows < most {
            let mut record = csv::StringRecord::new();
            let is_there = self.reader.read_record(&mut record);
            if !is_there.map_err(|e| self.bad(e.to_string()))? {
                break;
            }
            for (column, field) in columns.iter_mut().zip(record.iter()) {
                column.push((!field.is_empty()).then(|| field.to_string()));
            }
            rows += 1;
        }
        let columns = self
            .header
            .iter()
            .zip(columns)
            .map(|(name, values)| Column::new(name.into(), values))
            .collect();
        let table = Table {
            path: self.path.clone(),
            frame: DataFrame::new_infer_height(columns).map_err(|e| self.bad(e.to_string()))?,
            before: self.before,
            metadata: None,
        };
        self.before += rows;
        Ok(table)
    }
}
