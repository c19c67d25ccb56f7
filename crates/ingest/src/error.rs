//! The error type: what is wrong with the data names the file and, where there is one, the line.

use std::io;
use std::path::{Path, PathBuf};

/// Why examples could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line of an input file breaks a rule of its format, or does not fit the genome or the labels.
    #[error("{path}:{line}: {problem}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, the value at fault, and what to do.
        problem: String,
    },
    /// An input file as a whole cannot be used.
    #[error("{path}: {problem}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The `ingest` section of the pipeline file (or its command-line counterpart) contradicts itself.
    #[error("ingest: {0}")]
    Config(String),
    /// The examples of all files together cannot be used: a class without training rows, an empty split.
    #[error("{0}")]
    Data(String),
    /// The operating system refused, or an artifact could not be written.
    #[error(transparent)]
    Artifact(#[from] lingo_artifact::Error),
}

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An [`Error::Line`].
    pub(crate) fn line(path: &Path, line: u64, problem: impl Into<String>) -> Self {
        Self::Line {
            path: path.to_path_buf(),
            line,
            problem: problem.into(),
        }
    }

    /// An [`Error::File`].
    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File {
            path: path.to_path_buf(),
            problem: problem.into(),
        }
    }

    /// A failed read, for `map_err`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| lingo_artifact::Error::io("read", &path)(source).into()
    }

    /// True when the cause is the machine (full disk, read-only folder), not the data.
    pub fn is_write_failure(&self) -> bool {
        matches!(self, Self::Artifact(e) if e.is_write_failure())
    }

    /// True when the cause is the configuration, not the data.
    pub fn is_config(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}

/// A character as a message shows it: printable ASCII in backquotes, anything else as its number.
pub(crate) fn shown(byte: u8) -> String {
    match byte {
        b'\t' => "a tab".into(),
        b' ' => "a space".into(),
        0x21..=0x7e => format!("`{}`", char::from(byte)),
        _ => format!("the byte 0x{byte:02x}"),
    }
}
