//! Symmetric positive systems.

use rayon::prelude::*;

use super::matrix::{Matrix, dot};

/// The lower triangle `L` of `A = L L^T`.
#[derive(Clone, Debug)]
pub struct Cholesky {
    lower: Matrix,
}

/// Columns that are taken together.
const BLOCK: usize = 64;

impl Cholesky {
    /// Takes a symmetric matrix apart; nothing where it is not positive definite.
    pub fn new(mut a: Matrix) -> Option<Self> {
        let n = a.width;
        let mut begin = 0;
        while begin < n {
            let end = (begin + BLOCK).min(n);
            // What stands to the left was taken off already: the block on the diagonal, then what is below it.
            for j in begin..end {
                let (above, below) = a.values.split_at_mut(j * n);
                let row_j = &mut below[..n];
                for i in begin..j {
                    let row_i = &above[i * n..(i + 1) * n];
                    row_j[i] = (row_j[i] - dot(&row_j[begin..i], &row_i[begin..i])) / row_i[i];
                }
                let rest = row_j[j] - dot(&row_j[begin..j], &row_j[begin..j]);
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                row_j[j] = rest.sqrt();
            }
            let (above, below) = a.values.split_at_mut(end * n);
            let block: Vec<&[f64]> = (begin..end).map(|i| &above[i * n..(i + 1) * n]).collect();
            below.par_chunks_mut(n).for_each(|row| {
                for (i, above) in (begin..end).zip(&block) {
                    row[i] = (row[i] - dot(&row[begin..i], &above[begin..i])) / above[i];
                }
            });
            let panel: Vec<f64> = below
                .chunks(n)
                .flat_map(|row| row[begin..end].to_vec())
                .collect();
            let wide = end - begin;
            below.par_chunks_mut(n).enumerate().for_each(|(i, row)| {
                let own = &panel[i * wide..(i + 1) * wide];
                for j in 0..=i {
                    row[end + j] -= dot(own, &panel[j * wide..(j + 1) * wide]);
                }
            });
            begin = end;
        }
        Some(Self { lower: a })
    }

    /// The solution of `A x = b`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.lower.width;
        let mut x = b.to_vec();
        for i in 0..n {
            let row = self.lower.row(i);
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for i in (0..n).rev() {
            x[i] /= self.lower.row(i)[i];
            let (value, row) = (x[i], self.lower.row(i));
            for j in 0..i {
                x[j] -= value * row[j];
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_of_many_blocks_is_solved() {
        for n in [1, 5, 64, 65, 200] {
            let mut stream = lingo_artifact::random::Stream::new(1, "cholesky");
            let x = Matrix {
                width: n,
                values: (0..(n + 5) * n).map(|_| stream.normal()).collect(),
            };
            let mut a = x.gram();
            (0..n).for_each(|i| a.values[i * n + i] += 0.5);
            let expected: Vec<f64> = (0..n).map(|i| i as f64 - 3.0).collect();
            let found = Cholesky::new(a.clone()).unwrap().solve(&a.times(&expected));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-7, "{n}: {found} {expected}");
            }
        }
        let mut negative = Matrix::zeros(2, 2);
        negative.values = vec![1.0, 2.0, 2.0, 1.0];
        assert!(Cholesky::new(negative).is_none());
    }
}
