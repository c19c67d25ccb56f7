//! What came out, one sentence a task.

use std::fmt::Write as _;

use crate::report::data::folds::{cross_validated, fold_spread};
use crate::report::data::summary::Spread;
use crate::report::data::task::TaskResults;
use crate::report::html::escape;
use crate::report::page::headline::headline;
use crate::report::page::parts::spread;

/// One sentence a task, and one for each cross-validated task.
pub fn findings(tasks: &[TaskResults]) -> String {
    let mut out = String::from("<section><h2>Findings</h2><ul class=\"findings\">");
    for task in tasks {
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
