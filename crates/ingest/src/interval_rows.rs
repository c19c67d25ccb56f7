//! From intervals to rows: what BED files and tables of intervals have in common.

use std::num::NonZeroU32;
use std::path::Path;

use lingo_artifact::Split;

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

impl IntervalRows<'_> {
    /// Adds a row; false when its window would leave the chromosome.
    ///
    /// # Errors
    /// With file and line: an unknown chromosome, a start or an end beyond it. More than the memory limit.
    pub(crate) fn push(&self, interval: BedLine, label: &str, rows: &mut Rows) -> Result<bool> {
        let window = extract::place(self.genome, interval, self.width)
            .map_err(|problem| Error::line(self.path, interval.line, problem))?;
        let Some(window) = window else {
            return Ok(false);
        };
        let row = Row {
            name: interval.name.map(|name| rows.texts.push(name)),
            content: Content::Window(window),
            label: rows.push_label(label),
            line: row::line(interval.line),
            file: self.file,
            split: self.split,
        };
        rows.push(row)?;
        Ok(true)
    }
}

/// Makes sure that an interval is left. A file without one was refused before: all were too near to an end.
///
/// # Errors
/// With how many left their chromosome.
pub(crate) fn check_left(rows: &Rows, outside: u64, width: Option<NonZeroU32>) -> Result<()> {
    match width {
        Some(width) if rows.all().is_empty() => Err(Error::Data(format!(
            "each of the {outside} intervals would leave its chromosome when resized to {width} bases; lower `width`"
        ))),
        _ => Ok(()),
    }
}
