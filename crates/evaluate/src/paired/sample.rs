//! The mean of a sample of differences, and whether it has any spread.

/// The mean; 0 of nothing.
pub fn mean(differences: &[f64]) -> f64 {
    differences.iter().sum::<f64>() / differences.len().max(1) as f64
}

/// Whether all are the same, so that no spread can be learned from them; true of fewer than two.
///
/// Metrics are of the order of one, and 0.3 - 0.1 is not 0.2 in binary: what is within [`ROUNDING`] is the same.
pub fn is_constant(differences: &[f64]) -> bool {
    let least = differences.iter().copied().fold(f64::INFINITY, f64::min);
    let most = differences
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    most - least <= ROUNDING || differences.len() < 2
}

/// Differences that are no further apart are equal but for rounding.
pub const ROUNDING: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_by_rounding_is_constant() {
        assert_ne!(0.3 - 0.1, 0.2);
        assert!(is_constant(&[0.3 - 0.1, 0.2, 0.5 - 0.3]));
        assert!(!is_constant(&[0.2, 0.2001]));
        assert!(is_constant(&[]) && is_constant(&[0.7]));
        assert_eq!([mean(&[]), mean(&[1.0, 4.0])], [0.0, 2.5]);
    }
}
