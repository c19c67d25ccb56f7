//! The formats that examples can be written in.

use std::path::Path;

use crate::error::{Error, Result};
use crate::tables::table::format::Format;

/// The formats that a file of examples can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExampleFormat {
    /// A table.
    Table(Format),
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
            _ => Format::of_path(path)
                .map(Self::Table)
                .map_err(|_| Error::Ending {
                    path: path.to_path_buf(),
                    allowed: ".parquet, .csv, .tsv, .fa",
                }),
        }
    }
}
