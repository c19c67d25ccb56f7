//! One transformer block: attention and a feed-forward layer, each with a residual sum and a norm before or behind it. What sets the
//! families apart in it is names, biases, where the norm stands, and which layers are stored as one.

use burn::tensor::Tensor;
use lingo_kernels::NormPlace;

use crate::adaptation::Sublayer;
use crate::config::attention::AttentionShape;
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
    pub attention: AttentionShape,
    pub projections: Projections<&'a str>,
    /// Norms of each head's query and key.
    pub head_norms: Option<[&'a str; 2]>,
    pub attention_output: &'a str,
    /// None where attention reads the block's input.
    pub attention_norm: Option<&'a str>,
    /// Whether what attention puts out is dropped out in training, as what the feed-forward layer puts out always is.
    pub drops_attention: bool,
    pub first: &'a str,
    pub gate: Gate<&'a str>,
    pub second: &'a str,
    pub feed_forward_norm: &'a str,
    pub biases: Biases,
}

/// Which linear layers have biases.
#[derive(Clone, Copy)]
pub(crate) struct Biases {
    /// Of query, key and value.
    pub attention: bool,
    pub attention_output: bool,
    /// Of the gate as well, where there is one.
    pub first: bool,
    pub second: bool,
}

impl Biases {
    pub const fn every(bias: bool) -> Self {
        Self {
            attention: bias,
            attention_output: bias,
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
    /// One behind the other within each head.
    InHeads(T),
}

/// What the activation of the first feed-forward layer is multiplied with.
#[derive(Clone, Copy)]
pub(crate) enum Gate<T> {
    /// Nothing.
    None,
    /// The second half of that layer's output, whose first half alone is activated.
    Within,
    /// Another layer's output.
    Apart(T),
}

/// A block of a model.
pub(crate) struct Block {
    number: usize,
    place: NormPlace,
    attention: AttentionShape,
    ffn: usize,
    projections: Projections<Linear>,
    head_norms: Option<[Norm; 2]>,
    attention_output: Linear,
    attention_norm: Option<Norm>,
    drops_attention: bool,
    first: Linear,
    gate: Gate<Linear>,
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
        let widths = match plan.gate {
            Gate::Within => 2,
            Gate::None | Gate::Apart(_) => 1,
        };
        let [width, shared] = [plan.attention.width(), plan.attention.key_value_width()];
        Ok(Self {
            number: plan.number,
            place: plan.place,
            attention: plan.attention,
            ffn,
            projections: match plan.projections {
                Projections::Apart([q, k, v]) => Projections::Apart([
                    linear(builder, q, [hidden, width], bias.attention)?,
                    linear(builder, k, [hidden, shared], bias.attention)?,
                    linear(builder, v, [hidden, shared], bias.attention)?,
                ]),
                Projections::Together(name) => Projections::Together(linear(
                    builder,
                    name,
                    [hidden, width + 2 * shared],
                    bias.attention,
                )?),
                Projections::InHeads(name) => Projections::InHeads(linear(
                    builder,
                    name,
                    [hidden, 3 * width],
                    bias.attention,
                )?),
            },
            head_norms: match plan.head_norms {
                Some([query, key]) => {
                    let norm = |b: &mut Builder, name: &str| {
                        b.norm(&format!("{}.{name}", plan.name), plan.attention.size)
                    };
                    Some([norm(builder, query)?, norm(builder, key)?])
                }
                None => None,
            },
            attention_output: linear(
                builder,
                plan.attention_output,
                [width, hidden],
                bias.attention_output,
            )?,
            attention_norm: match plan.attention_norm {
                Some(name) => Some(norm(builder, name)?),
                None => None,
            },
            drops_attention: plan.drops_attention,
            first: linear(builder, plan.first, [hidden, widths * ffn], bias.first)?,
            gate: match plan.gate {
                Gate::None => Gate::None,
                Gate::Within => Gate::Within,
                Gate::Apart(name) => Gate::Apart(linear(builder, name, [hidden, ffn], bias.first)?),
            },
            second: linear(builder, plan.second, [ffn, hidden], bias.second)?,
            feed_forward_norm: norm(builder, plan.feed_forward_norm)?,
        })
    }

    /// `[batch * length, hidden]` to the same; `mask` is added to the scores.
    pub fn forward(&self, x: Tensor<2>, mask: Option<&Tensor<4>>, pass: &mut Pass) -> Tensor<2> {
        let before = (self.place == NormPlace::Beside).then(|| x.clone());
        let shape = self.attention;
        let x = self.sublayer(x, None, Sublayer::Attention, pass, |x, pass| {
            let [query, key, value] = match &self.projections {
                Projections::Apart([query, key, value]) => {
                    let query = pass.linear(query, x.clone());
                    let key = pass.linear(key, x.clone());
                    [query, key, pass.linear(value, x)]
                }
                Projections::Together(all) => {
                    let all = pass.linear(all, x);
                    together(&shape).map(|(first, count)| all.clone().narrow(1, first, count))
                }
                Projections::InHeads(all) => {
                    let all = pass.linear(all, x);
                    let [n, width] = all.dims();
                    let all = all.reshape([n, shape.heads, 3 * shape.size]);
                    [0, 1, 2].map(|i| {
                        let own = all.clone().narrow(2, i * shape.size, shape.size);
                        own.reshape([n, width / 3])
                    })
                }
            };
            let norms = self.head_norms.as_ref();
            let attended = pass.attention(self.number, &shape, norms, [query, key, value], mask);
            pass.linear(&self.attention_output, attended)
        });
        self.sublayer(x, before, Sublayer::FeedForward, pass, |x, pass| {
            let wide = match &self.gate {
                Gate::None => {
                    let wide = pass.linear(&self.first, x);
                    pass.activation(wide)
                }
                Gate::Within => {
                    let wide = pass.linear(&self.first, x);
                    let gate = wide.clone().narrow(1, self.ffn, self.ffn);
                    pass.activation(wide.narrow(1, 0, self.ffn)) * gate
                }
                Gate::Apart(gate) => {
                    let wide = pass.linear(&self.first, x.clone());
                    let gate = pass.linear(gate, x);
                    pass.activation(wide) * gate
                }
            };
            pass.linear(&self.second, wide)
        })
    }

    /// `x + f(norm(x))`, or `norm(x + f(x))`; or `x + f(norm(read))`, where something else is read. A bottleneck changes
    /// what f gives.
    fn sublayer(
        &self,
        x: Tensor<2>,
        read: Option<Tensor<2>>,
        sublayer: Sublayer,
        pass: &mut Pass,
        f: impl FnOnce(Tensor<2>, &mut Pass) -> Tensor<2>,
    ) -> Tensor<2> {
        let (norm, drops_out) = match sublayer {
            Sublayer::Attention => (self.attention_norm.as_ref(), self.drops_attention),
            Sublayer::FeedForward => (Some(&self.feed_forward_norm), true),
        };
        let dropped = |y, pass: &mut Pass| match drops_out {
            true => pass.hidden_dropout(y),
            false => y,
        };
        let place = (self.number, sublayer);
        let normed = |x, pass: &Pass| match norm {
            Some(norm) => pass.norm(norm, x),
            None => x,
        };
        match self.place {
            NormPlace::Before | NormPlace::Beside => {
                let read = read.unwrap_or_else(|| x.clone());
                let y = f(normed(read, pass), pass);
                let y = dropped(y, pass);
                let y = pass.through_bottleneck(place, y, &x, None);
                x + y
            }
            NormPlace::After => {
                let y = f(x.clone(), pass);
                let y = dropped(y, pass);
                let y = pass.through_bottleneck(place, y, &x, norm);
                normed(y + x, pass)
            }
        }
    }

    pub fn attention(&self) -> &AttentionShape {
        &self.attention
    }

    /// For the packed kernels.
    #[cfg(feature = "cpu")]
    pub fn parts(&self) -> BlockParts<'_> {
        let all = |linear| Linear::columns(linear, 0, linear.output());
        BlockParts {
            place: self.place,
            attention: self.attention,
            head_norms: self.head_norms.as_ref(),
            relative: None,
            qkv: match &self.projections {
                Projections::Apart([query, key, value]) => [all(query), all(key), all(value)],
                Projections::Together(fused) => {
                    together(&self.attention).map(|(first, count)| fused.columns(first, count))
                }
                Projections::InHeads(fused) => {
                    let size = self.attention.size;
                    [0, 1, 2].map(|i| fused.repeated(i * size, size, 3 * size))
                }
            },
            attention_output: all(&self.attention_output),
            attention_norm: self.attention_norm.as_ref(),
            drops_attention: self.drops_attention,
            first: self.first.columns(0, self.ffn),
            gate: match &self.gate {
                Gate::None => None,
                Gate::Within => Some(self.first.columns(self.ffn, self.ffn)),
                Gate::Apart(gate) => Some(all(gate)),
            },
            second: all(&self.second),
            feed_forward_norm: &self.feed_forward_norm,
        }
    }
}

/// Where query, key and value stand in a layer that has them one behind the other: the first column, and how many.
fn together(shape: &AttentionShape) -> [(usize, usize); 3] {
    let [width, shared] = [shape.width(), shape.key_value_width()];
    [(0, width), (width, shared), (width + shared, shared)]
}
