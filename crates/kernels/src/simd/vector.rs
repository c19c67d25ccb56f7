//! What the kernels ask of a processor: vectors of `f32`, and products of `bf16` pairs.
//!
//! A kernel is written once, over [`Simd`]. [`Simd::call`] runs it inside a function that has the
//! processor's features, and everything below it is inlined there: by
//! `#[inline(always)]`, so kernels call no closures, which carry no such mark.

/// One piece of work, generic over the processor.
pub(crate) trait Kernel {
    /// What it gives back.
    type Out;

    /// Does the work.
    ///
    /// # Safety
    /// The processor has `S`, and the kernel's pointers are valid for what it touches.
    unsafe fn run<S: Simd>(self) -> Self::Out;
}

/// A vector instruction set. All methods are unsafe for the same two reasons: the processor must
/// have the instructions, and pointers must be valid for the lanes that are touched.
#[allow(clippy::missing_safety_doc)]
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Values in a vector; a divisor of [`crate::memory::size::ALIGN`].
    const LANES: usize;
    /// Rows of a tile of a matrix product: 8, where registers allow it, or 4.
    const ROWS: usize;
    /// `LANES` values, or `LANES` pairs of `bf16`.
    type V: Copy;

    unsafe fn call<K: Kernel>(kernel: K) -> K::Out;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    /// `LANES` values of `bf16`, widened.
    unsafe fn load_bf16(from: *const u16) -> Self::V;
    /// Rounds to nearest even; a NaN stays one.
    unsafe fn store_bf16(to: *mut u16, v: Self::V);

    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `b` where either is a NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a` where `x < 0`, else `b`.
    unsafe fn where_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Zero in the lanes whose bit is zero, lane 0 from the lowest bit.
    unsafe fn keep(v: Self::V, bits: u32) -> Self::V;
    /// `v * 2^n` for whole `n` in -126..=127.
    unsafe fn scale_by_power(v: Self::V, n: Self::V) -> Self::V;
    unsafe fn sum(v: Self::V) -> f32;
    unsafe fn largest(v: Self::V) -> f32;

    /// Adds `steps` products of four values of `a` with three vectors of `b` to the sums of a tile of four rows; whether it
    /// did: where the compiler keeps such a tile in registers by itself, nothing is done here. The strides are values from
    /// one row of `a` to the next, and from one step to the next in `a` and in `b`.
    #[inline(always)]
    unsafe fn tile_of_four(
        _sums: &mut [[Self::V; 3]; 4],
        _a: *const f32,
        _b: *const f32,
        _steps: usize,
        _strides: [usize; 3],
    ) -> bool {
        false
    }

    /// `LANES` pairs of `bf16`.
    unsafe fn load_pairs(from: *const u16) -> Self::V;
    /// One pair of `bf16` in every lane.
    unsafe fn splat_pair(from: *const u16) -> Self::V;
    /// `sum + a.0 * b.0 + a.1 * b.1`.
    unsafe fn dot_pairs(sum: Self::V, a: Self::V, b: Self::V) -> Self::V;
}

/// `e^x` to about 2e-7 relative for `x` in -87..=88; beyond, the value at the bound.
///
/// # Safety
/// As [`Simd`]'s methods.
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    /// Adding 1.5 * 2^23 rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    unsafe {
        // The bound comes first, so that a NaN passes through.
        let x = S::max(S::splat(-87.0), x);
        let x = S::sub(
            S::splat(0.0),
            S::max(S::splat(-88.0), S::sub(S::splat(0.0), x)),
        );
        let shifted = S::fma(x, S::splat(std::f32::consts::LOG2_E), S::splat(ROUND));
        let power = S::sub(shifted, S::splat(ROUND));
        let r = S::sub(x, S::mul(power, S::splat(LN_2_HIGH)));
        let r = S::sub(r, S::mul(power, S::splat(LN_2_LOW)));
        // Cephes' expf.
        let mut series = S::splat(1.987_569_1e-4);
        for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
            series = S::fma(series, r, S::splat(c));
        }
        let value = S::add(S::fma(S::mul(series, r), r, r), S::splat(1.0));
        S::scale_by_power(value, power)
    }
}
