//! `metrics.parquet` and `metrics.csv`: one row for each finished cell and split.

use lingo_artifact::Split;
use lingo_artifact::run_folder::RunFolder;
use polars::prelude::{Column, DataFrame};

use crate::cell::WITH_INTERVALS;
use crate::error::Result;
use crate::metrics::numbers::Metrics;
use crate::report::data::cells::Cell;

/// The table, in the order of the cells, dev before test.
///
/// Columns: pipeline, task, method, seed, split, n, every metric of [`Metrics::NAMES`], the bootstrap bounds
/// `<metric>_low` and `<metric>_high` (test only), trainable_parameters (at the initial rank),
/// total_parameters, trainable_share, seconds, steps, best_step, device.
///
/// # Errors
/// [`crate::error::Error::Table`].
pub fn frame(pipeline: &str, cells: &[Cell]) -> Result<DataFrame> {
    let rows: Vec<Row> = cells.iter().flat_map(Row::of_cell).collect();
    let texts = |name: &str, of: &dyn Fn(&Row) -> String| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let counts = |name: &str, of: &dyn Fn(&Row) -> Option<u64>| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let numbers = |name: &str, of: &dyn Fn(&Row) -> Option<f64>| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let of = |row: &Row| row.cell.training.clone();
    let seeds: Vec<u64> = rows.iter().map(|r| r.cell.seed).collect();
    let ns: Vec<u64> = rows.iter().map(|r| r.metrics.n()).collect();
    let mut columns = vec![
        texts("pipeline", &|_| pipeline.to_string()),
        texts("task", &|r| r.cell.task.clone()),
        texts("method", &|r| r.cell.method.clone()),
        Column::new("seed".into(), seeds),
        texts("split", &|r| r.split.to_string()),
        Column::new("n".into(), ns),
    ];
    for name in Metrics::NAMES {
        columns.push(numbers(name, &|r| r.metrics.get(name)));
    }
    for name in WITH_INTERVALS {
        for (side, bound) in [(0, "low"), (1, "high")] {
            columns.push(numbers(&format!("{name}_{bound}"), &|r| {
                r.bound(name, side)
            }));
        }
    }
    columns.extend([
        counts("trainable_parameters", &|r| r.cell.trained()),
        counts("total_parameters", &|r| r.cell.total()),
        numbers("trainable_share", &|r| r.cell.share()),
        numbers("seconds", &|r| of(r).map(|t| t.seconds)),
        counts("steps", &|r| of(r).map(|t| t.steps)),
        counts("best_step", &|r| of(r).map(|t| t.best_step)),
        texts("device", &|r| {
            of(r).map_or(String::new(), |t| t.device.clone())
        }),
    ]);
    Ok(DataFrame::new_infer_height(columns)?)
}

/// Writes `metrics.parquet` and `metrics.csv` into `run`.
///
/// # Errors
/// As [`frame`]; a file that cannot be written.
pub fn write(run: &RunFolder, pipeline: &str, cells: &[Cell]) -> Result<()> {
    let mut frame = frame(pipeline, cells)?;
    for path in [run.metrics_parquet(), run.metrics_csv()] {
        lingo_artifact::table::write(
            &path,
            &mut frame,
            r#"{"schema":"lingo-pipe/metrics-table/1"}"#,
        )?;
    }
    Ok(())
}

struct Row<'a> {
    cell: &'a Cell,
    split: Split,
    metrics: &'a Metrics,
}

impl<'a> Row<'a> {
    fn of_cell(cell: &'a Cell) -> Vec<Self> {
        let Some(metrics) = &cell.metrics else {
            return Vec::new();
        };
        [(Split::Dev, &metrics.dev), (Split::Test, &metrics.test)]
            .map(|(split, metrics)| Self {
                cell,
                split,
                metrics,
            })
            .into()
    }

    fn bound(&self, metric: &str, side: usize) -> Option<f64> {
        let cell = self.cell.metrics.as_ref()?;
        if self.split != Split::Test {
            return None;
        }
        Some((*cell.intervals.test.get(metric)?)?[side])
    }
}
