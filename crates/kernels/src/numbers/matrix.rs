//! A matrix as the kernels read it: rows filled up with zeros to whole vectors.

use crate::memory::buffer::{Buffer, Plain};
use crate::memory::size::{aligned, count};

/// A matrix whose rows are [`aligned`] apart; what stands behind `width` in a row is zero.
pub(crate) struct Matrix<T: Plain> {
    pub values: Buffer<T>,
    pub rows: usize,
    pub width: usize,
    pub stride: usize,
}

impl<T: Plain> Matrix<T> {
    /// With arbitrary values, for a kernel that writes every one of them, padding included.
    pub fn of_any(rows: usize, width: usize) -> Self {
        let stride = aligned(width);
        Self {
            values: Buffer::of_any(count(&[rows, stride])),
            rows,
            width,
            stride,
        }
    }

    /// Zeros.
    pub fn zeros(rows: usize, width: usize) -> Self {
        let stride = aligned(width);
        Self {
            values: Buffer::zeros(count(&[rows, stride])),
            rows,
            width,
            stride,
        }
    }

    /// With arbitrary values and zeros as padding, for a caller that writes the values and leaves the padding.
    pub fn for_values(rows: usize, width: usize) -> Self {
        if aligned(width) == width {
            Self::of_any(rows, width)
        } else {
            Self::zeros(rows, width)
        }
    }

    pub fn row(&self, row: usize) -> &[T] {
        &self.values[row * self.stride..][..self.width]
    }
}
