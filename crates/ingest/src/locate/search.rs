//! Where sequences lie in a genome: exactly, on both strands.
//!
//! One k-mer of every sequence goes into a table (`anchors`), one pass over the genome finds them, and each find is compared base by base.
//! Memory goes with the sequences, not with the genome: it is read in pieces, in parallel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use lingo_artifact::Strand;
use lingo_artifact::bases::complement;
use lingo_artifact::sequence_source::SequenceSource as _;
use rayon::prelude::*;

use crate::error::Result;
use crate::genome::reader::Genome;
use crate::locate::anchors::{Anchors, Candidate, longest_run};

/// The least bases of A, C, G, T in a row that a sequence must have to be looked for.
pub const SHORTEST: usize = 12;

/// Anchors for long sequences; those with fewer bases in a row get one of [`SHORTEST`].
const LONG_ANCHOR: usize = 28;

/// How many bases of the genome are read at a time.
const PIECE: u64 = 1 << 22;

/// One place of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which sequence of the genome, in the order of the FASTA.
    pub chromosome: usize,
    /// The first base, from 0, on the forward strand.
    pub start: u64,
    /// Forward or reverse.
    pub strand: Strand,
}

/// What was found of one sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In how many places it lies.
    pub hits: u32,
    /// The places, in the order of the genome; empty where there are more than were asked for.
    pub places: Vec<Place>,
    /// Whether it is too short or has too few bases in a row to be looked for ([`SHORTEST`]).
    pub too_short: bool,
}

/// Looks for each of `queries` (upper case, U as T); the result has one entry for each, in their order.
///
/// A base matches the same letter only: an N in a sequence is found where the genome has N. Of a sequence that lies in more than `max_hits`
/// places only their number is told. What is its own reverse complement is told on the forward strand.
///
/// # Errors
/// What reading the genome says.
pub fn locate(genome: &Genome, queries: &[&[u8]], max_hits: u32) -> Result<Vec<Found>> {
    let search = Search::new(queries);
    let pieces = pieces(genome, search.longest);
    let found: Vec<Vec<(u32, Place)>> = pieces
        .par_iter()
        .map(|piece| search.piece(genome, piece, max_hits))
        .collect::<Result<_>>()?;
    let mut places: Vec<Vec<Place>> = vec![Vec::new(); search.distinct.len()];
    for (query, place) in found.into_iter().flatten() {
        places[query as usize].push(place);
    }
    for places in &mut places {
        places.sort();
    }
    Ok(search
        .of_query
        .iter()
        .map(|distinct| match distinct {
            None => Found {
                too_short: true,
                ..Found::default()
            },
            Some(i) => {
                let hits = search.hits[*i as usize].load(Ordering::Relaxed);
                Found {
                    hits,
                    places: if hits <= max_hits {
                        places[*i as usize].clone()
                    } else {
                        Vec::new()
                    },
                    too_short: false,
                }
            }
        })
        .collect())
}

/// A stretch of one chromosome, by where an anchor may begin.
struct Piece {
    chromosome: usize,
    start: u64,
    end: u64,
}

fn pieces(genome: &Genome, longest: u64) -> Vec<Piece> {
    // A piece is read with the longest sequence on either side: for very long ones the pieces grow with them.
    let size = PIECE.max(4 * longest);
    let mut pieces = Vec::new();
    for (chromosome, (_, length)) in genome.sequences().iter().enumerate() {
        let mut start = 0;
        while start < *length {
            let end = length.min(&(start + size)).to_owned();
            pieces.push(Piece {
                chromosome,
                start,
                end,
            });
            start = end;
        }
    }
    pieces
}

struct Search<'a> {
    /// Each sequence once.
    distinct: Vec<&'a [u8]>,
    /// Of every query the number among them; nothing for those too short.
    of_query: Vec<Option<u32>>,
    tables: [Anchors; 2],
    /// How often each was met.
    hits: Vec<AtomicU32>,
    longest: u64,
}

impl<'a> Search<'a> {
    fn new(queries: &[&'a [u8]]) -> Self {
        let mut distinct: Vec<&'a [u8]> = Vec::new();
        let mut numbers: HashMap<&[u8], u32> = HashMap::new();
        let mut long = Vec::new();
        let of_query = queries
            .iter()
            .map(|bases| {
                if let Some(number) = numbers.get(bases) {
                    return Some(*number);
                }
                let run = longest_run(bases);
                if run < SHORTEST {
                    return None;
                }
                let number = distinct.len() as u32;
                distinct.push(bases);
                long.push(run >= LONG_ANCHOR);
                numbers.insert(bases, number);
                Some(number)
            })
            .collect();
        let table = |k: usize, of: bool| {
            let numbered = distinct.iter().zip(&long).enumerate();
            Anchors::new(
                k,
                numbered
                    .filter(|(_, (_, long))| **long == of)
                    .map(|(i, (bases, _))| (i as u32, *bases)),
            )
        };
        Self {
            tables: [table(LONG_ANCHOR, true), table(SHORTEST, false)],
            hits: distinct.iter().map(|_| AtomicU32::new(0)).collect(),
            longest: distinct.iter().map(|q| q.len() as u64).max().unwrap_or(0),
            distinct,
            of_query,
        }
    }

    /// The sequences whose anchor begins in a piece. Places beyond `max_hits` are only counted; which are kept until then depends on the
    /// threads, but none of them is told.
    fn piece(&self, genome: &Genome, piece: &Piece, max_hits: u32) -> Result<Vec<(u32, Place)>> {
        let (name, length) = &genome.sequences()[piece.chromosome];
        let first = piece.start.saturating_sub(self.longest);
        let behind = length.min(&(piece.end + self.longest)).to_owned();
        let bases = genome.bases(name, first, behind)?;
        let (from, to) = ((piece.start - first) as usize, (piece.end - first) as usize);
        let mut found = Vec::new();
        for table in &self.tables {
            table.find(&bases, from, to, |candidate| {
                let Some(start) = self.verify(&bases, candidate) else {
                    return;
                };
                let before = self.hits[candidate.query as usize].fetch_add(1, Ordering::Relaxed);
                if before < max_hits {
                    found.push((
                        candidate.query,
                        Place {
                            chromosome: piece.chromosome,
                            start: first + start as u64,
                            strand: candidate.strand,
                        },
                    ));
                }
            });
        }
        Ok(found)
    }

    /// Where the sequence begins when all of it stands there.
    fn verify(&self, bases: &[u8], candidate: Candidate) -> Option<usize> {
        let query = self.distinct[candidate.query as usize];
        let start = candidate.at.checked_sub(candidate.offset as usize)?;
        let here = bases.get(start..start.checked_add(query.len())?)?;
        let same = match candidate.strand {
            Strand::Reverse => here
                .iter()
                .zip(query.iter().rev())
                .all(|(genome, query)| *genome == complement(*query)),
            Strand::Forward | Strand::Unknown => here == query,
        };
        same.then_some(start)
    }
}
