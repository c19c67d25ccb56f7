//! AdaLoRA's penalty: the mean over all singular-vector matrices of `||P P^T - I||_F`
//! (Zhang et al. 2023, equation 4; the mean and the missing square are PEFT's).

use crate::rank::triplets::Triplets;

/// Adds the gradient of `weight x mean ||P P^T - I||_F` to `gradients` and returns the penalty.
///
/// Every module has two matrices: `down` with the triplets as columns, `up` with them as rows.
pub(crate) fn penalize(
    values: &[f32],
    gradients: &mut [f32],
    modules: &[Triplets],
    weight: f64,
) -> f64 {
    if modules.is_empty() || weight == 0.0 {
        return 0.0;
    }
    let scale = weight / (2 * modules.len()) as f64;
    let mut penalty = 0.0;
    for m in modules {
        // (begin, width, step between triplets, step inside a triplet)
        for (begin, width, across, along) in
            [(m.down, m.input, 1, m.rank), (m.up, m.output, m.output, 1)]
        {
            penalty += scale
                * one_matrix(values, gradients, m.rank, width, scale, |i, j| {
                    begin + i * across + j * along
                });
        }
    }
    penalty
}

/// `||P P^T - I||_F` of one matrix with `rank` rows; adds `scale` times its gradient.
fn one_matrix(
    values: &[f32],
    gradients: &mut [f32],
    rank: usize,
    width: usize,
    scale: f64,
    place: impl Fn(usize, usize) -> usize,
) -> f64 {
    // Rows side by side, so that the two products below run over contiguous memory.
    let rows: Vec<f32> = (0..rank)
        .flat_map(|i| (0..width).map(move |j| (i, j)))
        .map(|(i, j)| values[place(i, j)])
        .collect();
    let row = |i: usize| &rows[i * width..(i + 1) * width];
    let mut gram = vec![0.0f64; rank * rank];
    for i in 0..rank {
        for k in 0..=i {
            let dot = dot(row(i), row(k));
            let value = dot - if i == k { 1.0 } else { 0.0 };
            gram[i * rank + k] = value;
            gram[k * rank + i] = value;
        }
    }
    let norm = gram.iter().map(|g| g * g).sum::<f64>().sqrt();
    if norm == 0.0 {
        return 0.0;
    }
    let mut gradient = vec![0.0f32; width];
    for i in 0..rank {
        gradient.fill(0.0);
        for k in 0..rank {
            let factor = (2.0 * scale * gram[i * rank + k] / norm) as f32;
            gradient
                .iter_mut()
                .zip(row(k))
                .for_each(|(g, p)| *g += factor * p);
        }
        for (j, g) in gradient.iter().enumerate() {
            gradients[place(i, j)] += g;
        }
    }
    norm
}

/// The dot product: sixteen sums side by side in `f32`, which vectorises, added up in `f64`.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| f64::from(a * b));
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + rest.sum::<f64>()
}
