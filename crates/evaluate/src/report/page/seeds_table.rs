//! Every finished cell of a task, one row a seed.

use std::fmt::Write as _;

use crate::metrics::numbers::Metrics;
use crate::report::data::cells::Cell;
use crate::report::data::summary::MethodSummary;
use crate::report::data::task::TaskResults;
use crate::report::html::{NONE, count, duration, escape, fixed};
use crate::report::page::parts::{ALTERED, plain};

/// The table, folded in; empty while no cell is finished.
pub fn table(task: &TaskResults) -> String {
    let mut rows = String::new();
    for summary in &task.methods {
        for cell in &summary.cells {
            let Some(metrics) = &cell.metrics else {
                continue;
            };
            let interval = metrics.intervals.test.get(task.metric).copied().flatten();
            let _ = write!(
                rows,
                "<tr><th scope=\"row\">{}{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                escape(summary.method),
                if cell.altered { ALTERED } else { "" },
                cell.seed,
                plain(metrics.test.get(task.metric), 3),
                interval.map_or(NONE.to_string(), |[l, h]| format!(
                    "{} to {}",
                    fixed(l, 3),
                    fixed(h, 3)
                )),
                plain(metrics.dev.get(task.metric), 3),
                kept_of(cell),
                cell.training
                    .as_ref()
                    .map(|t| t.seconds)
                    .map_or(NONE.to_string(), duration),
                confusion(&metrics.test)
            );
        }
    }
    let first = task.methods.iter().flat_map(MethodSummary::done).next();
    let Some(first) = first else {
        return String::new();
    };
    let confidence = format!("{} %", (1e6 * first.intervals.confidence).round() / 1e4);
    format!(
        "<details><summary>Every seed</summary><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Method</th><th scope=\"col\" class=\"n\">Seed</th><th scope=\"col\" class=\"n\">Test {0}</th><th scope=\"col\" class=\"n\">Interval<small>{1} bootstrap</small></th><th scope=\"col\" class=\"n\">Dev {0}</th><th scope=\"col\" class=\"n\">Step kept<small>of all</small></th><th scope=\"col\" class=\"n\">Time</th><th scope=\"col\">Right of each class<small>test rows</small></th></tr></thead><tbody>{rows}</tbody></table></div></details>",
        task.metric_name(),
        confidence
    )
}

fn kept_of(cell: &Cell) -> String {
    match &cell.training {
        Some(t) => format!("{} of {}", count(t.best_step), count(t.steps)),
        None => NONE.to_string(),
    }
}

fn confusion(metrics: &Metrics) -> String {
    let Metrics::Classification(m) = metrics else {
        return NONE.to_string();
    };
    // Of many classes the list would be longer than the table.
    let shown = m.per_class.iter().take(4).map(|c| {
        format!(
            "{}: {} of {}",
            escape(&c.name),
            count(c.true_positives),
            count(c.true_positives + c.false_negatives)
        )
    });
    let more = if m.per_class.len() > 4 {
        ", \u{2026}"
    } else {
        ""
    };
    shown.collect::<Vec<_>>().join(", ") + more
}
