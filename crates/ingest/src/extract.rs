//! Intervals to sequences: strand-aware, and resized to one width when that is asked for.

use std::num::NonZeroU32;
use std::path::Path;

use lingo_artifact::example::Interval;
use lingo_artifact::sequence_source::SequenceSource as _;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::formats::bed::row::{BedLine, BedRow};
use crate::genome::reader::Genome;
use crate::rows::row;

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
    bed: &Path,
    rows: &[BedRow],
    width: Option<NonZeroU32>,
) -> Result<Places> {
    let mut places = Places::default();
    for (i, row) in rows.iter().enumerate() {
        let place = place(genome, row.into(), width)
            .map_err(|problem| Error::line(bed, row.line, problem))?;
        match place {
            None => places.outside.push(i),
            Some(window) => places.intervals.push((
                i,
                Interval {
                    chrom: row.chrom.clone(),
                    start: window.start,
                    end: window.end,
                    strand: row.strand,
                },
            )),
        }
    }
    Ok(places)
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
    let Places { intervals, outside } = places(genome, bed, rows, width)?;
    let windows = intervals
        .into_par_iter()
        .map(|(row, interval)| {
            let sequence = String::from_utf8(genome.stranded_bases(&interval)?)
                .map_err(|_| Error::file(genome.path(), "a sequence holds what is no text"))?;
            Ok(Window {
                row,
                interval,
                sequence,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Extraction { windows, outside })
}

/// Where an interval's sequence lies; nothing when the resized window would leave the chromosome.
///
/// # Errors
/// What is wrong with the interval.
pub(crate) fn place(
    genome: &Genome,
    row: BedLine,
    width: Option<NonZeroU32>,
) -> std::result::Result<Option<row::Window>, String> {
    let sequence = genome
        .index(row.chrom)
        .ok_or_else(|| genome.unknown(row.chrom))?;
    let length = genome.sequences()[sequence].1;
    let beyond = |what: &str, value: u64| {
        Err(format!(
            "the {what} ({value}) lies beyond the {length} bases of `{}`; are these intervals of another assembly?",
            row.chrom
        ))
    };
    if row.start >= length {
        return beyond("start", row.start);
    }
    if row.end > length {
        return beyond("end", row.end);
    }
    Ok(
        resize(row.start, row.end, width, length).map(|(start, end)| row::Window {
            sequence: sequence as u32,
            strand: row.strand,
            start,
            end,
        }),
    )
}

/// The window of `width` around the centre, nothing when it would leave the `length` bases of the chromosome.
pub(crate) fn resize(
    start: u64,
    end: u64,
    width: Option<NonZeroU32>,
    length: u64,
) -> Option<(u64, u64)> {
    let Some(width) = width else {
        return Some((start, end));
    };
    let width = u64::from(width.get());
    let first = (start + end).checked_sub(width)? / 2;
    (first + width <= length).then_some((first, first + width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lies_around_the_centre() {
        fn t(start: u64, end: u64, width: u32, expected: Option<(u64, u64)>) {
            assert_eq!(
                resize(start, end, NonZeroU32::new(width), 100),
                expected,
                "{start} {end} {width}"
            );
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
