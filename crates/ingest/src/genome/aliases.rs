//! Files that list the names of the same sequences: UCSC's `chromAlias.txt`, assembly reports of NCBI, or two columns.

use std::path::Path;

use crate::error::{Error, Result};
use crate::input::{Input, without_byte_order_mark, without_terminator};

/// The names of one sequence.
#[derive(Debug, PartialEq)]
pub(crate) struct Names {
    /// The line, from 1.
    pub(crate) line: u64,
    /// All of them, as they stand.
    pub(crate) names: Vec<String>,
}

/// Who names sequences, as UCSC's table says it.
const AUTHORITIES: [&str; 6] = [
    "genbank", "refseq", "ensembl", "assembly", "ucsc", "flybase",
];

/// The columns of an assembly report that are names: Sequence-Name, GenBank-Accn, RefSeq-Accn, UCSC-style-name.
const OF_REPORT: [usize; 4] = [0, 4, 6, 9];

/// Reads a file of names; what begins with `#` is passed over.
///
/// # Errors
/// No row with two names; a line that is no text; whatever opening it says.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<Names>> {
    let mut input = Input::open(path, limit)?;
    let mut report = false;
    let mut rows = Vec::new();
    while let Some((line, raw)) = input.next_line()? {
        let text = std::str::from_utf8(without_terminator(without_byte_order_mark(raw)))
            .map_err(|_| Error::line(path, line, "this line is not UTF-8 text"))?;
        if text.starts_with('#') {
            report |= text.starts_with("# Sequence-Name\t");
            continue;
        }
        let mut columns: Vec<&str> = text.split('\t').collect();
        // UCSC's table chromAlias has an alias, the name, and who calls it so.
        if columns.len() == 3 && columns[2].split(',').all(|who| AUTHORITIES.contains(&who)) {
            columns.pop();
        }
        let names: Vec<String> = columns
            .iter()
            .enumerate()
            .filter(|(i, _)| !report || OF_REPORT.contains(i))
            .map(|(_, name)| name.trim())
            .filter(|name| !name.is_empty() && (!report || *name != "na"))
            .map(str::to_string)
            .collect();
        if names.len() > 1 {
            rows.push(Names { line, names });
        }
    }
    if rows.is_empty() {
        return Err(Error::file(
            path,
            "no row has two names with a tab between; a row holds the names of one sequence",
        ));
    }
    Ok(rows)
}
