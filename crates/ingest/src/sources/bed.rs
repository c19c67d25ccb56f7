//! From intervals to rows: what BED files and tables of intervals have in common.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::{ByteSize, LabelKind, Split};

use crate::config::ingest_config::IngestConfig;
use crate::config::sources::{Around, BedLabel, BedSource};
use crate::error::{Error, Result};
use crate::extract;
use crate::extract::{Placed, Shape};
use crate::formats::bed::blocks::{Lines, in_blocks};
use crate::formats::bed::row::BedLine;
use crate::formats::bed::row::BedOptions;
use crate::genome;
use crate::genome::reader::Genome;
use crate::rows::row;
use crate::rows::row::{Row, Rows};
use crate::sources::read::{Read, open, paths_of, skipped};
use crate::sources::track;
use lingo_artifact::progress::Progress;

/// Intervals of BED files.
pub(crate) fn intervals(
    config: &IngestConfig,
    source: &BedSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let limit = config.max_uncompressed_bytes;
    let genome = open(&source.fasta, config, progress)?;
    let options = BedOptions {
        label_column: match &source.label {
            BedLabel::Column(column) => Some(*column),
            BedLabel::PerFile(_) | BedLabel::Track(_) => None,
        },
        name_prefix: source.name_prefix.clone(),
        stranded: source.stranded,
        summits: source.around == Around::Summit,
        limit,
    };
    let shape = Shape {
        width: source.width,
        beyond_end: source.beyond_end,
    };
    let mut all = Part::new(paths_of(&source.beds), config.max_memory);
    for (number, bed) in source.beds.iter().enumerate() {
        let path = bed.path();
        let intervals = IntervalRows {
            genome: &genome,
            of: genome.part(bed),
            path,
            file: row::file(number)?,
            shape,
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
                    BedLabel::Track(_) => "",
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
    let labels = match &source.label {
        BedLabel::Track(track) => Some((
            LabelKind::Regression,
            track::values(track, config, &all.rows, &genome, progress)?,
        )),
        BedLabel::Column(_) | BedLabel::PerFile(_) => None,
    };
    let mut read = Read::new(all.rows, Some(genome));
    read.labels = labels;
    read.dropped_outside = all.outside;
    read.left_out = skipped(config, all.skipped);
    Ok(read)
}

/// Makes rows of the intervals of one file.
pub(crate) struct IntervalRows<'a> {
    pub(crate) genome: &'a Genome,
    /// Of which of several genomes the file is.
    pub(crate) of: genome::reader::Part,
    /// The file that errors name.
    pub(crate) path: &'a Path,
    /// Its number.
    pub(crate) file: u16,
    /// What becomes of them.
    pub(crate) shape: Shape,
    pub(crate) split: Option<Split>,
    /// Whether negatives are to be drawn, away from the intervals as they stand.
    pub(crate) keep_originals: bool,
}

/// The rows of some intervals.
pub(crate) struct Part {
    pub(crate) rows: Rows,
    /// Intervals whose window would leave its chromosome.
    pub(crate) outside: u64,
    /// Intervals on sequences that `contigs` leaves out.
    pub(crate) skipped: u64,
}

impl IntervalRows<'_> {
    /// Adds a row.
    ///
    /// # Errors
    /// With file and line: an unknown chromosome, a start or an end beyond it. More than the memory limit.
    pub(crate) fn push(&self, interval: BedLine, label: &str, to: &mut Part) -> Result<()> {
        let placed = extract::place(self.genome, self.of, interval, self.shape)
            .map_err(|problem| Error::line(self.path, interval.line, problem))?;
        if self.keep_originals && self.shape.width.is_some() {
            self.keep_original(interval, placed, to);
        }
        let lies = match placed {
            Placed::At(lies) => lies,
            Placed::Outside => {
                to.outside += 1;
                return Ok(());
            }
            Placed::Skipped => {
                to.skipped += 1;
                return Ok(());
            }
        };
        let row = Row {
            name: interval.name.map(|name| to.rows.texts.push(name)),
            content: to.rows.content(lies),
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
    fn keep_original(&self, interval: BedLine, placed: Placed, to: &mut Part) {
        let (start, end) = (interval.start, interval.end);
        let whole = matches!(placed, Placed::At(lies) if lies.window.start <= start && end <= lies.window.end);
        if !whole && let Ok(Some(sequence)) = self.genome.contig(self.of, interval.chrom) {
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
            skipped: 0,
        }
    }

    /// Takes all rows out; their memory stays.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.outside = 0;
        self.skipped = 0;
    }

    /// Appends what was read apart.
    ///
    /// # Errors
    /// As [`Rows::push`].
    pub(crate) fn append(&mut self, other: &Self) -> Result<()> {
        self.outside += other.outside;
        self.skipped += other.skipped;
        self.rows.append_windows(&other.rows)
    }

    /// Makes sure that an interval is left. A file without one was refused before: all were too near to an end.
    ///
    /// # Errors
    /// With how many left their chromosome.
    pub(crate) fn check_left(&self, width: Option<NonZeroU32>) -> Result<()> {
        if !self.rows.all().is_empty() {
            return Ok(());
        }
        let why = match (width, self.outside, self.skipped) {
            (Some(width), outside, 0) => format!(
                "each of the {outside} intervals would leave its chromosome when resized to {width} bases; lower `width`, or say `beyond_end: pad`"
            ),
            (_, 0, skipped) => format!(
                "each of the {skipped} intervals lies on a sequence that `contigs.skip` leaves out"
            ),
            (_, outside, skipped) => format!(
                "no interval is left: {outside} would leave their chromosome, {skipped} lie on sequences that `contigs.skip` leaves out"
            ),
        };
        Err(Error::Data(why))
    }
}
