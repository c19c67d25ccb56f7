//! The thin products of a low-rank addition and its gradients.
//!
//! With `d` the dropped-out input, the addition is `u B`, `u = d A`. Its gradients are
//! `dB = u^T g`, `v = g B^T`, `dA = d^T v`, and `v A^T`, dropped out again, for the input.
//! `A` is held transposed here, so that all run along rows.

use crate::dropout::mask::{Mask, masked, scale};
use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::simd::vector::{Kernel, Simd};

/// `u[row][j] = sum_k dropped(x)[row][k] r[j][k]`.
pub(crate) struct Project<'a, T: Element> {
    pub x: &'a Matrix<T>,
    pub mask: Option<Mask<'a>>,
    /// `[rank, width of x]`.
    pub r: &'a Matrix<f32>,
    /// `[rows, rank]`.
    pub u: &'a mut Matrix<f32>,
}

impl<T: Element> Kernel for Project<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        debug_assert_eq!(self.x.width, self.r.width);
        debug_assert_eq!((self.u.rows, self.u.width), (self.x.rows, self.r.rows));
        let mut row = 0;
        unsafe {
            while row + 2 <= self.x.rows {
                self.ranks::<S, 2>(row);
                row += 2;
            }
            if row < self.x.rows {
                self.ranks::<S, 1>(row);
            }
        }
    }
}

impl<T: Element> Project<'_, T> {
    #[inline(always)]
    unsafe fn ranks<S: Simd, const R: usize>(&mut self, row: usize) {
        let rank = self.r.rows;
        let mut j = 0;
        unsafe {
            while j + 8 <= rank {
                self.block::<S, R, 8>(row, j);
                j += 8;
            }
            while j + 4 <= rank {
                self.block::<S, R, 4>(row, j);
                j += 4;
            }
            while j + 2 <= rank {
                self.block::<S, R, 2>(row, j);
                j += 2;
            }
            if j < rank {
                self.block::<S, R, 1>(row, j);
            }
        }
    }

    #[inline(always)]
    unsafe fn block<S: Simd, const R: usize, const J: usize>(&mut self, row: usize, first: usize) {
        unsafe {
            let x = self.x.values.as_ptr().add(row * self.x.stride);
            let r = self.r.values.as_ptr().add(first * self.r.stride);
            let mut sums = [[S::splat(0.0); J]; R];
            for k in (0..self.x.stride).step_by(S::LANES) {
                let mut values = [S::splat(0.0); R];
                for (i, value) in values.iter_mut().enumerate() {
                    let v = T::load::<S>(x.add(i * self.x.stride + k));
                    *value = masked::<S>(v, self.mask.filter(|_| k < self.x.width), row + i, k);
                }
                for j in 0..J {
                    let direction = S::load(r.add(j * self.r.stride + k));
                    for (sums, &value) in sums.iter_mut().zip(&values) {
                        sums[j] = S::fma(value, direction, sums[j]);
                    }
                }
            }
            let scale = scale(self.mask);
            for (i, sums) in sums.iter().enumerate() {
                for (j, &sum) in sums.iter().enumerate() {
                    self.u.values[(row + i) * self.u.stride + first + j] = S::sum(sum) * scale;
                }
            }
        }
    }
}

/// `into[j][k] += sum_row v[row][j] dropped(x)[row][k]`.
pub(crate) struct Outer<'a, T: Element> {
    pub v: &'a Matrix<f32>,
    pub x: &'a Matrix<T>,
    pub mask: Option<Mask<'a>>,
    /// `[width of v, width of x]`.
    pub into: &'a mut Matrix<f32>,
}

impl<T: Element> Kernel for Outer<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        debug_assert_eq!(
            (self.into.rows, self.into.width),
            (self.v.width, self.x.width)
        );
        let vectors = self.x.stride / S::LANES;
        let mut vector = 0;
        unsafe {
            while vector + 2 <= vectors {
                self.ranks::<S, 2>(vector * S::LANES);
                vector += 2;
            }
            if vector < vectors {
                self.ranks::<S, 1>(vector * S::LANES);
            }
        }
    }
}

impl<T: Element> Outer<'_, T> {
    #[inline(always)]
    unsafe fn ranks<S: Simd, const V: usize>(&mut self, column: usize) {
        let rank = self.v.width;
        let mut j = 0;
        unsafe {
            while j + 8 <= rank {
                self.block::<S, V, 8>(column, j);
                j += 8;
            }
            while j + 4 <= rank {
                self.block::<S, V, 4>(column, j);
                j += 4;
            }
            while j + 2 <= rank {
                self.block::<S, V, 2>(column, j);
                j += 2;
            }
            if j < rank {
                self.block::<S, V, 1>(column, j);
            }
        }
    }

    #[inline(always)]
    unsafe fn block<S: Simd, const V: usize, const J: usize>(
        &mut self,
        column: usize,
        first: usize,
    ) {
        unsafe {
            let mut sums = [[S::splat(0.0); V]; J];
            for row in 0..self.x.rows {
                let x = self.x.values.as_ptr().add(row * self.x.stride + column);
                let v = self.v.values.as_ptr().add(row * self.v.stride + first);
                let mut values = [S::splat(0.0); V];
                for (i, value) in values.iter_mut().enumerate() {
                    let at = column + i * S::LANES;
                    let loaded = T::load::<S>(x.add(i * S::LANES));
                    *value = masked::<S>(loaded, self.mask.filter(|_| at < self.x.width), row, at);
                }
                for (j, sums) in sums.iter_mut().enumerate() {
                    let factor = S::splat(*v.add(j));
                    for (sum, &value) in sums.iter_mut().zip(&values) {
                        *sum = S::fma(factor, value, *sum);
                    }
                }
            }
            let scale = S::splat(scale(self.mask));
            for (j, sums) in sums.iter().enumerate() {
                for (i, &sum) in sums.iter().enumerate() {
                    let at = (first + j) * self.into.stride + column + i * S::LANES;
                    let to = self.into.values.as_mut_ptr().add(at);
                    S::store(to, S::fma(sum, scale, S::load(to)));
                }
            }
        }
    }
}

/// `into[row][k] += dropped(sum_j v[row][j] r[j][k])`.
pub(crate) struct Spread<'a> {
    /// `[rows, rank]`.
    pub v: &'a Matrix<f32>,
    /// `[rank, width]`.
    pub r: &'a Matrix<f32>,
    pub mask: Option<Mask<'a>>,
    /// `[rows, width]`.
    pub into: &'a mut Matrix<f32>,
}

impl Kernel for Spread<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        debug_assert_eq!(
            (self.into.rows, self.into.width),
            (self.v.rows, self.r.width)
        );
        let mut row = 0;
        unsafe {
            while row + 4 <= self.into.rows {
                self.block::<S, 4>(row);
                row += 4;
            }
            while row < self.into.rows {
                self.block::<S, 1>(row);
                row += 1;
            }
        }
    }
}

impl Spread<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const R: usize>(&mut self, row: usize) {
        unsafe {
            let scale = S::splat(scale(self.mask));
            for k in (0..self.into.stride).step_by(S::LANES) {
                let mut sums = [S::splat(0.0); R];
                for j in 0..self.r.rows {
                    let direction = S::load(self.r.values.as_ptr().add(j * self.r.stride + k));
                    for (i, sum) in sums.iter_mut().enumerate() {
                        let at = (row + i) * self.v.stride + j;
                        let factor = S::splat(*self.v.values.as_ptr().add(at));
                        *sum = S::fma(factor, direction, *sum);
                    }
                }
                for (i, &sum) in sums.iter().enumerate() {
                    let mask = self.mask.filter(|_| k < self.into.width);
                    let sum = masked::<S>(sum, mask, row + i, k);
                    let at = (row + i) * self.into.stride + k;
                    let to = self.into.values.as_mut_ptr().add(at);
                    S::store(to, S::fma(sum, scale, S::load(to)));
                }
            }
        }
    }
}
