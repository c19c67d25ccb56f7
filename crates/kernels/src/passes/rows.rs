//! A chunk's rows: taken out of a padded batch, and put back.

use crate::batch::Chunk;
use crate::memory::size::aligned;
use crate::numbers::matrix::Matrix;

/// The chunk's rows of `x` `[.., width]`.
pub(crate) fn gather(x: &[f32], rows: &[usize], width: usize) -> Matrix<f32> {
    let mut matrix = Matrix::for_values(rows.len(), width);
    for (to, &row) in rows.iter().enumerate() {
        let to = &mut matrix.values[to * aligned(width)..][..width];
        to.copy_from_slice(&x[row * width..(row + 1) * width]);
    }
    matrix
}

/// The chunk's rows to their places in `out`, which begins at the chunk's first row.
pub(crate) fn scatter(rows: &Matrix<f32>, chunk: &Chunk, out: &mut [f32]) {
    for (from, &row) in chunk.rows.iter().enumerate() {
        let to = (row - chunk.first) * rows.width;
        out[to..to + rows.width].copy_from_slice(rows.row(from));
    }
}
