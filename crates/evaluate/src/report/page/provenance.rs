//! What made the numbers: programs, devices and kernels of the cells, and the files that went in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::report::data::cells::Cell;
use crate::report::data::plan::ReportPlan;
use crate::report::data::task::TaskResults;
use crate::report::html::{NONE, count, escape};
use crate::report::page::parts::counted;

/// The finished cells.
fn finished<'t>(tasks: &'t [TaskResults]) -> impl Iterator<Item = &'t Cell> {
    let cells = tasks.iter().flat_map(|t| &t.methods).flat_map(|m| &m.cells);
    cells.copied().filter(|c| c.metrics.is_some())
}

/// In sentences, where cells that are compared were not made by the same program, device or kernels.
pub fn mixtures(tasks: &[TaskResults]) -> Vec<String> {
    let mut found = Vec::new();
    for (what, of) in [
        (
            "versions of the program",
            version as fn(&Cell) -> Option<&str>,
        ),
        ("devices", device),
    ] {
        found.extend(mixture(what, "The cells", finished(tasks), of));
    }
    // Which kernels compute depends on the method: some have none.
    let methods: Vec<&str> = tasks
        .first()
        .map_or(Vec::new(), |t| t.methods.iter().map(|m| m.method).collect());
    for method in methods {
        let cells = finished(tasks).filter(|c| c.method == method);
        let whose = format!("The cells of {method}");
        found.extend(mixture(
            "devices or kernels",
            &whose,
            cells,
            Cell::computed_by,
        ));
    }
    found
}

fn version(cell: &Cell) -> Option<&str> {
    Some(cell.run_by.as_ref()?.version.as_str())
}

fn device(cell: &Cell) -> Option<&str> {
    Some(cell.run_by.as_ref()?.device.as_str())
}

fn mixture<'c>(
    what: &str,
    whose: &str,
    cells: impl Iterator<Item = &'c Cell>,
    of: fn(&'c Cell) -> Option<&'c str>,
) -> Option<String> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for by in cells.filter_map(of).filter(|by| !by.is_empty()) {
        *numbers.entry(by).or_default() += 1;
    }
    let told: Vec<String> = numbers
        .iter()
        .map(|(by, n)| format!("{} by {by}", counted(*n, "cell")))
        .collect();
    (numbers.len() > 1).then(|| {
        format!(
            "{whose} were made by several {what}: {}. Their numbers differ by more than method and seed, and their times cannot be compared.",
            told.join(", ")
        )
    })
}

/// What the cells were made by, a row each.
pub fn made_by(tasks: &[TaskResults]) -> String {
    type By<'c> = (&'c str, &'c str, &'c str, &'c str);
    let mut found: BTreeMap<By, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for cell in finished(tasks) {
        let Some(training) = &cell.training else {
            continue;
        };
        let by = cell.computed_by().unwrap_or(&training.device);
        let known = (
            version(cell).unwrap_or_default(),
            training.device.as_str(),
            by.strip_prefix(training.device.as_str())
                .unwrap_or(by)
                .trim(),
            training.precision.as_str(),
        );
        let (n, methods) = found.entry(known).or_default();
        *n += 1;
        methods.insert(&cell.method);
    }
    if found.is_empty() {
        return String::new();
    }
    let text = |text: &str| match text.is_empty() {
        true => NONE.to_string(),
        false => escape(text),
    };
    let mut out = String::from(
        "<div class=\"scroll\"><table><caption><span>What the cells were made by</span></caption><thead><tr><th scope=\"col\">Program</th><th scope=\"col\">Device</th><th scope=\"col\">Kernels<small>instruction set</small></th><th scope=\"col\">Frozen weights</th><th scope=\"col\" class=\"n\">Cells</th><th scope=\"col\">Methods</th></tr></thead><tbody>",
    );
    for ((version, device, kernels, precision), (n, methods)) in &found {
        let methods: Vec<String> = methods.iter().map(|m| escape(m)).collect();
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            text(version),
            text(device),
            text(kernels),
            text(precision),
            count(*n as u64),
            methods.join(", ")
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

/// The files that went in, folded.
pub fn inputs(plan: &ReportPlan) -> String {
    if plan.inputs.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "<details><summary>What went in: {}</summary><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Input</th><th scope=\"col\" class=\"n\">Bytes</th><th scope=\"col\">sha256</th></tr></thead><tbody>",
        counted(plan.inputs.len(), "input")
    );
    for file in &plan.inputs {
        let _ = write!(
            out,
            "<tr><td class=\"path\">{}</td><td class=\"n\">{}</td><td><code>{}</code></td></tr>",
            escape(&file.path),
            file.bytes.map_or(NONE.to_string(), count),
            file.sha256
        );
    }
    out.push_str("</tbody></table></div></details>");
    out
}
