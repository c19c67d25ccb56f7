//! The error type of this crate.

use std::path::PathBuf;

/// Why nothing could be designed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Artifact(#[from] lingo_artifact::Error),
    /// The language model.
    #[error(transparent)]
    Model(#[from] lingo_lm::Error),
    /// A row of a table of measured sequences.
    #[error("{}:{line}: {problem}", path.display())]
    Row {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, with the value.
        problem: String,
    },
    /// A table as a whole.
    #[error("{}: {problem}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Settings that do not go together, or not with the data.
    #[error("{0}")]
    Settings(String),
    /// The stop flag was raised.
    #[error("stopped")]
    Stopped,
}

impl Error {
    /// Whether what is wrong stands in the settings, not in the data.
    pub fn is_settings(&self) -> bool {
        matches!(self, Self::Settings(_))
    }
}
