//! The whole page.

use std::fmt::Write as _;

use super::cells::Cell;
use super::html::{NONE, escape, fixed};
use super::plan::ReportPlan;
use super::results_table::SHARE_LIMIT;
use super::summary::{Spread, best_on_dev};
use super::task::{TaskReport, items, spread};

const STYLE: &str = include_str!("report.css");
const DEFINITIONS: &str = include_str!("definitions.html");

/// The page as HTML.
pub fn page(plan: &ReportPlan, cells: &[Cell]) -> String {
    let tasks: Vec<TaskReport> = plan
        .tasks
        .iter()
        .enumerate()
        .map(|(number, info)| TaskReport::new(plan, info, cells, number))
        .collect();
    let done = cells.iter().filter(|c| c.metrics.is_some()).count();
    let name = escape(&plan.name);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{name}: lingo-pipe report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header><p class=\"over\">lingo-pipe report</p><h1>{name}</h1><p class=\"lead\">{}</p></header>\n<main>\n",
        progress(plan, done, cells.len())
    );
    if !plan.warnings.is_empty() {
        let _ = write!(
            out,
            "<aside class=\"warnings\" aria-label=\"Warnings\"><h2>Read this first</h2>{}</aside>",
            items(&plan.warnings)
        );
    }
    out.push_str(&findings(&tasks));
    if tasks.len() > 1 {
        out.push_str(&overview(plan, &tasks));
    }
    for task in &tasks {
        out.push_str(&task.section(plan));
        out.push('\n');
    }
    out.push_str(&facts(plan));
    out.push_str(DEFINITIONS);
    out.push_str(&reproduce(plan));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn progress(plan: &ReportPlan, done: usize, all: usize) -> String {
    let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    let matrix = format!(
        "{} \u{d7} {} \u{d7} {}",
        count(plan.tasks.len(), "task"),
        count(plan.methods.len(), "method"),
        count(plan.seeds.len(), "seed")
    );
    if done == all {
        format!("{matrix}: all {} finished.", count(all, "cell"))
    } else {
        format!(
            "{matrix}: {done} of {} finished. The holes are marked below.",
            count(all, "cell")
        )
    }
}

/// One sentence a task.
fn findings(tasks: &[TaskReport]) -> String {
    let mut out = String::from("<section><h2>Findings</h2><ul class=\"findings\">");
    for task in tasks {
        let _ = write!(
            out,
            "<li><a href=\"#{}\">{}</a>: {}</li>",
            task.id,
            escape(&task.info.name),
            task.headline()
        );
    }
    for (name, folds) in cross_validated(tasks) {
        let _ = write!(out, "<li>{}</li>", over_folds(name, &folds));
    }
    out.push_str("</ul></section>\n");
    out
}

/// The cross-validated tasks, each with its folds.
fn cross_validated<'t, 'a>(tasks: &'t [TaskReport<'a>]) -> Vec<(&'t str, Vec<&'t TaskReport<'a>>)> {
    let mut all: Vec<(&str, Vec<&TaskReport>)> = Vec::new();
    for task in tasks {
        let Some(name) = task.info.fold_of.as_deref() else {
            continue;
        };
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, folds)) => folds.push(task),
            None => all.push((name, vec![task])),
        }
    }
    all
}

/// A method's test metric over the folds; of each fold the mean over its seeds.
fn fold_spread(folds: &[&TaskReport], method: usize) -> Option<Spread> {
    Spread::of(folds.iter().map(|fold| {
        let summary = fold.methods.get(method)?;
        Some(summary.test(fold.metric)?.mean)
    }))
}

/// The best method over the folds on dev, and its test result, in one sentence.
fn over_folds(name: &str, folds: &[&TaskReport]) -> String {
    let Some(first) = folds.first() else {
        return String::new();
    };
    let dev = |method: usize| {
        Spread::of(folds.iter().map(|fold| {
            let summary = fold.methods.get(method)?;
            Some(summary.dev(fold.metric)?.mean)
        }))
    };
    let best = (0..first.methods.len())
        .filter_map(|method| Some((method, dev(method)?.mean)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    let told = best.and_then(|(method, _)| {
        let test = fold_spread(folds, method)?;
        Some(format!(
            "<strong>{}</strong>{} reaches a test {} of <strong>{}</strong> over {} of {} folds.",
            escape(first.methods[method].method),
            if first.methods.len() > 1 {
                ", the best on dev,"
            } else {
                ""
            },
            first.metric_name(),
            spread(&test, 3),
            test.n,
            folds.len()
        ))
    });
    format!(
        "Cross-validation of {}: {}",
        escape(name),
        told.unwrap_or_else(|| "no fold has finished yet.".into())
    )
}

/// Task by method, the test mean of each.
fn overview(plan: &ReportPlan, tasks: &[TaskReport]) -> String {
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
        let floor = task.floor().map_or(NONE.to_string(), |f| fixed(f, 3));
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
        let floor = Spread::of(folds.iter().map(|fold| fold.floor()));
        let floor = floor.map_or(NONE.to_string(), |f| fixed(f.mean, 3));
        let _ = write!(out, "<td class=\"n\">{floor}</td></tr>");
    }
    out.push_str("</tbody></table></div></section>\n");
    out
}

fn facts(plan: &ReportPlan) -> String {
    let mut out = String::from("<section><h2>How it was run</h2><dl class=\"facts\">");
    let seeds: Vec<String> = plan.seeds.iter().map(u64::to_string).collect();
    let known = [
        ("Pipeline file", plan.pipeline.clone()),
        ("Seeds", seeds.join(", ")),
    ];
    let rows = known
        .iter()
        .map(|(k, v)| (*k, v))
        .chain(plan.facts.iter().map(|(k, v)| (k.as_str(), v)));
    for (name, value) in rows {
        let _ = write!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            escape(name),
            escape(value)
        );
    }
    out.push_str("</dl></section>\n");
    out
}

fn reproduce(plan: &ReportPlan) -> String {
    let run = escape(&plan.run.display().to_string());
    let limit = fixed(100.0 * SHARE_LIMIT, 0);
    let tasks: Vec<&str> = plan.tasks.iter().map(|t| t.name.as_str()).collect();
    let (tasks, methods) = (escape(&tasks.join(",")), escape(&plan.methods.join(",")));
    let seeds: Vec<String> = plan.seeds.iter().map(u64::to_string).collect();
    let seeds = seeds.join(",");
    format!(
        "<section><h2>How to repeat it</h2><pre>lingo-pipe run {0} --only {tasks} --methods {methods} --seeds {seeds}\nlingo-pipe verify {run}\nlingo-pipe report {run}</pre><p>The first command does everything again (cells whose inputs have not changed are skipped; <code>--fresh</code> redoes them). The second holds every input, model file and result against the hashes in <code>lingo.lock</code>, which also names the program\u{2019}s version, the resolved parameters and the seeds. The third rebuilds this page. The numbers behind it stand in <code>metrics.csv</code> and <code>metrics.parquet</code>, one row for each cell and split. A share of trained parameters of {limit} % or more is flagged; it is counted at the initial rank, with head and new embedding rows.</p></section>\n",
        escape(&plan.pipeline)
    )
}
