//! `differences.csv`: one row for each two methods that were compared.

use lingo_artifact::run_folder::RunFolder;
use polars::prelude::{Column, DataFrame};

use crate::error::Result;
use crate::paired::comparison::CONFIDENCE;
use crate::report::data::differences::Difference;

/// The table, in the order of the differences.
///
/// Columns: pipeline, metric (of the test rows), method, against, mean_difference (method minus against), unit (`task`
/// or `pair`), units, t_low and t_high, bca_low and bca_high, confidence, sign_flip_p, holm_p (over the rows of the same metric), reading (`ahead`,
/// `behind`, `not distinguishable`, `no interval`), wins, ties and losses (tasks), tasks, seeds, pairs, and of the pairs that are left out: not_run, not_alike,
/// undefined.
///
/// # Errors
/// [`crate::error::Error::Table`].
pub fn frame(pipeline: &str, differences: &[Difference]) -> Result<DataFrame> {
    let texts = |name: &str, of: &dyn Fn(&Difference) -> String| {
        let values: Vec<String> = differences.iter().map(of).collect();
        Column::new(name.into(), values)
    };
    let counts = |name: &str, of: &dyn Fn(&Difference) -> usize| {
        let values: Vec<u64> = differences.iter().map(|d| of(d) as u64).collect();
        Column::new(name.into(), values)
    };
    let numbers = |name: &str, of: &dyn Fn(&Difference) -> Option<f64>| {
        let values: Vec<Option<f64>> = differences.iter().map(of).collect();
        Column::new(name.into(), values)
    };
    let columns = vec![
        texts("pipeline", &|_| pipeline.to_string()),
        texts("metric", &|d| d.metric.to_string()),
        texts("method", &|d| d.method.to_string()),
        texts("against", &|d| d.against.to_string()),
        numbers("mean_difference", &|d| Some(d.comparison.mean)),
        texts("unit", &|d| d.comparison.unit.as_str().to_string()),
        counts("units", &|d| d.comparison.units),
        numbers("t_low", &|d| Some(d.comparison.student?[0])),
        numbers("t_high", &|d| Some(d.comparison.student?[1])),
        numbers("bca_low", &|d| Some(d.comparison.bca?[0])),
        numbers("bca_high", &|d| Some(d.comparison.bca?[1])),
        numbers("confidence", &|_| Some(CONFIDENCE)),
        numbers("sign_flip_p", &|d| Some(d.comparison.p)),
        numbers("holm_p", &|d| Some(d.holm)),
        texts("reading", &|d| d.comparison.reading().as_str().to_string()),
        counts("wins", &|d| d.comparison.tally().wins),
        counts("ties", &|d| d.comparison.tally().ties),
        counts("losses", &|d| d.comparison.tally().losses),
        counts("tasks", &|d| d.comparison.tasks.len()),
        counts("seeds", &|d| d.comparison.seeds.len()),
        counts("pairs", &|d| d.comparison.pairs),
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
