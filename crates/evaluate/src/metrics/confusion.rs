//! Counts of truth against prediction, and what follows from them.

use rayon::prelude::*;

use crate::metrics::chunk::CHUNK;
use crate::metrics::mean::mean;
use crate::metrics::numbers::PerClass;

/// `counts[truth][prediction]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Of `classes` classes.
    pub fn new(classes: usize, truth: &[u32], predicted: &[u32]) -> Self {
        let parts: Vec<Vec<u64>> = truth
            .par_chunks(CHUNK)
            .zip(predicted.par_chunks(CHUNK))
            .map(|(truth, predicted)| {
                // Two tables that take turns: a count need not wait for the one before it.
                let mut counts = vec![0; 2 * classes * classes];
                for (i, (t, p)) in truth.iter().zip(predicted).enumerate() {
                    counts[((i & 1) * classes + *t as usize) * classes + *p as usize] += 1;
                }
                counts
            })
            .collect();
        let count = |t: usize, p: usize| {
            let at = t * classes + p;
            let both = |part: &Vec<u64>| part[at] + part[classes * classes + at];
            parts.iter().map(both).sum()
        };
        let row = |t: usize| (0..classes).map(|p| count(t, p)).collect();
        Self::of_counts((0..classes).map(row).collect())
    }

    /// Of `counts[truth][prediction]`.
    pub fn of_counts(counts: Vec<Vec<u64>>) -> Self {
        Self { counts }
    }

    /// `counts[truth][prediction]`.
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.counts
    }

    /// Rows in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    fn truths(&self, class: usize) -> u64 {
        self.counts[class].iter().sum()
    }

    fn predictions(&self, class: usize) -> u64 {
        self.counts.iter().map(|row| row[class]).sum()
    }

    fn correct(&self) -> u64 {
        (0..self.counts.len()).map(|c| self.counts[c][c]).sum()
    }

    /// The counts in one row, truth by truth.
    pub fn cells(&self) -> Vec<u64> {
        self.counts.concat()
    }

    /// Share of rows on the diagonal; `None` without rows.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct(), self.total())
    }

    /// Matthews correlation coefficient; Gorodkin (2004), "Comparing two K-category assignments by a
    /// K-category correlation coefficient", for more than two classes. 0 when truth or prediction is constant
    /// (`sklearn.metrics.matthews_corrcoef`), `None` without rows.
    pub fn matthews_corrcoef(&self) -> Option<f64> {
        let n = self.total() as f64;
        if n == 0.0 {
            return None;
        }
        let classes = 0..self.counts.len();
        let t: Vec<f64> = classes.clone().map(|c| self.truths(c) as f64).collect();
        let p: Vec<f64> = classes.map(|c| self.predictions(c) as f64).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let covariance = self.correct() as f64 * n - dot(&t, &p);
        let variances = (n * n - dot(&t, &t)) * (n * n - dot(&p, &p));
        Some(if variances == 0.0 {
            0.0
        } else {
            covariance / variances.sqrt()
        })
    }

    /// Each class against the rest; `names` has one name a class.
    pub fn per_class(&self, names: &[String]) -> Vec<PerClass> {
        names
            .iter()
            .enumerate()
            .map(|(c, name)| {
                let true_positives = self.counts[c][c];
                let false_positives = self.predictions(c) - true_positives;
                let false_negatives = self.truths(c) - true_positives;
                PerClass {
                    name: name.clone(),
                    true_positives,
                    false_positives,
                    false_negatives,
                    true_negatives: self.total()
                        - true_positives
                        - false_positives
                        - false_negatives,
                    precision: ratio(true_positives, true_positives + false_positives),
                    recall: ratio(true_positives, true_positives + false_negatives),
                    f1: ratio(
                        2 * true_positives,
                        2 * true_positives + false_positives + false_negatives,
                    ),
                }
            })
            .collect()
    }

    /// Precision, recall and F1, each averaged over the classes that truth or prediction holds; what is
    /// undefined for a class counts as 0 (scikit-learn's default). `None` without rows.
    pub fn macro_averages(&self) -> [Option<f64>; 3] {
        let seen: Vec<[f64; 3]> = (0..self.counts.len())
            .filter_map(|c| {
                let (hit, truths, predictions) =
                    (self.counts[c][c], self.truths(c), self.predictions(c));
                (truths + predictions > 0).then(|| {
                    [
                        ratio(hit, predictions).unwrap_or(0.0),
                        ratio(hit, truths).unwrap_or(0.0),
                        ratio(2 * hit, truths + predictions).unwrap_or(0.0),
                    ]
                })
            })
            .collect();
        [0, 1, 2].map(|i| mean(seen.iter().map(|m| Some(m[i]))))
    }
}

/// `part / whole`; `None` when there is no whole.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_truth_and_prediction() {
        let truth: Vec<u32> = (0..200_000).map(|i| i % 3).collect();
        let predicted: Vec<u32> = (0..200_000).map(|i| i % 2).collect();
        let counts = Confusion::new(3, &truth, &predicted);
        assert_eq!(counts.total(), 200_000);
        for t in 0..3u32 {
            for p in 0..3u32 {
                let pairs = truth.iter().zip(&predicted);
                let expected = pairs.filter(|(a, b)| (**a, **b) == (t, p)).count() as u64;
                assert_eq!(counts.counts()[t as usize][p as usize], expected);
            }
        }
    }

    #[test]
    fn nothing_is_undefined_and_a_constant_is_zero() {
        let none = Confusion::new(2, &[], &[]);
        assert_eq!(none.matthews_corrcoef(), None);
        assert_eq!(none.accuracy(), None);
        assert_eq!(none.macro_averages(), [None; 3]);
        let constant = Confusion::new(2, &[0, 1], &[1, 1]);
        assert_eq!(constant.matthews_corrcoef(), Some(0.0));
        assert_eq!(
            constant.per_class(&["a".into(), "b".into()])[0].precision,
            None
        );
    }
}
