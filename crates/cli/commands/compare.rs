//! `compare`.

use lingo_evaluate::paired::comparison::{CONFIDENCE, Tally, Unit};
use lingo_workflow::Error;
use lingo_workflow::report::compare::{Compared, TwoRuns, compare as runs};

use crate::arguments::Compare;
use crate::output::{columns, print, say};

/// So many differences of settings are told.
const SHOWN: usize = 12;

/// `compare`.
pub fn compare(arguments: &Compare) -> Result<(), Error> {
    let found = runs(&arguments.first, &arguments.second)?;
    let sides = [&arguments.first, &arguments.second];
    for (run, cells) in sides.into_iter().zip(found.in_one) {
        if cells > 0 {
            say(&format!(
                "{cells} finished cells are in {} alone and are left out",
                run.display()
            ));
        }
    }
    match arguments.tsv {
        true => print(&tsv(&found)),
        false => print(&format!("{}{}", columns(&table(&found)), notes(&found))),
    }
}

fn table(found: &TwoRuns) -> Vec<Vec<String>> {
    let share = 100.0 * CONFIDENCE;
    let head = [
        "method".to_string(),
        "metric".into(),
        "second - first".into(),
        format!("{share} % (t)"),
        format!("{share} % (BCa)"),
        "p".into(),
        "p (Holm)".into(),
        "won/tied/lost".into(),
        "counted".into(),
        "in words".into(),
    ];
    let rows = found.compared.iter().map(|of| {
        let c = &of.comparison;
        let interval = |bounds: Option<[f64; 2]>| {
            bounds.map_or("-".into(), |[low, high]| format!("{low:+.3} to {high:+.3}"))
        };
        let Tally { wins, ties, losses } = c.tally();
        let unit = match (c.unit, c.units) {
            (Unit::Task, _) => "tasks",
            (Unit::Pair, 1) => "pair of runs",
            (Unit::Pair, _) => "pairs of runs",
        };
        vec![
            of.method.clone(),
            of.metric.to_string(),
            format!("{:+.3}", c.mean),
            interval(c.student),
            interval(c.bca),
            format!("{:.3}", c.p),
            format!("{:.3}", of.holm),
            format!("{wins}/{ties}/{losses}"),
            format!("{} {unit}", c.units),
            c.reading().as_str().to_string(),
        ]
    });
    std::iter::once(head.to_vec()).chain(rows).collect()
}

/// What the table does not say by itself.
fn notes(found: &TwoRuns) -> String {
    let mut notes = String::new();
    if found
        .compared
        .iter()
        .any(|c| c.comparison.unit == Unit::Pair)
    {
        notes.push_str("With fewer than 3 tasks each pair of runs is counted: the intervals say nothing of other tasks.\n");
    }
    notes.push_str(&differing(found));
    let undefined: usize = found.compared.iter().map(|c| c.undefined).sum();
    if undefined > 0 {
        notes.push_str(&format!(
            "{undefined} pairs are left out: a metric is not defined.\n"
        ));
    }
    match notes.is_empty() {
        true => notes,
        false => format!("\n{notes}"),
    }
}

/// What is between the two runs besides their names.
fn differing(found: &TwoRuns) -> String {
    if found.differing.is_empty() {
        return "The cells of the two runs have the same settings and inputs.\n".into();
    }
    let pairs: usize = found.compared.iter().map(|c| c.comparison.pairs).sum();
    let mut text = "The second run differs from the first in:\n".to_string();
    for one in found.differing.iter().take(SHOWN) {
        let share = match one.pairs >= pairs {
            true => String::new(),
            false => format!("  (in {} of {pairs} pairs)", one.pairs),
        };
        text.push_str(&format!("  {}{share}\n", one.what));
    }
    if let Some(more) = found.differing.len().checked_sub(SHOWN).filter(|n| *n > 0) {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

/// A row a method, then a row for each of its tasks, all digits.
fn tsv(found: &TwoRuns) -> String {
    let mut text = "method\tmetric\ttask\tdifference\tunit\tunits\tt_low\tt_high\tbca_low\tbca_high\tsign_flip_p\tholm_p\twins\tties\tlosses\treading\tpairs\n".to_string();
    for of in &found.compared {
        text.push_str(&tsv_of(of));
    }
    text
}

fn tsv_of(of: &Compared) -> String {
    let c = &of.comparison;
    let bound = |bounds: Option<[f64; 2]>, side: usize| {
        bounds.map_or(String::new(), |bounds| bounds[side].to_string())
    };
    let Tally { wins, ties, losses } = c.tally();
    let head =
        |task: &str, difference: f64| format!("{}\t{}\t{task}\t{difference}", of.method, of.metric);
    let mut text = format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{wins}\t{ties}\t{losses}\t{}\t{}\n",
        head("", c.mean),
        c.unit.as_str(),
        c.units,
        bound(c.student, 0),
        bound(c.student, 1),
        bound(c.bca, 0),
        bound(c.bca, 1),
        c.p,
        of.holm,
        c.reading().as_str(),
        c.pairs
    );
    for task in &c.tasks {
        text.push_str(&format!(
            "{}{}\t{}\n",
            head(&task.task, task.mean),
            "\t".repeat(12),
            task.pairs
        ));
    }
    text
}
