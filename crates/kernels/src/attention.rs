//! Multi-head attention over the real tokens of each sequence, forward and backward. The
//! probabilities are not kept: the backward pass makes them again.

use crate::buffer::{Buffer, aligned, count};
use crate::dropout::Kept;
use crate::element::{Element, Matrix};
use crate::product::Strided;
use crate::simd::{Kernel, Simd, exp};

/// How a token's place enters attention. (Learned positions are part of the embedding.)
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// Not at all.
    None,
    /// Rotary embedding (Su et al. 2021) in halves, as Llama and ESM have it: `base` is 10,000 there.
    Rotary {
        /// The base of the wavelengths.
        base: f64,
        /// The longest sequence.
        longest: usize,
    },
    /// ALiBi (Press, Smith and Lewis 2022): a score falls by `slope * distance`.
    Alibi {
        /// One for each head.
        slopes: Vec<f32>,
    },
}

/// The shape of a block's attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// How many.
    pub heads: usize,
    /// The width of each.
    pub size: usize,
    /// Whether a token sees only itself and what stands before it.
    pub causal: bool,
    /// How places enter.
    pub positions: Positions,
}

/// [`Heads`] with its tables.
pub(crate) struct Attention {
    pub heads: Heads,
    /// Cosines and sines, `[longest, size / 2]` each, of a rotary embedding.
    rotary: Option<(Vec<f32>, Vec<f32>)>,
}

/// One sequence of a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    /// Its first row in the chunk.
    pub row: usize,
    /// Its real tokens.
    pub length: usize,
    /// Its number in the batch.
    pub number: usize,
}

/// Dropout of probabilities: the decision for a sequence, head, query and key stands at
/// `((sequence * heads + head) * padded + query) * padded + key`.
#[derive(Clone, Copy)]
pub(crate) struct ProbabilityMask<'a> {
    pub kept: &'a Kept,
    pub padded: usize,
}

impl Attention {
    pub fn new(heads: Heads) -> Self {
        let rotary = match heads.positions {
            Positions::Rotary { base, longest } => {
                let half = heads.size / 2;
                let angles = (0..count(&[longest, half])).map(|i| {
                    let (place, pair) = ((i / half) as f64, (i % half) as f64);
                    place * base.powf(-pair / half as f64)
                });
                Some((
                    angles.clone().map(|a| a.cos() as f32).collect(),
                    angles.map(|a| a.sin() as f32).collect(),
                ))
            }
            _ => None,
        };
        Self { heads, rotary }
    }

    fn scale(&self) -> f32 {
        (self.heads.size as f32).powf(-0.5)
    }

    /// Rotates the rows of a head by their places, or back.
    fn rotate(&self, rows: &mut [f32], stride: usize, back: bool) {
        let Some((cosines, sines)) = &self.rotary else {
            return;
        };
        let half = self.heads.size / 2;
        for (place, row) in rows.chunks_exact_mut(stride).enumerate() {
            let (low, high) = row.split_at_mut(half);
            let angles = place * half..(place + 1) * half;
            let pairs = low.iter_mut().zip(high);
            let angles = cosines[angles.clone()].iter().zip(&sines[angles]);
            for ((x, y), (&cosine, &sine)) in pairs.zip(angles) {
                let sine = if back { -sine } else { sine };
                (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
            }
        }
    }
}

/// One head's matrices.
struct Local {
    /// Row lengths: of a head, and of scores.
    narrow: usize,
    wide: usize,
    q: Buffer<f32>,
    k: Buffer<f32>,
    v: Buffer<f32>,
    /// `k` or `v`, transposed: `[size, length]`.
    across: Buffer<f32>,
    scores: Buffer<f32>,
}

impl Local {
    fn new(longest: usize, size: usize) -> Self {
        let (narrow, wide) = (aligned(size), aligned(longest));
        let head = || Buffer::zeros(count(&[longest, narrow]));
        Self {
            narrow,
            wide,
            q: head(),
            k: head(),
            v: head(),
            across: Buffer::zeros(count(&[size, wide])),
            scores: Buffer::zeros(count(&[longest, wide])),
        }
    }
}

/// Copies one head's rows of a sequence, `[length, stride of to]`.
#[inline(always)]
unsafe fn take<S: Simd, T: Element>(
    from: &Matrix<T>,
    sequence: Sequence,
    head: usize,
    size: usize,
    to: &mut [f32],
    stride: usize,
) {
    for t in 0..sequence.length {
        let place = (sequence.row + t) * from.stride + head * size;
        let to = &mut to[t * stride..][..size];
        if size.is_multiple_of(S::LANES) {
            for c in (0..size).step_by(S::LANES) {
                unsafe {
                    let v = T::load::<S>(from.values.as_ptr().add(place + c));
                    S::store(to.as_mut_ptr().add(c), v);
                }
            }
        } else {
            let from = &from.values[place..place + size];
            for (to, &from) in to.iter_mut().zip(from) {
                *to = from.to_f32();
            }
        }
    }
}

/// Copies one head's rows back.
fn put(
    from: &[f32],
    stride: usize,
    sequence: Sequence,
    head: usize,
    size: usize,
    to: &mut Matrix<f32>,
) {
    for t in 0..sequence.length {
        let place = (sequence.row + t) * to.stride + head * size;
        to.values[place..place + size].copy_from_slice(&from[t * stride..][..size]);
    }
}

/// `to[c][t] = from[t][c]`.
fn transpose(from: &[f32], stride: usize, length: usize, size: usize, to: &mut [f32], wide: usize) {
    const BLOCK: usize = 16;
    for first in (0..length).step_by(BLOCK) {
        let last = length.min(first + BLOCK);
        for c in 0..size {
            let row = &mut to[c * wide + first..c * wide + last];
            for (i, value) in row.iter_mut().enumerate() {
                *value = from[(first + i) * stride + c];
            }
        }
    }
}

/// Scores to probabilities, in place; zeros behind each row's end.
#[inline(always)]
unsafe fn softmax<S: Simd>(
    attention: &Attention,
    head: usize,
    length: usize,
    scores: &mut [f32],
    wide: usize,
) {
    // SAFETY: this runs where `S` is.
    let scale = unsafe { S::splat(attention.scale()) };
    let full = aligned(length);
    for (t, row) in scores.chunks_exact_mut(wide).take(length).enumerate() {
        let seen = if attention.heads.causal {
            t + 1
        } else {
            length
        };
        if let Positions::Alibi { slopes } = &attention.heads.positions {
            let slope = slopes[head] / attention.scale();
            for (j, score) in row[..seen].iter_mut().enumerate() {
                *score -= slope * t.abs_diff(j) as f32;
            }
        }
        let row = row.as_mut_ptr();
        unsafe {
            let mut largest = S::splat(f32::NEG_INFINITY);
            let mut j = 0;
            while j + S::LANES <= seen {
                largest = S::max(largest, S::load(row.add(j)));
                j += S::LANES;
            }
            let mut top = S::largest(largest);
            for j in j..seen {
                top = top.max(*row.add(j));
            }
            let top = S::splat(top);
            let mut sum = S::splat(0.0);
            for j in (0..full).step_by(S::LANES) {
                let below = S::sub(S::load(row.add(j)), top);
                let mut e = exp::<S>(S::mul(below, scale));
                if j + S::LANES > seen {
                    e = S::keep(e, (1u32 << seen.saturating_sub(j)) - 1);
                }
                sum = S::add(sum, e);
                S::store(row.add(j), e);
            }
            let inverse = S::splat(1.0 / S::sum(sum));
            for j in (0..full).step_by(S::LANES) {
                S::store(row.add(j), S::mul(S::load(row.add(j)), inverse));
            }
        }
    }
}

/// Drops probabilities, or their gradients, in place.
#[inline(always)]
unsafe fn drop<S: Simd>(
    mask: ProbabilityMask,
    heads: usize,
    sequence: Sequence,
    head: usize,
    values: &mut [f32],
    wide: usize,
) {
    // SAFETY: this runs where `S` is.
    let scale = unsafe { S::splat(mask.kept.scale()) };
    let first = (sequence.number * heads + head) * mask.padded;
    for (t, row) in values
        .chunks_exact_mut(wide)
        .take(sequence.length)
        .enumerate()
    {
        let place = (first + t) * mask.padded;
        for j in (0..sequence.length).step_by(S::LANES) {
            unsafe {
                let at = row.as_mut_ptr().add(j);
                let v = S::keep(S::load(at), mask.kept.word(place + j));
                S::store(at, S::mul(v, scale));
            }
        }
    }
}

/// `softmax(q k^T / sqrt(size)) v` for every sequence and head of a chunk.
pub(crate) struct Attend<'a, T: Element> {
    pub attention: &'a Attention,
    pub sequences: &'a [Sequence],
    pub qkv: [&'a Matrix<T>; 3],
    pub mask: Option<ProbabilityMask<'a>>,
    /// Every value is written.
    pub out: &'a mut Matrix<f32>,
}

impl<T: Element> Kernel for Attend<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Heads { heads, size, .. } = self.attention.heads;
        let longest = self.sequences.iter().map(|s| s.length).max().unwrap_or(0);
        let mut local = Local::new(longest, size);
        let mut out = Buffer::<f32>::zeros(count(&[longest, local.narrow]));
        for &sequence in self.sequences {
            for head in 0..heads {
                unsafe {
                    probabilities::<S, T>(self.attention, self.qkv, sequence, head, &mut local);
                    let Local { narrow, wide, .. } = local;
                    if let Some(mask) = self.mask {
                        drop::<S>(mask, heads, sequence, head, &mut local.scores, wide);
                    }
                    take::<S, T>(self.qkv[2], sequence, head, size, &mut local.v, narrow);
                    Strided {
                        a: local.scores.as_ptr(),
                        a_row: wide,
                        a_step: 1,
                        b: local.v.as_ptr(),
                        b_row: narrow,
                        c: out.as_mut_ptr(),
                        c_row: narrow,
                        rows: sequence.length,
                        depth: sequence.length,
                        width: size,
                    }
                    .multiply::<S>();
                    put(&out, narrow, sequence, head, size, self.out);
                }
            }
        }
    }
}

/// Fills `q`, `k` and the probabilities of one head.
#[inline(always)]
unsafe fn probabilities<S: Simd, T: Element>(
    attention: &Attention,
    [q, k, _]: [&Matrix<T>; 3],
    sequence: Sequence,
    head: usize,
    local: &mut Local,
) {
    let size = attention.heads.size;
    let Local { narrow, wide, .. } = *local;
    let n = sequence.length;
    unsafe {
        take::<S, T>(q, sequence, head, size, &mut local.q, narrow);
        take::<S, T>(k, sequence, head, size, &mut local.k, narrow);
        attention.rotate(&mut local.q[..n * narrow], narrow, false);
        attention.rotate(&mut local.k[..n * narrow], narrow, false);
        transpose(&local.k, narrow, n, size, &mut local.across, wide);
        Strided {
            a: local.q.as_ptr(),
            a_row: narrow,
            a_step: 1,
            b: local.across.as_ptr(),
            b_row: wide,
            c: local.scores.as_mut_ptr(),
            c_row: wide,
            rows: n,
            depth: size,
            width: n,
        }
        .multiply::<S>();
        softmax::<S>(attention, head, n, &mut local.scores, wide);
    }
}

/// The gradients of `q`, `k` and `v` of a chunk.
pub(crate) struct AttendGradient<'a, T: Element> {
    pub attention: &'a Attention,
    pub sequences: &'a [Sequence],
    pub qkv: [&'a Matrix<T>; 3],
    pub mask: Option<ProbabilityMask<'a>>,
    /// Of the output.
    pub gradient: &'a Matrix<f32>,
    /// Every value is written.
    pub into: [&'a mut Matrix<f32>; 3],
}

impl<T: Element> Kernel for AttendGradient<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Heads { heads, size, .. } = self.attention.heads;
        let longest = self.sequences.iter().map(|s| s.length).max().unwrap_or(0);
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
                unsafe {
                    probabilities::<S, T>(self.attention, self.qkv, sequence, head, &mut local);
                    take::<S, T>(self.qkv[2], sequence, head, size, &mut local.v, narrow);
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
                    put(&out, narrow, sequence, head, size, dv);
                    score_gradient::<S>(
                        &local.scores,
                        &mut slopes,
                        wide,
                        n,
                        self.attention.scale(),
                    );
                    over_tokens::<S>(&slopes, false, wide, &local.k, &mut out, narrow, n, size);
                    self.attention.rotate(&mut out[..n * narrow], narrow, true);
                    put(&out, narrow, sequence, head, size, dq);
                    over_tokens::<S>(&slopes, true, wide, &local.q, &mut out, narrow, n, size);
                    self.attention.rotate(&mut out[..n * narrow], narrow, true);
                    put(&out, narrow, sequence, head, size, dk);
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

/// `p (g - sum(g p)) scale`, in place of `g`. Where a token sees nothing, `p` is zero; behind the
/// row's end `g` is what a longer sequence left, which may be no number.
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
