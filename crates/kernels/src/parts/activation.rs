//! Feed-forward activations, plain and gated, and their gradients.

use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::simd::vector::{Kernel, Simd, exp};

/// The nonlinearity of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x Phi(x)`.
    Gelu,
    /// GELU by the tanh approximation.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + e^-x)`.
    Silu,
}

/// `a = f(h)`, or `f(h) gate`; what the gradient needs of `h` is `h` itself.
pub(crate) struct Activate<'a, T: Element> {
    pub activation: Activation,
    pub h: &'a Matrix<T>,
    pub gate: Option<&'a Matrix<T>>,
    pub a: &'a mut Matrix<T>,
}

impl<T: Element> Kernel for Activate<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        unsafe {
            match self.activation {
                Activation::Gelu => self.with::<S, Gelu>(),
                Activation::GeluTanh => self.with::<S, GeluTanh>(),
                Activation::Relu => self.with::<S, Relu>(),
                Activation::Silu => self.with::<S, Silu>(),
            }
        }
    }
}

impl<T: Element> Activate<'_, T> {
    #[inline(always)]
    unsafe fn with<S: Simd, F: Function>(self) {
        for i in (0..self.h.values.len()).step_by(S::LANES) {
            unsafe {
                let (mut y, _) = F::at::<S>(T::load::<S>(self.h.values.as_ptr().add(i)));
                if let Some(gate) = self.gate {
                    y = S::mul(y, T::load::<S>(gate.values.as_ptr().add(i)));
                }
                T::store::<S>(self.a.values.as_mut_ptr().add(i), y);
            }
        }
    }
}

/// The gradient of `h` in place of that of `a`, and that of the gate.
pub(crate) struct ActivationGradient<'a, T: Element> {
    pub activation: Activation,
    pub h: &'a Matrix<T>,
    /// The gate, and where its gradient goes.
    pub gate: Option<(&'a Matrix<T>, &'a mut Matrix<f32>)>,
    pub gradient: &'a mut Matrix<f32>,
}

impl<T: Element> Kernel for ActivationGradient<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        unsafe {
            match self.activation {
                Activation::Gelu => self.with::<S, Gelu>(),
                Activation::GeluTanh => self.with::<S, GeluTanh>(),
                Activation::Relu => self.with::<S, Relu>(),
                Activation::Silu => self.with::<S, Silu>(),
            }
        }
    }
}

impl<T: Element> ActivationGradient<'_, T> {
    #[inline(always)]
    unsafe fn with<S: Simd, F: Function>(mut self) {
        for i in (0..self.h.values.len()).step_by(S::LANES) {
            unsafe {
                let (y, slope) = F::at::<S>(T::load::<S>(self.h.values.as_ptr().add(i)));
                let at = self.gradient.values.as_mut_ptr().add(i);
                let mut g = S::load(at);
                if let Some((gate, gate_gradient)) = &mut self.gate {
                    let to = gate_gradient.values.as_mut_ptr().add(i);
                    S::store(to, S::mul(g, y));
                    g = S::mul(g, T::load::<S>(gate.values.as_ptr().add(i)));
                }
                S::store(at, S::mul(g, slope));
            }
        }
    }
}

/// A nonlinearity.
trait Function {
    /// Its value and its slope.
    ///
    /// # Safety
    /// As [`Simd`]'s methods.
    unsafe fn at<S: Simd>(x: S::V) -> (S::V, S::V);
}

struct Gelu;
struct GeluTanh;
struct Relu;
struct Silu;

/// `x Phi(x)` and its slope `Phi(x) + x phi(x)`. `Phi` by Abramowitz and Stegun 7.1.26, absolute
/// error below 1e-7.
impl Function for Gelu {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> (S::V, S::V) {
        const INV_SQRT_2_PI: f32 = 0.398_942_3;
        unsafe {
            let density = exp::<S>(S::mul(S::mul(x, x), S::splat(-0.5)));
            let size = S::where_negative(x, S::sub(S::splat(0.0), x), x);
            let t = S::splat(0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2);
            let t = S::div(S::splat(1.0), S::fma(t, size, S::splat(1.0)));
            let mut series = S::splat(1.061_405_4);
            for c in [-1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6] {
                series = S::fma(series, t, S::splat(c));
            }
            let tail = S::mul(S::mul(S::mul(series, t), density), S::splat(0.5));
            let below = S::where_negative(x, tail, S::sub(S::splat(1.0), tail));
            let slope = S::fma(S::mul(x, density), S::splat(INV_SQRT_2_PI), below);
            (S::mul(x, below), slope)
        }
    }
}

/// `x sigmoid(2 u)` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`, which is the tanh form, and its slope.
impl Function for GeluTanh {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> (S::V, S::V) {
        const C: f32 = 2.0 * 0.797_884_6;
        const CUBE: f32 = 0.044_715;
        unsafe {
            let square = S::mul(x, x);
            let inner = S::fma(square, S::splat(CUBE), S::splat(1.0));
            let u = S::mul(S::mul(x, inner), S::splat(C));
            let slope_u = S::fma(square, S::splat(3.0 * CUBE), S::splat(1.0));
            let slope_u = S::mul(slope_u, S::splat(C));
            let p = sigmoid::<S>(u);
            let spread = S::mul(p, S::sub(S::splat(1.0), p));
            (S::mul(x, p), S::fma(S::mul(x, spread), slope_u, p))
        }
    }
}

impl Function for Relu {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> (S::V, S::V) {
        unsafe {
            // The slope at zero is zero, as torch has it.
            let zero = S::splat(0.0);
            let slope = S::where_negative(S::sub(zero, x), S::splat(1.0), zero);
            (S::max(zero, x), slope)
        }
    }
}

impl Function for Silu {
    #[inline(always)]
    unsafe fn at<S: Simd>(x: S::V) -> (S::V, S::V) {
        unsafe {
            let p = sigmoid::<S>(x);
            let y = S::mul(x, p);
            (y, S::fma(y, S::sub(S::splat(1.0), p), p))
        }
    }
}

#[inline(always)]
unsafe fn sigmoid<S: Simd>(x: S::V) -> S::V {
    unsafe {
        let below = exp::<S>(S::sub(S::splat(0.0), x));
        S::div(S::splat(1.0), S::add(S::splat(1.0), below))
    }
}
