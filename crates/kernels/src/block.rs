//! A frozen transformer block: two sublayers, each with a residual sum and a norm before or behind it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::activation::Activation;
use crate::attention::{Attention, Heads};
use crate::buffer::{Buffer, checked_count, count};
use crate::element::{Bf16, Element, Matrix};
use crate::level::Level;
use crate::norm::{Norm, NormKind};
use crate::product::{Packed, padded_bias};

/// Where a sublayer's norm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlace {
    /// `x + f(norm(x))`.
    Before,
    /// `norm(x + f(x))`.
    After,
}

/// How frozen weights are held and multiplied. Sums, norms and everything trained are `f32` always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// Weights, what they are multiplied with, and activations kept for the backward pass in `bf16`.
    Bf16,
}

/// A linear layer's values.
#[derive(Clone, Copy, Debug)]
pub struct LinearValues<'a> {
    /// `[input, output]`, row-major.
    pub weight: &'a [f32],
    /// `[output]`.
    pub bias: Option<&'a [f32]>,
    /// Width of the input.
    pub input: usize,
    /// Width of the output.
    pub output: usize,
}

/// A norm's values.
#[derive(Clone, Copy, Debug)]
pub struct NormValues<'a> {
    /// What is normalised by.
    pub kind: NormKind,
    /// `[width]`.
    pub scale: &'a [f32],
    /// `[width]`.
    pub shift: Option<&'a [f32]>,
    /// Added to the variance.
    pub epsilon: f64,
}

/// What a block is made of.
#[derive(Clone, Debug)]
pub struct BlockValues<'a> {
    /// Where both norms stand.
    pub place: NormPlace,
    /// The shape of attention.
    pub heads: Heads,
    /// Query, key and value layers.
    pub qkv: [LinearValues<'a>; 3],
    /// Attention's output layer.
    pub attention_output: LinearValues<'a>,
    /// Of the attention sublayer.
    pub attention_norm: NormValues<'a>,
    /// The first feed-forward layer.
    pub first: LinearValues<'a>,
    /// In a gated feed-forward layer, what the activation of `first` is multiplied with.
    pub gate: Option<LinearValues<'a>>,
    /// The nonlinearity.
    pub activation: Activation,
    /// The second feed-forward layer.
    pub second: LinearValues<'a>,
    /// Of the feed-forward sublayer.
    pub feed_forward_norm: NormValues<'a>,
}

/// The linear layers of a block, in the order that all lists of sites have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Site {
    /// Attention's query.
    Query,
    /// Attention's key.
    Key,
    /// Attention's value.
    Value,
    /// Attention's output.
    AttentionOutput,
    /// The first feed-forward layer.
    First,
    /// The gate of a gated one.
    Gate,
    /// The second feed-forward layer.
    Second,
}

/// The number of [`Site`]s.
pub const SITES: usize = 7;

/// A packed linear layer: the weight, and its transpose for the backward pass.
pub(crate) struct Linear<E: Element> {
    pub weight: Packed<E>,
    pub transposed: Option<Packed<E>>,
    pub bias: Option<Buffer<f32>>,
}

/// A block in one number format.
pub(crate) struct Parts<E: Element> {
    pub place: NormPlace,
    pub attention: Attention,
    pub sites: [Option<Linear<E>>; SITES],
    pub attention_norm: Norm,
    pub feed_forward_norm: Norm,
    pub activation: Activation,
    pub hidden: usize,
    /// No other block's: a record is read without checks, by the sizes of the block that made it.
    pub id: u64,
}

/// A block, packed for one instruction set.
pub struct Block {
    pub(crate) format: Format,
    level: Level,
}

pub(crate) enum Format {
    F32(Parts<f32>),
    Bf16(Parts<Bf16>),
}

impl Block {
    /// Packs a block's weights; without `gradients` only for [`Block::forward`], in half the memory.
    ///
    /// # Panics
    /// If the sizes of the parts do not fit one another.
    pub fn new(values: &BlockValues, precision: Precision, level: Level, gradients: bool) -> Self {
        assert!(level.is_here(), "this processor lacks {level}");
        let lanes = lanes(level);
        let format = match precision {
            Precision::F32 => Format::F32(Parts::new(values, lanes, gradients)),
            Precision::Bf16 => Format::Bf16(Parts::new(values, lanes, gradients)),
        };
        Self { format, level }
    }

    /// The instruction set it was packed for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Its number format.
    pub fn precision(&self) -> Precision {
        match self.format {
            Format::F32(_) => Precision::F32,
            Format::Bf16(_) => Precision::Bf16,
        }
    }

    /// Width of its input and output.
    pub fn hidden(&self) -> usize {
        match &self.format {
            Format::F32(parts) => parts.hidden,
            Format::Bf16(parts) => parts.hidden,
        }
    }

    /// Input and output width of a site.
    pub fn site(&self, site: Site) -> Option<(usize, usize)> {
        match &self.format {
            Format::F32(parts) => parts.size(site as usize),
            Format::Bf16(parts) => parts.size(site as usize),
        }
    }

    /// Bytes of packed weights.
    pub fn bytes(&self) -> usize {
        match &self.format {
            Format::F32(parts) => parts.bytes(),
            Format::Bf16(parts) => parts.bytes(),
        }
    }
}

/// Values in a vector of an instruction set.
pub(crate) fn lanes(level: Level) -> usize {
    match level {
        Level::Avx512 | Level::Avx512Bf16 => 16,
        Level::Avx2 | Level::Portable => 8,
        Level::Neon => 4,
    }
}

impl<E: Element> Parts<E> {
    fn new(values: &BlockValues, lanes: usize, gradients: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let hidden = values.qkv[0].input;
        let width = count(&[values.heads.heads, values.heads.size]);
        for linear in &values.qkv {
            assert_eq!(
                (linear.input, linear.output),
                (hidden, width),
                "query, key, value"
            );
        }
        let inner = values.first.output;
        let fits = |linear: &LinearValues, sizes| {
            assert_eq!((linear.input, linear.output), sizes);
        };
        fits(&values.attention_output, (width, hidden));
        fits(&values.first, (hidden, inner));
        fits(&values.second, (inner, hidden));
        if let Some(gate) = &values.gate {
            fits(gate, (hidden, inner));
        }
        let linear = |values: &LinearValues| Some(Linear::new(values, lanes, gradients));
        let [q, k, v] = &values.qkv;
        Self {
            place: values.place,
            attention: Attention::new(values.heads.clone()),
            sites: [
                linear(q),
                linear(k),
                linear(v),
                linear(&values.attention_output),
                linear(&values.first),
                values.gate.as_ref().and_then(linear),
                linear(&values.second),
            ],
            attention_norm: norm(&values.attention_norm, hidden),
            feed_forward_norm: norm(&values.feed_forward_norm, hidden),
            activation: values.activation,
            hidden,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Input and output width of a site.
    pub fn size(&self, site: usize) -> Option<(usize, usize)> {
        let linear = self.sites[site].as_ref()?;
        Some((linear.weight.depth, linear.weight.width))
    }

    fn bytes(&self) -> usize {
        self.sites
            .iter()
            .flatten()
            .map(|linear| {
                linear.weight.bytes() + linear.transposed.as_ref().map_or(0, Packed::bytes)
            })
            .sum()
    }
}

impl<E: Element> Linear<E> {
    fn new(values: &LinearValues, lanes: usize, gradients: bool) -> Self {
        let LinearValues {
            weight,
            bias,
            input,
            output,
        } = *values;
        assert_eq!(Some(weight.len()), checked_count(&[input, output]));
        if let Some(bias) = bias {
            assert_eq!(bias.len(), output);
        }
        Self {
            weight: Packed::new(input, output, lanes, |k, n| weight[k * output + n]),
            transposed: gradients
                .then(|| Packed::new(output, input, lanes, |k, n| weight[n * output + k])),
            bias: bias.map(|bias| padded_bias(bias, lanes)),
        }
    }
}

fn norm(values: &NormValues, width: usize) -> Norm {
    let padded = |values: Option<&[f32]>| {
        let mut row = Matrix::<f32>::zeros(1, width);
        if let Some(values) = values {
            assert_eq!(values.len(), width);
            row.values[..width].copy_from_slice(values);
        }
        row.values
    };
    Norm {
        kind: values.kind,
        epsilon: values.epsilon as f32,
        scale: padded(Some(values.scale)),
        shift: padded(values.shift),
    }
}
