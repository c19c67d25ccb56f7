//! Residual sums and the norms around them.

use crate::dropout::mask::Mask;
use crate::memory::buffer::Buffer;
use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::simd::vector::{Kernel, Simd};

/// How a row is normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Layer norm (Ba, Kiros and Hinton 2016): mean taken off, divided by the deviation.
    Layer,
    /// RMSNorm (Zhang and Sennrich 2019): divided by the root of the mean square.
    Rms,
    /// Nothing: a row stays as it is, whatever scale and shift are, as before ModernBERT's first attention.
    Identity,
}

/// A norm's parameters, filled up with zeros.
pub(crate) struct Norm {
    pub kind: NormKind,
    pub epsilon: f32,
    pub scale: Buffer<f32>,
    /// Zeros where there is none.
    pub shift: Buffer<f32>,
}

/// What a norm's gradient needs: the normalised rows and the inverse deviations.
pub(crate) struct Normed<T: Element> {
    pub rows: Matrix<T>,
    pub rates: Buffer<f32>,
}

/// `sum = residual + dropped(y)`, in place of `y`.
pub(crate) struct AddResidual<'a> {
    pub y: &'a mut Matrix<f32>,
    pub mask: Option<Mask<'a>>,
    pub residual: &'a Matrix<f32>,
}

impl Kernel for AddResidual<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        debug_assert_eq!(
            (self.y.rows, self.y.stride),
            (self.residual.rows, self.residual.stride)
        );
        let scale = self.mask.map_or(1.0, |mask| mask.kept.scale());
        let (stride, width) = (self.y.stride, self.y.width);
        for row in 0..self.y.rows {
            for k in (0..stride).step_by(S::LANES) {
                unsafe {
                    let to = self.y.values.as_mut_ptr().add(row * stride + k);
                    let mut v = S::load(to);
                    if let Some(mask) = self.mask
                        && k < width
                    {
                        v = S::keep(v, mask.kept.word(*mask.places.get_unchecked(row) + k));
                    }
                    let other = S::load(self.residual.values.as_ptr().add(row * stride + k));
                    S::store(to, S::fma(v, S::splat(scale), other));
                }
            }
        }
    }
}

/// `y = dropped(x)`.
pub(crate) struct Drop<'a> {
    pub x: &'a Matrix<f32>,
    pub mask: Option<Mask<'a>>,
    pub y: &'a mut Matrix<f32>,
}

impl Kernel for Drop<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let scale = self.mask.map_or(1.0, |mask| mask.kept.scale());
        let (stride, width) = (self.x.stride, self.x.width);
        for row in 0..self.x.rows {
            for k in (0..stride).step_by(S::LANES) {
                unsafe {
                    let mut v = S::load(self.x.values.as_ptr().add(row * stride + k));
                    if let Some(mask) = self.mask
                        && k < width
                    {
                        v = S::keep(v, mask.kept.word(*mask.places.get_unchecked(row) + k));
                    }
                    let to = self.y.values.as_mut_ptr().add(row * stride + k);
                    S::store(to, S::mul(v, S::splat(scale)));
                }
            }
        }
    }
}

/// `y = norm(x)`; where `kept` is given, what the gradient needs is written to it.
pub(crate) struct Normalise<'a, T: Element> {
    pub norm: &'a Norm,
    pub x: &'a Matrix<f32>,
    pub y: &'a mut Matrix<f32>,
    pub kept: Option<&'a mut Normed<T>>,
}

impl<T: Element> Kernel for Normalise<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let (width, stride) = (self.x.width, self.x.stride);
        let inverse = 1.0 / width as f32;
        for row in 0..self.x.rows {
            unsafe {
                let x = self.x.values.as_ptr().add(row * stride);
                let mean = match self.norm.kind {
                    NormKind::Layer => {
                        let mut sum = S::splat(0.0);
                        for k in (0..stride).step_by(S::LANES) {
                            sum = S::add(sum, S::load(x.add(k)));
                        }
                        S::sum(sum) * inverse
                    }
                    NormKind::Rms | NormKind::Identity => 0.0,
                };
                let mean = S::splat(mean);
                let mut squares = S::splat(0.0);
                for k in (0..width).step_by(S::LANES) {
                    let d = centred::<S>(x, k, width, mean);
                    squares = S::fma(d, d, squares);
                }
                let rate = match self.norm.kind {
                    NormKind::Layer | NormKind::Rms => {
                        1.0 / (S::sum(squares) * inverse + self.norm.epsilon).sqrt()
                    }
                    NormKind::Identity => 1.0,
                };
                for k in (0..stride).step_by(S::LANES) {
                    let d = S::mul(centred::<S>(x, k, width, mean), S::splat(rate));
                    if let Some(kept) = &mut self.kept {
                        T::store::<S>(kept.rows.values.as_mut_ptr().add(row * stride + k), d);
                    }
                    let scale = S::load(self.norm.scale.as_ptr().add(k));
                    let shift = S::load(self.norm.shift.as_ptr().add(k));
                    let to = self.y.values.as_mut_ptr().add(row * stride + k);
                    S::store(to, S::fma(d, scale, shift));
                }
                if let Some(kept) = &mut self.kept {
                    kept.rates[row] = rate;
                }
            }
        }
    }
}

/// `x - mean` in the lanes of the row, zeros behind it.
#[inline(always)]
unsafe fn centred<S: Simd>(x: *const f32, k: usize, width: usize, mean: S::V) -> S::V {
    unsafe {
        let d = S::sub(S::load(x.add(k)), mean);
        if k + S::LANES <= width {
            return d;
        }
        S::keep(d, (1u32 << width.saturating_sub(k)) - 1)
    }
}

/// `y = n scale + shift`: a norm's output again, from what was kept of it.
pub(crate) struct Restore<'a, T: Element> {
    pub norm: &'a Norm,
    pub kept: &'a Normed<T>,
    pub y: &'a mut Matrix<T>,
}

impl<T: Element> Kernel for Restore<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let stride = self.kept.rows.stride;
        for row in 0..self.kept.rows.rows {
            for k in (0..stride).step_by(S::LANES) {
                unsafe {
                    let n = T::load::<S>(self.kept.rows.values.as_ptr().add(row * stride + k));
                    let scale = S::load(self.norm.scale.as_ptr().add(k));
                    let shift = S::load(self.norm.shift.as_ptr().add(k));
                    let to = self.y.values.as_mut_ptr().add(row * stride + k);
                    T::store::<S>(to, S::fma(n, scale, shift));
                }
            }
        }
    }
}

/// The gradient of a norm's input, in place of that of its output:
/// `rate (h - mean(h) - n mean(h n))` with `h = g scale`; RMSNorm has no `mean(h)`.
pub(crate) struct NormGradient<'a, T: Element> {
    pub norm: &'a Norm,
    pub kept: &'a Normed<T>,
    pub gradient: &'a mut Matrix<f32>,
}

impl<T: Element> Kernel for NormGradient<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        if self.norm.kind == NormKind::Identity {
            return;
        }
        let (width, stride) = (self.gradient.width, self.gradient.stride);
        let inverse = 1.0 / width as f32;
        for row in 0..self.gradient.rows {
            unsafe {
                let g = self.gradient.values.as_mut_ptr().add(row * stride);
                let n = self.kept.rows.values.as_ptr().add(row * stride);
                let scale = self.norm.scale.as_ptr();
                let (mut sum, mut dot) = (S::splat(0.0), S::splat(0.0));
                for k in (0..stride).step_by(S::LANES) {
                    // The scale is zero behind the row's end.
                    let h = S::mul(S::load(g.add(k)), S::load(scale.add(k)));
                    sum = S::add(sum, h);
                    dot = S::fma(h, T::load::<S>(n.add(k)), dot);
                }
                let mean = match self.norm.kind {
                    NormKind::Layer => S::sum(sum) * inverse,
                    NormKind::Rms | NormKind::Identity => 0.0,
                };
                let (mean, dot) = (S::splat(mean), S::splat(S::sum(dot) * inverse));
                let rate = S::splat(self.kept.rates[row]);
                for k in (0..stride).step_by(S::LANES) {
                    let h = S::mul(S::load(g.add(k)), S::load(scale.add(k)));
                    let d = S::sub(h, mean);
                    let d = S::sub(d, S::mul(T::load::<S>(n.add(k)), dot));
                    let mut d = S::mul(d, rate);
                    if k + S::LANES > width {
                        d = S::keep(d, (1u32 << width.saturating_sub(k)) - 1);
                    }
                    S::store(g.add(k), d);
                }
            }
        }
    }
}
