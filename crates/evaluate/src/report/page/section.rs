//! The section of one task: its headline, table, figures, seeds and data.

use std::fmt::Write as _;

use crate::report::data::plan::ReportPlan;
use crate::report::data::task::TaskResults;
use crate::report::figures::of_task::of_task;
use crate::report::html::{count, escape};
use crate::report::page::headline::headline;
use crate::report::page::{audit, results_table, seeds_table};

/// The whole section.
pub fn section(task: &TaskResults, plan: &ReportPlan) -> String {
    let mut out = format!(
        "<section id=\"{}\"><h2>{}</h2>",
        task.id,
        escape(&task.info.name)
    );
    if !task.info.description.is_empty() {
        let _ = write!(
            out,
            "<p class=\"lead\">{}</p>",
            escape(&task.info.description)
        );
    }
    let _ = write!(out, "<p>{}</p>", headline(task));
    // A table of nothing but holes that no command can fill says no more than the sentence above.
    if task.info.missing.is_none() || task.methods.iter().any(|m| m.done().next().is_some()) {
        out.push_str(&results_table::table(task, plan));
    }
    out.push_str(&of_task(task));
    out.push_str(&seeds_table::table(task));
    out.push_str(&data(task));
    out.push_str("</section>");
    out
}

fn data(task: &TaskResults) -> String {
    if task.info.counts == [0; 3] {
        return String::new();
    }
    let [train, dev, test] = task.info.counts.map(count);
    let warnings = audit::findings(&task.info.audit);
    let note = match warnings.len() {
        0 => String::new(),
        n => format!(
            " <span class=\"tag warn\">{n} {}</span>",
            if n == 1 { "warning" } else { "warnings" }
        ),
    };
    // What makes scores look better than they are is not folded away.
    let open = if audit::leaks(&warnings) { " open" } else { "" };
    let mut out = format!(
        "<details{open}><summary>The data: {train} train, {dev} dev, {test} test rows{note}</summary>"
    );
    out.push_str(&audit::list(&warnings));
    out.push_str(&audit::table(&task.info.audit));
    out.push_str("</details>");
    out
}
