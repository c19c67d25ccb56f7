//! The section of one task: its headline, table, figures, seeds and data.

use std::fmt::Write as _;

use crate::report::data::plan::ReportPlan;
use crate::report::data::task::TaskResults;
use crate::report::figures::figure::Figure;
use crate::report::figures::key::key;
use crate::report::html::{count, escape};
use crate::report::page::headline::headline;
use crate::report::page::parts::figures;
use crate::report::page::{audit, results_table, seeds_table};

/// The most tasks whose sections stand open.
pub const UNFOLDED: usize = 6;

/// The whole section.
pub fn section(task: &TaskResults, plan: &ReportPlan, drawn: &[Figure]) -> String {
    let name = escape(&task.info.name);
    // Of many tasks only the result is unfolded. A link to what stands inside opens it.
    let (mut out, end) = match plan.tasks.len() > UNFOLDED {
        false => (
            format!("<section id=\"{}\"><h2>{name}</h2>", task.id),
            "</section>",
        ),
        true => (
            format!(
                "<section class=\"task\"><details class=\"task\"><summary><h2>{name}</h2><span>{}</span></summary><div id=\"{}\">",
                headline(task),
                task.id
            ),
            "</div></details></section>",
        ),
    };
    if !task.info.description.is_empty() {
        let _ = write!(
            out,
            "<p class=\"lead\">{}</p>",
            escape(&task.info.description)
        );
    }
    if plan.tasks.len() <= UNFOLDED {
        let _ = write!(out, "<p>{}</p>", headline(task));
    }
    // A table of nothing but holes that no command can fill says no more than the sentence above.
    if task.info.missing.is_none() || task.methods.iter().any(|m| m.done().next().is_some()) {
        out.push_str(&results_table::table(task, plan));
    }
    out.push_str(&figures(&key(task), drawn));
    out.push_str(&seeds_table::table(task));
    out.push_str(&data(task));
    out.push_str(end);
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
