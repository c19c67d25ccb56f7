//! Sequences to look for, from tables and FASTA; their places as BED.

use std::path::{Path, PathBuf};

use lingo_artifact::ByteSize;
use lingo_artifact::sequence_source::SequenceSource as _;
use serde::Serialize;

use crate::config::check::class_of;
use crate::error::{Error, Result};
use crate::formats::labelled_fasta;
use crate::formats::labelled_fasta::HeaderLayout;
use crate::formats::labelled_table;
use crate::genome::reader::Genome;
use crate::input::Input;
use crate::locate::search::{Found, Place, SHORTEST, locate};
use crate::rows::row::{Content, Rows};

/// A sequence to look for.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// `train:17` for row 17 of `train.csv`; for FASTA the header up to the label, or to the first space.
    pub id: String,
    /// Its label, where it has one.
    pub label: Option<String>,
    /// Upper case, U as T.
    pub sequence: String,
}

/// Reads sequences: a table in the layout of GUE (`sequence,label`), or FASTA, with labels (`>id|label`) or without.
///
/// # Errors
/// Whatever reading says; with file and line: a table of pairs, a label or a name with a tab in it.
pub fn read_queries(path: &Path, limit: u64) -> Result<Vec<Query>> {
    let is_fasta = Input::open(path, limit)?
        .next_line()?
        .is_some_and(|(_, line)| line.starts_with(b">"));
    let mut queries = Vec::new();
    let mut keep = |line: u64, query: Query| {
        let text = query
            .label
            .iter()
            .chain([&query.id])
            .find(|t| t.contains('\t'));
        if let Some(text) = text {
            return Err(Error::line(
                path,
                line,
                format!(
                    "a tab stands in `{}`, which BED cannot hold",
                    text.replace('\t', "\\t")
                ),
            ));
        }
        queries.push(query);
        Ok(())
    };
    if is_fasta {
        let layout = HeaderLayout {
            separator: "|",
            field: None,
            label_needed: false,
        };
        labelled_fasta::read(path, layout, limit, |record| {
            let query = Query {
                id: record.id,
                label: (!record.label.is_empty()).then_some(record.label),
                sequence: record.sequence,
            };
            keep(record.line, query)
        })?;
        return Ok(queries);
    }
    let stem = class_of(path);
    let mut rows = Rows::new(vec![path.to_path_buf()], ByteSize::default());
    labelled_table::read(path, 0, None, None, limit, &mut rows)?;
    for (i, row) in rows.all().iter().enumerate() {
        let Content::Text {
            first,
            second: None,
            ..
        } = row.content
        else {
            return Err(Error::line(
                path,
                1,
                "this table has pairs of sequences; `locate` looks for single ones",
            ));
        };
        let query = Query {
            id: format!("{stem}:{}", i + 1),
            label: Some(rows.label(row).to_string()),
            sequence: rows.texts.get(first).to_string(),
        };
        keep(row.line.into(), query)?;
    }
    Ok(queries)
}

/// How many sequences were found, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub sequences: u64,
    /// In one place.
    pub unique: u64,
    /// In several places, but no more than asked for.
    pub several: u64,
    /// In more places than asked for: left out of the BED.
    pub too_many: u64,
    /// Nowhere.
    pub not_found: u64,
    /// Fewer than [`SHORTEST`] bases A, C, G, T in a row: not looked for.
    pub too_short: u64,
    /// Rows of the BED.
    pub places: u64,
}

/// The places of sequences, ready to be written.
#[derive(Debug)]
pub struct Located {
    /// Names of the genome's sequences.
    names: Vec<String>,
    queries: Vec<Query>,
    /// In the order of the genome, with the number of the query.
    places: Vec<(Place, usize, u32)>,
    /// How many were found.
    pub counts: Counts,
}

/// Looks for all sequences of `inputs` in a genome.
///
/// # Errors
/// Whatever reading says; no sequence that was found.
pub fn locate_files(
    genome: &Genome,
    inputs: &[PathBuf],
    max_hits: u32,
    limit: u64,
) -> Result<Located> {
    let mut queries = Vec::new();
    for input in inputs {
        queries.extend(read_queries(input, limit)?);
    }
    let bases: Vec<&[u8]> = queries.iter().map(|q| q.sequence.as_bytes()).collect();
    let found = locate(genome, &bases, max_hits)?;
    let mut counts = Counts {
        sequences: queries.len() as u64,
        ..Counts::default()
    };
    let mut places = Vec::new();
    for (i, found) in found.into_iter().enumerate() {
        *match &found {
            Found {
                too_short: true, ..
            } => &mut counts.too_short,
            Found { hits: 0, .. } => &mut counts.not_found,
            Found { hits, .. } if *hits > max_hits => &mut counts.too_many,
            Found { hits: 1, .. } => &mut counts.unique,
            Found { .. } => &mut counts.several,
        } += 1;
        places.extend(found.places.into_iter().map(|place| (place, i, found.hits)));
    }
    if counts.unique + counts.several + counts.too_many == 0 {
        return Err(Error::file(
            genome.path(),
            format!(
                "none of the {} sequences lies in this genome ({} have fewer than {SHORTEST} bases A, C, G, T in a row); is it the genome, and the assembly, that they are from? Only exact matches count",
                counts.sequences, counts.too_short
            ),
        ));
    }
    places.sort();
    counts.places = places.len() as u64;
    Ok(Located {
        names: genome
            .sequences()
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        queries,
        places,
        counts,
    })
}

impl Located {
    /// BED: chromosome, start, end, name, label (`.` where there is none), strand, and in how many places the sequence lies; in the order
    /// of the genome.
    pub fn to_bed(&self) -> String {
        let mut bed = String::new();
        for (place, query, hits) in &self.places {
            let query = &self.queries[*query];
            let end = place.start + query.sequence.len() as u64;
            let label = query.label.as_deref().unwrap_or(".");
            let line = [
                self.names[place.chromosome].as_str(),
                &place.start.to_string(),
                &end.to_string(),
                &query.id,
                label,
                place.strand.as_str(),
                &hits.to_string(),
            ];
            bed.push_str(&line.join("\t"));
            bed.push('\n');
        }
        bed
    }
}
