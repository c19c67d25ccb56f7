//! The table of a task: method by metric, with the floor and what others published.

use std::fmt::Write as _;

use lingo_artifact::run_folder::CellFolder;

use crate::metrics::numbers::Metrics;
use crate::report::data::cells::Cell;
use crate::report::data::plan::ReportPlan;
use crate::report::data::summary::{MethodSummary, Spread, best_on_dev};
use crate::report::data::task::TaskResults;
use crate::report::html::{NONE, count, duration, escape, fixed, percent};
use crate::report::page::parts::{ALTERED, plain, spread};

/// The share of trained parameters that is flagged.
pub const SHARE_LIMIT: f64 = 0.02;

/// The table as HTML.
pub fn table(task: &TaskResults, plan: &ReportPlan) -> String {
    let secondary: &[(&str, &str, usize)] = match task.metric {
        "mcc" => &[
            ("accuracy", "Accuracy", 3),
            ("f1_macro", "F1, macro", 3),
            ("auroc", "AUROC", 3),
        ],
        _ => &[
            ("spearman", "Spearman", 3),
            ("r2", "R\u{b2}", 3),
            ("mse", "MSE", 4),
        ],
    };
    let mut out = format!(
        "<div class=\"scroll\"><table class=\"main\"><caption><span>Test results, mean \u{b1} standard deviation over the seeds that ran{1}</span></caption><thead><tr><th scope=\"col\">Method</th><th scope=\"col\" class=\"n\">Test {0}</th><th scope=\"col\" class=\"n\">Seeds</th><th scope=\"col\" class=\"n\">Dev {0}</th>",
        task.metric_name(),
        labels_counted(task)
    );
    for (_, name, _) in secondary {
        let _ = write!(out, "<th scope=\"col\" class=\"n\">{name}</th>");
    }
    out.push_str("<th scope=\"col\" class=\"n\">Trained<small>parameters, share</small></th><th scope=\"col\" class=\"n\">Time<small>of training</small></th></tr></thead><tbody>");
    let best = best_on_dev(&task.methods, task.metric).map(|m| m.method);
    for summary in &task.methods {
        method_row(
            task,
            &mut out,
            plan,
            summary,
            secondary,
            best == Some(summary.method),
        );
    }
    for floor in &task.info.floors {
        let _ = write!(
            out,
            "<tr class=\"floor\"><th scope=\"row\">Floor<small>{}</small></th><td class=\"n\">{}</td><td class=\"n\">{NONE}</td><td class=\"n\">{}</td>",
            escape(&floor.name),
            plain(floor.test.get(task.metric), 3),
            plain(floor.dev.get(task.metric), 3)
        );
        for (metric, _, decimals) in secondary {
            let _ = write!(
                out,
                "<td class=\"n\">{}</td>",
                plain(floor.test.get(metric), *decimals)
            );
        }
        let _ = write!(
            out,
            "<td class=\"n\">{}</td><td class=\"n\">{NONE}</td></tr>",
            count(floor.parameters)
        );
    }
    let mut source_above = "";
    for published in &task.info.published {
        // Ten rows of one paper would repeat its reference ten times.
        let source = if published.source == source_above {
            "published, same source".to_string()
        } else {
            format!("published: {}", escape(&published.source))
        };
        source_above = &published.source;
        let _ = write!(
            out,
            "<tr class=\"floor\"><th scope=\"row\">{}<small>{source}</small></th><td class=\"n\">{}</td><td colspan=\"{}\"></td></tr>",
            escape(&published.model),
            fixed(published.mcc, 3),
            secondary.len() + 4
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

/// Of several labels at once: over how many each mean is.
fn labels_counted(task: &TaskResults) -> String {
    let done = task.methods.iter().flat_map(MethodSummary::done);
    let counted = done.filter_map(|cell| match &cell.test {
        Metrics::Classification(m) if !m.labels_defined.is_empty() => Some(m),
        _ => None,
    });
    let Some(first) = counted.into_iter().next() else {
        return String::new();
    };
    let of = |metric: &str| first.labels_defined.get(metric).copied().unwrap_or(0);
    format!(
        "; means over labels: MCC and AUROC over the {} of {} that some test rows have and some have not",
        count(of("auroc")),
        count(first.per_class.len() as u64)
    )
}

fn method_row(
    task: &TaskResults,
    out: &mut String,
    plan: &ReportPlan,
    summary: &MethodSummary,
    secondary: &[(&str, &str, usize)],
    best: bool,
) {
    let holes = summary.holes();
    let is_lost = summary
        .cells
        .iter()
        .any(|c| c.altered && c.metrics.is_none());
    let absent = if is_lost { "not there" } else { "not run" };
    let name = format!(
        "{}{}{}{}",
        escape(summary.method),
        if summary.is_altered() { ALTERED } else { "" },
        if task.is_unlike(summary) {
            " <span class=\"tag warn\">other settings</span>"
        } else {
            ""
        },
        if best {
            " <span class=\"tag\">best on dev</span>"
        } else {
            ""
        }
    );
    if holes.len() == summary.cells.len() {
        let _ = write!(
            out,
            "<tr class=\"hole\"><th scope=\"row\">{name}</th><td colspan=\"{}\">{absent}; {}</td></tr>",
            secondary.len() + 5,
            fill(task, plan, summary.method, &holes)
        );
        return;
    }
    let cell =
        |value: Option<Spread>, decimals| value.map_or(NONE.to_string(), |s| spread(&s, decimals));
    let _ = write!(
        out,
        "<tr{}><th scope=\"row\">{name}</th><td class=\"n key\">{}</td><td class=\"n\">{} of {}</td><td class=\"n\">{}</td>",
        if best { " class=\"best\"" } else { "" },
        cell(summary.test(task.metric), 3),
        summary.cells.len() - holes.len(),
        summary.cells.len(),
        cell(summary.dev(task.metric), 3)
    );
    for (metric, _, decimals) in secondary {
        let _ = write!(
            out,
            "<td class=\"n\">{}</td>",
            cell(summary.test(metric), *decimals)
        );
    }
    let trained = summary.over_seeds(|c| c.trained().map(|n| n as f64));
    let share = summary.over_seeds(Cell::share);
    let seconds = summary.over_seeds(|c| c.training.as_ref().map(|t| t.seconds));
    let _ = write!(
        out,
        "<td class=\"n\">{}{}</td><td class=\"n\">{}</td></tr>",
        trained.map_or(NONE.to_string(), |s| count(s.mean.round() as u64)),
        share.map_or(String::new(), |s| {
            let flag = if s.mean >= SHARE_LIMIT {
                " <span class=\"tag warn\" title=\"the method's promise is under 2 %\">\u{2265} 2 %</span>"
            } else {
                ""
            };
            format!("<small>{}{flag}</small>", percent(s.mean))
        }),
        seconds.map_or(NONE.to_string(), |s| duration(s.mean))
    );
    if !holes.is_empty() {
        let _ = write!(
            out,
            "<tr class=\"hole\"><td colspan=\"{}\">{}: {} {absent}; {}</td></tr>",
            secondary.len() + 6,
            escape(summary.method),
            list("seed", &holes),
            fill(task, plan, summary.method, &holes)
        );
    }
}

/// The command that fills a hole.
fn fill(task: &TaskResults, plan: &ReportPlan, method: &str, seeds: &[u64]) -> String {
    if let Some(why) = &task.info.missing {
        return escape(why);
    }
    let labels = seeds
        .iter()
        .map(|seed| CellFolder::label(&task.info.name, method, *seed));
    let labels: Vec<String> = labels.collect();
    let mut failures: Vec<&String> = labels.iter().filter_map(|l| plan.failures.get(l)).collect();
    failures.sort();
    failures.dedup();
    let failed: String = failures
        .iter()
        .map(|why| format!("failed: {}; ", escape(why)))
        .collect();
    let altered = labels.iter().filter_map(|label| plan.altered.get(label));
    let altered: Vec<&String> = altered.flatten().collect();
    let told: String = altered.iter().map(|why| escape(why) + "; ").collect();
    let fresh = if altered.is_empty() { "" } else { " --fresh" };
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    format!(
        "{failed}{told}to fill: <code>lingo-pipe run {} --only {} --methods {} --seeds {}{fresh}</code>",
        escape(&plan.pipeline),
        escape(&task.info.name),
        escape(method),
        seeds.join(",")
    )
}

/// "seed 3", "seeds 1, 2".
fn list(noun: &str, numbers: &[u64]) -> String {
    let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let plural = if texts.len() == 1 { "" } else { "s" };
    format!("{noun}{plural} {}", texts.join(", "))
}
