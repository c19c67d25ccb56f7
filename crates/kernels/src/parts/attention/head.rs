//! One head of one sequence: its matrices taken out of the chunk's, and its probabilities.

use crate::batch::Sequence;
use crate::dropout::kept::Kept;
use crate::memory::buffer::Buffer;
use crate::memory::size::{aligned, count};
use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::parts::attention::heads::{Angles, Attention, Of, Positions};
use crate::product::packed::Strided;
use crate::simd::vector::{Simd, exp};

/// Dropout of probabilities: the decision for a sequence, head, query and key stands at
/// `((sequence * heads + head) * padded + query) * padded + key`.
#[derive(Clone, Copy)]
pub(crate) struct ProbabilityMask<'a> {
    pub kept: &'a Kept,
    pub padded: usize,
}

/// One head's matrices.
pub(super) struct Local {
    /// Row lengths: of a head, and of scores.
    pub narrow: usize,
    pub wide: usize,
    pub q: Buffer<f32>,
    pub k: Buffer<f32>,
    pub v: Buffer<f32>,
    /// `k` or `v`, transposed: `[size, length]`.
    pub across: Buffer<f32>,
    pub scores: Buffer<f32>,
}

impl Local {
    pub fn new(longest: usize, size: usize) -> Self {
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
pub(super) unsafe fn take<S: Simd, T: Element>(
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

/// Adds one head's rows to those that are there.
pub(super) fn add(
    from: &[f32],
    stride: usize,
    sequence: Sequence,
    head: usize,
    size: usize,
    to: &mut Matrix<f32>,
) {
    for t in 0..sequence.length {
        let place = (sequence.row + t) * to.stride + head * size;
        let to = &mut to.values[place..place + size];
        for (to, from) in to.iter_mut().zip(&from[t * stride..][..size]) {
            *to += from;
        }
    }
}

/// Copies one head's rows back.
pub(super) fn put(
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
pub(super) fn transpose(
    from: &[f32],
    stride: usize,
    length: usize,
    size: usize,
    to: &mut [f32],
    wide: usize,
) {
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
        let reach = attention.heads.window.unwrap_or(length);
        let seen = if attention.heads.causal {
            t + 1
        } else {
            length.min(t.saturating_add(reach).saturating_add(1))
        };
        let first = t.saturating_sub(reach);
        row[..first].fill(f32::MIN);
        if let Positions::Relative { biases } = &attention.heads.positions {
            let own = &biases[head];
            let reach = own.len() / 2;
            let inverse = 1.0 / attention.scale();
            for (j, score) in row[..seen].iter_mut().enumerate().skip(first) {
                let place = (reach + j).saturating_sub(t).min(own.len() - 1);
                *score += own[place] * inverse;
            }
        }
        if let Positions::Alibi { slopes } = &attention.heads.positions {
            let slope = slopes[head] / attention.scale();
            for (j, score) in row[..seen].iter_mut().enumerate().skip(first) {
                *score -= slope * t.abs_diff(j) as f32;
            }
        }
        let all = row;
        let row = all.as_mut_ptr();
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
        // Exactly zero: what it is multiplied with may be no number.
        all[..first].fill(0.0);
    }
}

/// Drops probabilities, or their gradients, in place.
#[inline(always)]
pub(super) unsafe fn drop<S: Simd>(
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

/// Fills `q`, `k` and the probabilities of one head.
#[inline(always)]
pub(super) unsafe fn probabilities<S: Simd, T: Element>(
    attention: &Attention,
    [q, k, _]: [&Matrix<T>; 3],
    sequence: Sequence,
    head: usize,
    angles: Option<&Angles>,
    local: &mut Local,
) {
    let size = attention.heads.size;
    let Local { narrow, wide, .. } = *local;
    let n = sequence.length;
    unsafe {
        take::<S, T>(q, sequence, head, size, &mut local.q, narrow);
        let shared = attention.shared(head);
        take::<S, T>(k, sequence, shared, size, &mut local.k, narrow);
        attention.normalise(Of::Query, &mut local.q[..n * narrow], narrow);
        attention.normalise(Of::Key, &mut local.k[..n * narrow], narrow);
        if let Some(angles) = angles {
            angles.rotate(&mut local.q[..n * narrow], narrow, false);
            angles.rotate(&mut local.k[..n * narrow], narrow, false);
        }
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
