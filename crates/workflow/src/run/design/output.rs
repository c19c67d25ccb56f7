//! The files of a cell: `designs.fasta`, `designs.tsv`, `metrics.json`.

use std::fmt::Write as _;
use std::path::Path;

use lingo_artifact::atomic;
use lingo_design::design::Design;
use lingo_design::outcome::{Landscape, metrics};
use lingo_design::sequences::dna;
use lingo_design::sequences::known::Known;
use serde_json::{Map, Value};

use crate::failure::Error;

/// The file that is written last, with the cell's id.
pub(super) const METRICS: &str = "metrics.json";
const FASTA: &str = "designs.fasta";
const TABLE: &str = "designs.tsv";

/// What is known of the sequences around designs.
pub(super) struct Around<'a> {
    /// What the method has seen.
    pub known: &'a Known,
    /// The scores of all rows, where the method has not seen them.
    pub landscape: Option<&'a Landscape>,
}

/// Writes a cell; `identity` stands in front of the metrics.
///
/// # Errors
/// The folder cannot be written to.
pub(super) fn write(
    folder: &Path,
    designs: &[Design],
    around: &Around,
    identity: Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let mut fasta = String::new();
    let mut table = String::from(
        "rank\tsequence\tpredicted\tspread\tdistance\tnearest\tnearest_score\tgc\tmeasured\n",
    );
    for (i, design) in designs.iter().enumerate() {
        let rank = i + 1;
        let sequence = dna::text(&design.bases);
        let nearest = dna::text(&around.known.sequences[design.nearest]);
        let score = around.known.scores[design.nearest];
        let gc = design.bases.iter().filter(|b| matches!(b, 1 | 2)).count() as f64
            / design.bases.len().max(1) as f64;
        let measured = around.landscape.and_then(|l| l.score(&design.bases));
        let measured = measured.map_or_else(String::new, |score| format!("{score:.6}"));
        let (predicted, spread) = (design.predicted, design.spread);
        // Text into memory does not fail.
        let _ = writeln!(
            fasta,
            ">design_{rank} predicted={predicted:.6} spread={spread:.6} distance={}\n{sequence}",
            design.distance
        );
        let _ = writeln!(
            table,
            "{rank}\t{sequence}\t{predicted:.6}\t{spread:.6}\t{}\t{nearest}\t{score}\t{gc:.4}\t{measured}",
            design.distance
        );
    }
    atomic::write_bytes(&folder.join(FASTA), fasta.as_bytes())?;
    atomic::write_bytes(&folder.join(TABLE), table.as_bytes())?;
    let mut found = metrics(designs, around.landscape);
    found.extend(identity);
    atomic::write_json(&folder.join(METRICS), &found)?;
    Ok(found)
}

/// The metrics of a finished cell with this id.
pub(super) fn finished(folder: &Path, id: &str) -> Option<Map<String, Value>> {
    let found: Map<String, Value> = atomic::read_json(&folder.join(METRICS)).ok()?;
    let is_whole = [FASTA, TABLE]
        .iter()
        .all(|name| folder.join(name).is_file());
    (is_whole && found.get("id")?.as_str() == Some(id)).then_some(found)
}
