//! One transformer block: attention and a feed-forward layer, each with a residual sum and a norm before or behind it. What sets the
//! families apart in it is names, biases, where the norm stands, and which layers are stored as one.

use burn::tensor::Tensor;
use lingo_kernels::NormPlace;

#[cfg(feature = "cpu")]
use crate::engine::operation::BlockParts;
use crate::error::Error;
use crate::parts::pass::{Builder, Linear, Norm, Pass};

/// What a block is made of, by name; names follow the block's own.
pub(crate) struct BlockPlan<'a> {
    /// Its name, with its number.
    pub name: String,
    pub number: usize,
    pub hidden: usize,
    pub ffn: usize,
    pub place: NormPlace,
    pub causal: bool,
    pub projections: Projections<&'a str>,
    pub attention_output: &'a str,
    pub attention_norm: &'a str,
    /// Whether what attention puts out is dropped out in training, as what the feed-forward layer puts out always is.
    pub drops_attention: bool,
    pub first: &'a str,
    /// The first feed-forward layer has twice the width: what is activated, and behind it what that is multiplied with.
    pub is_gated: bool,
    pub second: &'a str,
    pub feed_forward_norm: &'a str,
    pub biases: Biases,
}

/// Which linear layers have biases.
#[derive(Clone, Copy)]
pub(crate) struct Biases {
    pub attention: bool,
    pub first: bool,
    pub second: bool,
}

impl Biases {
    pub const fn every(bias: bool) -> Self {
        Self {
            attention: bias,
            first: bias,
            second: bias,
        }
    }
}

/// Attention's query, key and value layers.
pub(crate) enum Projections<T> {
    Apart([T; 3]),
    /// One behind the other, in this order.
    Together(T),
}

/// A block of a model.
pub(crate) struct Block {
    place: NormPlace,
    #[cfg(feature = "cpu")]
    causal: bool,
    hidden: usize,
    ffn: usize,
    projections: Projections<Linear>,
    attention_output: Linear,
    attention_norm: Norm,
    drops_attention: bool,
    first: Linear,
    is_gated: bool,
    second: Linear,
    feed_forward_norm: Norm,
}

impl Block {
    pub fn build(plan: &BlockPlan, builder: &mut Builder) -> Result<Self, Error> {
        let [hidden, ffn] = [plan.hidden, plan.ffn];
        let linear = |b: &mut Builder, name: &str, sizes: [usize; 2], bias: bool| {
            b.linear(
                &format!("{}.{name}", plan.name),
                Some(plan.number),
                sizes,
                bias,
            )
        };
        let norm = |b: &mut Builder, name: &str| b.norm(&format!("{}.{name}", plan.name), hidden);
        let bias = plan.biases;
        let widths = if plan.is_gated { 2 } else { 1 };
        Ok(Self {
            place: plan.place,
            #[cfg(feature = "cpu")]
            causal: plan.causal,
            hidden,
            ffn,
            projections: match plan.projections {
                Projections::Apart([q, k, v]) => Projections::Apart([
                    linear(builder, q, [hidden, hidden], bias.attention)?,
                    linear(builder, k, [hidden, hidden], bias.attention)?,
                    linear(builder, v, [hidden, hidden], bias.attention)?,
                ]),
                Projections::Together(name) => Projections::Together(linear(
                    builder,
                    name,
                    [hidden, 3 * hidden],
                    bias.attention,
                )?),
            },
            attention_output: linear(
                builder,
                plan.attention_output,
                [hidden, hidden],
                bias.attention,
            )?,
            attention_norm: norm(builder, plan.attention_norm)?,
            drops_attention: plan.drops_attention,
            first: linear(builder, plan.first, [hidden, widths * ffn], bias.first)?,
            is_gated: plan.is_gated,
            second: linear(builder, plan.second, [ffn, hidden], bias.second)?,
            feed_forward_norm: norm(builder, plan.feed_forward_norm)?,
        })
    }

    /// `[batch * length, hidden]` to the same; `mask` is added to the scores.
    pub fn forward(&self, x: Tensor<2>, mask: Option<&Tensor<4>>, pass: &mut Pass) -> Tensor<2> {
        let drops = self.drops_attention;
        let x = self.sublayer(x, &self.attention_norm, drops, pass, |x, pass| {
            let [query, key, value] = match &self.projections {
                Projections::Apart([query, key, value]) => {
                    let query = pass.linear(query, x.clone());
                    let key = pass.linear(key, x.clone());
                    [query, key, pass.linear(value, x)]
                }
                Projections::Together(all) => {
                    let all = pass.linear(all, x);
                    [0, 1, 2].map(|i| all.clone().narrow(1, i * self.hidden, self.hidden))
                }
            };
            let attended = pass.attention(query, key, value, mask);
            pass.linear(&self.attention_output, attended)
        });
        self.sublayer(x, &self.feed_forward_norm, true, pass, |x, pass| {
            let wide = pass.linear(&self.first, x);
            let wide = if self.is_gated {
                let gate = wide.clone().narrow(1, self.ffn, self.ffn);
                pass.activation(wide.narrow(1, 0, self.ffn)) * gate
            } else {
                pass.activation(wide)
            };
            pass.linear(&self.second, wide)
        })
    }

    /// `x + f(norm(x))`, or `norm(x + f(x))`.
    fn sublayer(
        &self,
        x: Tensor<2>,
        norm: &Norm,
        drops_out: bool,
        pass: &mut Pass,
        f: impl FnOnce(Tensor<2>, &mut Pass) -> Tensor<2>,
    ) -> Tensor<2> {
        let dropped = |y, pass: &mut Pass| match drops_out {
            true => pass.hidden_dropout(y),
            false => y,
        };
        match self.place {
            NormPlace::Before => {
                let y = f(pass.norm(norm, x.clone()), pass);
                x + dropped(y, pass)
            }
            NormPlace::After => {
                let y = f(x.clone(), pass);
                let y = dropped(y, pass);
                pass.norm(norm, y + x)
            }
        }
    }

    /// For the packed kernels.
    #[cfg(feature = "cpu")]
    pub fn parts(&self) -> BlockParts<'_> {
        let all = |linear| Linear::columns(linear, 0, linear.output());
        BlockParts {
            place: self.place,
            causal: self.causal,
            qkv: match &self.projections {
                Projections::Apart([query, key, value]) => [all(query), all(key), all(value)],
                Projections::Together(fused) => {
                    [0, 1, 2].map(|i| fused.columns(i * self.hidden, self.hidden))
                }
            },
            attention_output: all(&self.attention_output),
            attention_norm: &self.attention_norm,
            drops_attention: self.drops_attention,
            first: self.first.columns(0, self.ffn),
            gate: self
                .is_gated
                .then(|| self.first.columns(self.ffn, self.ffn)),
            second: all(&self.second),
            feed_forward_norm: &self.feed_forward_norm,
        }
    }
}
