//! What came out, one sentence a task.

use std::fmt::Write as _;

use crate::report::data::folds::{cross_validated, fold_spread};
use crate::report::data::summary::{Spread, best_on_dev};
use crate::report::data::task::TaskResults;
use crate::report::html::escape;
use crate::report::page::headline::headline;
use crate::report::page::parts::spread;
use crate::report::page::section::UNFOLDED;

/// One sentence a task, and one for each cross-validated task.
pub fn findings(tasks: &[TaskResults]) -> String {
    let mut out = String::from("<section><h2>Findings</h2><ul class=\"findings\">");
    // Of many tasks each result stands on its folded section.
    if tasks.len() > UNFOLDED {
        let _ = write!(out, "<li>{}</li>", best_in_how_many(tasks));
    }
    for task in tasks.iter().filter(|_| tasks.len() <= UNFOLDED) {
        let _ = write!(
            out,
            "<li><a href=\"#{}\">{}</a>: {}</li>",
            task.id,
            escape(&task.info.name),
            headline(task)
        );
    }
    for (name, folds) in cross_validated(tasks) {
        let _ = write!(out, "<li>{}</li>", over_folds(name, &folds));
    }
    out.push_str("</ul></section>\n");
    out
}

/// In how many tasks each method is the best on dev, in one sentence.
fn best_in_how_many(tasks: &[TaskResults]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for task in tasks {
        let Some(best) = best_on_dev(&task.methods, task.metric) else {
            continue;
        };
        match counts.iter_mut().find(|(method, _)| *method == best.method) {
            Some((_, count)) => *count += 1,
            None => counts.push((best.method, 1)),
        }
    }
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let finished: usize = counts.iter().map(|(_, count)| count).sum();
    let counts: Vec<String> = counts
        .iter()
        .map(|(method, count)| format!("<strong>{}</strong> in {count}", escape(method)))
        .collect();
    match counts.is_empty() {
        true => "No cell has finished yet.".into(),
        false => format!(
            "Of {finished} tasks, the best on dev is {}.",
            counts.join(", ")
        ),
    }
}

/// The best method over the folds on dev, and its test result, in one sentence.
fn over_folds(name: &str, folds: &[&TaskResults]) -> String {
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
