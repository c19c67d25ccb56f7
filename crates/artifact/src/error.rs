//! The error type: every variant names the file, and where there is one the column or value at fault.

use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an artifact could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused (missing file, full disk, read-only folder, ...).
    #[error("could not {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried, as a verb: "read", "write", "rename", ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not the table that its ending says.
    #[error("{path} cannot be read as {format}: {message}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// "Parquet", "CSV", "TSV", "JSON", ...
        format: &'static str,
        /// What is wrong, with the line where one is known.
        message: String,
    },
    /// A table lacks a column, or the column has another type.
    #[error("{path}: column `{column}` {problem}", path = path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// "is missing", "holds strings where numbers belong", ...
        problem: String,
    },
    /// The file's ending names no format that this table can take.
    #[error("{path}: the ending names no known table format; use one of {allowed}", path = path.display())]
    Ending {
        /// The file.
        path: PathBuf,
        /// The endings that would do.
        allowed: &'static str,
    },
    /// A value that breaks a rule of its type.
    #[error("{path}: {message}", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Which value breaks which rule.
        message: String,
    },
}

impl Error {
    /// An [`Error::Io`] for `map_err`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// An [`Error::Invalid`] about `path`.
    pub fn invalid(path: &Path, message: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.to_path_buf(),
            message: message.into(),
        }
    }

    /// True when the cause is the machine (full disk, read-only folder), not the data.
    pub fn is_write_failure(&self) -> bool {
        matches!(self, Self::Io { action, .. } if !action.starts_with("read"))
    }
}
