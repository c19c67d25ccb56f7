//! `differences.csv`: one row for each two methods that were compared.

use lingo_artifact::run_folder::RunFolder;
use polars::prelude::{Column, DataFrame};

use crate::error::Result;
use crate::paired::comparison::{CONFIDENCE, Comparison};
use crate::report::data::differences::Difference;

/// Of a comparison, where there is one.
fn of<T: Default>(difference: &Difference, what: impl Fn(&Comparison) -> T) -> T {
    difference.comparison.as_ref().map(what).unwrap_or_default()
}

/// The table, in the order of the differences.
///
/// Columns: pipeline, metric (of the test rows), method, against, mean_difference (method minus against), unit (`task`
/// or `pair`), units, t_low and t_high, bca_low and bca_high, confidence, sign_flip_p, holm_p (over the rows of the same metric), reading (`ahead`,
/// `behind`, `not distinguishable`, `no interval`; empty, as all numbers are, where nothing could be compared), wins, ties and losses (tasks), tasks, seeds, pairs, and of the pairs that are left out: not_run, not_alike,
/// undefined.
///
/// # Errors
/// [`crate::error::Error::Table`].
pub fn frame(pipeline: &str, differences: &[Difference]) -> Result<DataFrame> {
    let texts = |name: &str, value: &dyn Fn(&Difference) -> String| {
        let values: Vec<String> = differences.iter().map(value).collect();
        Column::new(name.into(), values)
    };
    let counts = |name: &str, value: &dyn Fn(&Difference) -> usize| {
        let values: Vec<u64> = differences.iter().map(|d| value(d) as u64).collect();
        Column::new(name.into(), values)
    };
    let numbers = |name: &str, value: &dyn Fn(&Difference) -> Option<f64>| {
        let values: Vec<Option<f64>> = differences.iter().map(value).collect();
        Column::new(name.into(), values)
    };
    let columns = vec![
        texts("pipeline", &|_| pipeline.to_string()),
        texts("metric", &|d| d.metric.to_string()),
        texts("method", &|d| d.method.to_string()),
        texts("against", &|d| d.against.to_string()),
        numbers("mean_difference", &|d| Some(d.comparison.as_ref()?.mean)),
        texts("unit", &|d| of(d, |c| c.unit.as_str().to_string())),
        counts("units", &|d| of(d, |c| c.units)),
        numbers("t_low", &|d| Some(d.comparison.as_ref()?.student?[0])),
        numbers("t_high", &|d| Some(d.comparison.as_ref()?.student?[1])),
        numbers("bca_low", &|d| Some(d.comparison.as_ref()?.bca?[0])),
        numbers("bca_high", &|d| Some(d.comparison.as_ref()?.bca?[1])),
        numbers("confidence", &|_| Some(CONFIDENCE)),
        numbers("sign_flip_p", &|d| Some(d.comparison.as_ref()?.p)),
        numbers("holm_p", &|d| d.comparison.as_ref().map(|_| d.holm)),
        texts("reading", &|d| of(d, |c| c.reading().as_str().to_string())),
        counts("wins", &|d| of(d, |c| c.tally().wins)),
        counts("ties", &|d| of(d, |c| c.tally().ties)),
        counts("losses", &|d| of(d, |c| c.tally().losses)),
        counts("tasks", &|d| of(d, |c| c.tasks.len())),
        counts("seeds", &|d| of(d, |c| c.seeds.len())),
        counts("pairs", &|d| of(d, |c| c.pairs)),
        counts("not_run", &|d| d.not_run),
        counts("not_alike", &|d| d.not_alike),
        counts("undefined", &|d| d.undefined),
    ];
    Ok(DataFrame::new_infer_height(columns)?)
}

/// Writes `differences.csv` into `run`; without differences, its header alone.
///
/// # Errors
/// As [`frame`]; a file that cannot be written.
pub fn write(run: &RunFolder, pipeline: &str, differences: &[Difference]) -> Result<()> {
    let mut frame = frame(pipeline, differences)?;
    Ok(lingo_artifact::table::write(
        &run.differences(),
        &mut frame,
        r#"{"schema":"lingo-pipe/differences-table/1"}"#,
    )?)
}
