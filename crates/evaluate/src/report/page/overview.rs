//! All tasks in one table.

use std::fmt::Write as _;

use crate::report::data::folds::{cross_validated, fold_spread};
use crate::report::data::plan::ReportPlan;
use crate::report::data::summary::{Spread, best_on_dev};
use crate::report::data::task::TaskResults;
use crate::report::html::{NONE, escape, fixed};
use crate::report::page::parts::spread;

/// Task by method, the test mean of each.
pub fn overview(plan: &ReportPlan, tasks: &[TaskResults]) -> String {
    let mut out = String::from(
        "<section><h2>All tasks</h2><div class=\"scroll\"><table><caption><span>Test MCC (Pearson\u{2019}s r where values are predicted), mean \u{b1} standard deviation over seeds. \u{25c6} is the best on dev.</span></caption><thead><tr><th scope=\"col\">Task</th>",
    );
    for method in &plan.methods {
        let _ = write!(out, "<th scope=\"col\" class=\"n\">{}</th>", escape(method));
    }
    out.push_str("<th scope=\"col\" class=\"n\">Floor</th></tr></thead><tbody>");
    for task in tasks {
        let best = best_on_dev(&task.methods, task.metric).map(|m| m.method);
        let _ = write!(
            out,
            "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th>",
            task.id,
            escape(&task.info.name)
        );
        for method in &task.methods {
            let mark = if best == Some(method.method) {
                "\u{25c6}\u{a0}"
            } else {
                ""
            };
            let _ = match method.test(task.metric) {
                Some(s) => write!(out, "<td class=\"n\">{mark}{}</td>", spread(&s, 3)),
                None => write!(out, "<td class=\"n hole\">not run</td>"),
            };
        }
        let floor = task
            .floor()
            .map_or(NONE.to_string(), |(_, value)| fixed(value, 3));
        let _ = write!(out, "<td class=\"n\">{floor}</td></tr>");
    }
    for (name, folds) in cross_validated(tasks) {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}<small>mean \u{b1} standard deviation over {} folds</small></th>",
            escape(name),
            folds.len()
        );
        for method in 0..plan.methods.len() {
            let _ = match fold_spread(&folds, method) {
                Some(s) => write!(out, "<td class=\"n\">{}</td>", spread(&s, 3)),
                None => write!(out, "<td class=\"n hole\">not run</td>"),
            };
        }
        let floor = Spread::of(folds.iter().map(|fold| Some(fold.floor()?.1)));
        let floor = floor.map_or(NONE.to_string(), |f| fixed(f.mean, 3));
        let _ = write!(out, "<td class=\"n\">{floor}</td></tr>");
    }
    out.push_str("</tbody></table></div></section>\n");
    out
}
