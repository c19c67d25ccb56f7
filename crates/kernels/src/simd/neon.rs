//! NEON: 4 values.

use std::arch::aarch64::*;

use crate::simd::bf16::to_bf16;
use crate::simd::vector::{Kernel, Simd};

/// The vectors that every aarch64 processor has.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

impl Simd for Neon {
    const LANES: usize = 4;
    const ROWS: usize = 8;
    type V = float32x4_t;

    unsafe fn call<K: Kernel>(kernel: K) -> K::Out {
        unsafe { kernel.run::<Self>() }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        unsafe { vst1q_f32(to, v) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self::V {
        unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from))) }
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, v: Self::V) {
        unsafe {
            let mut values = [0.0f32; 4];
            vst1q_f32(values.as_mut_ptr(), v);
            for (i, x) in values.into_iter().enumerate() {
                *to.add(i) = to_bf16(x);
            }
        }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    unsafe fn where_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V {
        unsafe { vbslq_f32(vcltzq_f32(x), a, b) }
    }

    #[inline(always)]
    unsafe fn keep(v: Self::V, bits: u32) -> Self::V {
        unsafe {
            let lanes = vld1q_u32([1u32, 2, 4, 8].as_ptr());
            let kept = vtstq_u32(vdupq_n_u32(bits), lanes);
            vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), kept))
        }
    }

    #[inline(always)]
    unsafe fn scale_by_power(v: Self::V, n: Self::V) -> Self::V {
        unsafe {
            let exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vmulq_f32(v, vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent)))
        }
    }

    #[inline(always)]
    unsafe fn sum(v: Self::V) -> f32 {
        unsafe { vaddvq_f32(v) }
    }

    #[inline(always)]
    unsafe fn largest(v: Self::V) -> f32 {
        unsafe { vmaxvq_f32(v) }
    }

    #[inline(always)]
    unsafe fn load_pairs(from: *const u16) -> Self::V {
        unsafe { vld1q_f32(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat_pair(from: *const u16) -> Self::V {
        unsafe { vreinterpretq_f32_u32(vdupq_n_u32(from.cast::<u32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::V, a: Self::V, b: Self::V) -> Self::V {
        unsafe {
            let (a, b) = (vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b));
            let low_a = vreinterpretq_f32_u32(vshlq_n_u32::<16>(a));
            let low_b = vreinterpretq_f32_u32(vshlq_n_u32::<16>(b));
            let mask = vdupq_n_u32(0xffff_0000);
            let high_a = vreinterpretq_f32_u32(vandq_u32(a, mask));
            let high_b = vreinterpretq_f32_u32(vandq_u32(b, mask));
            vfmaq_f32(vfmaq_f32(sum, low_a, low_b), high_a, high_b)
        }
    }
}
