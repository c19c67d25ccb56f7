//! `design`.

use lingo_workflow::Error;
use lingo_workflow::pipeline::design_file::DesignPlan;
use lingo_workflow::run::design::{Cell, run};
use serde_json::Value;

use crate::arguments::Design;
use crate::commands::run::request;
use crate::output::{columns, print};
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;

/// `design`.
pub fn design(arguments: &Design, terminal: &Terminal) -> Result<(), Error> {
    let plan = DesignPlan::read(&arguments.file, &arguments.selection.set)?;
    let stop = stop_on_signals()?;
    let request = request(&arguments.selection, false)?;
    let summary = run(plan, &request, terminal, &stop)?;
    terminal.finish();
    print(&table(&summary.cells))?;
    terminal.note(&format!(
        "{} cells run, {} finished before",
        summary.cells.len() - summary.cached,
        summary.cached
    ));
    print(&format!("{}\n", summary.run.display()))
}

/// Mean and standard deviation over the seeds.
fn table(cells: &[Cell]) -> String {
    let mut rows = vec![
        [
            "task", "method", "seeds", "designs", "max", "median", "mean", "unique",
        ]
        .map(String::from),
    ];
    let is_same = |a: &Cell, b: &Cell| (&a.task, &a.method) == (&b.task, &b.method);
    for of_method in cells.chunk_by(is_same) {
        let Some(first) = of_method.first() else {
            continue;
        };
        let designs = number(first, "designs").unwrap_or_default();
        let over = |name: &str, digits: usize| {
            let of = |cell| {
                let designs = number(cell, "designs").unwrap_or_default();
                number(cell, &format!("{name}_{designs}"))
            };
            spread(
                &of_method.iter().filter_map(of).collect::<Vec<f64>>(),
                digits,
            )
        };
        rows.push([
            first.task.clone(),
            first.method.clone(),
            of_method.len().to_string(),
            designs.to_string(),
            over("max", 3),
            over("median", 3),
            over("mean", 3),
            over("unique", 1),
        ]);
    }
    columns(&rows)
}

fn number(cell: &Cell, key: &str) -> Option<f64> {
    cell.metrics.get(key).and_then(Value::as_f64)
}

fn spread(values: &[f64], digits: usize) -> String {
    if values.is_empty() {
        return "-".into();
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() == 1 {
        return format!("{mean:.digits$}");
    }
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    format!(
        "{mean:.digits$} ± {:.digits$}",
        (squares / (n - 1.0)).sqrt()
    )
}
