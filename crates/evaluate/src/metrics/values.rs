//! Measured values against predicted ones.

use rayon::prelude::*;

use crate::metrics::mean::mean;
use crate::metrics::numbers::Regression;

/// Truth and prediction of every row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// What was measured.
    pub truth: Vec<f64>,
    /// What was predicted.
    pub predicted: Vec<f64>,
}

impl Values {
    /// Every metric.
    pub fn metrics(&self) -> Regression {
        let (truth, predicted) = (&self.truth, &self.predicted);
        let errors = || truth.iter().zip(predicted).map(|(t, p)| p - t);
        let mse = mean(errors().map(|e| Some(e * e)));
        let [of_truth, of_predicted] = [truth, predicted].map(|values| Order::of(values).ranks());
        Regression {
            n: truth.len() as u64,
            mse,
            rmse: mse.map(f64::sqrt),
            mae: mean(errors().map(|e| Some(e.abs()))),
            r2: r2(truth, predicted),
            pearson: pearson(truth, predicted),
            spearman: pearson(&of_truth, &of_predicted),
        }
    }
}

/// `sklearn.metrics.r2_score`: of a constant truth 1 when it is met exactly, else 0; `None` under two rows.
fn r2(truth: &[f64], predicted: &[f64]) -> Option<f64> {
    if truth.len() < 2 {
        return None;
    }
    let middle = mean(truth.iter().map(|t| Some(*t)))?;
    // Asked of the values: the mean of equal values may be off by a rounding.
    let constant = is_constant(truth);
    let total: f64 = truth.iter().map(|t| (t - middle).powi(2)).sum();
    let residual: f64 = truth
        .iter()
        .zip(predicted)
        .map(|(t, p)| (t - p).powi(2))
        .sum();
    Some(match (residual == 0.0, constant) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => 1.0 - residual / total,
    })
}

/// Pearson's correlation; `None` under two rows or when one side is constant.
fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() < 2 || is_constant(a) || is_constant(b) {
        return None;
    }
    let centred = |v: &[f64]| -> Vec<f64> {
        let middle = v.iter().sum::<f64>() / v.len() as f64;
        v.iter().map(|x| x - middle).collect()
    };
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (a, b) = (centred(a), centred(b));
    let (na, nb) = (norm(&a), norm(&b));
    if na == 0.0 || nb == 0.0 {
        return None;
    }
    let r: f64 = a.iter().zip(&b).map(|(x, y)| (x / na) * (y / nb)).sum();
    Some(r.clamp(-1.0, 1.0))
}

fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|v| *v == values[0])
}

/// Rows in the order of rising values, sorted once for any number of draws.
pub struct Order {
    rows: Vec<u32>,
    /// Whether the row at this place is the last of those with its value.
    closes_tie: Vec<bool>,
}

impl Order {
    /// Of finite values, fewer than 2^32.
    pub fn of(values: &[f64]) -> Self {
        let mut rows: Vec<u32> = (0..values.len() as u32).collect();
        let value = |row: u32| values[row as usize];
        // Row numbers decide between equal values: the order does not depend on how it is found. Minus zero is zero.
        let by_value = |a: &u32, b: &u32| {
            let values = (value(*a) + 0.0).total_cmp(&(value(*b) + 0.0));
            values.then(a.cmp(b))
        };
        rows.par_sort_unstable_by(by_value);
        let next = rows.iter().skip(1).map(Some).chain([None]);
        let closes_tie = rows.iter().zip(next);
        let closes_tie = closes_tie
            .map(|(row, next)| next.is_none_or(|next| value(*next) != value(*row)))
            .collect();
        Self { rows, closes_tie }
    }

    /// Ranks from 1; tied values share their mean rank.
    pub fn ranks(&self) -> Vec<f64> {
        let mut ranks = vec![0.0; self.rows.len()];
        self.weighted_ranks(&vec![1; self.rows.len()], |row, _, rank| ranks[row] = rank);
        ranks
    }

    /// Calls `each` with every row, its weight and its rank among rows that stand as often as their weights say.
    pub fn weighted_ranks(&self, weights: &[u8], mut each: impl FnMut(usize, f64, f64)) {
        let mut below = 0.0;
        let mut start = 0;
        for (place, closes) in self.closes_tie.iter().enumerate() {
            if !closes {
                continue;
            }
            let tied = &self.rows[start..=place];
            let weight = |row: &u32| f64::from(weights[*row as usize]);
            let sum: f64 = tied.iter().map(weight).sum();
            let shared = below + (sum + 1.0) / 2.0;
            for row in tied {
                each(*row as usize, weight(row), shared);
            }
            below += sum;
            start = place + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(
            Order::of(&[3.0, 1.0, 3.0, 2.0]).ranks(),
            [3.5, 1.0, 3.5, 2.0]
        );
    }

    #[test]
    fn a_constant_has_no_correlation() {
        let values = Values {
            truth: vec![0.1; 3],
            predicted: vec![1.0, 2.0, 3.0],
        };
        let m = values.metrics();
        assert_eq!((m.pearson, m.spearman, m.r2), (None, None, Some(0.0)));
    }
}
