//! Intervals to sequences: strand-aware, and resized to one width when that is asked for.

use std::num::NonZeroU32;
use std::path::Path;

use lingo_artifact::Strand;
use lingo_artifact::example::Interval;
use lingo_artifact::sequence_source::SequenceSource as _;
use rayon::prelude::*;

use crate::config::genomes::GenomeFile;
use crate::config::sources::BeyondEnd;
use crate::error::{Error, Result};
use crate::formats::bed::blocks::each_row;
use crate::formats::bed::row::{BedLine, BedOptions, BedRow};
use crate::genome::reader::{Genome, Part};
use crate::rows::row;
use crate::rows::row::Padding;

/// The sequence of one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Which of the rows it was made from.
    pub row: usize,
    /// What was read: the resized interval, where a width was asked for.
    pub interval: Interval,
    /// The bases, upper case, U as T; of a minus strand the reverse complement.
    pub sequence: String,
}

/// The sequences of a BED file's rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extraction {
    /// In the order of the rows.
    pub windows: Vec<Window>,
    /// Rows whose resized window would leave the chromosome.
    pub outside: Vec<usize>,
}

/// Where the sequences of a BED file's rows lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// In the order of the rows, with the number of the row.
    pub intervals: Vec<(usize, Interval)>,
    /// Rows whose resized window would leave the chromosome.
    pub outside: Vec<usize>,
}

/// Where the sequence of every row lies; `bed` is the file that errors name.
///
/// With a `width`, an interval becomes `width` bases around its centre: it begins at floor((start + end - width) / 2), counted on the
/// forward strand whatever the strand is. A window that would leave its chromosome is left out and told in `outside`.
///
/// # Errors
/// With file and line: an unknown chromosome, a start or an end beyond it.
pub fn places(
    genome: &Genome,
    bed: &GenomeFile,
    rows: &[BedRow],
    width: Option<NonZeroU32>,
) -> Result<Places> {
    let mut places = Places::default();
    let of = genome.part(bed);
    for (i, row) in rows.iter().enumerate() {
        let shape = Shape {
            width,
            ..Shape::default()
        };
        let place = place(genome, of, row.into(), shape)
            .map_err(|problem| Error::line(bed.path(), row.line, problem))?;
        match place {
            Placed::Outside | Placed::Skipped => places.outside.push(i),
            Placed::At(Padding { window, .. }) => places.intervals.push((
                i,
                Interval {
                    chrom: genome.sequences()[window.sequence as usize].0.clone(),
                    start: window.start,
                    end: window.end,
                    strand: row.strand,
                },
            )),
        }
    }
    Ok(places)
}

/// Where the sequence of one row of a BED file lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The row's line, from 1.
    pub line: u64,
    /// What the row is called (column 4).
    pub name: Option<String>,
    /// What is read.
    pub interval: Interval,
}

/// As [`places`], row by row: `take` gets each. Returns how many windows would leave their chromosome (`outside`) and how many rows lie
/// on sequences that are skipped (`skipped_contigs`); both are left out.
///
/// # Errors
/// As [`places`] and [`read_bed`](crate::read_bed); what `take` says.
pub fn each_place(
    genome: &Genome,
    bed: &GenomeFile,
    options: &BedOptions,
    width: Option<NonZeroU32>,
    mut take: impl FnMut(Place) -> Result<()>,
) -> Result<[(&'static str, u64); 2]> {
    let of = genome.part(bed);
    let (mut outside, mut skipped) = (0, 0);
    each_row(bed.path(), options, |row| {
        let shape = Shape {
            width,
            ..Shape::default()
        };
        let placed = place(genome, of, row, shape)
            .map_err(|problem| Error::line(bed.path(), row.line, problem))?;
        let window = match placed {
            Placed::At(Padding { window, .. }) => window,
            Placed::Outside => {
                outside += 1;
                return Ok(());
            }
            Placed::Skipped => {
                skipped += 1;
                return Ok(());
            }
        };
        take(Place {
            line: row.line,
            name: row.name.map(str::to_string),
            interval: Interval {
                chrom: genome.sequences()[window.sequence as usize].0.clone(),
                start: window.start,
                end: window.end,
                strand: row.strand,
            },
        })
    })?;
    Ok([("outside", outside), ("skipped_contigs", skipped)])
}

/// Reads the sequence of every row: [`places`], and what stands there.
///
/// # Errors
/// As [`places`]. Whatever reading the genome says.
pub fn extract(
    genome: &Genome,
    bed: &Path,
    rows: &[BedRow],
    width: Option<NonZeroU32>,
) -> Result<Extraction> {
    let Places { intervals, outside } = places(genome, &bed.to_path_buf().into(), rows, width)?;
    let windows = intervals
        .into_par_iter()
        .map(|(row, interval)| {
            let sequence = String::from_utf8(genome.stranded_bases(&interval)?)
                .map_err(|_| Error::file(bed, "a sequence of the genome holds what is no text"))?;
            Ok(Window {
                row,
                interval,
                sequence,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Extraction { windows, outside })
}

/// How an interval becomes a window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    /// What it is resized to.
    pub(crate) width: Option<NonZeroU32>,
    /// What becomes of a window that would leave its chromosome.
    pub(crate) beyond_end: BeyondEnd,
}

/// What becomes of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Placed {
    /// Its sequence lies here.
    At(Padding),
    /// The window would leave the chromosome.
    Outside,
    /// `contigs` leaves its chromosome out.
    Skipped,
}

/// Where an interval's sequence lies, in the genome that the names of its file are of.
///
/// # Errors
/// What is wrong with the interval.
pub(crate) fn place(
    genome: &Genome,
    part: Part,
    row: BedLine,
    shape: Shape,
) -> std::result::Result<Placed, String> {
    let Some(sequence) = genome.contig(part, row.chrom)? else {
        return Ok(Placed::Skipped);
    };
    let length = genome.sequences()[sequence].1;
    let beyond = |what: &str, value: u64| {
        let pad = match shape.beyond_end {
            BeyondEnd::Drop => "",
            BeyondEnd::Pad => {
                " `beyond_end: pad` (--pad) fills up windows of a `width`; intervals must lie on their chromosome: cut them off"
            }
        };
        Err(format!(
            "the {what} ({value}) lies beyond the {length} bases of `{}`; are these intervals of another assembly?{pad}",
            row.chrom
        ))
    };
    if row.start >= length {
        return beyond("start", row.start);
    }
    if row.end > length {
        return beyond("end", row.end);
    }
    let (start, end) = match row.summit {
        Some(summit) if summit < row.end - row.start => {
            let summit = row.start + summit;
            (summit, summit + 1)
        }
        Some(summit) => {
            return Err(format!(
                "the summit ({summit}, column 10) lies beyond the peak, which has {} bases",
                row.end - row.start
            ));
        }
        None => (row.start, row.end),
    };
    let window = around_centre(start, end, shape.width);
    Ok(
        match placed(
            sequence as u32,
            row.strand,
            window,
            length,
            shape.beyond_end,
        ) {
            Some(lies) => Placed::At(lies),
            None => Placed::Outside,
        },
    )
}

/// The window of `width` around the centre: it begins at floor((start + end - width) / 2), which may lie before the chromosome.
pub(crate) fn around_centre(start: u64, end: u64, width: Option<NonZeroU32>) -> (i64, i64) {
    let (start, end) = (start as i64, end as i64);
    let Some(width) = width else {
        return (start, end);
    };
    let width = i64::from(width.get());
    let first = (start + end - width).div_euclid(2);
    (first, first + width)
}

/// A window on a chromosome of `length` bases, with what lies beyond its ends; nothing where that is to be dropped, or all of it lies beyond.
pub(crate) fn placed(
    sequence: u32,
    strand: Strand,
    (from, to): (i64, i64),
    length: u64,
    beyond_end: BeyondEnd,
) -> Option<Padding> {
    if let (Ok(start), Ok(end)) = (u64::try_from(from), u64::try_from(to))
        && end <= length
    {
        // What nearly all windows are.
        return Some(Padding {
            window: row::Window {
                sequence,
                strand,
                start,
                end,
            },
            before: 0,
            behind: 0,
        });
    }
    let most = length as i64;
    let (start, end) = (from.clamp(0, most), to.clamp(0, most));
    let (before, behind) = (start - from, to - end);
    if (before, behind) != (0, 0) && (beyond_end == BeyondEnd::Drop || start >= end) {
        return None;
    }
    Some(Padding {
        window: row::Window {
            sequence,
            strand,
            start: start as u64,
            end: end as u64,
        },
        before: u32::try_from(before).ok()?,
        behind: u32::try_from(behind).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lies_around_the_centre() {
        fn t(start: u64, end: u64, width: u32, expected: Option<(u64, u64)>) {
            let window = around_centre(start, end, NonZeroU32::new(width));
            let lies = placed(0, Strand::Forward, window, 100, BeyondEnd::Drop);
            let lies = lies.map(|l| (l.window.start, l.window.end));
            assert_eq!(lies, expected, "{start} {end} {width}");
        }
        t(10, 20, 10, Some((10, 20)));
        t(10, 20, 4, Some((13, 17)));
        t(10, 20, 20, Some((5, 25)));
        // Odd in even and even in odd: the half base goes to the left.
        t(10, 20, 5, Some((12, 17)));
        t(10, 13, 2, Some((10, 12)));
        t(10, 13, 4, Some((9, 13)));
        // The last that fit, and the first that do not.
        t(0, 10, 10, Some((0, 10)));
        t(0, 10, 11, None);
        t(90, 100, 10, Some((90, 100)));
        t(90, 100, 11, Some((89, 100)));
        t(90, 100, 12, None);
        t(0, 100, 101, None);
    }
}
