//! A row on its way to an example: sequence and label text are there, class and split perhaps not yet.

use std::path::Path;

use lingo_artifact::Split;
use lingo_artifact::example::Interval;

use crate::Error;

/// A labelled sequence as a file gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its id; for a table only the number of the row, until the split is known.
    pub(crate) id: Id,
    /// The split, when the source has a file for each.
    pub(crate) split: Option<Split>,
    /// Upper case, U as T.
    pub(crate) sequence: String,
    /// The second of a pair.
    pub(crate) sequence2: Option<String>,
    /// The label as it was written.
    pub(crate) label: String,
    /// Where it lies in the genome.
    pub(crate) interval: Option<Interval>,
    /// Which of the input files it came from.
    pub(crate) file: usize,
    /// The line there, from 1.
    pub(crate) line: u64,
}

/// What an example is called.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Id {
    /// By its own name or place.
    Own(String),
    /// By split and number in its file, from 1.
    Numbered(u64),
}

impl Row {
    /// An error about this row; `files` are the input files.
    pub(crate) fn error(&self, files: &[impl AsRef<Path>], problem: impl Into<String>) -> Error {
        match files.get(self.file) {
            Some(path) => Error::line(path.as_ref(), self.line, problem),
            None => Error::Data(problem.into()),
        }
    }
}
