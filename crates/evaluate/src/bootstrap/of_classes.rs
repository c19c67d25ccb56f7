//! Intervals of one of several classes.

use rayon::prelude::*;

use crate::bootstrap::binomial::multinomial;
use crate::bootstrap::resampling::{Intervals, Resampling, named};
use crate::bootstrap::walk::{calibration_errors, walk};
use crate::bootstrap::weights::{Block, LANES, of_replicate};
use crate::metrics::classes::Classes;
use crate::metrics::confusion::Confusion;
use crate::metrics::ranking::Ranked;

/// Every interval; `None` once the flag is raised.
pub fn intervals(classes: &Classes, how: &Resampling<'_>) -> Option<Intervals> {
    let mut found: Intervals = of_counts(&classes.confusion(), how)?.collect();
    found.extend(of_rows(classes, how)?);
    Some(found)
}

/// Metrics of the counts of truth against prediction.
fn of_counts(
    confusion: &Confusion,
    how: &Resampling<'_>,
) -> Option<impl Iterator<Item = (String, Option<[f64; 2]>)>> {
    let cells = confusion.cells();
    let classes = confusion.counts().len().max(1);
    let drawn: Vec<[f64; 3]> = (0..how.resamples)
        .into_par_iter()
        .map(|replicate| {
            how.goes_on()?;
            let mut stream = of_replicate(how.seed, "counts", replicate);
            let cells = multinomial(&mut stream, &cells);
            let counts = cells.chunks(classes).map(<[u64]>::to_vec).collect();
            let drawn = Confusion::of_counts(counts);
            let [_, _, f1] = drawn.macro_averages();
            let metrics = [drawn.matthews_corrcoef(), drawn.accuracy(), f1];
            Some(metrics.map(|metric| metric.unwrap_or(f64::NAN)))
        })
        .collect::<Option<_>>()?;
    let of = |i: usize| how.interval(drawn.iter().map(|metrics| metrics[i]).collect());
    Some(named(
        ["mcc", "accuracy", "f1_macro"],
        [of(0), of(1), of(2)],
    ))
}

/// Metrics of the rows and their probabilities.
fn of_rows(
    classes: &Classes,
    how: &Resampling<'_>,
) -> Option<impl Iterator<Item = (String, Option<[f64; 2]>)>> {
    let columns: Vec<_> = classes.one_vs_rest().collect();
    let ranked: Vec<Ranked> = columns
        .iter()
        // The counts know of the threshold.
        .map(|column| Ranked::new(&column.probability, &column.positive, 1.0))
        .collect();
    let calibrated = match <[_; 1]>::try_from(columns) {
        Ok([two_classes]) => two_classes,
        Err(_) => classes.confidence(),
    };
    let squared_errors = classes.squared_errors();
    let (rows, ranked_columns) = (classes.len() as f64, ranked.len() as f64);
    let mut drawn: Vec<[f64; 4]> = Vec::with_capacity(how.resamples as usize);
    let of_block = |block: &Block| {
        let (mut auroc, mut auprc) = ([0.0; LANES], [0.0; LANES]);
        for ranked in &ranked {
            how.goes_on()?;
            let walked = walk(ranked, block);
            for lane in 0..LANES {
                // NaN of one class stays NaN: what is undefined for one is undefined.
                auroc[lane] += walked.auroc[lane] / ranked_columns;
                auprc[lane] += walked.auprc[lane] / ranked_columns;
            }
        }
        how.goes_on()?;
        let brier = block.sums(&squared_errors);
        let ece = calibration_errors(&calibrated.probability, &calibrated.positive, block);
        let lanes = (0..block.lanes()).map(|i| [auroc[i], auprc[i], brier[i] / rows, ece[i]]);
        Some(lanes.collect::<Vec<[f64; 4]>>())
    };
    how.blocks(classes.len(), |blocks| {
        let found: Option<Vec<_>> = blocks.par_iter().map(of_block).collect();
        drawn.extend(found?.into_iter().flatten());
        Some(())
    })?;
    let of = |i: usize| how.interval(drawn.iter().map(|metrics| metrics[i]).collect());
    let found = [of(0), of(1), of(2), of(3)];
    Some(named(["auroc", "auprc", "brier", "ece"], found))
}
