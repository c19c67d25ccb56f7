//! Attention backward. The probabilities were not kept: they are made again.

use crate::batch::Sequence;
use crate::memory::buffer::Buffer;
use crate::memory::size::{aligned, count};
use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::parts::attention::head::{
    Local, ProbabilityMask, add, drop, probabilities, put, take, transpose,
};
use crate::parts::attention::heads::{Attention, Heads, Of};
use crate::product::packed::Strided;
use crate::simd::vector::{Kernel, Simd};

/// The gradients of `q`, `k` and `v` of a chunk.
pub(crate) struct AttendGradient<'a, T: Element> {
    pub attention: &'a Attention,
    pub sequences: &'a [Sequence],
    pub qkv: [&'a Matrix<T>; 3],
    pub mask: Option<ProbabilityMask<'a>>,
    /// Of the output.
    pub gradient: &'a Matrix<f32>,
    /// The kernel writes every value; the padding it leaves.
    pub into: [&'a mut Matrix<f32>; 3],
}

impl<T: Element> Kernel for AttendGradient<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Heads { heads, size, .. } = self.attention.heads;
        let longest = self.sequences.iter().map(|s| s.length).max().unwrap_or(0);
        let angles = self.attention.angles(longest);
        let angles = angles.as_deref();
        let mut local = Local::new(longest, size);
        let Local { narrow, wide, .. } = local;
        let mut gradient = Buffer::<f32>::zeros(count(&[longest, narrow]));
        let mut slopes = Buffer::<f32>::zeros(count(&[longest, wide]));
        let mut dropped = Buffer::<f32>::zeros(count(&[longest, wide]));
        let mut out = Buffer::<f32>::zeros(count(&[longest, narrow]));
        let [dq, dk, dv] = self.into;
        for &sequence in self.sequences {
            let n = sequence.length;
            for head in 0..heads {
                // Heads that share one of keys and values add up.
                let give = if self.attention.is_first(head) {
                    put
                } else {
                    add
                };
                unsafe {
                    probabilities::<S, T>(
                        self.attention,
                        self.qkv,
                        sequence,
                        head,
                        angles,
                        &mut local,
                    );
                    let shared = self.attention.shared(head);
                    take::<S, T>(self.qkv[2], sequence, shared, size, &mut local.v, narrow);
                    take::<S, f32>(self.gradient, sequence, head, size, &mut gradient, narrow);
                    transpose(&local.v, narrow, n, size, &mut local.across, wide);
                    // The gradient of the probabilities that the values saw.
                    Strided {
                        a: gradient.as_ptr(),
                        a_row: narrow,
                        a_step: 1,
                        b: local.across.as_ptr(),
                        b_row: wide,
                        c: slopes.as_mut_ptr(),
                        c_row: wide,
                        rows: n,
                        depth: size,
                        width: n,
                    }
                    .multiply::<S>();
                    let seen = match self.mask {
                        Some(mask) => {
                            dropped[..n * wide].copy_from_slice(&local.scores[..n * wide]);
                            drop::<S>(mask, heads, sequence, head, &mut dropped, wide);
                            drop::<S>(mask, heads, sequence, head, &mut slopes, wide);
                            &dropped
                        }
                        None => &local.scores,
                    };
                    over_tokens::<S>(seen, true, wide, &gradient, &mut out, narrow, n, size);
                    give(&out, narrow, sequence, shared, size, dv);
                    score_gradient::<S>(
                        &local.scores,
                        &mut slopes,
                        wide,
                        n,
                        self.attention.scale(),
                    );
                    over_tokens::<S>(&slopes, false, wide, &local.k, &mut out, narrow, n, size);
                    if let Some(angles) = angles {
                        angles.rotate(&mut out[..n * narrow], narrow, true);
                    }
                    if self.attention.has_norms() {
                        take::<S, T>(self.qkv[0], sequence, head, size, &mut gradient, narrow);
                        let out = &mut out[..n * narrow];
                        self.attention
                            .normalise_back(Of::Query, &gradient, out, narrow);
                    }
                    put(&out, narrow, sequence, head, size, dq);
                    over_tokens::<S>(&slopes, true, wide, &local.q, &mut out, narrow, n, size);
                    if let Some(angles) = angles {
                        angles.rotate(&mut out[..n * narrow], narrow, true);
                    }
                    if self.attention.has_norms() {
                        take::<S, T>(self.qkv[1], sequence, shared, size, &mut gradient, narrow);
                        let out = &mut out[..n * narrow];
                        self.attention
                            .normalise_back(Of::Key, &gradient, out, narrow);
                    }
                    give(&out, narrow, sequence, shared, size, dk);
                }
            }
        }
    }
}

/// `c = a b`, or `a^T b`, with `a` `[length, length]` in rows of `wide`, the others `[length, size]`
/// in rows of `narrow`. (A closure would not be inlined into the code that has the instructions.)
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn over_tokens<S: Simd>(
    a: &[f32],
    transposed: bool,
    wide: usize,
    b: &[f32],
    c: &mut [f32],
    narrow: usize,
    length: usize,
    size: usize,
) {
    let (a_row, a_step) = if transposed { (1, wide) } else { (wide, 1) };
    let product = Strided {
        a: a.as_ptr(),
        a_row,
        a_step,
        b: b.as_ptr(),
        b_row: narrow,
        c: c.as_mut_ptr(),
        c_row: narrow,
        rows: length,
        depth: length,
        width: size,
    };
    unsafe { product.multiply::<S>() };
}

/// The gradient of scores from that of their softmax `p`: `p (g - sum(g p)) scale`, in place of `g`.
/// Where a token must not look, `p` is zero. Behind a row's end `g` still holds what a longer sequence
/// left there, perhaps a NaN, so it is cleared first.
#[inline(always)]
unsafe fn score_gradient<S: Simd>(
    p: &[f32],
    g: &mut [f32],
    wide: usize,
    length: usize,
    scale: f32,
) {
    let full = aligned(length);
    for t in 0..length {
        unsafe {
            let p = p.as_ptr().add(t * wide);
            let g = g.as_mut_ptr().add(t * wide);
            let mut dot = S::splat(0.0);
            for j in (0..full).step_by(S::LANES) {
                if j + S::LANES > length {
                    let bits = (1u32 << length.saturating_sub(j)) - 1;
                    S::store(g.add(j), S::keep(S::load(g.add(j)), bits));
                }
                dot = S::fma(S::load(p.add(j)), S::load(g.add(j)), dot);
            }
            let dot = S::splat(S::sum(dot));
            for j in (0..full).step_by(S::LANES) {
                let d = S::mul(S::load(p.add(j)), S::sub(S::load(g.add(j)), dot));
                S::store(g.add(j), S::mul(d, S::splat(scale)));
            }
        }
    }
}
