//! The direction that a triplet comes back with.

use crate::rank::triplets::Triplets;

/// A direction of which less than this share is left has no part of its own.
const OWN: f64 = 1e-4;

/// Makes column `i` of a module's `down` orthogonal to the columns `others` and restores its norm. Where
/// nothing of it would be left, it stays as it is.
pub(crate) fn orthogonalize(values: &mut [f32], module: &Triplets, i: usize, others: &[usize]) {
    let column = |values: &[f32], i: usize| -> Vec<f64> {
        module
            .down_column(i)
            .map(|p| f64::from(values[p]))
            .collect()
    };
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for &other in others {
        let mut vector = column(values, other);
        let before = norm(&vector);
        remove(&mut vector, &basis);
        let after = norm(&vector);
        if after > OWN * before {
            vector.iter_mut().for_each(|v| *v /= after);
            basis.push(vector);
        }
    }
    let mut vector = column(values, i);
    let before = norm(&vector);
    remove(&mut vector, &basis);
    let after = norm(&vector);
    if after > OWN * before {
        for (place, v) in module.down_column(i).zip(vector) {
            values[place] = (v * before / after) as f32;
        }
    }
}

/// Takes out of a vector its parts along an orthonormal basis; twice, as once leaves rounding.
fn remove(vector: &mut [f64], basis: &[Vec<f64>]) {
    for b in basis.iter().chain(basis) {
        let along: f64 = vector.iter().zip(b).map(|(v, b)| v * b).sum();
        vector.iter_mut().zip(b).for_each(|(v, b)| *v -= along * b);
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|v| v * v).sum::<f64>().sqrt()
}
