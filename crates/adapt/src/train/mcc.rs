//! The Matthews correlation coefficient, for selecting on dev.

use lingo_artifact::Label;

/// The coefficient over all classes (Gorodkin 2004, as scikit-learn computes it); for several labels
/// at once the mean of theirs. 0 where it is not defined; `None` for values.
pub(crate) fn matthews_corrcoef(logits: &[f32], outputs: usize, labels: &[&Label]) -> Option<f64> {
    let rows = || logits.chunks(outputs);
    match labels.first()? {
        Label::Class(_) => {
            let predicted = rows().map(argmax);
            let truth = labels.iter().map(|l| match l {
                Label::Class(c) => *c as usize,
                _ => 0,
            });
            Some(of_classes(predicted.zip(truth), outputs))
        }
        Label::Multi(_) => {
            let one = |k: usize| {
                let predicted = rows().map(move |row| usize::from(row[k] > 0.0));
                let truth = labels.iter().map(move |l| match l {
                    Label::Multi(flags) => usize::from(flags[k] == 1),
                    _ => 0,
                });
                of_classes(predicted.zip(truth), 2)
            };
            Some((0..outputs).map(one).sum::<f64>() / outputs as f64)
        }
        Label::Value(_) => None,
    }
}

/// The first of the largest.
fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (k, &x) in row.iter().enumerate() {
        if x > row[best] {
            best = k;
        }
    }
    best
}

fn of_classes(pairs: impl Iterator<Item = (usize, usize)>, classes: usize) -> f64 {
    let (mut predicted, mut truth) = (vec![0.0; classes], vec![0.0; classes]);
    let (mut right, mut n) = (0.0, 0.0);
    for (p, t) in pairs {
        predicted[p] += 1.0;
        truth[t] += 1.0;
        n += 1.0;
        if p == t {
            right += 1.0;
        }
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let covariance = right * n - dot(&predicted, &truth);
    let spread = (n * n - dot(&predicted, &predicted)) * (n * n - dot(&truth, &truth));
    if spread > 0.0 {
        covariance / spread.sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_scikit_learn() {
        fn t(predicted: &[u32], truth: &[u32], classes: usize, expected: f64) {
            let logits: Vec<f32> = predicted
                .iter()
                .flat_map(|&p| (0..classes).map(move |k| if k == p as usize { 1.0 } else { 0.0 }))
                .collect();
            let labels: Vec<Label> = truth.iter().map(|&c| Label::Class(c)).collect();
            let found = matthews_corrcoef(&logits, classes, &labels.iter().collect::<Vec<_>>());
            assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?}");
        }
        t(
            &[0, 1, 1, 1, 0],
            &[0, 1, 1, 0, 0],
            2,
            0.666_666_666_666_666_6,
        );
        t(&[0, 1, 2, 2], &[0, 1, 2, 1], 3, 0.7);
        t(&[1, 1, 1], &[0, 1, 0], 2, 0.0);
    }
}
