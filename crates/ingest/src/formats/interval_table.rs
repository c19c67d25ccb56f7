//! Tables of intervals as Genomic Benchmarks has them: `id,region,start,end,strand`.
//!
//! Positions count from 0 and the end is not included: the package cuts `fasta[region][start:end]` and turns what lies on the minus strand
//! (`genomic_benchmarks/loc2seq/loc2seq.py`, `_fill_seq_column`).

use std::path::Path;

use lingo_artifact::Strand;

use crate::config::genomes::BETWEEN;
use crate::error::{Error, Result};
use crate::formats::bed::row::{BedLine, BedRow, coordinate, holds_bases};
use crate::formats::labelled_table::{
    explain, header_of, line_of, place_of, shortened, whole_table,
};
use crate::input::without_byte_order_mark;

const COLUMNS: [&str; 5] = ["id", "region", "start", "end", "strand"];

/// Reads a table; at most `limit` bytes may come out of a packed one.
///
/// # Errors
/// With file and line: a column that is missing or there twice, a row with another number of fields, no region, a start or end that is no
/// whole number, an end before or at the start, a strand that is none. With file: nothing in it, a header without rows.
pub fn read(path: &Path, stranded: bool, limit: u64) -> Result<Vec<BedRow>> {
    let mut rows = Vec::new();
    let table = Table {
        stranded,
        genomes: false,
    };
    each_row(path, table, limit, limit, |row| {
        rows.push(row.into());
        Ok(())
    })?;
    Ok(rows)
}

/// How a table is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Whether its strands count.
    pub(crate) stranded: bool,
    /// Whether a column `genome`, where there is one, says of which of several genomes a region is.
    pub(crate) genomes: bool,
}

/// Reads a table and hands on its rows. Columns are found by name, in any order; others are passed over.
///
/// # Errors
/// As [`read`], and more than `most` bytes. What `take` says.
pub(crate) fn each_row(
    path: &Path,
    Table { stranded, genomes }: Table,
    limit: u64,
    most: u64,
    mut take: impl FnMut(BedLine) -> Result<()>,
) -> Result<()> {
    let (bytes, delimiter, separated) = whole_table(path, limit, most, &COLUMNS.join(","))?;
    let text = without_byte_order_mark(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text);
    let header = reader
        .headers()
        .map_err(|e| explain(path, text, &e))?
        .clone();
    let [id, region, start, end, strand] = columns(path, &header, separated)?;
    let genome = match genomes {
        true => place_of(path, &header, "genome")?,
        false => None,
    };
    let mut of_genome = String::new();
    let mut none = true;
    for record in reader.records() {
        let record = record.map_err(|e| explain(path, text, &e))?;
        let line = record.position().map_or(0, |p| line_of(text, p));
        let field = |column: usize| record.get(column).unwrap_or_default().trim();
        let mut chrom = field(region);
        if let Some(genome) = genome.map(field).filter(|name| !name.is_empty()) {
            of_genome.clear();
            of_genome.extend([genome, BETWEEN, chrom]);
            chrom = &of_genome;
        }
        let row = || -> std::result::Result<BedLine, String> {
            if field(region).is_empty() {
                return Err("column `region` is empty; it names a sequence of the genome".into());
            }
            let place = |column: usize, what: &str| coordinate(field(column), column + 1, what);
            let (start, end) = (place(start, "start")?, place(end, "end")?);
            holds_bases(start, end)?;
            let name = field(id);
            Ok(BedLine {
                line,
                chrom,
                start,
                end,
                name: (!name.is_empty()).then_some(name),
                strand: match field(strand) {
                    _ if !stranded => Strand::Unknown,
                    "*" | "" => Strand::Unknown,
                    text => text
                        .parse()
                        .map_err(|e| format!("column `strand`: {e}, or set `stranded: false`"))?,
                },
                label: None,
                summit: None,
            })
        };
        none = false;
        take(row().map_err(|problem| Error::line(path, line, problem))?)?;
    }
    if none {
        return Err(Error::file(path, "there is a header but no row"));
    }
    Ok(())
}

/// Makes sure that the header has the columns that [`read`] needs, and reads no further.
///
/// # Errors
/// As [`read`], for the header.
pub(crate) fn check_header(path: &Path, limit: u64) -> Result<()> {
    let (header, separated) = header_of(path, limit, &COLUMNS.join(","))?;
    columns(path, &header, separated).map(|_| ())
}

fn columns(path: &Path, header: &csv::StringRecord, separated: &str) -> Result<[usize; 5]> {
    let mut places = [0; 5];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = place_of(path, header, name)?.ok_or_else(|| {
            let there: Vec<String> = header
                .iter()
                .take(6)
                .map(|column| format!("`{}`", shortened(column)))
                .collect();
            Error::line(
                path,
                1,
                format!(
                    "the column `{name}` is missing; there are: {} (read with {separated}). The header is `{}`",
                    there.join(", "),
                    COLUMNS.join(",")
                ),
            )
        })?;
    }
    Ok(places)
}
