//! From intervals to rows: what BED files and tables of intervals have in common.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::{ByteSize, Split};

use crate::config::ingest_config::IngestConfig;
use crate::config::sources::{BedLabel, BedSource};
use crate::error::{Error, Result};
use crate::extract;
use crate::formats::bed::blocks::{Lines, in_blocks};
use crate::formats::bed::row::BedLine;
use crate::formats::bed::row::BedOptions;
use crate::genome::reader::Genome;
use crate::rows::row;
use crate::rows::row::{Content, Row, Rows, Window};
use crate::sources::read::Read;
use lingo_artifact::progress::Progress;

/// Intervals of BED files.
pub(crate) fn intervals(
    config: &IngestConfig,
    source: &BedSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let limit = config.max_uncompressed_bytes;
    let genome = Genome::open_within(&source.fasta, limit, config.max_memory)?;
    progress.advance(1, "");
    let options = BedOptions {
        label_column: match &source.label {
            BedLabel::Column(column) => Some(*column),
            BedLabel::PerFile(_) => None,
        },
        name_prefix: source.name_prefix.clone(),
        stranded: source.stranded,
        limit,
    };
    let mut all = Part::new(source.beds.clone(), config.max_memory);
    for (number, path) in source.beds.iter().enumerate() {
        let intervals = IntervalRows {
            genome: &genome,
            path,
            file: row::file(number)?,
            width: source.width,
            split: None,
            keep_originals: config.negatives.is_some(),
        };
        let of_block = |lines: &mut Lines, part: &mut Part| {
            part.clear();
            for bed in lines {
                let bed = bed?;
                let label = match &source.label {
                    BedLabel::Column(_) => bed.label.unwrap_or_default(),
                    BedLabel::PerFile(names) => &names[number],
                };
                intervals.push(bed, label, part)?;
            }
            Ok(())
        };
        let memory = config.max_memory;
        in_blocks(path, &options, memory, of_block, |part: &Part| {
            all.append(part)
        })?;
        progress.advance(number as u64 + 2, "");
    }
    all.check_left(source.width)?;
    let mut read = Read::new(all.rows, Some(genome));
    read.dropped_outside = all.outside;
    Ok(read)
}

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
    /// Whether negatives are to be drawn, away from the intervals as they stand.
    pub(crate) keep_originals: bool,
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
        if self.keep_originals && self.width.is_some() {
            self.keep_original(interval, window.as_ref(), to);
        }
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

impl IntervalRows<'_> {
    /// What a narrower window leaves out of an interval is a positive still.
    fn keep_original(&self, interval: BedLine, window: Option<&Window>, to: &mut Part) {
        let (start, end) = (interval.start, interval.end);
        if window.is_some_and(|w| w.start <= start && end <= w.end) {
            return;
        }
        if let Some(sequence) = self.genome.index(interval.chrom) {
            to.rows.push_original(sequence as u32, start, end);
        }
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
