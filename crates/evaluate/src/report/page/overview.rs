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
        "<section id=\"all-tasks\"><h2>All tasks</h2><div class=\"scroll\"><table><caption><span>Test MCC (Pearson\u{2019}s r where values are predicted), mean \u{b1} standard deviation over seeds. \u{25c6} is the best on dev. The last row is the mean over the tasks that a method has finished.</span></caption><thead><tr><th scope=\"col\">Task</th>",
    );
    for method in &plan.methods {
        let _ = write!(out, "<th scope=\"col\" class=\"n\">{}</th>", escape(method));
    }
    out.push_str("<th scope=\"col\" class=\"n\">Floor</th>");
    let published = tasks.iter().any(|task| !task.info.published.is_empty());
    if published {
        out.push_str("<th scope=\"col\">Best published</th>");
    }
    out.push_str("</tr></thead><tbody>");
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
            let tag = match task.is_unlike(method) {
                true => "<small class=\"hole\">other settings</small>",
                false => "",
            };
            let tag = match method.is_altered() {
                true => format!("{tag}<small class=\"leak\">altered</small>"),
                false => tag.to_string(),
            };
            let _ = match method.test(task.metric) {
                Some(s) => write!(out, "<td class=\"n\">{mark}{}{tag}</td>", spread(&s, 3)),
                None => write!(out, "<td class=\"n hole\">not run</td>"),
            };
        }
        let floor = task
            .floor()
            .map_or(NONE.to_string(), |(_, value)| fixed(value, 3));
        let _ = write!(out, "<td class=\"n\">{floor}</td>");
        if published {
            let best = task.info.published.iter();
            let best = best.max_by(|a, b| a.mcc.total_cmp(&b.mcc));
            let best = best.map_or(NONE.to_string(), |p| {
                format!("{} <small>{}</small>", fixed(p.mcc, 3), escape(&p.model))
            });
            let _ = write!(out, "<td>{best}</td>");
        }
        out.push_str("</tr>");
    }
    let dash = if published { "<td></td>" } else { "" };
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
        let _ = write!(out, "<td class=\"n\">{floor}</td>{dash}</tr>");
    }
    // Nothing is the mean of an MCC and a correlation.
    if tasks.windows(2).all(|two| two[0].metric == two[1].metric) {
        out.push_str(&mean_row(plan, tasks, dash));
    }
    out.push_str("</tbody></table></div></section>\n");
    out
}

/// The mean over tasks, for each method.
fn mean_row(plan: &ReportPlan, tasks: &[TaskResults], dash: &str) -> String {
    let mut out = String::new();
    out.push_str("<tr class=\"floor\"><th scope=\"row\">Mean</th>");
    for method in 0..plan.methods.len() {
        let tests = tasks.iter().map(|task| {
            let summary = task.methods.get(method)?;
            Some(summary.test(task.metric)?.mean)
        });
        let finished = tests.clone().flatten().count();
        let mean = Spread::of(tests);
        let _ = match mean {
            Some(s) if finished == tasks.len() => {
                write!(out, "<td class=\"n\">{}</td>", fixed(s.mean, 3))
            }
            Some(s) => write!(
                out,
                "<td class=\"n\">{}<small>{finished} of {} tasks</small></td>",
                fixed(s.mean, 3),
                tasks.len()
            ),
            None => write!(out, "<td class=\"n\">{NONE}</td>"),
        };
    }
    let floor = Spread::of(tasks.iter().map(|task| Some(task.floor()?.1)));
    let floor = floor.map_or(NONE.to_string(), |f| fixed(f.mean, 3));
    let _ = write!(out, "<td class=\"n\">{floor}</td>{dash}</tr>");
    out
}
