//! Softmax, layer norm and GELU as single differentiable operations on the CPU.
//!
//! burn's autodiff splits softmax and layer norm into elementwise operations, whose backward
//! passes walk over the activations some ten times each, and takes GELU's error function from
//! a scalar library. Here each has one pass back. The plain operations remain the reference,
//! and what every other device runs; a test holds these against them.
//!
//! Rows and elements are independent of one another, so that the bits do not depend on the
//! number of threads. No sum is fused or reordered by the wider instructions: the bits do not
//! depend on the processor either.

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind, unary},
        },
        flex::FlexTensor,
        ops::{ActivationOps, FloatTensorOps, ModuleOps},
    },
    tensor::{Tensor, TensorData},
};
use rayon::prelude::*;

/// Values of one parallel task, a multiple of every vector width.
const TASK: usize = 1 << 14;

/// Softmax over the last axis; `None` unless `x` is on the CPU with autodiff.
pub(crate) fn softmax<const D: usize>(x: &Tensor<D>) -> Option<Tensor<D>> {
    record(SoftmaxBackward, x, |x| {
        let y = Flex::softmax(x, D - 1);
        (y.clone(), y)
    })
}

/// Layer norm over the last axis; `None` unless `x` is on the CPU with autodiff and neither
/// `gamma` nor `beta` gathers a gradient.
pub(crate) fn layer_norm(
    x: &Tensor<2>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    epsilon: f64,
) -> Option<Tensor<2>> {
    if gamma.is_tracked() || beta.is_tracked() {
        return None;
    }
    let gamma = primitive(gamma)?;
    let beta = primitive(beta)?;
    record(LayerNormBackward, x, |x| {
        let y = Flex::layer_norm(x.clone(), gamma.clone(), Some(beta), epsilon);
        (y, (x, gamma, epsilon))
    })
}

/// `x Phi(x)`; `None` unless `x` is on the CPU with autodiff.
pub(crate) fn gelu(x: &Tensor<2>) -> Option<Tensor<2>> {
    record(GeluBackward, x, |x| {
        let x = x.to_contiguous();
        let values = x.storage::<f32>();
        let mut y = vec![0.0; values.len()];
        let mut slope = vec![0.0; values.len()];
        y.par_chunks_mut(TASK)
            .zip(slope.par_chunks_mut(TASK))
            .zip(values.par_chunks(TASK))
            .for_each(|((y, slope), x)| gelu_values(x, y, slope));
        let shape = x.layout().shape().clone();
        (tensor(y, &shape), tensor(slope, &shape))
    })
}

/// Runs a forward pass and records its backward pass.
fn record<const D: usize, O: Backward<Flex, 1>>(
    operation: O,
    x: &Tensor<D>,
    forward: impl FnOnce(FlexTensor) -> (FlexTensor, O::State),
) -> Option<Tensor<D>> {
    let x = x.clone().try_into_primitive::<Autodiff<Flex>>().ok()?;
    let (x, node) = x.into_parts();
    let (y, state) = forward(x);
    let y = match operation
        .prepare::<NoCheckpointing>([node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prepared) => prepared.finish(state, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

fn primitive<const D: usize>(x: &Tensor<D>) -> Option<FlexTensor> {
    let x = x.clone().try_into_primitive::<Autodiff<Flex>>().ok()?;
    Some(x.into_primitive())
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

#[derive(Debug)]
struct SoftmaxBackward;

impl Backward<Flex, 1> for SoftmaxBackward {
    /// The probabilities.
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let y = ops.state;
        unary::<Flex, _>(ops.parents, ops.node, grads, |gradient| {
            in_rows(gradient, &y, softmax_gradient)
        });
    }
}

#[derive(Debug)]
struct LayerNormBackward;

impl Backward<Flex, 1> for LayerNormBackward {
    /// Input, gamma, epsilon.
    type State = (FlexTensor, FlexTensor, f64);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (x, gamma, epsilon) = ops.state;
        let gamma = gamma.to_contiguous();
        let gamma = gamma.storage::<f32>();
        unary::<Flex, _>(ops.parents, ops.node, grads, |gradient| {
            in_rows(gradient, &x, |gradient, x| {
                layer_norm_gradient(gradient, x, gamma, epsilon as f32);
            })
        });
    }
}

#[derive(Debug)]
struct GeluBackward;

impl Backward<Flex, 1> for GeluBackward {
    /// The derivative at each input.
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let slope = ops.state;
        unary::<Flex, _>(ops.parents, ops.node, grads, |gradient| {
            Flex::float_mul(gradient, slope)
        });
    }
}

/// Replaces every row of `gradient` in place, given the same row of `other`.
fn in_rows(
    gradient: FlexTensor,
    other: &FlexTensor,
    f: impl Fn(&mut [f32], &[f32]) + Sync,
) -> FlexTensor {
    let mut gradient = gradient.to_contiguous();
    let other = other.to_contiguous();
    let width = gradient
        .layout()
        .shape()
        .last()
        .copied()
        .unwrap_or(1)
        .max(1);
    let task = (TASK / width).max(1) * width;
    gradient
        .storage_mut::<f32>()
        .par_chunks_mut(task)
        .zip(other.storage::<f32>().par_chunks(task))
        .for_each(|(gradient, other)| {
            let rows = gradient.chunks_exact_mut(width);
            for (gradient, other) in rows.zip(other.chunks_exact(width)) {
                f(gradient, other);
            }
        });
    gradient
}

/// `y (g - sum(g y))`.
fn softmax_gradient(gradient: &mut [f32], y: &[f32]) {
    let [dot, _] = sums(gradient, y, |g, y| [g * y, 0.0]);
    for (g, &y) in gradient.iter_mut().zip(y) {
        *g = y * (*g - dot);
    }
}

/// `(h - mean(h) - n mean(h n)) / s` with `h = g gamma`, `n` the normalised row and `s` its
/// deviation.
fn layer_norm_gradient(gradient: &mut [f32], x: &[f32], gamma: &[f32], epsilon: f32) {
    let scale = 1.0 / x.len() as f32;
    let [sum, _] = sums(x, x, |x, _| [x, 0.0]);
    let mean = sum * scale;
    let [square, _] = sums(x, x, |x, _| [(x - mean) * (x - mean), 0.0]);
    let rate = 1.0 / (square * scale + epsilon).sqrt();
    for (g, &gamma) in gradient.iter_mut().zip(gamma) {
        *g *= gamma;
    }
    let [sum, dot] = sums(gradient, x, |g, x| [g, g * (x - mean) * rate]);
    let [sum, dot] = [sum * scale, dot * scale];
    for (g, &x) in gradient.iter_mut().zip(x) {
        *g = rate * (*g - sum - (x - mean) * rate * dot);
    }
}

/// Two sums over pairs, in eight lanes that a compiler can keep in one register.
#[inline(always)]
fn sums(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> [f32; 2]) -> [f32; 2] {
    const LANES: usize = 8;
    let mut lanes = [[0f32; LANES]; 2];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            let [first, second] = f(a[i], b[i]);
            lanes[0][i] += first;
            lanes[1][i] += second;
        }
    }
    let mut totals = lanes.map(|lane| lane.iter().sum::<f32>());
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        let [first, second] = f(a, b);
        totals[0] += first;
        totals[1] += second;
    }
    totals
}

/// `x Phi(x)` and its derivative `Phi(x) + x phi(x)`.
fn gelu_values(x: &[f32], y: &mut [f32], slope: &mut [f32]) {
    for ((&x, y), slope) in x.iter().zip(y).zip(slope) {
        let density = exp(-0.5 * x * x);
        let below = normal_cdf(x, density);
        *y = x * below;
        *slope = below + x * density * INV_SQRT_2_PI;
    }
}

const INV_SQRT_2_PI: f32 = 0.398_942_3;

/// The normal distribution function, given `exp(-x^2 / 2)`: Abramowitz and Stegun 7.1.26,
/// absolute error below 1e-7.
#[inline(always)]
fn normal_cdf(x: f32, density: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let series = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_8) * t - 0.284_496_74) * t
        + 0.254_829_6)
        * t;
    let tail = 0.5 * series * density;
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// `e^x` for `x <= 0`, to about 2e-7 relative; below -87 it stays at `e^-87`. Without a branch
/// or a call, so that a loop over it vectorises.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding 1.5 * 2^23 rounds to an integer, left in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let power = shifted - ROUND;
    let r = x - power * LN_2_HIGH - power * LN_2_LOW;
    // Cephes' expf.
    let series = ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2)
        * r
        + 0.166_666_66)
        * r
        + 0.5;
    let value = series * r * r + r + 1.0;
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    // A checked sum would be a branch.
    value * f32::from_bits((exponent.wrapping_add(127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, activation, module};

    use super::*;

    /// Forward and gradient of `f`, under a loss with different weights everywhere.
    fn run(x: &[f32], width: usize, f: impl Fn(Tensor<2>) -> Tensor<2>) -> [Vec<f32>; 2] {
        let device = Device::flex().autodiff();
        let shape = [x.len() / width, width];
        let x = Tensor::<2>::from_data(TensorData::new(x.to_vec(), shape), &device).require_grad();
        let weights: Vec<f32> = (0..shape[0] * width).map(|i| (i as f32).cos()).collect();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, shape), &device);
        let y = f(x.clone());
        let gradients = (y.clone() * weights).sum().backward();
        let host = |tensor: Tensor<2>| tensor.into_data().as_slice::<f32>().unwrap().to_vec();
        [host(y), host(x.grad(&gradients).unwrap())]
    }

    #[track_caller]
    fn same(
        width: usize,
        fused: impl Fn(Tensor<2>) -> Tensor<2>,
        plain: impl Fn(Tensor<2>) -> Tensor<2>,
    ) {
        let x: Vec<f32> = (0..97 * width)
            .map(|i| 6.0 * (i as f32 * 1.7).sin())
            .collect();
        let fused = run(&x, width, fused);
        let plain = run(&x, width, plain);
        for (fused, plain) in fused.iter().zip(&plain) {
            for (i, (a, b)) in fused.iter().zip(plain).enumerate() {
                assert!(
                    (a - b).abs() < 1e-5 * b.abs().max(1.0),
                    "{width}: {i}: {a}, {b}"
                );
            }
        }
    }

    #[test]
    fn fused_operations_equal_the_plain_ones() {
        for width in [1, 3, 8, 26, 384] {
            same(
                width,
                |x| softmax(&x).unwrap(),
                |x| activation::softmax(x, 1),
            );
            same(width, |x| gelu(&x).unwrap(), activation::gelu);
        }
        for width in [8, 26, 384] {
            let device = Device::flex().autodiff();
            let vector = |f: fn(f32) -> f32| {
                let values: Vec<f32> = (0..width).map(|i| f(i as f32)).collect();
                Tensor::<1>::from_data(TensorData::new(values, [width]), &device)
            };
            let [gamma, beta] = [vector(f32::sin), vector(f32::cos)];
            same(
                width,
                |x| layer_norm(&x, &gamma, &beta, 1e-5).unwrap(),
                |x| module::layer_norm(x, gamma.clone(), Some(beta.clone()), 1e-5),
            );
            let trained = gamma.clone().require_grad();
            let x = Tensor::<2>::zeros([2, width], &device);
            assert!(layer_norm(&x, &trained, &beta, 1e-5).is_none());
        }
        let plain = Tensor::<2>::zeros([2, 3], &Device::flex());
        assert!(gelu(&plain).is_none() && softmax(&plain).is_none());
    }

    #[test]
    fn the_exponential_is_accurate() {
        for i in 0..=8700 {
            let x = -i as f32 / 100.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "exp({x}) is off by {error}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        let mut y = [0.0];
        gelu_values(&[f32::NAN], &mut y, &mut [0.0]);
        assert!(y[0].is_nan(), "a broken value must stay visible");
    }
}
