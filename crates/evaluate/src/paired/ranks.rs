//! Mean ranks of methods over tasks.

use crate::paired::sample::ROUNDING;

/// The mean rank of each method over `tasks`, each of which has one value of every method, the highest being the best: 1
/// is the best rank, and values that are equal but for rounding share their mean rank. Demšar (2006), Statistical
/// Comparisons of Classifiers over Multiple Data Sets, Journal of Machine Learning Research 7. Nothing of no task.
///
/// The ranks of a task are those of `scipy.stats.rankdata(-values)`.
pub fn mean_ranks(tasks: &[Vec<f64>]) -> Vec<f64> {
    let mut sums = vec![0.0; tasks.first().map_or(0, Vec::len)];
    for values in tasks {
        for (sum, own) in sums.iter_mut().zip(values) {
            let ahead = values.iter().filter(|v| **v > own + ROUNDING).count();
            let same = values
                .iter()
                .filter(|v| (*v - own).abs() <= ROUNDING)
                .count();
            *sum += ahead as f64 + (same as f64 + 1.0) / 2.0;
        }
    }
    sums.iter().map(|sum| sum / tasks.len() as f64).collect()
}
