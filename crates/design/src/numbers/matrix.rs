//! Matrices of rows.

use rayon::prelude::*;

/// A matrix, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// Values of a row.
    pub width: usize,
    /// The rows, one behind the other.
    pub values: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, width: usize) -> Self {
        Self {
            width,
            values: vec![0.0; rows * width],
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// All rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Some of the rows, in the order that is given.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            width: self.width,
            values: rows
                .iter()
                .flat_map(|&row| self.row(row))
                .copied()
                .collect(),
        }
    }

    /// `X^T X`, `[width, width]`: each thread owns rows of the result and reads all of `X`.
    #[must_use]
    pub fn gram(&self) -> Self {
        let width = self.width;
        let mut gram = Self::zeros(width, width);
        gram.values
            .par_chunks_mut(width.max(1) * 8)
            .enumerate()
            .for_each(|(block, mine)| {
                for row in self.rows() {
                    for (i, sums) in mine.chunks_exact_mut(width).enumerate() {
                        let at = block * 8 + i;
                        let x = row[at];
                        if x != 0.0 {
                            add_scaled(&mut sums[at..], &row[at..], x);
                        }
                    }
                }
            });
        for i in 0..width {
            for j in 0..i {
                gram.values[i * width + j] = gram.values[j * width + i];
            }
        }
        gram
    }

    /// `X^T y`.
    pub fn transposed_times(&self, y: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for (row, &y) in self.rows().zip(y) {
            add_scaled(&mut sums, row, y);
        }
        sums
    }

    /// `X w`.
    pub fn times(&self, w: &[f64]) -> Vec<f64> {
        self.rows().map(|row| dot(row, w)).collect()
    }

    /// The mean of each column.
    pub fn means(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for row in self.rows() {
            add_scaled(&mut sums, row, 1.0);
        }
        let n = self.len().max(1) as f64;
        sums.iter_mut().for_each(|sum| *sum /= n);
        sums
    }
}

/// The sum of products: four sums side by side, so that the compiler makes vectors of them.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (heads_a, tail_a) = a.as_chunks::<8>();
    let (heads_b, tail_b) = b.as_chunks::<8>();
    for (a, b) in heads_a.iter().zip(heads_b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let tail: f64 = tail_a.iter().zip(tail_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + tail
}

/// `sums += x * row`.
pub fn add_scaled(sums: &mut [f64], row: &[f64], x: f64) {
    sums.iter_mut()
        .zip(row)
        .for_each(|(sum, value)| *sum += x * value);
}
