//! From intervals to rows: what BED files and tables of intervals have in common.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::{ByteSize, Split};

use crate::bed::BedLine;
use crate::row::{self, Content, Row, Rows};
use crate::{Error, Genome, Result, extract};

/// Makes rows of the intervals of one file.
pub(crate) struct IntervalRows<'a> {
    pub(crate) genome: &'a Genome,
    /// The file that errors name.
    pub(crate) path: &'a Path,
    /// Its number.
    pub(crate) file: u16,
    /// What intervals are resized to.
    pub(crate) width: Option<NonZeroU32>,
    pub(crate) split: Option<Split>,
}

/// The rows of some intervals.
pub(crate) struct Part {
    pub(crate) rows: Rows,
    /// Intervals whose window would leave its chromosome.
    pub(crate) outside: u64,
}

impl IntervalRows<'_> {
    /// Adds a row.
    ///
    /// # Errors
    /// With file and line: an unknown chromosome, a start or an end beyond it. More than the memory limit.
    pub(crate) fn push(&self, interval: BedLine, label: &str, to: &mut Part) -> Result<()> {
        let window = extract::place(self.genome, interval, self.width)
            .map_err(|problem| Error::line(self.path, interval.line, problem))?;
        let Some(window) = window else {
            to.outside += 1;
            return Ok(());
        };
        let row = Row {
            name: interval.name.map(|name| to.rows.texts.push(name)),
            content: Content::Window(window),
            label: to.rows.push_label(label),
            line: row::line(interval.line),
            file: self.file,
            split: self.split,
        };
        to.rows.push(row)
    }
}

impl Default for Part {
    /// Of a few intervals.
    fn default() -> Self {
        Self::new(Vec::new(), ByteSize::DEFAULT)
    }
}

impl Part {
    /// As [`Rows::new`].
    pub(crate) fn new(files: Vec<PathBuf>, limit: ByteSize) -> Self {
        Self {
            rows: Rows::new(files, limit),
            outside: 0,
        }
    }

    /// Takes all rows out; their memory stays.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.outside = 0;
    }

    /// Appends what was read apart.
    ///
    /// # Errors
    /// As [`Rows::push`].
    pub(crate) fn append(&mut self, other: &Self) -> Result<()> {
        self.outside += other.outside;
        self.rows.append_windows(&other.rows)
    }

    /// Makes sure that an interval is left. A file without one was refused before: all were too near to an end.
    ///
    /// # Errors
    /// With how many left their chromosome.
    pub(crate) fn check_left(&self, width: Option<NonZeroU32>) -> Result<()> {
        match width {
            Some(width) if self.rows.all().is_empty() => Err(Error::Data(format!(
                "each of the {} intervals would leave its chromosome when resized to {width} bases; lower `width`",
                self.outside
            ))),
            _ => Ok(()),
        }
    }
}
