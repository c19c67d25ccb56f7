//! What is taken for what: the confusion matrix of the best method, the classes in rows and what was predicted in columns.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::metrics::numbers::{Classification, Metrics};
use crate::report::data::summary::{MethodSummary, best_on_dev};
use crate::report::data::task::TaskResults;
use crate::report::figures::figure::{Figure, Shown};
use crate::report::figures::grid::{Cell, Grid, cut};
use crate::report::figures::style::colour;
use crate::report::figures::tsv::{Tsv, number};
use crate::report::html::{count, escape, fixed};

/// Up to so many classes the matrix is drawn; of more the largest confusions are listed.
const DRAWN: usize = 12;
/// How many confusions are listed.
const LISTED: usize = 15;

/// The matrix of the method that is best on dev, summed over its seeds; nothing where several labels or values are predicted.
pub fn confusion(task: &TaskResults) -> Option<Figure> {
    let best = best_on_dev(&task.methods, task.metric)?;
    let (counts, seeds) = summed(best)?;
    let first = classifications(best).next()?;
    let names: Vec<String> = first.per_class.iter().map(|c| c.name.clone()).collect();
    if names.len() != counts.len() {
        return None;
    }
    let rows: Vec<u64> = counts.iter().map(|row| row.iter().sum()).collect();
    let share = |t: usize, p: usize| (rows[t] > 0).then(|| counts[t][p] as f64 / rows[t] as f64);
    let mut data = Tsv::new(&["truth", "predicted", "rows", "share_of_truth"]);
    for (t, truth) in names.iter().enumerate() {
        for (p, predicted) in names.iter().enumerate() {
            let n = counts[t][p].to_string();
            data.row(&[truth.clone(), predicted.clone(), n, number(share(t, p))]);
        }
    }
    let tested = match seeds {
        1 => "the test rows of one seed".to_string(),
        n => format!("the test rows of {n} seeds together"),
    };
    let method = escape(best.method);
    let (shown, caption) = match names.len() > DRAWN {
        false => (
            draw(task, best, &names, &counts),
            format!(
                "Of each class (a row) the percentage that was predicted as each class (a column), and below it the count; {method}, {tested}."
            ),
        ),
        true => (
            Shown::Table(list(&names, &counts)),
            format!(
                "The most frequent confusions of {} classes, and of how many rows of the class; {method}, {tested}. All of them stand in the data.",
                names.len()
            ),
        ),
    };
    Some(Figure {
        name: format!("{}.confusion", task.info.name),
        title: format!("Truth and prediction: {}", best.method),
        shown,
        caption,
        key: Vec::new(),
        data,
    })
}

/// The test metrics of the finished cells.
fn classifications<'s>(summary: &'s MethodSummary) -> impl Iterator<Item = &'s Classification> {
    summary.done().filter_map(|cell| match &cell.test {
        Metrics::Classification(m) => Some(m),
        Metrics::Regression(_) => None,
    })
}

/// The counts of all seeds that have as many classes, and how many seeds that are.
fn summed(summary: &MethodSummary) -> Option<(Vec<Vec<u64>>, usize)> {
    let mut seeds = 0;
    let mut sum: Vec<Vec<u64>> = Vec::new();
    for metrics in classifications(summary) {
        let counts = &metrics.confusion_matrix;
        let classes = counts.len();
        if classes == 0 || counts.iter().any(|row| row.len() != classes) {
            continue;
        }
        if sum.is_empty() {
            sum = vec![vec![0; classes]; classes];
        }
        if sum.len() == classes {
            seeds += 1;
            let cells = sum.iter_mut().flatten().zip(counts.iter().flatten());
            cells.for_each(|(sum, n)| *sum += n);
        }
    }
    (seeds > 0).then_some((sum, seeds))
}

fn draw(task: &TaskResults, best: &MethodSummary, names: &[String], counts: &[Vec<u64>]) -> Shown {
    let mut said = Vec::new();
    let cells = counts.iter().enumerate().map(|(t, row)| {
        let all: u64 = row.iter().sum();
        let cells = row.iter().enumerate().map(|(p, n)| {
            said.push(format!("{} as {}: {}", names[t], names[p], count(*n)));
            Some(Cell {
                shade: *n as f64 / all.max(1) as f64,
                text: match all {
                    0 => "\u{2013}".into(),
                    all => format!("{} %", (100.0 * *n as f64 / all as f64).round()),
                },
                below: count(*n),
            })
        });
        cells.collect()
    });
    let cells: Vec<Vec<Option<Cell>>> = cells.collect();
    let short = shortened(names);
    let longest = short.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    // A letter is about 7 units wide.
    let left = (16.0 + 7.0 * longest as f64).max(50.0);
    let width = ((430.0 - left) / names.len() as f64).clamp(46.0, 90.0);
    let grid = Grid {
        id: &format!("{}-confusion", task.id),
        title: &format!("Truth and prediction: {}", best.method),
        description: &format!("{}.", said.join("; ")),
        corner: "truth",
        rows: &short,
        columns: &short,
        colour: &colour(best.style),
        left,
        cell: [width, 34.0],
        cells,
    };
    let svg = grid.svg(460.0);
    // Names that reach out a little make the drawing a little smaller.
    match grid.width() > 500.0 {
        true => Shown::Wide(svg),
        false => Shown::Drawing(svg),
    }
}

/// The names of the classes, short; by number where they would look the same.
fn shortened(names: &[String]) -> Vec<String> {
    let short: Vec<String> = names.iter().map(|name| cut(name, 15)).collect();
    let distinct: BTreeSet<&String> = short.iter().collect();
    match distinct.len() == short.len() {
        true => short,
        false => names
            .iter()
            .enumerate()
            .map(|(i, name)| cut(&format!("{}: {name}", i + 1), 15))
            .collect(),
    }
}

/// The largest counts beside the diagonal.
fn list(names: &[String], counts: &[Vec<u64>]) -> String {
    let mut confusions: Vec<(usize, usize, u64)> = Vec::new();
    for (t, row) in counts.iter().enumerate() {
        let wrong = row.iter().enumerate().filter(|(p, n)| *p != t && **n > 0);
        confusions.extend(wrong.map(|(p, n)| (t, p, *n)));
    }
    confusions.sort_by_key(|&(_, _, n)| std::cmp::Reverse(n));
    let mut out = String::from(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Truth</th><th scope=\"col\">Predicted</th><th scope=\"col\" class=\"n\">Rows</th></tr></thead><tbody>",
    );
    for (t, p, n) in confusions.iter().take(LISTED) {
        let all: u64 = counts[*t].iter().sum();
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{} of {}<small>{} %</small></td></tr>",
            escape(&names[*t]),
            escape(&names[*p]),
            count(*n),
            count(all),
            fixed(100.0 * *n as f64 / all as f64, 1)
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_cut_stay_distinct() {
        let names = |names: [&str; 2]| names.map(String::from).to_vec();
        assert_eq!(
            shortened(&names(["donor", "acceptor"])),
            ["donor", "acceptor"]
        );
        assert_eq!(
            shortened(&names(["transcription factor 1", "transcription factor 2"])),
            ["1: transcripti\u{2026}", "2: transcripti\u{2026}"]
        );
    }
}
