//! How much of each bin of a chromosome the peaks of a file cover.

use std::collections::HashMap;
use std::path::Path;

use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::genomes::GenomeFile;
use crate::error::{Error, Result};
use crate::formats::bed::blocks::read_bed;
use crate::formats::bed::row::{BedOptions, BedRow};
use crate::genome::reader::{Genome, Part};

/// The peaks of one file: for each chromosome disjoint intervals in order.
#[derive(Debug, Default)]
pub(crate) struct Peaks {
    by_chromosome: HashMap<String, Vec<(u64, u64)>>,
}

impl Peaks {
    /// Reads a file; overlapping peaks become one.
    ///
    /// # Errors
    /// Whatever [`read_bed`] says. With file and line: an unknown chromosome, an end beyond it.
    pub(crate) fn read(
        file: &GenomeFile,
        limit: u64,
        genome: &Genome,
        skipped: &mut u64,
    ) -> Result<Self> {
        let options = BedOptions {
            stranded: false,
            limit,
            ..BedOptions::default()
        };
        let mut placed = Vec::new();
        let (path, of) = (file.path(), genome.part(file));
        for row in read_bed(path, &options)? {
            match check(path, &row, genome, of)? {
                Some(chrom) => placed.push((chrom, row.start, row.end)),
                None => *skipped += 1,
            }
        }
        Ok(Self::of(placed.into_iter()))
    }

    fn of(intervals: impl Iterator<Item = (String, u64, u64)>) -> Self {
        let mut by_chromosome: HashMap<String, Vec<(u64, u64)>> = HashMap::new();
        for (chrom, start, end) in intervals {
            by_chromosome.entry(chrom).or_default().push((start, end));
        }
        for intervals in by_chromosome.values_mut() {
            intervals.sort_unstable();
            let mut disjoint: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
            for (start, end) in intervals.drain(..) {
                match disjoint.last_mut() {
                    Some(last) if start <= last.1 => last.1 = last.1.max(end),
                    _ => disjoint.push((start, end)),
                }
            }
            *intervals = disjoint;
        }
        Self { by_chromosome }
    }

    /// Bytes that they take.
    pub(crate) fn memory(&self) -> u64 {
        let of_chromosome = |peaks: &Vec<(u64, u64)>| peaks.capacity() * size_of::<(u64, u64)>();
        let all = self.by_chromosome.values().map(of_chromosome);
        all.sum::<usize>() as u64
    }

    /// Hands on the number of each bin that has peaks, and how many of its bases they cover. Only whole bins count: of `length` bases,
    /// the first floor(length / bin).
    pub(crate) fn covered(
        &self,
        chrom: &str,
        length: u64,
        bin: u64,
        mut each: impl FnMut(u64, u64),
    ) {
        let bins = length / bin;
        let mut current: Option<(u64, u64)> = None;
        for &(start, end) in self.by_chromosome.get(chrom).map_or(&[][..], Vec::as_slice) {
            let mut at = start;
            while at < end {
                let number = at / bin;
                let up_to = ((number + 1) * bin).min(end);
                match &mut current {
                    Some((last, bases)) if *last == number => *bases += up_to - at,
                    _ => {
                        if let Some((last, bases)) = current.replace((number, up_to - at)) {
                            each(last, bases);
                        }
                    }
                }
                at = up_to;
                if number >= bins {
                    break;
                }
            }
        }
        match current {
            Some((last, bases)) if last < bins => each(last, bases),
            _ => {}
        }
    }
}

/// What the genome calls the chromosome of a peak; nothing where `contigs` leaves it out.
fn check(path: &Path, row: &BedRow, genome: &Genome, of: Part) -> Result<Option<String>> {
    let error = |problem: String| Error::line(path, row.line, problem);
    let Some(sequence) = genome.contig(of, &row.chrom).map_err(error)? else {
        return Ok(None);
    };
    let (name, length) = &genome.sequences()[sequence];
    if row.end > *length {
        return Err(error(format!(
            "the end ({}) lies beyond the {length} bases of `{}`; are these peaks of another assembly?",
            row.end, row.chrom
        )));
    }
    Ok(Some(name.clone()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covered(intervals: &[(u64, u64)], length: u64, bin: u64) -> Vec<(u64, u64)> {
        let peaks = Peaks::of(intervals.iter().map(|(s, e)| ("a".to_string(), *s, *e)));
        let mut all = Vec::new();
        peaks.covered("a", length, bin, |number, bases| all.push((number, bases)));
        peaks.covered("b", length, bin, |_, _| panic!("there is nothing on b"));
        all
    }

    #[test]
    fn a_base_counts_once_and_only_in_whole_bins() {
        assert_eq!(covered(&[(0, 3), (1, 4), (4, 5)], 100, 10), [(0, 5)]);
        assert_eq!(
            covered(&[(8, 31)], 100, 10),
            [(0, 2), (1, 10), (2, 10), (3, 1)]
        );
        assert_eq!(covered(&[(95, 105)], 105, 10), [(9, 5)]);
        assert_eq!(covered(&[(101, 105)], 105, 10), []);
        assert_eq!(covered(&[(2, 4), (102, 105)], 105, 10), [(0, 2)]);
    }

    proptest! {
        #[test]
        fn it_is_what_counting_bases_gives(
            intervals in proptest::collection::vec((0..200u64, 1..60u64), 0..12), length in 200..261u64, bin in 1..40u64,
        ) {
            let intervals: Vec<_> = intervals.iter().map(|(s, n)| (*s, (s + n).min(length))).collect();
            let mut expected = Vec::new();
            for number in 0..length / bin {
                let bases = (number * bin..(number + 1) * bin)
                    .filter(|base| intervals.iter().any(|(s, e)| s <= base && base < e))
                    .count() as u64;
                if bases > 0 {
                    expected.push((number, bases));
                }
            }
            prop_assert_eq!(covered(&intervals, length, bin), expected);
        }
    }
}
