//! Which methods are in a figure, for its legend.

use crate::report::data::task::TaskResults;
use crate::report::figures::chart::Line;

/// The methods of a task of which a figure may tell something, by their style.
pub fn key(task: &TaskResults) -> Vec<(usize, String)> {
    let shown = task.methods.iter().filter(|m| {
        m.cells
            .iter()
            .any(|c| !c.log.is_empty() || c.metrics.is_some())
    });
    shown.map(|m| (m.style, m.method.to_string())).collect()
}

/// Those of them that have a line.
pub fn of_lines(task: &TaskResults, lines: &[Line]) -> Vec<(usize, String)> {
    let mut key = key(task);
    key.retain(|(style, _)| lines.iter().any(|l| l.style == *style));
    key
}
