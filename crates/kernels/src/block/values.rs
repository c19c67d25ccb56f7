//! A frozen transformer block as it is described: two sublayers, each with a residual sum and a norm
//! before or behind it.

use std::sync::Arc;

use crate::parts::activation::Activation;
use crate::parts::attention::heads::Heads;
use crate::parts::norm::NormKind;
use crate::product::quantized::QuantizedMatrix;

/// Where a sublayer's norm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlace {
    /// `x + f(norm(x))`.
    Before,
    /// `norm(x + f(x))`.
    After,
    /// `x + f(norm(x)) + g(other norm(x))`: both sublayers read the block's input, as GPT-NeoX has it.
    Beside,
}

/// How frozen weights are held and multiplied. Sums, norms and everything trained are `f32` always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// Weights, what they are multiplied with, and activations kept for the backward pass in `bf16`.
    Bf16,
}

/// The weights of a linear layer.
#[derive(Clone, Copy, Debug)]
pub enum Weight<'a> {
    /// `[input, output]`, row-major.
    Values(&'a [f32]),
    /// In few bits: they stay so, and are the same memory for both directions.
    Quantized(&'a Arc<QuantizedMatrix>),
}

/// A linear layer's values.
#[derive(Clone, Copy, Debug)]
pub struct LinearValues<'a> {
    /// Its weights.
    pub weight: Weight<'a>,
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
    /// Of each head's query and key, `[size]`, before their places enter, as Qwen3 has it.
    pub head_norms: Option<[NormValues<'a>; 2]>,
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
