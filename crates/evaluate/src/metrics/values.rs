//! Measured values against predicted ones.

use crate::metrics::mean::mean;
use crate::metrics::numbers::Regression;

/// Metrics of `predicted` against `truth`, row by row.
pub fn metrics(truth: &[f64], predicted: &[f64]) -> Regression {
    let errors = || truth.iter().zip(predicted).map(|(t, p)| p - t);
    Regression {
        n: truth.len() as u64,
        mse: mean(errors().map(|e| Some(e * e))),
        mae: mean(errors().map(|e| Some(e.abs()))),
        r2: r2(truth, predicted),
        pearson: pearson(truth, predicted),
        spearman: pearson(&ranks(truth), &ranks(predicted)),
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

/// Ranks from 1; tied values share their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let tied = order[start..]
            .iter()
            .take_while(|row| values[**row] == values[order[start]])
            .count();
        let shared = start as f64 + (tied as f64 + 1.0) / 2.0;
        for row in &order[start..start + tied] {
            ranks[*row] = shared;
        }
        start += tied;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }

    #[test]
    fn a_constant_has_no_correlation() {
        let m = metrics(&[0.1, 0.1, 0.1], &[1.0, 2.0, 3.0]);
        assert_eq!((m.pearson, m.spearman, m.r2), (None, None, Some(0.0)));
    }
}
