//! How activations and weights are held: `f32`, or `bf16` with sums in `f32`.

use crate::memory::buffer::Plain;
use crate::numbers::matrix::Matrix;
use crate::simd::bf16::{from_bf16, to_bf16};
use crate::simd::dispatch::call;
use crate::simd::vector::{Kernel, Simd};

/// A number format of weights and kept activations.
pub(crate) trait Element: Plain {
    /// Steps along the depth of a product that one multiply-add takes.
    const DEPTH: usize;
    /// Depth steps of a product's block: what stays in the caches.
    const BLOCK: usize;

    fn from_f32(x: f32) -> Self;
    fn to_f32(self) -> f32;
    /// # Safety
    /// As [`Simd::load`].
    unsafe fn load<S: Simd>(from: *const Self) -> S::V;
    /// # Safety
    /// As [`Simd::store`].
    unsafe fn store<S: Simd>(to: *mut Self, v: S::V);
    /// One row's next [`Element::DEPTH`] values, in every lane.
    ///
    /// # Safety
    /// As [`Simd::load`].
    unsafe fn row_step<S: Simd>(from: *const Self) -> S::V;
    /// `LANES` columns' next [`Element::DEPTH`] values.
    ///
    /// # Safety
    /// As [`Simd::load`].
    unsafe fn column_step<S: Simd>(from: *const Self) -> S::V;
    /// `sum` and the product of two steps.
    ///
    /// # Safety
    /// As [`Simd::fma`].
    unsafe fn multiply<S: Simd>(sum: S::V, row: S::V, columns: S::V) -> S::V;
    /// A matrix in this format.
    fn from_matrix<S: Simd>(matrix: Matrix<f32>) -> Matrix<Self>;
    /// A copy of a matrix in this format.
    fn copy_of<S: Simd>(matrix: &Matrix<f32>) -> Matrix<Self>;
}

impl Element for f32 {
    const DEPTH: usize = 1;
    const BLOCK: usize = 384;

    fn from_f32(x: f32) -> Self {
        x
    }

    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S::V {
        unsafe { S::load(from) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut Self, v: S::V) {
        unsafe { S::store(to, v) }
    }

    #[inline(always)]
    unsafe fn row_step<S: Simd>(from: *const Self) -> S::V {
        unsafe { S::splat(*from) }
    }

    #[inline(always)]
    unsafe fn column_step<S: Simd>(from: *const Self) -> S::V {
        unsafe { S::load(from) }
    }

    #[inline(always)]
    unsafe fn multiply<S: Simd>(sum: S::V, row: S::V, columns: S::V) -> S::V {
        unsafe { S::fma(row, columns, sum) }
    }

    fn from_matrix<S: Simd>(matrix: Matrix<f32>) -> Matrix<Self> {
        matrix
    }

    fn copy_of<S: Simd>(matrix: &Matrix<f32>) -> Matrix<Self> {
        Matrix {
            values: matrix.values.clone(),
            ..*matrix
        }
    }
}

/// `bf16`, as its bits.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Bf16(pub u16);

// SAFETY: a `u16`.
unsafe impl Plain for Bf16 {}

impl Element for Bf16 {
    const DEPTH: usize = 2;
    const BLOCK: usize = 768;

    fn from_f32(x: f32) -> Self {
        Self(to_bf16(x))
    }

    fn to_f32(self) -> f32 {
        from_bf16(self.0)
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S::V {
        unsafe { S::load_bf16(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut Self, v: S::V) {
        unsafe { S::store_bf16(to.cast(), v) }
    }

    #[inline(always)]
    unsafe fn row_step<S: Simd>(from: *const Self) -> S::V {
        unsafe { S::splat_pair(from.cast()) }
    }

    #[inline(always)]
    unsafe fn column_step<S: Simd>(from: *const Self) -> S::V {
        unsafe { S::load_pairs(from.cast()) }
    }

    #[inline(always)]
    unsafe fn multiply<S: Simd>(sum: S::V, row: S::V, columns: S::V) -> S::V {
        unsafe { S::dot_pairs(sum, row, columns) }
    }

    fn from_matrix<S: Simd>(matrix: Matrix<f32>) -> Matrix<Self> {
        Self::copy_of::<S>(&matrix)
    }

    fn copy_of<S: Simd>(matrix: &Matrix<f32>) -> Matrix<Self> {
        let mut to = Matrix::of_any(matrix.rows, matrix.width);
        call::<S, _>(Narrow {
            from: matrix,
            to: &mut to,
        });
        to
    }
}

/// `f32` to `bf16`.
struct Narrow<'a> {
    from: &'a Matrix<f32>,
    to: &'a mut Matrix<Bf16>,
}

impl Kernel for Narrow<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (from, to) = (self.from.values.as_ptr(), self.to.values.as_mut_ptr());
        for i in (0..self.from.values.len()).step_by(S::LANES) {
            unsafe { Bf16::store::<S>(to.add(i), S::load(from.add(i))) };
        }
    }
}
