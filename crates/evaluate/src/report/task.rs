//! One task: its headline, table, figures, seeds and data.

use std::fmt::Write as _;

use super::cells::Cell;
use super::html::{NONE, count, duration, escape, fixed};
use super::plan::{ReportPlan, TaskInfo};
use super::summary::{MethodSummary, Spread, best_on_dev, judged_by};
use super::{audit, figures, results_table};
use crate::metrics::Metrics;

/// A task with its cells.
pub struct TaskReport<'a> {
    /// What the task is.
    pub info: &'a TaskInfo,
    /// Its methods.
    pub methods: Vec<MethodSummary<'a>>,
    /// The metric that it is judged by.
    pub metric: &'static str,
    /// Its anchor on the page.
    pub id: String,
}

impl<'a> TaskReport<'a> {
    /// The `number`-th task.
    pub fn new(plan: &'a ReportPlan, info: &'a TaskInfo, cells: &'a [Cell], number: usize) -> Self {
        let methods = MethodSummary::of_task(&plan.methods, cells, &info.name);
        Self {
            info,
            metric: judged_by(&methods),
            methods,
            id: format!("task-{}", number + 1),
        }
    }

    /// The metric's name as people write it.
    pub fn metric_name(&self) -> &'static str {
        match self.metric {
            "mcc" => "MCC",
            _ => "Pearson's r",
        }
    }

    /// The floor's test value.
    pub fn floor(&self) -> Option<f64> {
        self.info.floor.as_ref()?.test.get(self.metric)
    }

    /// The best method on dev and its test result, in one sentence.
    pub fn headline(&self) -> String {
        let Some(best) = best_on_dev(&self.methods, self.metric) else {
            return match &self.info.missing {
                Some(why) => format!("Not run: {}.", escape(why)),
                None => "No cell has finished yet.".to_string(),
            };
        };
        let Some(test) = best.test(self.metric) else {
            return "No test rows were scored.".to_string();
        };
        let among = self
            .methods
            .iter()
            .filter(|m| m.dev(self.metric).is_some())
            .count();
        let chosen = if among > 1 { "the best on dev, " } else { "" };
        let floor = self.floor().map_or(String::new(), |floor| {
            format!("; dinucleotide counts alone reach {}", fixed(floor, 3))
        });
        format!(
            "<strong>{}</strong>, {chosen}reaches a test {} of <strong>{}</strong>{}{floor}.",
            escape(best.method),
            self.metric_name(),
            spread(&test, 3),
            match test.n {
                1 => " with one seed".to_string(),
                n => format!(" over {n} seeds"),
            }
        )
    }

    /// The whole section.
    pub fn section(&self, plan: &ReportPlan) -> String {
        let mut out = format!(
            "<section id=\"{}\"><h2>{}</h2>",
            self.id,
            escape(&self.info.name)
        );
        if !self.info.description.is_empty() {
            let _ = write!(
                out,
                "<p class=\"lead\">{}</p>",
                escape(&self.info.description)
            );
        }
        let _ = write!(out, "<p>{}</p>", self.headline());
        // A table of nothing but holes that no command can fill says no more than the sentence above.
        if self.info.missing.is_none() || self.methods.iter().any(|m| m.done().next().is_some()) {
            out.push_str(&results_table::table(self, plan));
        }
        out.push_str(&figures::of_task(self));
        out.push_str(&self.seeds());
        out.push_str(&self.data());
        out.push_str("</section>");
        out
    }

    fn seeds(&self) -> String {
        let mut rows = String::new();
        for summary in &self.methods {
            for cell in &summary.cells {
                let Some(metrics) = &cell.metrics else {
                    continue;
                };
                let interval = metrics.intervals.test.get(self.metric).copied().flatten();
                let _ = write!(
                    rows,
                    "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                    escape(summary.method),
                    cell.seed,
                    plain(metrics.test.get(self.metric), 3),
                    interval.map_or(NONE.to_string(), |[l, h]| format!(
                        "{} to {}",
                        fixed(l, 3),
                        fixed(h, 3)
                    )),
                    plain(metrics.dev.get(self.metric), 3),
                    kept_of(cell),
                    cell.training.seconds.map_or(NONE.to_string(), duration),
                    confusion(&metrics.test)
                );
            }
        }
        let first = self.methods.iter().flat_map(MethodSummary::done).next();
        let Some(first) = first else {
            return String::new();
        };
        let confidence = format!("{} %", (1e6 * first.intervals.confidence).round() / 1e4);
        format!(
            "<details><summary>Every seed</summary><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Method</th><th scope=\"col\" class=\"n\">Seed</th><th scope=\"col\" class=\"n\">Test {0}</th><th scope=\"col\" class=\"n\">Interval<small>{1} bootstrap</small></th><th scope=\"col\" class=\"n\">Dev {0}</th><th scope=\"col\" class=\"n\">Step kept<small>of all</small></th><th scope=\"col\" class=\"n\">Time</th><th scope=\"col\">Right of each class<small>test rows</small></th></tr></thead><tbody>{rows}</tbody></table></div></details>",
            self.metric_name(),
            confidence
        )
    }

    fn data(&self) -> String {
        if self.info.counts == [0; 3] {
            return String::new();
        }
        let [train, dev, test] = self.info.counts.map(count);
        let warnings = audit::warnings(&self.info.audit);
        let note = match warnings.len() {
            0 => String::new(),
            n => format!(
                " <span class=\"tag warn\">{n} {}</span>",
                if n == 1 { "warning" } else { "warnings" }
            ),
        };
        let mut out = format!(
            "<details><summary>The data: {train} train, {dev} dev, {test} test rows{note}</summary>"
        );
        out.push_str(&items(&warnings));
        out.push_str(&audit::table(&self.info.audit));
        out.push_str("</details>");
        out
    }
}

/// Sentences as a list; nothing for none.
pub fn items(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let items: String = lines
        .iter()
        .map(|l| format!("<li>{}</li>", escape(l)))
        .collect();
    format!("<ul>{items}</ul>")
}

/// Mean and deviation.
pub fn spread(spread: &Spread, decimals: usize) -> String {
    let mean = fixed(spread.mean, decimals);
    match spread.deviation {
        Some(deviation) => format!(
            "{mean}<span class=\"sd\"> \u{b1} {}</span>",
            fixed(deviation, decimals)
        ),
        None => mean,
    }
}

/// A number, or the sign for none.
pub fn plain(value: Option<f64>, decimals: usize) -> String {
    value.map_or(NONE.to_string(), |v| fixed(v, decimals))
}

fn kept_of(cell: &Cell) -> String {
    match (cell.training.best_step, cell.training.steps) {
        (Some(best), Some(steps)) => format!("{} of {}", count(best), count(steps)),
        (None, Some(steps)) => count(steps),
        _ => NONE.to_string(),
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
