//! Areas under curves that only the order of the scores decides.

/// Rows in the order of falling scores, tied rows together.
///
/// Sorted once; a bootstrap resample then only changes the weights.
pub struct Ranking {
    /// Row numbers by falling score.
    order: Vec<u32>,
    /// Whether the row at this place is the last of those with its score.
    closes_tie: Vec<bool>,
}

impl Ranking {
    /// Of finite scores.
    pub fn new(scores: &[f64]) -> Self {
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        let score = |row: u32| scores[row as usize];
        order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        let closes_tie = (0..order.len())
            .map(|i| {
                order
                    .get(i + 1)
                    .is_none_or(|next| score(*next) != score(order[i]))
            })
            .collect();
        Self { order, closes_tie }
    }

    /// Calls `each` with the positives and negatives at each distinct score, from the highest on.
    fn ties(&self, positive: &[bool], weights: &[u32], mut each: impl FnMut(u64, u64)) {
        let (mut p, mut n) = (0, 0);
        for (row, closes) in self.order.iter().zip(&self.closes_tie) {
            let row = *row as usize;
            let weight = u64::from(weights[row]);
            if positive[row] {
                p += weight;
            } else {
                n += weight;
            }
            if *closes {
                each(p, n);
                (p, n) = (0, 0);
            }
        }
    }

    /// Area under the ROC curve: how often a positive is above a negative, ties counting half
    /// (`sklearn.metrics.roc_auc_score`). `None` without a positive or without a negative.
    pub fn auroc(&self, positive: &[bool], weights: &[u32]) -> Option<f64> {
        let (mut positives, mut negatives) = (0u64, 0u64);
        // Twice the number of pairs in the right order: whole numbers, so no rounding.
        let mut twice_won = 0u128;
        self.ties(positive, weights, |p, n| {
            twice_won += u128::from(n) * u128::from(2 * positives + p);
            positives += p;
            negatives += n;
        });
        let pairs = u128::from(positives) * u128::from(negatives);
        (pairs > 0).then(|| twice_won as f64 / (2 * pairs) as f64)
    }

    /// Average precision, the sum over thresholds of (gain in recall) x precision, without interpolation
    /// (`sklearn.metrics.average_precision_score`). `None` without a positive.
    pub fn average_precision(&self, positive: &[bool], weights: &[u32]) -> Option<f64> {
        let (mut hits, mut rows) = (0u64, 0u64);
        let mut area = 0.0;
        self.ties(positive, weights, |p, n| {
            hits += p;
            rows += p + n;
            if p > 0 {
                area += p as f64 * hits as f64 / rows as f64;
            }
        });
        (hits > 0).then(|| area / hits as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn auroc_is_the_share_of_pairs_in_order(
            rows in prop::collection::vec((0u8..6, any::<bool>(), 0u32..3), 0..30)
        ) {
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let positive: Vec<bool> = rows.iter().map(|r| r.1).collect();
            let weights: Vec<u32> = rows.iter().map(|r| r.2).collect();
            let (mut won, mut pairs) = (0.0, 0.0);
            for (s, p, w) in &rows {
                for (t, q, v) in &rows {
                    if *p && !*q {
                        let weight = f64::from(w * v);
                        pairs += weight;
                        won += weight * if s > t { 1.0 } else if s == t { 0.5 } else { 0.0 };
                    }
                }
            }
            let area = Ranking::new(&scores).auroc(&positive, &weights);
            if pairs == 0.0 {
                prop_assert_eq!(area, None);
            } else {
                prop_assert!((area.unwrap() - won / pairs).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn average_precision_needs_a_positive() {
        let ranking = Ranking::new(&[0.1, 0.2]);
        assert_eq!(ranking.average_precision(&[false, false], &[1, 1]), None);
        assert_eq!(ranking.average_precision(&[true, true], &[1, 1]), Some(1.0));
        assert_eq!(ranking.auroc(&[true, true], &[1, 1]), None);
    }
}
