//! Intervals of measured values.

use rayon::prelude::*;

use crate::bootstrap::resampling::{Intervals, Resampling, named};
use crate::bootstrap::weights::{Block, Lanes};
use crate::metrics::values::{Order, Values};

/// Every interval; `None` once the flag is raised.
pub fn intervals(values: &Values, how: &Resampling<'_>) -> Option<Intervals> {
    let centred = Centred::new(values);
    let orders = [Order::of(&values.truth), Order::of(&values.predicted)];
    let mut drawn: Vec<[f64; 4]> = Vec::with_capacity(how.resamples as usize);
    let of_block = |block: &Block| {
        how.goes_on()?;
        let moments = centred.moments(block);
        let mut weights = vec![0u8; values.truth.len()];
        let mut ranks = vec![0.0; values.truth.len()];
        let lanes = (0..block.lanes()).map(|lane| {
            how.goes_on()?;
            for (weight, row) in weights.iter_mut().zip(block.rows()) {
                *weight = row[lane];
            }
            let [rmse, r2, pearson] = moments.metrics(lane);
            Some([rmse, r2, pearson, spearman(&orders, &weights, &mut ranks)])
        });
        lanes.collect::<Option<Vec<[f64; 4]>>>()
    };
    how.blocks(values.truth.len(), |blocks| {
        let found: Option<Vec<_>> = blocks.par_iter().map(of_block).collect();
        drawn.extend(found?.into_iter().flatten());
        Some(())
    })?;
    let of = |i: usize| how.interval(drawn.iter().map(|metrics| metrics[i]).collect());
    let found = [of(0), of(1), of(2), of(3)];
    Some(named(["rmse", "r2", "pearson", "spearman"], found).collect())
}

/// Values about their means, so that sums of squares lose nothing to a large mean.
struct Centred {
    rows: f64,
    truth: Vec<f64>,
    predicted: Vec<f64>,
    squared_errors: Vec<f64>,
    /// Below this a sum of squares is rounding: all values that were drawn are the same.
    rounding: [f64; 2],
}

/// Weighted sums of each replicate.
struct Moments {
    rows: f64,
    errors: Lanes<f64>,
    truth: [Lanes<f64>; 2],
    predicted: [Lanes<f64>; 2],
    both: Lanes<f64>,
    rounding: [f64; 2],
}

impl Centred {
    fn new(values: &Values) -> Self {
        let rows = values.truth.len() as f64;
        let centred = |of: &[f64]| -> Vec<f64> {
            let middle = of.iter().sum::<f64>() / rows;
            of.iter().map(|v| v - middle).collect()
        };
        let (truth, predicted) = (centred(&values.truth), centred(&values.predicted));
        let rounding = |of: &[f64]| 1e-13 * of.iter().map(|v| v * v).sum::<f64>();
        let pairs = values.truth.iter().zip(&values.predicted);
        Self {
            rows,
            rounding: [rounding(&truth), rounding(&predicted)],
            squared_errors: pairs.map(|(t, p)| (t - p) * (t - p)).collect(),
            truth,
            predicted,
        }
    }

    fn moments(&self, block: &Block) -> Moments {
        let products =
            |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(x, y)| x * y).collect() };
        let (t, p) = (&self.truth, &self.predicted);
        Moments {
            rows: self.rows,
            errors: block.sums(&self.squared_errors),
            truth: [block.sums(t), block.sums(&products(t, t))],
            predicted: [block.sums(p), block.sums(&products(p, p))],
            both: block.sums(&products(t, p)),
            rounding: self.rounding,
        }
    }
}

impl Moments {
    /// RMSE, R2 and Pearson's correlation of one replicate, NaN where they are undefined.
    fn metrics(&self, lane: usize) -> [f64; 3] {
        let spread =
            |sums: &[Lanes<f64>; 2]| sums[1][lane] - sums[0][lane] * sums[0][lane] / self.rows;
        let (of_truth, of_predicted) = (spread(&self.truth), spread(&self.predicted));
        let shared = self.both[lane] - self.truth[0][lane] * self.predicted[0][lane] / self.rows;
        let [constant, said_constant] = [
            of_truth <= self.rounding[0],
            of_predicted <= self.rounding[1],
        ];
        let r2 = match constant {
            true => f64::NAN,
            false => 1.0 - self.errors[lane] / of_truth,
        };
        let pearson = match constant || said_constant {
            true => f64::NAN,
            false => (shared / (of_truth * of_predicted).sqrt()).clamp(-1.0, 1.0),
        };
        [(self.errors[lane] / self.rows).sqrt(), r2, pearson]
    }
}

/// Spearman's correlation of one replicate: Pearson's of the ranks among the rows that were drawn.
fn spearman(orders: &[Order; 2], weights: &[u8], ranks: &mut [f64]) -> f64 {
    // Ranks from 1 to n have the mean (n + 1) / 2, whatever the ties.
    let middle = (weights.len() as f64 + 1.0) / 2.0;
    let [truth, predicted] = orders;
    let mut of_truth = 0.0;
    truth.weighted_ranks(weights, |row, weight, rank| {
        ranks[row] = rank - middle;
        of_truth += weight * ranks[row] * ranks[row];
    });
    let (mut of_predicted, mut shared) = (0.0, 0.0);
    predicted.weighted_ranks(weights, |row, weight, rank| {
        let rank = rank - middle;
        of_predicted += weight * rank * rank;
        shared += weight * rank * ranks[row];
    });
    // Of constant ranks the sums are exactly 0: 0 / 0 is NaN.
    (shared / (of_truth * of_predicted).sqrt()).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use lingo_artifact::progress::StopFlag;
    use lingo_artifact::random::Stream;

    use super::*;
    use crate::bootstrap::weights::LANES;

    #[test]
    fn a_replicate_is_the_metric_of_its_rows() {
        let mut stream = Stream::new(4, "values");
        for (rows, digits) in [(60, 1e6), (60, 2.0), (3, 1.0)] {
            let mut value = || 100.0 + (stream.normal() * digits).round() / digits;
            let truth: Vec<f64> = (0..rows).map(|_| value()).collect();
            let predicted = truth.iter().map(|t| (t + value()) / 2.0).collect();
            let values = Values { truth, predicted };
            let block = Block::new(1, rows, 0, LANES as u32, &StopFlag::default()).unwrap();
            let moments = Centred::new(&values).moments(&block);
            let orders = [Order::of(&values.truth), Order::of(&values.predicted)];
            let mut defined = 0;
            for lane in 0..LANES {
                let weights: Vec<u8> = block.rows().iter().map(|row| row[lane]).collect();
                let mut drawn = Values::default();
                for (row, weight) in weights.iter().enumerate() {
                    for _ in 0..*weight {
                        drawn.truth.push(values.truth[row]);
                        drawn.predicted.push(values.predicted[row]);
                    }
                }
                let expected = drawn.metrics();
                let [rmse, r2, pearson] = moments.metrics(lane);
                let rank = spearman(&orders, &weights, &mut vec![0.0; rows]);
                let close = |ours: f64, theirs: Option<f64>| match theirs {
                    Some(theirs) => assert!((ours - theirs).abs() < 1e-9, "{ours} {theirs}"),
                    None => assert!(ours.is_nan(), "{ours}"),
                };
                close(rmse, expected.rmse);
                close(pearson, expected.pearson);
                close(rank, expected.spearman);
                // Of a constant truth scikit-learn says 0 or 1: no draw of R2 is made of that.
                if expected.pearson.is_some() {
                    close(r2, expected.r2);
                    defined += 1;
                }
            }
            assert!(defined > 10, "{defined}");
        }
    }
}
