//! Dot products of the rows of two matrices, and exponentials of what comes out: what a kernel machine asks for.

use crate::memory::size::ALIGN;
use crate::simd::dispatch::{Work, call, on_level};
use crate::simd::level::Level;
use crate::simd::vector::{Kernel, Simd, exp};

/// Rows of `b` that stay in a cache while the rows of `a` pass.
const PANEL: usize = 32;

/// `out[i][j] = sum over k of a[i][k] b[j][k]`: `a` and `b` are rows of `width` values, of `out` a row begins every `stride` values
/// and its first `b`-many are written.
///
/// Each sum is made in the same order whatever else is asked for: any cut of the rows gives the same bits.
///
/// # Panics
/// If the lengths do not fit, `width` is no multiple of 16, or the processor lacks `level`.
pub fn dots(level: Level, a: &[f32], b: &[f32], width: usize, out: &mut [f32], stride: usize) {
    assert_eq!(width % ALIGN, 0, "rows of whole vectors");
    let [rows, columns] = [a, b].map(|values| values.len() / width.max(1));
    assert!(a.len() == rows * width && b.len() == columns * width);
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(columns <= stride && out.len() >= (rows - 1) * stride + columns);
    on_level(
        level,
        AllDots(Dots {
            a,
            b,
            width,
            rows,
            columns,
            out,
            stride,
        }),
    );
}

/// Each value becomes `e^(factor (value - 1))`.
///
/// # Panics
/// If the processor lacks `level`.
pub fn exponentials(level: Level, factor: f32, values: &mut [f32]) {
    on_level(level, AllPowers(Powers { factor, values }));
}

struct AllDots<'a>(Dots<'a>);

impl Work for AllDots<'_> {
    type Out = ();

    fn run<S: Simd>(self) {
        call::<S, _>(self.0);
    }
}

/// `out[rows][stride]` of `a[rows][width]` and `b[columns][width]`.
struct Dots<'a> {
    a: &'a [f32],
    b: &'a [f32],
    width: usize,
    rows: usize,
    columns: usize,
    out: &'a mut [f32],
    stride: usize,
}

impl Kernel for Dots<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        // SAFETY: `dots` has checked the lengths; every tile lies in `rows` and `columns`.
        unsafe {
            for first in (0..self.columns).step_by(PANEL) {
                let end = self.columns.min(first + PANEL);
                let mut row = 0;
                while row + 4 <= self.rows {
                    self.row_of_tiles::<S, 4>(row, first, end);
                    row += 4;
                }
                while row < self.rows {
                    self.row_of_tiles::<S, 1>(row, first, end);
                    row += 1;
                }
            }
        }
    }
}

impl Dots<'_> {
    #[inline(always)]
    unsafe fn row_of_tiles<S: Simd, const M: usize>(
        &mut self,
        row: usize,
        first: usize,
        end: usize,
    ) {
        let mut column = first;
        // SAFETY: the caller's: `row + M` rows and the columns to `end` are there.
        unsafe {
            // Where there are 32 registers, a tile's 16 sums find room in them.
            while S::LANES == 16 && column + 4 <= end {
                self.tile::<S, M, 4>(row, column);
                column += 4;
            }
            while column + 2 <= end {
                self.tile::<S, M, 2>(row, column);
                column += 2;
            }
            if column < end {
                self.tile::<S, M, 1>(row, column);
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const M: usize, const N: usize>(&mut self, row: usize, column: usize) {
        // SAFETY: the caller's: `M` rows and `N` columns from these on are there, each of `width` values, whole vectors.
        unsafe {
            let a = self.a.as_ptr().add(row * self.width);
            let b = self.b.as_ptr().add(column * self.width);
            let mut sums = [[S::splat(0.0); N]; M];
            let mut at = 0;
            while at < self.width {
                let mut of_b = [S::splat(0.0); N];
                for (j, of_b) in of_b.iter_mut().enumerate() {
                    *of_b = S::load(b.add(j * self.width + at));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let of_a = S::load(a.add(i * self.width + at));
                    for (sum, of_b) in sums.iter_mut().zip(of_b) {
                        *sum = S::fma(of_a, of_b, *sum);
                    }
                }
                at += S::LANES;
            }
            for (i, sums) in sums.iter().enumerate() {
                let to = self.out.as_mut_ptr().add((row + i) * self.stride + column);
                for (j, sum) in sums.iter().enumerate() {
                    *to.add(j) = S::sum(*sum);
                }
            }
        }
    }
}

struct AllPowers<'a>(Powers<'a>);

impl Work for AllPowers<'_> {
    type Out = ();

    fn run<S: Simd>(self) {
        call::<S, _>(self.0);
    }
}

struct Powers<'a> {
    factor: f32,
    values: &'a mut [f32],
}

impl Kernel for Powers<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut chunks = self.values.chunks_exact_mut(ALIGN);
        // SAFETY: a chunk, and what is filled up to one, is a whole number of vectors.
        unsafe {
            for chunk in &mut chunks {
                powers::<S>(self.factor, chunk.as_mut_ptr());
            }
            let rest = chunks.into_remainder();
            let mut last = [0.0; ALIGN];
            last[..rest.len()].copy_from_slice(rest);
            powers::<S>(self.factor, last.as_mut_ptr());
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

/// [`ALIGN`] values.
#[inline(always)]
unsafe fn powers<S: Simd>(factor: f32, values: *mut f32) {
    // SAFETY: the caller's: there are `ALIGN` values, a whole number of vectors.
    unsafe {
        for at in (0..ALIGN).step_by(S::LANES) {
            let value = S::sub(S::load(values.add(at)), S::splat(1.0));
            S::store(values.add(at), exp::<S>(S::mul(value, S::splat(factor))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize, width: usize, seed: usize) -> Vec<f32> {
        let value = |i: usize| ((i * 7919 + seed) % 101) as f32 / 50.0 - 1.0;
        (0..n * width).map(value).collect()
    }

    #[test]
    fn every_level_gives_the_sums_and_any_cut_the_same_bits() {
        let width = 48;
        let (a, b) = (rows(11, width, 1), rows(39, width, 5));
        for level in Level::ALL.into_iter().filter(|level| level.is_here()) {
            let mut out = vec![f32::NAN; 11 * 40];
            dots(level, &a, &b, width, &mut out, 40);
            for (i, row) in a.chunks(width).enumerate() {
                for (j, other) in b.chunks(width).enumerate() {
                    let pairs = row.iter().zip(other);
                    let sum: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let found = out[i * 40 + j];
                    assert!((f64::from(found) - sum).abs() < 1e-4, "{level} {i} {j}");
                    let mut one = [0.0];
                    dots(level, row, other, width, &mut one, 1);
                    assert_eq!(one[0].to_bits(), found.to_bits(), "{level} {i} {j}");
                    dots(level, other, row, width, &mut one, 1);
                    assert_eq!(one[0].to_bits(), found.to_bits(), "{level} {i} {j}");
                }
                assert!(out[i * 40 + 39].is_nan(), "written beyond the columns");
            }
        }
    }

    #[test]
    fn powers_are_those_of_the_library() {
        for level in Level::ALL.into_iter().filter(|level| level.is_here()) {
            let values: Vec<f32> = (0..37).map(|i| i as f32 / 18.0 - 1.0).collect();
            let mut found = values.clone();
            exponentials(level, 2.0, &mut found);
            for (found, value) in found.iter().zip(values) {
                let expected = (2.0 * (value - 1.0)).exp();
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{level} {found} {expected}"
                );
            }
        }
    }
}
