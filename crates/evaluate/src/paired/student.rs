//! Student's t interval of a mean difference.

use crate::paired::distribution::student_quantile;
use crate::paired::sample::{is_constant, mean};

/// The interval d̄ ± t s / √n of the mean of `differences`, where s is the sample standard deviation (n - 1) and t the
/// value that Student's distribution with n - 1 degrees of freedom stays within with probability `confidence`
/// (0 to 1). It holds for differences that are independent and normal. Student (1908), Biometrika 6(1).
///
/// The same as `scipy.stats.ttest_1samp(differences, 0).confidence_interval(confidence)`; `None` for fewer than two
/// differences, and when all are equal.
pub fn interval(differences: &[f64], confidence: f64) -> Option<[f64; 2]> {
    if is_constant(differences) {
        return None;
    }
    let n = differences.len();
    let middle = mean(differences);
    let squares: f64 = differences.iter().map(|d| (d - middle).powi(2)).sum();
    let error = (squares / (n - 1) as f64 / n as f64).sqrt();
    let reach = student_quantile(confidence, n - 1) * error;
    Some([middle - reach, middle + reach])
}
