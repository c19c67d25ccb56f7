//! Losses and their gradients with respect to the logits, on the host.

use lingo_artifact::Label;

use crate::train::target_scale::TargetScale;

/// The summed loss of a batch; writes `scale x` its gradient into `gradient`, `[batch, outputs]` like `logits`.
///
/// Classes: cross entropy. Several labels at once: binary cross entropy, the mean over the labels.
/// Values: squared error of the standardised value. Divided by the number of examples, this is what `transformers` computes.
pub(crate) fn summed_loss(
    logits: &[f32],
    outputs: usize,
    labels: &[&Label],
    targets: &TargetScale,
    scale: f64,
    gradient: &mut [f32],
) -> f64 {
    let rows = logits
        .chunks(outputs)
        .zip(gradient.chunks_mut(outputs))
        .zip(labels);
    rows.map(|((row, out), label)| match label {
        Label::Class(class) => cross_entropy(row, *class as usize, scale, out),
        Label::Multi(flags) => binary_cross_entropy(row, flags, scale, out),
        Label::Value(value) => {
            let error = f64::from(row[0]) - targets.standardized(*value);
            out[0] = (scale * 2.0 * error) as f32;
            error * error
        }
    })
    .sum()
}

fn cross_entropy(row: &[f32], class: usize, scale: f64, out: &mut [f32]) -> f64 {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = row.iter().map(|&x| f64::from(x - top).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    for (k, (out, e)) in out.iter_mut().zip(&exponentials).enumerate() {
        let target = if k == class { 1.0 } else { 0.0 };
        *out = (scale * (e / sum - target)) as f32;
    }
    sum.ln() - f64::from(row[class] - top)
}

fn binary_cross_entropy(row: &[f32], flags: &[u8], scale: f64, out: &mut [f32]) -> f64 {
    let n = row.len() as f64;
    row.iter()
        .zip(flags)
        .zip(out)
        .map(|((&x, &flag), out)| {
            let (x, target) = (f64::from(x), f64::from(flag));
            *out = (scale / n * (1.0 / (1.0 + (-x).exp()) - target)) as f32;
            // log(1 + e^x) - target x, without overflow.
            x.max(0.0) + (-x.abs()).exp().ln_1p() - target * x
        })
        .sum::<f64>()
        / n
}

/// The mean loss of logits.
pub(crate) fn mean_loss(
    logits: &[f32],
    outputs: usize,
    labels: &[&Label],
    targets: &TargetScale,
) -> f64 {
    let mut unused = vec![0.0; logits.len()];
    summed_loss(logits, outputs, labels, targets, 0.0, &mut unused) / labels.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_formulas() {
        fn t(logits: &[f32], label: Label, expected: f64) {
            let mut gradient = vec![0.0; logits.len()];
            let loss = summed_loss(
                logits,
                logits.len(),
                &[&label],
                &TargetScale::NONE,
                1.0,
                &mut gradient,
            );
            assert!((loss - expected).abs() < 1e-6, "{label:?}: {loss}");
            // The gradient is the slope.
            for k in 0..logits.len() {
                let at = |delta: f32| {
                    let mut moved = logits.to_vec();
                    moved[k] += delta;
                    summed_loss(
                        &moved,
                        moved.len(),
                        &[&label],
                        &TargetScale::NONE,
                        1.0,
                        &mut vec![0.0; moved.len()],
                    )
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!(
                    (slope - f64::from(gradient[k])).abs() < 1e-3,
                    "{label:?}, {k}"
                );
            }
        }
        t(&[0.0, 0.0], Label::Class(1), 2f64.ln());
        t(&[1.0, 2.0, 3.0], Label::Class(2), 0.407_605_96);
        t(&[0.0, 0.0], Label::Multi(vec![0, 1]), 2f64.ln());
        t(&[3.0], Label::Value(1.0), 4.0);
    }

    #[test]
    fn large_logits_stay_finite() {
        let mut gradient = [0.0; 2];
        assert_eq!(
            summed_loss(
                &[1e30, -1e30],
                2,
                &[&Label::Class(0)],
                &TargetScale::NONE,
                1.0,
                &mut gradient
            ),
            0.0
        );
        let multi = Label::Multi(vec![1, 0]);
        assert_eq!(
            summed_loss(
                &[1e3, -1e3],
                2,
                &[&multi],
                &TargetScale::NONE,
                1.0,
                &mut gradient
            ),
            0.0
        );
    }
}
