//! Places of a genome, and whether something lies in one of them.

use std::path::Path;

use lingo_artifact::sequence_source::SequenceSource as _;

use crate::config::genomes::GenomeFile;
use crate::error::{Error, Result};
use crate::formats::bed::blocks::read_bed;
use crate::formats::bed::row::BedOptions;
use crate::genome::reader::Genome;

/// For each sequence sorted pieces that do not touch.
#[derive(Debug)]
pub(crate) struct Regions(Vec<Vec<(u64, u64)>>);

impl Regions {
    /// Of pieces in any order: sequence, start, end.
    pub(crate) fn new(genome: &Genome, pieces: impl Iterator<Item = (u32, u64, u64)>) -> Self {
        let mut of = vec![Vec::new(); genome.sequences().len()];
        for (sequence, start, end) in pieces {
            of[sequence as usize].push((start, end));
        }
        for pieces in &mut of {
            pieces.sort_unstable();
            pieces.dedup_by(|next, before| {
                let touch = next.0 <= before.1;
                if touch {
                    before.1 = before.1.max(next.1);
                }
                touch
            });
        }
        Self(of)
    }

    /// Whether a base of `start..end` lies in one.
    pub(crate) fn overlap(&self, sequence: u32, start: u64, end: u64) -> bool {
        let pieces = &self.0[sequence as usize];
        let next = pieces.partition_point(|(_, end)| *end <= start);
        pieces.get(next).is_some_and(|(begin, _)| *begin < end)
    }
}

/// The intervals of BED files of places, such as a blacklist, those on sequences that the genome does not have left out: such lists
/// name many contigs.
///
/// # Errors
/// As [`read_bed`]; a file of which no interval lies on a sequence of the genome.
pub(crate) fn read_places(
    files: &[GenomeFile],
    genome: &Genome,
    limit: u64,
) -> Result<Vec<(u32, u64, u64)>> {
    let mut places = Vec::new();
    for file in files {
        let (path, of) = (file.path(), genome.part(file));
        let before = places.len();
        for row in read_bed(path, &places_options(limit))? {
            if let Ok(Some(sequence)) = genome.contig(of, &row.chrom) {
                places.push((sequence as u32, row.start, row.end));
            }
        }
        if places.len() == before {
            return Err(elsewhere(path, genome));
        }
    }
    Ok(places)
}

/// How such a file is read: column 6 may be anything.
pub(crate) fn places_options(limit: u64) -> BedOptions {
    BedOptions {
        stranded: false,
        limit,
        ..BedOptions::default()
    }
}

fn elsewhere(path: &Path, genome: &Genome) -> Error {
    Error::Data(format!(
        "{}: none of its intervals lies on a sequence of {}; are the chromosomes named in another way (`contigs: {{ aliases: ... }}`)?",
        path.display(),
        genome.shown()
    ))
}
