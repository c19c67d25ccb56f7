//! The files of a cell: `designs.fasta`, `designs.tsv`, `steps.tsv`, `metrics.json`.

use std::fmt::Write as _;
use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::run_folder::CellFolder;
use lingo_design::design::{Design, Designed};
use lingo_design::outcome::{Landscape, metrics};
use lingo_design::sequences::dna;
use lingo_design::sequences::known::Known;
use lingo_design::trace::{Span, Step};
use serde_json::{Map, Value};

use crate::failure::Error;

/// What is known of the sequences around designs.
pub(super) struct Around<'a> {
    /// What the method has seen.
    pub known: &'a Known,
    /// The scores of all rows, where the method has not seen them.
    pub landscape: Option<&'a Landscape>,
}

/// Writes a cell; `identity` stands beside the metrics.
///
/// # Errors
/// The folder cannot be written to.
pub(super) fn write(
    folder: &Path,
    designed: &Designed,
    around: &Around,
    identity: Map<String, Value>,
) -> Result<(), Error> {
    let cell = CellFolder::new(folder);
    let designs = &designed.designs;
    let mut fasta = String::new();
    for (rank, design) in (1..).zip(designs) {
        // Text into memory does not fail.
        let _ = writeln!(
            fasta,
            ">design_{rank} predicted={} spread={} distance={}\n{}",
            number(Some(design.predicted)),
            number(Some(design.spread)),
            design.distance,
            dna::text(&design.bases)
        );
    }
    atomic::write_bytes(&cell.designs_fasta(), fasta.as_bytes())?;
    atomic::write_bytes(&cell.designs(), table(designs, around).as_bytes())?;
    if !designed.trace.is_empty() {
        atomic::write_bytes(&cell.steps(), steps(&designed.trace).as_bytes())?;
    }
    let mut found = metrics(designs, around.landscape);
    found.extend(identity);
    Ok(atomic::write_json(&cell.metrics(), &found)?)
}

fn table(designs: &[Design], around: &Around) -> String {
    let mut table = String::from(
        "rank\tsequence\tpredicted\tspread\tdistance\tnearest\tnearest_score\tgc\tmeasured\n",
    );
    for (rank, design) in (1..).zip(designs) {
        let nearest = dna::text(&around.known.sequences[design.nearest]);
        let score = around.known.scores[design.nearest];
        let gc = design.bases.iter().filter(|b| matches!(b, 1 | 2)).count() as f64
            / design.bases.len().max(1) as f64;
        let measured = around.landscape.and_then(|l| l.score(&design.bases));
        let measured = number(measured);
        let _ = writeln!(
            table,
            "{rank}\t{}\t{}\t{}\t{}\t{nearest}\t{score}\t{gc:.4}\t{measured}",
            dna::text(&design.bases),
            number(Some(design.predicted)),
            number(Some(design.spread)),
            design.distance
        );
    }
    table
}

fn steps(steps: &[Step]) -> String {
    let mut table = String::from(
        "step\tdistinct\tpredicted\tforward\tbackward\tgamma\tgamma_least\tgamma_most\trate\trate_least\trate_most\n",
    );
    let span = |span: Option<Span>| {
        let parts = [
            span.map(|s| s.mean),
            span.map(|s| s.least),
            span.map(|s| s.most),
        ];
        parts.map(number).join("\t")
    };
    for step in steps {
        let _ = writeln!(
            table,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            step.step,
            step.distinct,
            number(Some(step.predicted)),
            number(step.forward),
            number(step.backward),
            span(step.gamma),
            span(Some(step.rate))
        );
    }
    table
}

/// Nine digits, whatever the unit; nothing for nothing.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else {
        return String::new();
    };
    // What is printed as a number is read as one.
    format!("{value:.8e}")
        .parse::<f64>()
        .unwrap_or(value)
        .to_string()
}
