//! Data frames in and out of Parquet, CSV and TSV, in the format that a file's ending names.
//!
//! In text, a list is its numbers with spaces between them; metadata exists in Parquet only.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use polars::io::parquet::write::KeyValueMetadata;
use polars::prelude::*;

use crate::{Error, Result, atomic, id_lists};

/// The key under which lingo-pipe's JSON stands in a Parquet file's metadata.
pub const METADATA_KEY: &str = "lingo";

/// How a table is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, zstd.
    Parquet,
    /// Comma-separated, with a header.
    Csv,
    /// Tab-separated, with a header.
    Tsv,
}

impl Format {
    /// By the path's ending: `.parquet`, `.csv`, `.tsv`.
    ///
    /// # Errors
    /// [`Error::Ending`].
    pub fn of_path(path: &Path) -> Result<Self> {
        match path.extension().and_then(|e| e.to_str()) {
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            Some("tsv" | "txt") => Ok(Self::Tsv),
            _ => Err(Error::Ending {
                path: path.to_path_buf(),
                allowed: ".parquet, .csv, .tsv",
            }),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
        }
    }
}

/// A data frame with the file it came from, for messages, and its metadata.
pub struct Table {
    path: std::path::PathBuf,
    frame: DataFrame,
    /// lingo-pipe's JSON, when the file carries it.
    pub metadata: Option<String>,
}

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
            .map_err(|e| Error::io("write", path)(written(e))),
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

/// A Parquet file with our metadata.
pub(crate) fn parquet_writer<W: Write>(out: W, metadata: &str) -> ParquetWriter<W> {
    ParquetWriter::new(out)
        .with_compression(compression())
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![(
            METADATA_KEY.to_string(),
            metadata.to_string(),
        )])))
}

/// zstd at its fastest level: the next ones take twice as long for a few percent.
pub(crate) fn compression() -> ParquetCompression {
    ParquetCompression::Zstd(polars_parquet::write::ZstdLevel::try_new(1).ok())
}

/// Writes a frame as text with a header line.
///
/// # Errors
/// What the writer says.
pub fn write_text(to: impl Write, frame: &DataFrame, delimiter: u8) -> std::io::Result<()> {
    let mut out = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(to);
    out.write_record(frame.columns().iter().map(|c| c.name().as_str()))?;
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

/// Why a Parquet file could not be written. A full disk comes wrapped in several ways, as a bad file
/// among them; a frame of ours can fail for no other reason.
pub(crate) fn written(e: PolarsError) -> std::io::Error {
    match e {
        PolarsError::IO { error, .. } => std::io::Error::new(error.kind(), error.to_string()),
        e => std::io::Error::other(e.to_string()),
    }
}

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

impl Table {
    /// The data frame itself.
    pub fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    /// Whether there is a column of that name.
    pub fn has(&self, name: &str) -> bool {
        self.frame.column(name).is_ok()
    }

    fn column(&self, name: &str) -> Result<&Column> {
        self.frame.column(name).map_err(|_| {
            let have: Vec<_> = self
                .frame
                .columns()
                .iter()
                .map(|c| c.name().as_str())
                .collect();
            self.problem(name, format!("is missing; there are: {}", have.join(", ")))
        })
    }

    fn problem(&self, column: &str, problem: impl Into<String>) -> Error {
        Error::Column {
            path: self.path.clone(),
            column: column.to_string(),
            problem: problem.into(),
        }
    }

    fn cast(&self, name: &str, to: &DataType, what: &str) -> Result<Column> {
        self.column(name)?
            .strict_cast(to)
            .map_err(|e| self.problem(name, format!("holds what is not {what}: {e}")))
    }

    fn full<T>(&self, name: &str, values: Vec<Option<T>>) -> Result<Vec<T>> {
        values
            .into_iter()
            .enumerate()
            .map(|(i, v)| v.ok_or_else(|| self.problem(name, format!("is empty in row {}", i + 1))))
            .collect()
    }

    /// Strings, none of them missing. An empty text field counts as the empty string.
    ///
    /// # Errors
    /// [`Error::Column`].
    pub fn strings(&self, name: &str) -> Result<Vec<String>> {
        Ok(self
            .optional_strings(name)?
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect())
    }

    /// Strings or nothing.
    ///
    /// # Errors
    /// [`Error::Column`].
    pub fn optional_strings(&self, name: &str) -> Result<Vec<Option<String>>> {
        let column = self.cast(name, &DataType::String, "text")?;
        let strings = column
            .str()
            .map_err(|e| self.problem(name, e.to_string()))?;
        Ok(strings.iter().map(|s| s.map(str::to_string)).collect())
    }

    /// Whole numbers or nothing.
    ///
    /// # Errors
    /// [`Error::Column`].
    pub fn optional_u64s(&self, name: &str) -> Result<Vec<Option<u64>>> {
        let column = self.cast(name, &DataType::UInt64, "a whole number")?;
        let numbers = column
            .u64()
            .map_err(|e| self.problem(name, e.to_string()))?;
        Ok(numbers.iter().collect())
    }

    /// Whole numbers, none missing.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub fn u64s(&self, name: &str) -> Result<Vec<u64>> {
        self.full(name, self.optional_u64s(name)?)
    }

    /// Numbers, none missing.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub fn f32s(&self, name: &str) -> Result<Vec<f32>> {
        let column = self.cast(name, &DataType::Float32, "a number")?;
        let numbers = column
            .f32()
            .map_err(|e| self.problem(name, e.to_string()))?;
        self.full(name, numbers.iter().collect())
    }

    /// Lists of whole numbers.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub fn u32_lists(&self, name: &str) -> Result<Vec<Vec<u32>>> {
        self.lists(name, "whole numbers", |series| {
            let cast = series.strict_cast(&DataType::UInt32).ok()?;
            cast.u32().ok()?.iter().collect::<Option<Vec<u32>>>()
        })
    }

    /// Lists of numbers.
    ///
    /// # Errors
    /// [`Error::Column`] with the row.
    pub fn f32_lists(&self, name: &str) -> Result<Vec<Vec<f32>>> {
        self.lists(name, "numbers", |series| {
            let cast = series.strict_cast(&DataType::Float32).ok()?;
            cast.f32().ok()?.iter().collect::<Option<Vec<f32>>>()
        })
    }

    fn lists<T: std::str::FromStr>(
        &self,
        name: &str,
        what: &str,
        of_series: impl Fn(&Series) -> Option<Vec<T>>,
    ) -> Result<Vec<Vec<T>>> {
        let column = self.column(name)?;
        let in_row = |i: usize| self.problem(name, format!("row {}: not a list of {what}", i + 1));
        if let Ok(lists) = column.list() {
            return (0..lists.len())
                .map(|i| {
                    lists
                        .get_as_series(i)
                        .and_then(|s| of_series(&s))
                        .ok_or_else(|| in_row(i))
                })
                .collect();
        }
        self.strings(name)?
            .iter()
            .enumerate()
            .map(|(i, text)| {
                text.split_ascii_whitespace()
                    .map(|word| word.parse().map_err(|_| in_row(i)))
                    .collect()
            })
            .collect()
    }
}

/// A column of lists of `u32`.
pub fn u32_list_column<'a>(name: &str, rows: impl ExactSizeIterator<Item = &'a [u32]>) -> Column {
    let mut builder = ListPrimitiveChunkedBuilder::<UInt32Type>::new(
        name.into(),
        rows.len(),
        0,
        DataType::UInt32,
    );
    rows.for_each(|row| builder.append_slice(row));
    builder.finish().into_series().into_column()
}

/// A column of lists of `f32`.
pub fn f32_list_column<'a>(name: &str, rows: impl ExactSizeIterator<Item = &'a [f32]>) -> Column {
    let mut builder = ListPrimitiveChunkedBuilder::<Float32Type>::new(
        name.into(),
        rows.len(),
        0,
        DataType::Float32,
    );
    rows.for_each(|row| builder.append_slice(row));
    builder.finish().into_series().into_column()
}
