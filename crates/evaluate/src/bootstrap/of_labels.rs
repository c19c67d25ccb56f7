//! Intervals of several labels at once.
//!
//! The labels of a row go together, so whole rows are drawn, and each replicate is a mean over the labels of which the
//! metric is defined in it.

use rayon::prelude::*;

use crate::bootstrap::binomial::multinomial;
use crate::bootstrap::resampling::{Intervals, Resampling, named};
use crate::bootstrap::walk::{Walked, calibration_errors, walk};
use crate::bootstrap::weights::{Block, of_replicate};
use crate::metrics::binary::Binary;
use crate::metrics::confusion::Confusion;
use crate::metrics::labels::{Labels, correlation};
use crate::metrics::mean::mean_of_defined;
use crate::metrics::ranking::Ranked;

/// What is a mean over the labels.
const OF_EACH: [&str; 5] = ["mcc", "f1_macro", "auroc", "auprc", "ece"];

/// The metrics of a label in each replicate, NaN where they are undefined.
type OfLabel = Vec<[f64; OF_EACH.len()]>;

/// Every interval; `None` once the flag is raised.
pub fn intervals(labels: &Labels<'_>, how: &Resampling<'_>) -> Option<Intervals> {
    let squared_errors = labels.squared_errors();
    let rows = labels.len() as f64;
    let mut drawn: OfLabel = Vec::with_capacity(how.resamples as usize);
    let mut brier = Vec::with_capacity(how.resamples as usize);
    let few = labels.labels() < 4 * rayon::current_num_threads();
    how.blocks(labels.len(), |blocks| {
        let all =
            labels.each(|_, column, threshold| of_label(column, threshold, blocks, few, how))?;
        for block in blocks {
            brier.extend(
                block.sums(&squared_errors)[..block.lanes()]
                    .iter()
                    .map(|sum| sum / rows),
            );
        }
        let replicates = all.first().map_or(0, Vec::len);
        drawn.extend(
            (0..replicates)
                .into_par_iter()
                .map(|replicate| {
                    std::array::from_fn(|metric| {
                        let values = all.iter().map(|of| of[replicate][metric]);
                        let defined = values.map(|v| (!v.is_nan()).then_some(v));
                        mean_of_defined(defined).0.unwrap_or(f64::NAN)
                    })
                })
                .collect::<OfLabel>(),
        );
        Some(())
    })?;
    let of = |i: usize| how.interval(drawn.iter().map(|metrics| metrics[i]).collect());
    let mut found: Intervals = named(OF_EACH, std::array::from_fn(of)).collect();
    found.insert("brier".into(), how.interval(brier));
    found.insert("accuracy".into(), how.interval(accuracy(labels, how)?));
    Some(found)
}

/// One label in every replicate of the blocks.
fn of_label(
    column: &Binary,
    threshold: f64,
    blocks: &[Block],
    few: bool,
    how: &Resampling<'_>,
) -> Option<OfLabel> {
    let ranked = Ranked::new(&column.probability, &column.positive, threshold);
    let of_block = |block: &Block| {
        how.goes_on()?;
        let walked = walk(&ranked, block);
        let ece = calibration_errors(&column.probability, &column.positive, block);
        let lanes = (0..block.lanes()).map(|i| {
            let [mcc, f1] = of_counts(&walked, i);
            [mcc, f1, walked.auroc[i], walked.auprc[i], ece[i]]
        });
        Some(lanes.collect::<OfLabel>())
    };
    // Many labels are enough work for all threads; of few, each has its replicates dealt out.
    let all: Option<Vec<OfLabel>> = match few {
        true => blocks.par_iter().map(of_block).collect(),
        false => blocks.iter().map(of_block).collect(),
    };
    Some(all?.into_iter().flatten().collect())
}

/// Matthews correlation and F1 of one replicate.
fn of_counts(walked: &Walked, lane: usize) -> [f64; 2] {
    let tp = u64::from(walked.true_positives[lane]);
    let fp = u64::from(walked.false_positives[lane]);
    let missed = u64::from(walked.positives[lane]) - tp;
    let left = u64::from(walked.negatives[lane]) - fp;
    let mcc = correlation(&Confusion::of_counts(vec![
        vec![left, fp],
        vec![missed, tp],
    ]));
    let f1 = 2.0 * tp as f64 / (2 * tp + fp + missed) as f64;
    [mcc.unwrap_or(f64::NAN), f1]
}

/// The share of rows in which every label is right, of each replicate.
fn accuracy(labels: &Labels<'_>, how: &Resampling<'_>) -> Option<Vec<f64>> {
    let cells = labels.right_and_wrong();
    let rows = labels.len() as f64;
    let replicates = (0..how.resamples).into_par_iter();
    replicates
        .map(|replicate| {
            how.goes_on()?;
            let mut stream = of_replicate(how.seed, "counts", replicate);
            Some(multinomial(&mut stream, &cells)[0] as f64 / rows)
        })
        .collect()
}
