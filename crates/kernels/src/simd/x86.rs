//! AVX2, AVX-512, and AVX-512 with products of `bf16` pairs.

use std::arch::x86_64::*;

use crate::simd::vector::{Kernel, Simd};

/// AVX2 and FMA: 8 values.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

/// AVX-512 (F, BW, DQ, VL): 16 values.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

/// [`Avx512`] with `vdpbf16ps`.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Bf16;

impl Simd for Avx2 {
    const LANES: usize = 8;
    const ROWS: usize = 4;
    type V = __m256;

    #[inline]
    unsafe fn call<K: Kernel>(kernel: K) -> K::Out {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn inside<K: Kernel>(kernel: K) -> K::Out {
            unsafe { kernel.run::<Avx2>() }
        }
        unsafe { inside(kernel) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        unsafe { _mm256_storeu_ps(to, v) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self::V {
        unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, v: Self::V) {
        unsafe {
            let bits = _mm256_castps_si256(v);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let rounded = _mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff));
            let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
            let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
            let chosen = _mm256_srli_epi32::<16>(_mm256_blendv_epi8(rounded, quiet, nan));
            let packed = _mm256_packus_epi32(chosen, chosen);
            let low = _mm256_castsi256_si128(packed);
            let high = _mm256_extracti128_si256::<1>(packed);
            _mm_storeu_si128(to.cast(), _mm_unpacklo_epi64(low, high));
        }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn where_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V {
        unsafe {
            let negative = _mm256_cmp_ps::<_CMP_LT_OQ>(x, _mm256_setzero_ps());
            _mm256_blendv_ps(b, a, negative)
        }
    }

    #[inline(always)]
    unsafe fn keep(v: Self::V, bits: u32) -> Self::V {
        unsafe {
            let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let set = _mm256_and_si256(_mm256_set1_epi32(bits as i32), lanes);
            let kept = _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lanes));
            _mm256_and_ps(v, kept)
        }
    }

    #[inline(always)]
    unsafe fn scale_by_power(v: Self::V, n: Self::V) -> Self::V {
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_mul_ps(v, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        }
    }

    #[inline(always)]
    unsafe fn sum(v: Self::V) -> f32 {
        unsafe {
            let half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(half, _mm_movehl_ps(half, half));
            let one = _mm_add_ss(two, _mm_movehdup_ps(two));
            _mm_cvtss_f32(one)
        }
    }

    #[inline(always)]
    unsafe fn largest(v: Self::V) -> f32 {
        unsafe {
            let half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_max_ps(half, _mm_movehl_ps(half, half));
            let one = _mm_max_ss(two, _mm_movehdup_ps(two));
            _mm_cvtss_f32(one)
        }
    }

    #[inline(always)]
    unsafe fn tile_of_four(
        sums: &mut [[Self::V; 3]; 4],
        a: *const f32,
        b: *const f32,
        steps: usize,
        strides: [usize; 3],
    ) -> bool {
        unsafe { tile_of_four(sums, a, b, steps, strides) };
        true
    }

    #[inline(always)]
    unsafe fn load_pairs(from: *const u16) -> Self::V {
        unsafe { _mm256_loadu_ps(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat_pair(from: *const u16) -> Self::V {
        unsafe { _mm256_castsi256_ps(_mm256_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::V, a: Self::V, b: Self::V) -> Self::V {
        unsafe {
            let low_a = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(a)));
            let low_b = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(b)));
            let mask = _mm256_castsi256_ps(_mm256_set1_epi32(0xffff_0000u32 as i32));
            let sum = _mm256_fmadd_ps(low_a, low_b, sum);
            _mm256_fmadd_ps(_mm256_and_ps(a, mask), _mm256_and_ps(b, mask), sum)
        }
    }
}

/// [`Simd::tile_of_four`] for `Avx2`. Twelve sums, three columns and one value of `a` are all 16 registers, which the compiler does not manage: it puts a
/// sum on the stack in every step, and waits for it.
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_of_four(
    sums: &mut [[__m256; 3]; 4],
    mut a: *const f32,
    mut b: *const f32,
    steps: usize,
    [a_row, a_step, b_step]: [usize; 3],
) {
    let [
        [mut s00, mut s01, mut s02],
        [mut s10, mut s11, mut s12],
        [mut s20, mut s21, mut s22],
        [mut s30, mut s31, mut s32],
    ] = *sums;
    let (row, third) = (4 * a_row, 12 * a_row);
    for _ in 0..steps {
        // SAFETY: only reads what `Simd` asks to be valid: a value in each of four rows, three vectors.
        unsafe {
            std::arch::asm!(
                "vmovups {c0}, [{b}]",
                "vmovups {c1}, [{b} + 32]",
                "vmovups {c2}, [{b} + 64]",
                "vbroadcastss {value}, dword ptr [{a}]",
                "vfmadd231ps {s00}, {value}, {c0}",
                "vfmadd231ps {s01}, {value}, {c1}",
                "vfmadd231ps {s02}, {value}, {c2}",
                "vbroadcastss {value}, dword ptr [{a} + {row}]",
                "vfmadd231ps {s10}, {value}, {c0}",
                "vfmadd231ps {s11}, {value}, {c1}",
                "vfmadd231ps {s12}, {value}, {c2}",
                "vbroadcastss {value}, dword ptr [{a} + 2 * {row}]",
                "vfmadd231ps {s20}, {value}, {c0}",
                "vfmadd231ps {s21}, {value}, {c1}",
                "vfmadd231ps {s22}, {value}, {c2}",
                "vbroadcastss {value}, dword ptr [{a} + {third}]",
                "vfmadd231ps {s30}, {value}, {c0}",
                "vfmadd231ps {s31}, {value}, {c1}",
                "vfmadd231ps {s32}, {value}, {c2}",
                a = in(reg) a,
                b = in(reg) b,
                row = in(reg) row,
                third = in(reg) third,
                c0 = out(ymm_reg) _,
                c1 = out(ymm_reg) _,
                c2 = out(ymm_reg) _,
                value = out(ymm_reg) _,
                s00 = inout(ymm_reg) s00,
                s01 = inout(ymm_reg) s01,
                s02 = inout(ymm_reg) s02,
                s10 = inout(ymm_reg) s10,
                s11 = inout(ymm_reg) s11,
                s12 = inout(ymm_reg) s12,
                s20 = inout(ymm_reg) s20,
                s21 = inout(ymm_reg) s21,
                s22 = inout(ymm_reg) s22,
                s30 = inout(ymm_reg) s30,
                s31 = inout(ymm_reg) s31,
                s32 = inout(ymm_reg) s32,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        a = a.wrapping_add(a_step);
        b = b.wrapping_add(b_step);
    }
    *sums = [
        [s00, s01, s02],
        [s10, s11, s12],
        [s20, s21, s22],
        [s30, s31, s32],
    ];
}

/// The methods that both AVX-512 sets have in common.
macro_rules! avx512 {
    () => {
        const LANES: usize = 16;
        const ROWS: usize = 8;
        type V = __m512;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            unsafe { _mm512_set1_ps(x) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, v: Self::V) {
            unsafe { _mm512_storeu_ps(to, v) }
        }

        #[inline(always)]
        unsafe fn load_bf16(from: *const u16) -> Self::V {
            unsafe {
                let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
            }
        }

        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_sub_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_mul_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_div_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_max_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        unsafe fn where_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V {
            unsafe {
                let negative = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_setzero_ps());
                _mm512_mask_blend_ps(negative, b, a)
            }
        }

        #[inline(always)]
        unsafe fn keep(v: Self::V, bits: u32) -> Self::V {
            unsafe { _mm512_maskz_mov_ps(bits as __mmask16, v) }
        }

        #[inline(always)]
        unsafe fn scale_by_power(v: Self::V, n: Self::V) -> Self::V {
            unsafe { _mm512_scalef_ps(v, n) }
        }

        #[inline(always)]
        unsafe fn sum(v: Self::V) -> f32 {
            unsafe { _mm512_reduce_add_ps(v) }
        }

        #[inline(always)]
        unsafe fn largest(v: Self::V) -> f32 {
            unsafe { _mm512_reduce_max_ps(v) }
        }

        #[inline(always)]
        unsafe fn load_pairs(from: *const u16) -> Self::V {
            unsafe { _mm512_loadu_ps(from.cast()) }
        }

        #[inline(always)]
        unsafe fn splat_pair(from: *const u16) -> Self::V {
            unsafe { _mm512_castsi512_ps(_mm512_set1_epi32(from.cast::<i32>().read_unaligned())) }
        }
    };
}

impl Simd for Avx512 {
    avx512!();

    #[inline]
    unsafe fn call<K: Kernel>(kernel: K) -> K::Out {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        unsafe fn inside<K: Kernel>(kernel: K) -> K::Out {
            unsafe { kernel.run::<Avx512>() }
        }
        unsafe { inside(kernel) }
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, v: Self::V) {
        unsafe {
            let bits = _mm512_castps_si512(v);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
            let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x40_0000));
            let chosen = _mm512_mask_blend_epi32(nan, rounded, quiet);
            let narrow = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(chosen));
            _mm256_storeu_si256(to.cast(), narrow);
        }
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::V, a: Self::V, b: Self::V) -> Self::V {
        unsafe {
            let low_a = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(a)));
            let low_b = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(b)));
            let mask = _mm512_castsi512_ps(_mm512_set1_epi32(0xffff_0000u32 as i32));
            let sum = _mm512_fmadd_ps(low_a, low_b, sum);
            _mm512_fmadd_ps(_mm512_and_ps(a, mask), _mm512_and_ps(b, mask), sum)
        }
    }
}

impl Simd for Avx512Bf16 {
    avx512!();

    #[inline]
    unsafe fn call<K: Kernel>(kernel: K) -> K::Out {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
        unsafe fn inside<K: Kernel>(kernel: K) -> K::Out {
            unsafe { kernel.run::<Avx512Bf16>() }
        }
        unsafe { inside(kernel) }
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, v: Self::V) {
        unsafe {
            let narrow: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(v));
            _mm256_storeu_si256(to.cast(), narrow);
        }
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::V, a: Self::V, b: Self::V) -> Self::V {
        unsafe {
            let a: __m512bh = std::mem::transmute(a);
            let b: __m512bh = std::mem::transmute(b);
            _mm512_dpbf16_ps(sum, a, b)
        }
    }
}
