//! The methods of a task as a table, and all cells as `metrics.csv`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::cell::Cell;
use super::task::{Designs, OfMethod, middle};
use crate::report::data::summary::Spread;
use crate::report::html::{NONE, duration, escape};
use crate::report::page::parts::{ALTERED, spread};

/// A column: its head, what stands below that, and what it tells of a cell.
struct Column {
    head: &'static str,
    below: &'static str,
    decimals: usize,
    of: fn(&Cell) -> Option<f64>,
}

/// Of designs that are looked up.
const MEASURED: [Column; 4] = [
    Column {
        head: "Median",
        below: "measured",
        decimals: 3,
        of: |cell| cell.of_all("median"),
    },
    Column {
        head: "Mean",
        below: "measured",
        decimals: 3,
        of: |cell| cell.of_all("mean"),
    },
    Column {
        head: "Best",
        below: "of all",
        decimals: 3,
        of: |cell| cell.of_all("max"),
    },
    Column {
        head: "Best",
        below: "of the first 8",
        decimals: 3,
        of: |cell| cell.number("max_8"),
    },
];

/// Of any.
const ALWAYS: [Column; 4] = [
    Column {
        head: "Distinct",
        below: "strands as one",
        decimals: 1,
        of: |cell| cell.of_all("unique"),
    },
    Column {
        head: "Distance",
        below: "bases, median",
        decimals: 1,
        of: |cell| middle(&cell.designs, |design| design.distance),
    },
    Column {
        head: "Predicted",
        below: "median",
        decimals: 3,
        of: |cell| middle(&cell.designs, |design| design.predicted),
    },
    Column {
        head: "Uncertain",
        below: "median spread",
        decimals: 3,
        of: |cell| middle(&cell.designs, |design| design.spread),
    },
];

/// The table of a task.
pub fn html(task: &Designs) -> String {
    let is_measured = task.is_measured();
    let measured: &[Column] = if is_measured { &MEASURED } else { &[] };
    let columns: Vec<&Column> = measured.iter().chain(&ALWAYS).collect();
    let mut out = String::from(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Method</th><th scope=\"col\" class=\"n\">Seeds</th>",
    );
    for column in &columns {
        let _ = write!(
            out,
            "<th scope=\"col\" class=\"n\">{}<small>{}</small></th>",
            column.head, column.below
        );
    }
    out.push_str(
        "<th scope=\"col\" class=\"n\">Time<small>of a cell</small></th></tr></thead><tbody>",
    );
    let best = best(task, is_measured);
    for method in &task.methods {
        out.push_str(&row(method, &columns, best == Some(method.style)));
    }
    out.push_str("</tbody></table></div>");
    out
}

/// The method whose designs have the highest median in the table.
fn best(task: &Designs, is_measured: bool) -> Option<usize> {
    let median = |method: &OfMethod| method.over(|cell| cell.of_all("median"));
    let known = task.methods.iter().filter(|_| is_measured);
    let known = known.filter_map(|method| Some((method.style, median(method)?.mean)));
    known
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(style, _)| style)
}

fn row(method: &OfMethod, columns: &[&Column], is_best: bool) -> String {
    let altered = method.cells.iter().any(|cell| cell.altered);
    let mut out = format!(
        "<tr{}><th scope=\"row\">{}{}</th><td class=\"n\">{}</td>",
        if is_best { " class=\"best\"" } else { "" },
        escape(method.method),
        if altered { ALTERED } else { "" },
        method.cells.len()
    );
    for (i, column) in columns.iter().enumerate() {
        let told: Option<Spread> = method.over(column.of);
        let told = told.map_or(NONE.to_string(), |s| spread(&s, column.decimals));
        let key = if i == 0 { " key" } else { "" };
        let _ = write!(out, "<td class=\"n{key}\">{told}</td>");
    }
    let seconds = method.over(|cell| cell.seconds).map(|s| duration(s.mean));
    let _ = write!(
        out,
        "<td class=\"n\">{}</td></tr>",
        seconds.unwrap_or_else(|| NONE.to_string())
    );
    if let Some((seed, why)) = method.holes.first() {
        let more = match method.holes.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let why = match why.as_str() {
            "" => "not designed yet".to_string(),
            why => escape(why),
        };
        let _ = write!(
            out,
            "<tr><td></td><td class=\"hole\" colspan=\"{}\">seed {seed}{more}: {why}</td></tr>",
            columns.len() + 2
        );
    }
    out
}

/// One row for each cell, one column for each number of `metrics.json`.
pub fn csv(tasks: &[Designs]) -> String {
    let cells = || {
        let methods = tasks
            .iter()
            .flat_map(|task| task.methods.iter().map(move |method| (task, method)));
        methods.flat_map(|(task, method)| method.cells.iter().map(move |c| (task, method, c)))
    };
    let is_number = |(_, value): &(&String, &serde_json::Value)| value.is_number();
    let mut keys: Vec<&String> = Vec::new();
    let mut seen = BTreeSet::new();
    for (_, _, cell) in cells() {
        for (key, _) in cell.metrics.iter().filter(is_number) {
            if key != "seed" && seen.insert(key) {
                keys.push(key);
            }
        }
    }
    let mut out = String::from("task,method,seed");
    for key in &keys {
        let _ = write!(out, ",{key}");
    }
    out.push('\n');
    for (task, method, cell) in cells() {
        let _ = write!(
            out,
            "{},{},{}",
            quoted(&task.info.name),
            quoted(method.method),
            cell.seed
        );
        for key in &keys {
            let value = cell.metrics.get(*key).map(ToString::to_string);
            let _ = write!(out, ",{}", value.unwrap_or_default());
        }
        out.push('\n');
    }
    out
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}
