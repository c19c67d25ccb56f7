//! What `ingest` found in the data of every task: a row a task, leakage in red.

use std::fmt::Write as _;

use lingo_artifact::Split;
use lingo_artifact::audit::Audit;

use crate::report::data::task::TaskResults;
use crate::report::html::{NONE, count, escape, fixed};
use crate::report::page::audit;
use crate::report::page::parts::{counted, folded};

/// The section; empty where no task has an audit. `few` tasks stand unfolded.
pub fn data_audit(tasks: &[TaskResults], few: bool) -> String {
    let audited: Vec<(&TaskResults, Audit)> = tasks
        .iter()
        .filter_map(|t| Some((t, audit::parse(&t.info.audit)?)))
        .filter(|(_, a)| !a.splits.is_empty())
        .collect();
    if audited.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    let mut leaking = Vec::new();
    for (task, audit) in &audited {
        let link = format!("<a href=\"#{}\">{}</a>", task.id, escape(&task.info.name));
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{link}</th>{}<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>{}</tr>",
            splits(audit),
            gc(audit),
            count(audit.splits.iter().map(|s| s.duplicate_rows).sum()),
            count(audit.two_labels.sequences),
            leakage(audit)
        );
        if audit.leaks() {
            leaking.push(link);
        }
    }
    let told = match leaking.as_slice() {
        [] => format!(
            "<p>In {} no sequence was found in two splits.</p>",
            match audited.len() {
                1 => "the task that was looked at".to_string(),
                n => format!("all {n} tasks that were looked at"),
            }
        ),
        some => format!(
            "<p class=\"leak\">Leakage: {} of {} have rows that stand in another split, too: {}. Scores of such rows are better than those of new ones.</p>",
            some.len(),
            counted(audited.len(), "task"),
            some.join(", ")
        ),
    };
    let table = format!(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Task</th><th scope=\"col\" class=\"n\">Train</th><th scope=\"col\" class=\"n\">Dev</th><th scope=\"col\" class=\"n\">Test</th><th scope=\"col\" class=\"n\">GC<small>train / dev / test</small></th><th scope=\"col\" class=\"n\">Duplicates<small>rows within a split</small></th><th scope=\"col\" class=\"n\">Two labels<small>sequences</small></th><th scope=\"col\">Leakage<small>rows of a split that another has</small></th></tr></thead><tbody>{rows}</tbody></table></div>"
    );
    let summary = format!("The data of {}", counted(audited.len(), "task"));
    format!(
        "<section id=\"data\"><h2>Data audit</h2>{told}{}</section>\n",
        folded(few, &summary, &table)
    )
}

/// The rows of train, dev and test, as cells of the table.
fn splits(audit: &Audit) -> String {
    let rows = |split: Split| {
        let of = audit.splits.iter().find(|s| s.split == split);
        of.map_or(NONE.to_string(), |s| count(s.rows))
    };
    [Split::Train, Split::Dev, Split::Test]
        .map(|split| format!("<td class=\"n\">{}</td>", rows(split)))
        .concat()
}

fn gc(audit: &Audit) -> String {
    let shares = audit.splits.iter().map(|s| {
        s.gc.map_or("\u{2013}".to_string(), |gc| fixed(100.0 * gc, 1))
    });
    format!("{} %", shares.collect::<Vec<_>>().join(" / "))
}

/// What stands in two splits, as a cell of the table.
fn leakage(audit: &Audit) -> String {
    let mut found = Vec::new();
    for s in &audit.shared {
        for (n, what) in [
            (s.same, "the same"),
            (s.reverse_complement, "reverse complement"),
            (s.near, "nearly the same"),
        ] {
            if n > 0 {
                found.push(format!(
                    "{} of {} in {}: {what}",
                    count(n),
                    s.split,
                    s.found_in
                ));
            }
        }
    }
    for o in audit.overlaps.iter().filter(|o| o.leaking > 0) {
        found.push(format!(
            "{} of {} in {}: the same place",
            count(o.leaking),
            o.split,
            o.found_in
        ));
    }
    match found.is_empty() {
        true => "<td>none found</td>".into(),
        false => format!("<td class=\"leak\">{}</td>", found.join("<br>")),
    }
}
