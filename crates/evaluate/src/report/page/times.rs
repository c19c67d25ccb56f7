//! How long the trainings took, how fast they were, and how much memory they held: a row a method.

use std::fmt::Write as _;

use crate::report::data::cells::Cell;
use crate::report::data::task::TaskResults;
use crate::report::html::{NONE, count, duration, escape, fixed};
use crate::report::page::parts::{counted, folded};

/// The section; empty where no cell says its time. `few` tasks stand unfolded.
pub fn times(tasks: &[TaskResults], few: bool) -> String {
    let methods = tasks.first().map_or(0, |t| t.methods.len());
    let mut rows = String::new();
    let (mut all, mut cells_of_all) = (0.0, 0);
    for m in 0..methods {
        let of_tasks = tasks.iter().flat_map(|t| &t.methods[m].cells);
        let cells: Vec<&Cell> = of_tasks.copied().filter(|c| c.metrics.is_some()).collect();
        let seconds = values(&cells, |c| c.training.as_ref().map(|t| t.seconds));
        let (Some(shortest), Some(longest)) = (seconds.first(), seconds.last()) else {
            continue;
        };
        all += seconds.iter().sum::<f64>();
        cells_of_all += seconds.len();
        let speeds = values(&cells, Cell::tokens_per_second);
        let memory = values(&cells, |c| {
            Some(c.training.as_ref()?.peak_memory_bytes? as f64)
        });
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}<small>{} to {}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(tasks[0].methods[m].method),
            count(seconds.len() as u64),
            duration(median(&seconds)),
            duration(*shortest),
            duration(*longest),
            duration(seconds.iter().sum()),
            match speeds.is_empty() {
                true => NONE.to_string(),
                false => count(median(&speeds).round() as u64),
            },
            memory.last().map_or(NONE.to_string(), |bytes| format!(
                "{} MiB",
                fixed(bytes / f64::from(1 << 20), 0)
            ))
        );
    }
    if rows.is_empty() {
        return String::new();
    }
    let summary = format!(
        "{} of training in {}",
        duration(all),
        counted(cells_of_all, "cell")
    );
    let table = format!(
        "<div class=\"scroll\"><table><caption><span>Wall time of training alone, as it passed: what else the machine did is in it. Tokens are real ones, without padding. Memory is the most that the process held, with all the cells that it had trained by then.</span></caption><thead><tr><th scope=\"col\">Method</th><th scope=\"col\" class=\"n\">Cells</th><th scope=\"col\" class=\"n\">Time of a cell<small>median; shortest to longest</small></th><th scope=\"col\" class=\"n\">All cells</th><th scope=\"col\" class=\"n\">Tokens a second<small>median</small></th><th scope=\"col\" class=\"n\">Peak memory<small>largest</small></th></tr></thead><tbody>{rows}</tbody></table></div>"
    );
    format!(
        "<section id=\"times\"><h2>Run times</h2>{}</section>\n",
        folded(few, &summary, &table)
    )
}

/// What is known of the cells, rising.
fn values(cells: &[&Cell], of: impl Fn(&Cell) -> Option<f64>) -> Vec<f64> {
    let mut values: Vec<f64> = cells.iter().filter_map(|c| of(c)).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle one of sorted values; of an even number the mean of the middle two.
fn median(sorted: &[f64]) -> f64 {
    let at = |i: usize| sorted.get(i).copied().unwrap_or(0.0);
    let n = sorted.len();
    (at(n.saturating_sub(1) / 2) + at(n / 2)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
        assert_eq!(median(&[7.0]), 7.0);
    }
}
