//! Holm's correction: of many comparisons, some are ahead by chance.

/// The p-values by Holm's step-down correction, in their order: of m, the k-th smallest times m - k + 1, never less than a
/// smaller one's and never above 1. Whoever calls a difference real where it is at most α is wrong in any of the m with a
/// probability of α at most, however they depend on each other. Holm (1979), A Simple Sequentially Rejective Multiple Test
/// Procedure, Scandinavian Journal of Statistics 6(2).
///
/// The same as `statsmodels.stats.multitest.multipletests(p, method="holm")[1]`.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut corrected = vec![0.0; p.len()];
    let mut most: f64 = 0.0;
    for (place, i) in order.into_iter().enumerate() {
        most = most.max((p.len() - place) as f64 * p[i]).min(1.0);
        corrected[i] = most;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comparison_stays_what_it_is_and_none_is_above_one() {
        assert_eq!(holm(&[0.03]), [0.03]);
        assert_eq!(holm(&[0.7, 0.6, 0.5]), [1.0, 1.0, 1.0]);
        assert_eq!(holm(&[0.25, 0.125]), [0.25, 0.25]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }
}
