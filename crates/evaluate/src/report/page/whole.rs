//! The whole page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::report::data::differences::Difference;
use crate::report::data::plan::ReportPlan;
use crate::report::data::ranks::Ranks;
use crate::report::data::task::TaskResults;
use crate::report::figures::figure::{Figure, Figures};
use crate::report::figures::style::STYLE;
use crate::report::html::{escape, fixed};
use crate::report::page::data_audit::data_audit;
use crate::report::page::differences::differences;
use crate::report::page::findings::findings;
use crate::report::page::methods_text::methods_text;
use crate::report::page::overview::overview;
use crate::report::page::parts::{counted, figures, items};
use crate::report::page::provenance::{inputs, made_by, mixtures};
use crate::report::page::results_table::SHARE_LIMIT;
use crate::report::page::section::{UNFOLDED, section};
use crate::report::page::times::times;

const RULES: &str = include_str!("report.css");
const DEFINITIONS: &str = include_str!("definitions.html");

/// The page as HTML.
pub fn page(
    plan: &ReportPlan,
    tasks: &[TaskResults],
    compared: &[Difference],
    ranks: &[Ranks],
    drawn: &Figures,
) -> String {
    let methods = tasks.iter().flat_map(|t| &t.methods);
    let (done, all) = methods.fold((0, 0), |(done, all), method| {
        (done + method.done().count(), all + method.cells.len())
    });
    let mut out = head(&plan.name, &progress(plan, done, all));
    out.push_str(&altered(plan));
    let mixtures = mixtures(tasks);
    if !mixtures.is_empty() {
        let _ = write!(
            out,
            "<aside class=\"warnings red\" aria-label=\"Mixture\"><h2>Not all cells were made alike</h2>{}</aside>",
            items(&mixtures)
        );
    }
    if !plan.warnings.is_empty() {
        let _ = write!(
            out,
            "<aside class=\"warnings\" aria-label=\"Warnings\"><h2>Read this first</h2>{}</aside>",
            items(&plan.warnings)
        );
    }
    let compared = differences(plan, compared, ranks);
    let few = tasks.len() <= UNFOLDED;
    let (times, audit) = (times(tasks, few), data_audit(tasks, few));
    if tasks.len() > UNFOLDED {
        out.push_str(&contents([
            !drawn.of_run.is_empty(),
            !times.is_empty(),
            !compared.is_empty(),
            !audit.is_empty(),
        ]));
    }
    out.push_str(&findings(tasks));
    if tasks.len() > 1 {
        out.push_str(&overview(plan, tasks));
    }
    out.push_str(&cost(&drawn.of_run));
    out.push_str(&times);
    out.push_str(&compared);
    out.push_str(&audit);
    if tasks.len() > UNFOLDED {
        out.push_str("<span id=\"tasks\"></span>");
    }
    for (task, figures) in tasks.iter().zip(&drawn.of_tasks) {
        out.push_str(&section(task, plan, figures));
        out.push('\n');
    }
    out.push_str(&facts(plan, tasks));
    out.push_str(DEFINITIONS);
    out.push_str(&reproduce(plan));
    out.push_str(tail());
    out
}

/// The beginning of a page, to the first section; `lead` stands below the name.
pub fn head(name: &str, lead: &str) -> String {
    let name = escape(name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{name}: lingo-pipe report</title>\n<style>\n{STYLE}{RULES}</style>\n</head>\n<body>\n<header><p class=\"over\">lingo-pipe report</p><h1>{name}</h1><p class=\"lead\">{lead}</p></header>\n<main>\n"
    )
}

/// The end of a page.
pub fn tail() -> &'static str {
    "</main>\n</body>\n</html>\n"
}

/// What methods reach against what they cost; empty where there are not two of them.
fn cost(drawn: &[Figure]) -> String {
    let mut key: Vec<(usize, String)> = drawn.iter().flat_map(|f| f.key.clone()).collect();
    key.sort();
    key.dedup();
    match drawn.is_empty() {
        true => String::new(),
        false => format!(
            "<section id=\"cost\"><h2>Results against cost</h2>{}</section>\n",
            figures(&key, drawn)
        ),
    }
}

/// What the page has, where it is long.
fn contents([has_cost, has_times, has_differences, has_data]: [bool; 4]) -> String {
    let parts = [
        ("all-tasks", "All tasks", true),
        ("cost", "Results against cost", has_cost),
        ("times", "Run times", has_times),
        ("differences", "Differences", has_differences),
        ("data", "Data audit", has_data),
        ("tasks", "Task by task", true),
        ("how", "How it was run", true),
        ("repeat", "How to repeat it", true),
    ];
    let links = parts.iter().filter(|(.., is_there)| *is_there);
    let links: Vec<String> = links
        .map(|(id, name, _)| format!("<a href=\"#{id}\">{name}</a>"))
        .collect();
    format!("<nav aria-label=\"Contents\">{}</nav>", links.join(" "))
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

fn facts(plan: &ReportPlan, tasks: &[TaskResults]) -> String {
    let mut out = String::from("<section id=\"how\"><h2>How it was run</h2><dl class=\"facts\">");
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
    out.push_str("</dl>");
    out.push_str(&made_by(tasks));
    out.push_str(&inputs(plan));
    out.push_str(&methods_text(&plan.methods_text));
    out.push_str("</section>\n");
    out
}

/// Files that are not as the run left them: what they say stands on this page.
pub fn altered(plan: &ReportPlan) -> String {
    let files: Vec<String> = plan.altered.values().flatten().cloned().collect();
    if files.is_empty() {
        return String::new();
    }
    format!(
        "<aside class=\"warnings red\" aria-label=\"Altered files\"><h2>Not as the run left it</h2><p>{} of {} not what the record of the cell says. Numbers of these cells are not to be believed; their methods are marked. To make them again: <code>{}</code></p>{}</aside>",
        counted(files.len(), "file"),
        match plan.altered.len() {
            1 => "one cell is".to_string(),
            n => format!("{n} cells are"),
        },
        again(plan),
        items(&files)
    )
}

/// The command that makes altered cells again, and no more than their tasks, methods and seeds.
fn again(plan: &ReportPlan) -> String {
    let named = |at: usize| {
        let names = plan.altered.keys();
        let names: BTreeSet<&str> = names.filter_map(|l| l.split('/').nth(at)).collect();
        escape(&Vec::from_iter(names).join(","))
    };
    format!(
        "lingo-pipe run {} --only {} --methods {} --seeds {} --fresh",
        escape(&plan.pipeline),
        named(0),
        named(1),
        named(2).replace("seed-", "")
    )
}

fn reproduce(plan: &ReportPlan) -> String {
    let run = escape(&plan.run.display().to_string());
    let limit = fixed(100.0 * SHARE_LIMIT, 0);
    let tasks: Vec<&str> = plan.tasks.iter().map(|t| t.name.as_str()).collect();
    let (tasks, methods) = (escape(&tasks.join(",")), escape(&plan.methods.join(",")));
    let seeds: Vec<String> = plan.seeds.iter().map(u64::to_string).collect();
    let seeds = seeds.join(",");
    format!(
        "<section id=\"repeat\"><h2>How to repeat it</h2><pre>lingo-pipe run {0} --only {tasks} --methods {methods} --seeds {seeds}\nlingo-pipe verify {run}\nlingo-pipe report {run}</pre><p>The first command does everything again (cells whose inputs have not changed are skipped; <code>--fresh</code> redoes them). The second holds every input, model file and result against the hashes in <code>lingo.lock</code>, which also names the program\u{2019}s version, the resolved parameters and the seeds. The third rebuilds this page. The numbers behind it stand in <code>metrics.csv</code> and <code>metrics.parquet</code>, one row for each cell and split, and in <code>differences.csv</code>, one row for each two methods that were compared. A share of trained parameters of {limit} % or more is flagged; it is counted at the initial rank, with head and new embedding rows.</p></section>\n",
        escape(&plan.pipeline)
    )
}
