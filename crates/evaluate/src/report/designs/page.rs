//! The page of a run of designs.

use std::fmt::Write as _;

use super::cell::Cell;
use super::table;
use super::task::{Designs, OfMethod};
use crate::report::data::plan::ReportPlan;
use crate::report::figures::figure::Figure;
use crate::report::html::{NONE, escape, fixed};
use crate::report::page::parts::{counted, items};
use crate::report::page::provenance::inputs;
use crate::report::page::whole::{altered, head, tail};

/// Designs of a method that stand on the page.
const SHOWN: usize = 10;

/// The page as HTML; of the figures of each task so many belong to each method.
pub fn page(
    plan: &ReportPlan,
    tasks: &[Designs],
    (drawn, counts): (&[Vec<Figure>], &[Vec<usize>]),
) -> String {
    let methods = tasks.iter().flat_map(|task| &task.methods);
    let (done, all) = methods.fold((0, 0), |(done, all), method| {
        let cells = method.cells.len();
        (done + cells, all + cells + method.holes.len())
    });
    let matrix = format!(
        "{} \u{d7} {} \u{d7} {}",
        counted(plan.tasks.len(), "task"),
        counted(plan.methods.len(), "method"),
        counted(plan.seeds.len(), "seed")
    );
    let lead = match done == all {
        true => format!(
            "Designed sequences. {matrix}: all {} finished.",
            counted(all, "cell")
        ),
        false => format!(
            "Designed sequences. {matrix}: {done} of {} finished. The holes are marked below.",
            counted(all, "cell")
        ),
    };
    let mut out = head(&plan.name, &lead);
    out.push_str(&altered(plan));
    if !plan.warnings.is_empty() {
        let _ = write!(
            out,
            "<aside class=\"warnings\" aria-label=\"Warnings\"><h2>Read this first</h2>{}</aside>",
            items(&plan.warnings)
        );
    }
    for (task, (drawn, counts)) in tasks.iter().zip(drawn.iter().zip(counts)) {
        out.push_str(&section(task, drawn, counts));
    }
    out.push_str(&how(plan));
    out.push_str(READING);
    out.push_str(&repeat(plan));
    out.push_str(tail());
    out
}

/// How the numbers are to be read.
const READING: &str = "<section id=\"reading\"><h2>How to read the numbers</h2><dl class=\"facts\"><div><dt>Measured</dt><dd>The score of a design in the whole table of the task, which is scaled to 0 to 1; only where methods see a part of the table. On a small landscape the best of many random sequences is good: look at the median, and at the row <em>random</em>.</dd></div><div><dt>Predicted</dt><dd>What the method\u{2019}s own proxy says, in the unit of the table. Proxies differ from method to method, are linear in their features, and predict without limit.</dd></div><div><dt>Uncertain</dt><dd>The standard deviation between five linear heads on the same features, each trained on other rows.</dd></div><div><dt>Distance</dt><dd>Bases that differ from the nearest known sequence, on the nearer strand. A design far from all that is known is a guess.</dd></div><div><dt>Distinct</dt><dd>Designs, where a sequence and its reverse complement count as one.</dd></div></dl></section>\n";

fn section(task: &Designs, drawn: &[Figure], counts: &[usize]) -> String {
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
    out.push_str(&table::html(task));
    let of_methods: usize = counts.iter().sum();
    let (shared, mut rest) = drawn.split_at(drawn.len() - of_methods);
    out.push_str(&shown(shared));
    for (method, &count) in task.methods.iter().zip(counts) {
        let (own, behind) = rest.split_at(count);
        rest = behind;
        out.push_str(&of_method(method, own));
    }
    out.push_str("</section>\n");
    out
}

fn shown(drawn: &[Figure]) -> String {
    if drawn.is_empty() {
        return String::new();
    }
    let folder = lingo_artifact::run_folder::RunFolder::FIGURES;
    let html: String = drawn.iter().map(|figure| figure.html(folder)).collect();
    format!("<div class=\"figures\">{html}</div>")
}

fn of_method(method: &OfMethod, drawn: &[Figure]) -> String {
    let Some(cell) = method.cells.first() else {
        return String::new();
    };
    let median = method.over(|cell| cell.of_all("median"));
    let told = median.map_or_else(String::new, |s| format!(": median {}", fixed(s.mean, 3)));
    format!(
        "<details><summary>{}{told}</summary>{}{}</details>",
        escape(method.method),
        shown(drawn),
        best(cell)
    )
}

/// A score in the unit of the table, which may be small.
fn score(value: f64) -> String {
    match value.abs() {
        small if small > 0.0 && small < 0.001 => format!("{value:.2e}"),
        _ => fixed(value, 3),
    }
}

/// The first designs.
fn best(cell: &Cell) -> String {
    let mut out = format!(
        "<div class=\"scroll\"><table><caption><span>The first {} of {}, seed {}; all are in designs.tsv and designs.fasta.</span></caption><thead><tr><th scope=\"col\">Design</th><th scope=\"col\" class=\"n\">Predicted</th><th scope=\"col\" class=\"n\">Uncertain</th><th scope=\"col\" class=\"n\">Measured</th><th scope=\"col\" class=\"n\">Distance</th><th scope=\"col\">Nearest known</th><th scope=\"col\" class=\"n\">Its score</th></tr></thead><tbody>",
        cell.designs.len().min(SHOWN),
        cell.designs.len(),
        cell.seed
    );
    for design in cell.designs.iter().take(SHOWN) {
        let _ = write!(
            out,
            "<tr><td class=\"path\"><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"path\"><code>{}</code></td><td class=\"n\">{}</td></tr>",
            escape(&design.sequence),
            score(design.predicted),
            score(design.spread),
            design.measured.map_or(NONE.to_string(), |m| fixed(m, 3)),
            fixed(design.distance, 0),
            escape(&design.nearest),
            score(design.nearest_score)
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

fn how(plan: &ReportPlan) -> String {
    let mut out = String::from("<section id=\"how\"><h2>How it was run</h2><dl class=\"facts\">");
    let seeds: Vec<String> = plan.seeds.iter().map(u64::to_string).collect();
    let known = [
        ("Design file", plan.pipeline.clone()),
        ("Seeds", seeds.join(", ")),
    ];
    let facts = plan.facts.iter().map(|(k, v)| (k.as_str(), v));
    for (name, value) in known.iter().map(|(k, v)| (*k, v)).chain(facts) {
        let _ = write!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            escape(name),
            escape(value)
        );
    }
    out.push_str("</dl>");
    out.push_str(&inputs(plan));
    out.push_str("</section>\n");
    out
}

fn repeat(plan: &ReportPlan) -> String {
    let run = escape(&plan.run.display().to_string());
    format!(
        "<section id=\"repeat\"><h2>How to repeat it</h2><pre>lingo-pipe run {}\nlingo-pipe verify {run}\nlingo-pipe report {run}</pre><p>The first command does everything again (finished cells are skipped; <code>--fresh</code> redoes them). The second holds every input, model file and result against the hashes in <code>lingo.lock</code>. The third rebuilds this page. The numbers behind it stand in <code>metrics.csv</code>, one row for each cell.</p></section>\n",
        escape(&plan.pipeline)
    )
}
