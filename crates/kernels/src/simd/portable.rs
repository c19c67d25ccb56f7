//! Plain Rust, for processors without a path of their own, and as the reference of the others.

use crate::simd::bf16::{from_bf16, to_bf16};
use crate::simd::vector::{Kernel, Simd};

/// Eight values in an array.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const N: usize = 8;

#[inline(always)]
fn each(f: impl Fn(usize) -> f32) -> [f32; N] {
    std::array::from_fn(f)
}

impl Simd for Portable {
    const LANES: usize = N;
    const ROWS: usize = 4;
    type V = [f32; N];

    unsafe fn call<K: Kernel>(kernel: K) -> K::Out {
        unsafe { kernel.run::<Self>() }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; N]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        unsafe { to.cast::<Self::V>().write_unaligned(v) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self::V {
        each(|i| from_bf16(unsafe { *from.add(i) }))
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, v: Self::V) {
        for (i, x) in v.into_iter().enumerate() {
            unsafe { *to.add(i) = to_bf16(x) }
        }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] - b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] / b[i])
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        each(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Not `mul_add`: without the instruction that is a library call.
        each(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    unsafe fn where_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V {
        each(|i| if x[i] < 0.0 { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn keep(v: Self::V, bits: u32) -> Self::V {
        each(|i| if bits >> i & 1 == 1 { v[i] } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn scale_by_power(v: Self::V, n: Self::V) -> Self::V {
        each(|i| {
            let exponent = (n[i] as i32).wrapping_add(127);
            v[i] * f32::from_bits((exponent << 23) as u32)
        })
    }

    #[inline(always)]
    unsafe fn sum(v: Self::V) -> f32 {
        v.iter().sum()
    }

    #[inline(always)]
    unsafe fn largest(v: Self::V) -> f32 {
        v.into_iter()
            .reduce(|a, b| if a > b { a } else { b })
            .unwrap_or(f32::NEG_INFINITY)
    }

    #[inline(always)]
    unsafe fn load_pairs(from: *const u16) -> Self::V {
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn splat_pair(from: *const u16) -> Self::V {
        [unsafe { from.cast::<f32>().read_unaligned() }; N]
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::V, a: Self::V, b: Self::V) -> Self::V {
        let low = |x: f32| f32::from_bits(x.to_bits() << 16);
        let high = |x: f32| f32::from_bits(x.to_bits() & 0xffff_0000);
        each(|i| sum[i] + low(a[i]) * low(b[i]) + high(a[i]) * high(b[i]))
    }
}
