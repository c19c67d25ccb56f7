//! Dinucleotide counts and their standardisation.

use lingo_artifact::example::Example;

/// Overlapping counts of AA, AC, ..., TT: 16 numbers, or 32 (both sequences) with `pairs`.
pub fn counts(example: &Example, pairs: bool) -> Vec<f64> {
    let mut counts = of_sequence(&example.sequence).to_vec();
    if pairs {
        counts.extend(of_sequence(example.sequence2.as_deref().unwrap_or("")));
    }
    counts
}

fn of_sequence(sequence: &str) -> [f64; 16] {
    let mut counts = [0.0; 16];
    for pair in sequence.as_bytes().windows(2) {
        if let (Some(a), Some(b)) = (base(pair[0]), base(pair[1])) {
            counts[4 * a + b] += 1.0;
        }
    }
    counts
}

fn base(letter: u8) -> Option<usize> {
    b"ACGT"
        .iter()
        .position(|b| *b == letter.to_ascii_uppercase())
}

/// Mean and standard deviation of each feature over the training rows (`sklearn.preprocessing.StandardScaler`).
pub struct Standardiser {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Standardiser {
    /// Of at least one row; a feature that never varies is only centred.
    pub fn of(rows: &[Vec<f64>]) -> Self {
        let n = rows.len() as f64;
        let width = rows.first().map_or(0, Vec::len);
        let mean: Vec<f64> = (0..width)
            .map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / n)
            .collect();
        let deviation = (0..width)
            .map(|j| {
                let variance = rows.iter().map(|r| (r[j] - mean[j]).powi(2)).sum::<f64>() / n;
                if variance > 0.0 { variance.sqrt() } else { 1.0 }
            })
            .collect();
        Self { mean, deviation }
    }

    /// Standardises in place.
    pub fn apply(&self, rows: &mut [Vec<f64>]) {
        for row in rows {
            for ((x, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *x = (*x - mean) / deviation;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_overlap_and_what_is_no_base_counts_nowhere() {
        fn t(sequence: &str, expected: &[(&str, f64)]) {
            let counts = of_sequence(sequence);
            assert_eq!(
                counts.iter().sum::<f64>(),
                expected.iter().map(|e| e.1).sum::<f64>()
            );
            for (pair, n) in expected {
                let [a, b] = pair.as_bytes() else {
                    panic!("two bases")
                };
                assert_eq!(
                    counts[4 * base(*a).unwrap() + base(*b).unwrap()],
                    *n,
                    "{pair}"
                );
            }
        }
        t("AAAC", &[("AA", 2.0), ("AC", 1.0)]);
        t("ANAcg", &[("AC", 1.0), ("CG", 1.0)]);
        t("", &[]);
        t("T", &[]);
    }
}
