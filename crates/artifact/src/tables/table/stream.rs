//! A table that is written piece by piece, and never held as a whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;

use crate::error::{Error, Result};
use crate::tables::table::format::Format;
use crate::tables::table::parquet::{parquet_writer, write_failure};
use crate::tables::table::write::{write_header, write_rows};

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Text, or nothing.
    Text(Vec<Option<String>>),
    /// Whole numbers, or nothing.
    Whole(Vec<Option<u64>>),
    /// Numbers.
    Numbers(Vec<f32>),
}

impl Cells {
    /// Text in every row.
    pub fn texts(cells: impl IntoIterator<Item = String>) -> Self {
        Self::Text(cells.into_iter().map(Some).collect())
    }

    /// A whole number in every row.
    pub fn wholes(cells: impl IntoIterator<Item = u64>) -> Self {
        Self::Whole(cells.into_iter().map(Some).collect())
    }
}

/// Named columns of the same height as a data frame; `path` is what errors name.
///
/// # Errors
/// [`Error::Invalid`] where two have one name, or another height.
pub fn frame(path: &Path, columns: Vec<(String, Cells)>) -> Result<DataFrame> {
    let column = |(name, cells): (String, Cells)| match cells {
        Cells::Text(cells) => Column::new(name.into(), cells),
        Cells::Whole(cells) => Column::new(name.into(), cells),
        Cells::Numbers(cells) => Column::new(name.into(), cells),
    };
    DataFrame::new_infer_height(columns.into_iter().map(column).collect())
        .map_err(|e| Error::invalid(path, e.to_string()))
}

/// A table that grows by pieces of rows: row groups of Parquet, lines of text.
pub struct TableStream<W: Write> {
    path: PathBuf,
    to: To<W>,
}

enum To<W: Write> {
    Parquet(Box<BatchedWriter<W>>),
    Text(W, u8),
}

impl<W: Write> TableStream<W> {
    /// Begins a table in a format, with the columns of `first`, whose rows are not looked at; `path` is what errors
    /// name.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(
        path: &Path,
        format: Format,
        metadata: &str,
        first: &DataFrame,
        out: W,
    ) -> Result<Self> {
        let text = |mut out: W, delimiter| {
            write_header(&mut out, first, delimiter).map_err(Error::io("write", path))?;
            Ok(To::Text(out, delimiter))
        };
        let to = match format {
            Format::Parquet => {
                let writer = parquet_writer(out, metadata).batched(first.schema());
                let failed = |e| Error::io("write", path)(write_failure(e));
                To::Parquet(Box::new(writer.map_err(failed)?))
            }
            Format::Csv => text(out, b',')?,
            Format::Tsv => text(out, b'\t')?,
        };
        Ok(Self {
            path: path.to_path_buf(),
            to,
        })
    }

    /// Writes more rows.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&mut self, frame: &DataFrame) -> Result<()> {
        match &mut self.to {
            To::Parquet(writer) => writer.write_batch(frame).map_err(write_failure),
            To::Text(out, delimiter) => write_rows(out, frame, *delimiter),
        }
        .map_err(Error::io("write", &self.path))
    }

    /// Writes what stands behind the rows.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> Result<()> {
        match self.to {
            To::Parquet(writer) => writer.finish().map(|_| ()).map_err(write_failure),
            To::Text(mut out, _) => out.flush(),
        }
        .map_err(Error::io("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::table::read::read;

    #[test]
    fn pieces_make_the_table_that_they_would_make_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for (ending, format) in [
            ("parquet", Format::Parquet),
            ("csv", Format::Csv),
            ("tsv", Format::Tsv),
        ] {
            let path = folder.path().join("t").with_extension(ending);
            let piece = |rows: std::ops::Range<u64>| {
                let columns = vec![
                    (
                        "id".to_string(),
                        Cells::texts(rows.clone().map(|i| format!("r,{i}"))),
                    ),
                    (
                        "start".to_string(),
                        Cells::Whole(rows.clone().map(|i| (i != 3).then_some(i)).collect()),
                    ),
                    (
                        "p".to_string(),
                        Cells::Numbers(rows.map(|i| i as f32 / 7.0).collect()),
                    ),
                ];
                frame(&path, columns).unwrap()
            };
            let file = std::fs::File::create(&path).unwrap();
            let mut stream = TableStream::new(&path, format, "{}", &piece(0..0), file).unwrap();
            for rows in [0..2, 2..2, 2..5] {
                stream.write(&piece(rows)).unwrap();
            }
            stream.finish().unwrap();
            let table = read(&path).unwrap();
            let ids: Vec<String> = (0..5).map(|i| format!("r,{i}")).collect();
            assert_eq!(table.strings("id").unwrap(), ids, "{ending}");
            let starts = [Some(0), Some(1), Some(2), None, Some(4)];
            assert_eq!(table.optional_u64s("start").unwrap(), starts, "{ending}");
            let p: Vec<f32> = (0..5u8).map(|i| f32::from(i) / 7.0).collect();
            assert_eq!(table.f32s("p").unwrap(), p, "{ending}");
        }
    }
}
