//! The layers that all families are made of, and the state of one forward pass.

use std::f64::consts::FRAC_1_SQRT_2;
#[cfg(feature = "cpu")]
use std::ops::Range;
#[cfg(feature = "cpu")]
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData, activation, module};
use lingo_kernels::{Kept, NormKind};
#[cfg(feature = "cpu")]
use lingo_kernels::{Quantization, QuantizedMatrix};

use crate::adaptation::{
    Adaptation, Bottleneck, BottleneckInput, Bottlenecks, DropoutSource, LowRank, SiteScale,
    Sublayer,
};
use crate::batch::Batch;
use crate::config::activation::Activation;
use crate::config::attention::AttentionShape;
use crate::config::model_config::ModelConfig;
use crate::config::positions::{Positions, Rotary, alibi_slopes, bucket};
use crate::device::has_own_memory;
use crate::error::Error;
#[cfg(feature = "cpu")]
use crate::parts::fused;
#[cfg(feature = "cpu")]
use crate::parts::host::{HostLinear, HostNorm, HostWeight};
use crate::parts::site::Site;
#[cfg(feature = "cpu")]
use crate::weights::parameters::transposed;
use crate::weights::parameters::{Id, Kind, Parameters, Source, on};

/// A linear layer; `site` is its place in [`crate::Model::sites`].
pub(crate) struct Linear {
    weight: Id,
    bias: Option<Id>,
    site: usize,
    #[cfg(feature = "cpu")]
    output: usize,
}

/// Some of the outputs of a linear layer that stores several layers one behind the other, or all of them.
#[cfg(feature = "cpu")]
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    linear: &'a Linear,
    places: Places,
}

/// Which columns of a layer: `count` from `first` on in every `period` of them.
#[cfg(feature = "cpu")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub first: usize,
    pub count: usize,
    pub period: usize,
}

/// A layer norm, or another.
pub(crate) struct Norm {
    kind: NormKind,
    weight: Id,
    bias: Option<Id>,
    epsilon: f64,
}

/// What the norms of a model are.
#[derive(Clone, Copy)]
pub(crate) struct NormStyle {
    pub kind: NormKind,
    pub bias: bool,
}

#[cfg(feature = "cpu")]
impl Linear {
    /// Its place in [`crate::Model::sites`].
    pub fn site(&self) -> usize {
        self.site
    }

    /// The places of its tensors.
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        std::iter::once(self.weight).chain(self.bias)
    }

    /// Width of its output.
    pub fn output(&self) -> usize {
        self.output
    }

    /// So many of its outputs, from one on.
    pub fn columns(&self, first: usize, count: usize) -> Columns<'_> {
        self.repeated(first, count, self.output)
    }

    /// So many of its outputs, from one on, in every `period` of them.
    pub fn repeated(&self, first: usize, count: usize, period: usize) -> Columns<'_> {
        Columns {
            linear: self,
            places: Places {
                first,
                count,
                period,
            },
        }
    }
}

#[cfg(feature = "cpu")]
impl<'a> Columns<'a> {
    /// The layer that they are of.
    pub fn linear(self) -> &'a Linear {
        self.linear
    }

    /// Which of the layer's outputs they are; `None`: all.
    pub fn places(self) -> Option<Places> {
        let is_all = self.places.count == self.linear.output;
        (!is_all).then_some(self.places)
    }

    /// Their values, in few bits if it is said how: rounded as the whole layer is.
    pub fn host(
        self,
        parameters: &Parameters,
        quantization: Option<Quantization>,
    ) -> Result<HostLinear, Error> {
        let (weight, sizes) = parameters.host(self.linear.weight)?;
        let sizes = [sizes[0], sizes[1]];
        let places = self.places();
        let weight = match quantization {
            None => HostWeight::Values(match places {
                Some(places) => places.of(&weight),
                None => weight,
            }),
            Some(kind) => {
                let [input, output] = sizes;
                let whole = QuantizedMatrix::new(kind, &transposed(&weight, input, output), input);
                HostWeight::Quantized(Arc::new(match places {
                    Some(places) => whole.outputs(&places.of(&Vec::from_iter(0..output))),
                    None => whole,
                }))
            }
        };
        let bias = match self.linear.bias {
            Some(bias) => Some(parameters.host(bias)?.0),
            None => None,
        };
        let Some(places) = places else {
            return Ok(HostLinear {
                weight,
                bias,
                sizes,
            });
        };
        Ok(HostLinear {
            weight,
            bias: bias.map(|bias| places.of(&bias)),
            sizes: [sizes[0], sizes[1] / places.period * places.count],
        })
    }
}

#[cfg(feature = "cpu")]
impl Places {
    /// The range within each period.
    fn range(self) -> Range<usize> {
        self.first..self.first + self.count
    }

    /// These columns of rows of whole periods.
    fn of<T: Copy>(self, values: &[T]) -> Vec<T> {
        let periods = values.chunks_exact(self.period);
        periods
            .flat_map(|period| &period[self.range()])
            .copied()
            .collect()
    }

    /// These columns of a matrix.
    pub fn narrow(self, matrix: Tensor<2>) -> Tensor<2> {
        let [rows, columns] = matrix.dims();
        let periods = columns / self.period;
        if periods == 1 {
            return matrix.narrow(1, self.first, self.count);
        }
        let all = matrix.reshape([rows, periods, self.period]);
        let own = all.narrow(2, self.first, self.count);
        own.reshape([rows, periods * self.count])
    }
}

#[cfg(feature = "cpu")]
impl Norm {
    /// The places of its tensors.
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        std::iter::once(self.weight).chain(self.bias)
    }

    /// Its values.
    pub fn host(&self, parameters: &Parameters) -> Result<HostNorm, Error> {
        Ok(HostNorm {
            scale: parameters.host(self.weight)?.0,
            shift: match self.bias {
                Some(bias) => Some(parameters.host(bias)?.0),
                None => None,
            },
            kind: self.kind,
            epsilon: self.epsilon,
        })
    }
}

/// Takes a model's tensors from a source, layer by layer.
pub(crate) struct Builder<'a> {
    pub source: &'a mut dyn Source,
    pub parameters: Parameters,
    pub sites: Vec<Site>,
    pub epsilon: f64,
    pub norms: NormStyle,
    /// How files hold the weights of linear layers.
    pub linears: Kind,
}

impl Builder<'_> {
    /// `name.weight`, `[output, input]` unless [`Builder::linears`] says otherwise, and `name.bias` `[output]`; `layer` is the block.
    pub fn linear(
        &mut self,
        name: &str,
        layer: Option<usize>,
        [input, output]: [usize; 2],
        bias: bool,
    ) -> Result<Linear, Error> {
        let site = self.sites.len();
        self.sites.push(Site {
            name: name.to_owned(),
            input,
            output,
            layer,
        });
        let shape = match self.linears {
            Kind::Turned => [input, output],
            _ => [output, input],
        };
        let weight = self.add(format!("{name}.weight"), &shape, self.linears)?;
        let bias = if bias {
            Some(self.add(format!("{name}.bias"), &[output], Kind::Bias)?)
        } else {
            None
        };
        Ok(Linear {
            weight,
            bias,
            site,
            #[cfg(feature = "cpu")]
            output,
        })
    }

    /// `name.weight` and, where norms have one, `name.bias`, `[size]` each.
    pub fn norm(&mut self, name: &str, size: usize) -> Result<Norm, Error> {
        Ok(Norm {
            kind: self.norms.kind,
            weight: self.add(format!("{name}.weight"), &[size], Kind::Scale)?,
            bias: match self.norms.bias {
                true => Some(self.add(format!("{name}.bias"), &[size], Kind::Bias)?),
                false => None,
            },
            epsilon: self.epsilon,
        })
    }

    /// `name.weight`, `[rows, width]`.
    pub fn embedding(
        &mut self,
        name: &str,
        shape: [usize; 2],
        padding: Option<usize>,
    ) -> Result<Id, Error> {
        let kind = Kind::Embedding { padding };
        self.add(format!("{name}.weight"), &shape, kind)
    }

    fn add(&mut self, name: String, shape: &[usize], kind: Kind) -> Result<Id, Error> {
        self.parameters.add(self.source, name, shape, kind)
    }
}

/// The blocks of a model that is held in the kernels' own layout.
#[cfg(feature = "cpu")]
pub(crate) trait PackedBlocks {
    /// One block's output, `[batch * length, hidden]` as its input.
    fn block(&self, number: usize, x: Tensor<2>, batch: &Batch, pass: &mut Pass) -> Tensor<2>;
}

/// The state of one forward pass: hidden states are `[batch * length, width]` throughout.
pub(crate) struct Pass<'a> {
    parameters: &'a Parameters,
    config: &'a ModelConfig,
    low_rank: &'a [Option<LowRank>],
    scales: &'a [Option<SiteScale>],
    bottlenecks: &'a [Bottlenecks],
    prefix: Option<&'a Tensor<2>>,
    dropout: Option<&'a mut dyn DropoutSource>,
    base_dropout: bool,
    /// Whether a gradient will be asked for. Where none will, everything runs on the plain
    /// device, whose fused softmax and layer norm the autodiff device lacks.
    pub autodiff: bool,
    pub device: Device,
    batch: usize,
    length: usize,
    #[cfg(feature = "cpu")]
    pub packed: Option<&'a dyn PackedBlocks>,
    /// See [`Adaptation::recompute`].
    #[cfg(feature = "cpu")]
    pub recompute: bool,
}

impl<'a> Pass<'a> {
    pub fn new(
        parameters: &'a Parameters,
        config: &'a ModelConfig,
        batch: &Batch,
        adaptation: Adaptation<'a>,
    ) -> Self {
        let autodiff = parameters.any_trainable()
            || adaptation.extra_rows.is_some_and(Tensor::is_tracked)
            || adaptation
                .low_rank
                .iter()
                .flatten()
                .any(|delta| delta.down.is_tracked() || delta.up.is_tracked())
            || adaptation
                .scales
                .iter()
                .flatten()
                .any(|scale| scale.factors().is_tracked())
            || adaptation.bottlenecks.iter().any(Bottlenecks::is_tracked)
            || adaptation.prefix.is_some_and(Tensor::is_tracked);
        let device = if autodiff {
            parameters.device().clone()
        } else {
            parameters.device().clone().without_autodiff()
        };
        Self {
            parameters,
            config,
            low_rank: adaptation.low_rank,
            scales: adaptation.scales,
            bottlenecks: adaptation.bottlenecks,
            prefix: adaptation.prefix,
            dropout: adaptation.dropout,
            base_dropout: adaptation.base_dropout,
            autodiff,
            device,
            batch: batch.batch,
            length: batch.length,
            #[cfg(feature = "cpu")]
            packed: None,
            #[cfg(feature = "cpu")]
            recompute: adaptation.recompute,
        }
    }

    /// A block's output: by the kernels, where the model is packed, else by `plain`.
    #[cfg_attr(not(feature = "cpu"), allow(unused_variables))]
    pub fn block(
        &mut self,
        number: usize,
        x: Tensor<2>,
        batch: &Batch,
        plain: impl FnOnce(Tensor<2>, &mut Self) -> Tensor<2>,
    ) -> Tensor<2> {
        #[cfg(feature = "cpu")]
        if let Some(packed) = self.packed {
            return packed.block(number, x, batch, self);
        }
        plain(x, self)
    }

    /// A parameter matrix in this pass's context.
    pub fn matrix(&self, id: Id) -> Tensor<2> {
        self.parameters.matrix(id, self.autodiff)
    }

    /// A parameter vector in this pass's context.
    pub fn vector(&self, id: Id) -> Tensor<1> {
        self.parameters.vector(id, self.autodiff)
    }

    /// `x W + b`, and the site's low-rank delta or its scale.
    pub fn linear(&mut self, linear: &Linear, x: Tensor<2>) -> Tensor<2> {
        let delta = self.delta(linear.site);
        let scale = self.scales.get(linear.site).and_then(Option::as_ref);
        let factors = scale.map(|scale| on(scale.factors().clone(), self.autodiff));
        let (before, behind) = match scale {
            Some(SiteScale::Input(_)) => (factors, None),
            _ => (None, factors),
        };
        let x = match before {
            Some(factors) => x * factors,
            None => x,
        };
        let weight = self.matrix(linear.weight);
        let mut y = x.clone().matmul(weight.clone());
        if let Some(bias) = linear.bias {
            y = y + self.vector(bias).unsqueeze();
        }
        if let Some(delta) = delta {
            let x = self.drop(x, delta.dropout);
            let added = x
                .clone()
                .matmul(delta.down.clone())
                .matmul(delta.up.clone());
            y = y + match delta.magnitude {
                None => added,
                Some(magnitude) => {
                    // As in PEFT the norms are constants of the step, and what dropout leaves out is left out of both.
                    let whole = weight.clone() + delta.down.matmul(delta.up);
                    let norms = whole.detach().powi_scalar(2).sum_dim(0).sqrt();
                    let gain = magnitude / norms;
                    x.matmul(weight) * (gain.clone() - 1.0) + added * gain
                }
            };
        }
        match behind {
            Some(factors) => y * factors,
            None => y,
        }
    }

    /// A site's low-rank delta in this pass's context.
    pub fn delta(&self, site: usize) -> Option<LowRank> {
        let delta = self.low_rank.get(site)?.as_ref()?;
        Some(LowRank {
            down: on(delta.down.clone(), self.autodiff),
            up: on(delta.up.clone(), self.autodiff),
            dropout: delta.dropout,
            magnitude: delta.magnitude.clone().map(|m| on(m, self.autodiff)),
        })
    }

    /// What a sublayer of a block puts out with that of its bottleneck, where it has one: `y` is what it puts out by
    /// itself, `stream` what it is added to, `norm` what stands behind the sum.
    pub fn through_bottleneck(
        &mut self,
        (block, sublayer): (usize, Sublayer),
        y: Tensor<2>,
        stream: &Tensor<2>,
        norm: Option<&Norm>,
    ) -> Tensor<2> {
        let bottlenecks = self.bottlenecks;
        let found = bottlenecks.get(block).and_then(|b| b.of(sublayer));
        let Some(Bottleneck {
            reads,
            down,
            down_bias,
            activation,
            up,
            up_bias,
            scaling,
            dropout,
        }) = found
        else {
            return y;
        };
        let read = match reads {
            BottleneckInput::Output => y.clone(),
            BottleneckInput::Stream => stream.clone(),
            BottleneckInput::Sum => {
                let sum = y.clone() + stream.clone();
                match norm {
                    Some(norm) => self.norm(norm, sum),
                    None => sum,
                }
            }
        };
        let [down, down_bias, up, up_bias] =
            [down, down_bias, up, up_bias].map(|t| on(t.clone(), self.autodiff));
        let inner = activate(*activation, read.matmul(down) + down_bias);
        let mut added = inner.matmul(up) + up_bias;
        if *scaling != 1.0 {
            added = added * *scaling;
        }
        y + self.drop(added, *dropout)
    }

    /// How many keys and values stand before those of the tokens.
    pub fn before(&self) -> usize {
        self.prefix.map_or(0, |prefix| prefix.dims()[0])
    }

    /// A block's keys and values before those of the tokens, `[count, key and value width]` each.
    fn prefix_of(&self, block: usize, shape: &AttentionShape) -> Option<[Tensor<2>; 2]> {
        let prefix = self.prefix?;
        let width = shape.key_value_width();
        let part = |n: usize| prefix.clone().narrow(1, (2 * block + n) * width, width);
        Some([0, 1].map(|n| on(part(n), self.autodiff)))
    }

    /// The model's shape.
    #[cfg(feature = "cpu")]
    pub fn config(&self) -> &'a ModelConfig {
        self.config
    }

    /// Whether the model's own dropouts are on.
    #[cfg(feature = "cpu")]
    pub fn base_dropout(&self) -> bool {
        self.base_dropout
    }

    /// Which of `n` values dropout keeps; `None` where all are.
    #[cfg(feature = "cpu")]
    pub fn kept(&mut self, n: usize, p: f64) -> Option<lingo_kernels::Kept> {
        let source = self.dropout.as_deref_mut().filter(|_| p > 0.0)?;
        Some(source.kept(n, p))
    }

    /// A norm over the last axis.
    pub fn norm(&self, norm: &Norm, x: Tensor<2>) -> Tensor<2> {
        let gamma = self.vector(norm.weight);
        let beta = norm.bias.map(|id| self.vector(id));
        match norm.kind {
            NormKind::Layer => {
                let beta = beta.unwrap_or_else(|| gamma.zeros_like());
                layer_norm(x, gamma, beta, norm.epsilon)
            }
            NormKind::Identity => x,
            NormKind::Rms => {
                let mean = x.clone().powi_scalar(2).mean_dim(1);
                let y = x / (mean + norm.epsilon).sqrt() * gamma.unsqueeze();
                match beta {
                    Some(beta) => y + beta.unsqueeze(),
                    None => y,
                }
            }
        }
    }

    /// A norm of each head.
    fn norm_heads(&self, norm: &Norm, x: Tensor<2>, size: usize) -> Tensor<2> {
        let [n, width] = x.dims();
        let x = x.reshape([n * (width / size), size]);
        self.norm(norm, x).reshape([n, width])
    }

    /// The model's own dropout of hidden states.
    pub fn hidden_dropout(&mut self, x: Tensor<2>) -> Tensor<2> {
        let p = self.config.hidden_dropout;
        self.own_dropout(x, p)
    }

    /// A dropout of the model's own, which is on where these are.
    pub fn own_dropout(&mut self, x: Tensor<2>, p: f64) -> Tensor<2> {
        if self.base_dropout {
            self.drop(x, p)
        } else {
            x
        }
    }

    /// Multiplies by a mask, in training.
    fn drop<const D: usize>(&mut self, x: Tensor<D>, p: f64) -> Tensor<D> {
        match self.dropout.as_deref_mut().filter(|_| p > 0.0) {
            Some(source) => drop_out(x, source, p),
            None => x,
        }
    }

    /// The feed-forward activation.
    pub fn activation(&self, x: Tensor<2>) -> Tensor<2> {
        activate(self.config.activation, x)
    }

    /// Multi-head attention of a block, `softmax(q k^T / sqrt(head size) + mask) v`; `mask` is added to
    /// the scores `[batch, heads, length, keys]`, the keys of a prefix first.
    pub fn attention(
        &mut self,
        block: usize,
        shape: &AttentionShape,
        norms: Option<&[Norm; 2]>,
        [mut q, mut k, v]: [Tensor<2>; 3],
        mask: Option<&Tensor<4>>,
    ) -> Tensor<2> {
        let [batch, length] = [self.batch, self.length];
        let AttentionShape { heads, size, .. } = *shape;
        let split = |x: Tensor<2>, heads: usize| {
            let x = x.reshape([batch, length, heads, size]);
            x.swap_dims(1, 2)
        };
        // Heads of keys and values as often as there are heads of queries that share them.
        let shared = |x: Tensor<4>| {
            let times = heads / shape.key_value_heads;
            if times == 1 {
                return x;
            }
            let x: Tensor<5> = x.unsqueeze_dim(2);
            let x = x.repeat_dim(2, times);
            let [_, _, _, keys, _] = x.dims();
            x.reshape([batch, heads, keys, size])
        };
        if let Some([query, key]) = norms {
            q = self.norm_heads(query, q, size);
            k = self.norm_heads(key, k, size);
        }
        // Scaling the queries touches fewer values than scaling the scores.
        let mut q = split(q * (size as f64).powf(-0.5), heads);
        let mut k = split(k, shape.key_value_heads);
        if let Positions::Rotary(rotary) = &shape.positions {
            let angles = self.rotary_angles(rotary);
            q = rotated(q, &angles);
            k = rotated(k, &angles);
        }
        let mut v = split(v, shape.key_value_heads);
        if let Some(prefix) = self.prefix_of(block, shape) {
            // They are what they are wherever the tokens stand: neither turned nor normed.
            let [keys, values] = prefix.map(|x| {
                let [count, _] = x.dims();
                let x = x.reshape([1, count, shape.key_value_heads, size]);
                x.swap_dims(1, 2).repeat_dim(0, batch)
            });
            k = Tensor::cat(vec![keys, k], 2);
            v = Tensor::cat(vec![values, v], 2);
        }
        let mut scores = q.matmul(shared(k).swap_dims(2, 3));
        if shape.positions == Positions::Alibi {
            scores = scores + self.alibi_bias();
        }
        if let Some(mask) = mask {
            scores = scores + mask.clone();
        }
        let mut probabilities = softmax(scores);
        if self.base_dropout {
            let p = self.config.attention_dropout;
            probabilities = self.drop(probabilities, p);
        }
        probabilities
            .matmul(shared(v))
            .swap_dims(1, 2)
            .reshape([batch * length, heads * size])
    }

    /// Rows of the word embedding for the batch's ids; ids from `vocab_size` up are rows of
    /// `extra`. `[batch * length, embedding width]`.
    pub fn words(&self, word: Id, ids: &[u32], extra: Option<&Tensor<2>>) -> Tensor<2> {
        let table = self.matrix(word);
        let vocabulary = self.config.vocab_size as u32;
        let Some(extra) = extra.filter(|_| ids.iter().any(|&id| id >= vocabulary)) else {
            return table.select(0, self.indices(ids.iter().copied()));
        };
        let extra = on(extra.clone(), self.autodiff);
        let old = table.select(
            0,
            self.indices(ids.iter().map(|&id| id.min(vocabulary - 1))),
        );
        let new = extra.select(
            0,
            self.indices(ids.iter().map(|&id| id.saturating_sub(vocabulary))),
        );
        let is_new = |id: u32| id >= vocabulary;
        let keep = self.column(ids.iter().map(|&id| !is_new(id)));
        let take = self.column(ids.iter().map(|&id| is_new(id)));
        old * keep + new * take
    }

    /// Added to attention scores: a large negative number at padded keys; `None` without
    /// padding. `[batch, 1, 1, keys]`.
    fn padding_mask(&self, batch: &Batch) -> Option<Tensor<4>> {
        if !batch.is_padded() {
            return None;
        }
        let before = self.before();
        let keys = before + batch.length;
        let mut mask = Vec::with_capacity(batch.batch * keys);
        for &n in &batch.lengths {
            let real = before + n as usize;
            mask.extend((0..keys).map(|t| if t < real { 0.0 } else { MASKED }));
        }
        let shape = [batch.batch, 1, 1, keys];
        Some(Tensor::from_data(
            TensorData::new(mask, shape),
            &self.device,
        ))
    }

    /// Added to attention scores: a large negative number at keys after the query, and at those out of a window (which,
    /// as in `transformers`, may be those of a prefix). `[1, 1, length, keys]`.
    pub fn causal_mask(&self, window: Option<usize>) -> Tensor<4> {
        self.mask(|query, key| key <= query && window.is_none_or(|far| query - key <= far))
    }

    /// As [`Pass::padding_mask`], of what is out of a window as well, and with what is added by
    /// distance; a prefix is in every window. `[batch or 1, heads or 1, length or 1, keys]`.
    pub fn encoder_mask(
        &self,
        batch: &Batch,
        window: Option<usize>,
        relative: Option<Id>,
    ) -> Option<Tensor<4>> {
        let padding = self.padding_mask(batch);
        let before = self.before();
        let near =
            window.map(|far| self.mask(|query, key| key < before || query.abs_diff(key) <= far));
        let learnt = relative.map(|id| self.relative_bias(id));
        let parts = [padding, near, learnt].into_iter().flatten();
        parts.reduce(|sum, part| sum + part)
    }

    /// What is added to the scores by the distance of query and key, `[1, heads, length, keys]`, from a table
    /// `[buckets, heads]`.
    fn relative_bias(&self, id: Id) -> Tensor<4> {
        let table = self.matrix(id);
        let [buckets, heads] = table.dims();
        let (n, keys) = (self.length, self.before() + self.length);
        let of = |(query, key): (usize, usize)| bucket(key as isize - query as isize, buckets);
        let places = self.places().map(|pair| of(pair) as u32);
        let rows = table.select(0, self.indices(places));
        rows.swap_dims(0, 1).reshape([1, heads, n, keys])
    }

    /// The places of each query and each key, key by key; those of a prefix come first.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let before = self.before();
        let all = before + self.length;
        (before..all).flat_map(move |query| (0..all).map(move |key| (query, key)))
    }

    fn mask(&self, sees: impl Fn(usize, usize) -> bool) -> Tensor<4> {
        let (n, keys) = (self.length, self.before() + self.length);
        let of = |(query, key)| if sees(query, key) { 0.0 } else { MASKED };
        let mask: Vec<f32> = self.places().map(of).collect();
        Tensor::from_data(TensorData::new(mask, [1, 1, n, keys]), &self.device)
    }

    /// Cosines and sines of a rotary embedding, `[1, 1, length, pairs]` each.
    fn rotary_angles(&self, rotary: &Rotary) -> [Tensor<4>; 2] {
        let rates = rotary.rates();
        let (length, half) = (self.length, rates.len());
        let before = self.before();
        let angle = |i: usize| (before + i / half) as f64 * rates[i % half];
        [f64::cos, f64::sin].map(|f| {
            let values: Vec<f32> = (0..length * half).map(|i| f(angle(i)) as f32).collect();
            let shape = [1, 1, length, half];
            Tensor::from_data(TensorData::new(values, shape), &self.device)
        })
    }

    /// What ALiBi adds to the scores, `[1, heads, length, keys]`.
    fn alibi_bias(&self) -> Tensor<4> {
        let (heads, n) = (self.config.heads, self.length);
        let keys = self.before() + n;
        let mut bias = Vec::with_capacity(heads * n * keys);
        for slope in alibi_slopes(heads) {
            let of = |(query, key): (usize, usize)| -slope * query.abs_diff(key) as f32;
            bias.extend(self.places().map(of));
        }
        Tensor::from_data(TensorData::new(bias, [1, heads, n, keys]), &self.device)
    }

    /// Adds `rows` `[length, width]` to the states of every sequence.
    pub fn add_to_each(&self, x: Tensor<2>, rows: Tensor<2>) -> Tensor<2> {
        let [n, width] = x.dims();
        let x = x.reshape([self.batch, self.length, width]);
        (x + rows.unsqueeze()).reshape([n, width])
    }

    fn indices(&self, ids: impl Iterator<Item = u32>) -> Tensor<1, Int> {
        let ids: Vec<i32> = ids.map(|id| id as i32).collect();
        let n = ids.len();
        Tensor::from_data(TensorData::new(ids, [n]), &self.device)
    }

    /// `[n, 1]`: one where true, zero where false.
    fn column(&self, flags: impl Iterator<Item = bool>) -> Tensor<2> {
        self.factors(flags.map(|flag| f32::from(u8::from(flag))).collect())
    }

    /// `[n, 1]`: what the rows of `n` states are multiplied by.
    pub fn factors(&self, values: Vec<f32>) -> Tensor<2> {
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n, 1]), &self.device)
    }
}

/// Multiplies by the next mask of `source`, whose values are 0 with probability `p` and else `1 / (1 - p)`.
pub fn drop_out<const D: usize>(x: Tensor<D>, source: &mut dyn DropoutSource, p: f64) -> Tensor<D> {
    let dims = x.dims();
    let n = dims.iter().product();
    let device = x.device();
    let mask = if has_own_memory(&device) {
        unpack(&source.kept(n, p), n, &device).reshape(dims)
    } else {
        Tensor::from_data(TensorData::new(source.mask(n, p), dims), &device)
    };
    x * mask
}

/// The factors of `n` decisions, made on the device from their bits: the way there is what they cost.
fn unpack(kept: &Kept, n: usize, device: &Device) -> Tensor<1> {
    let words = kept.words(n);
    let rows = words.len();
    let words = Tensor::<2, Int>::from_data(TensorData::new(words, [rows, 1]), device);
    let places: Vec<i32> = (0..32).collect();
    let places = Tensor::<2, Int>::from_data(TensorData::new(places, [1, 32]), device);
    let bits = words.bitwise_right_shift(places).bitwise_and_scalar(1);
    let factors = bits.float().reshape([32 * rows]) * kept.scale();
    if n == 32 * rows {
        factors
    } else {
        factors.narrow(0, 0, n)
    }
}

/// Rotates pairs of a value of the first half and one of the second by the angles of their place; what is behind
/// both stays.
fn rotated(x: Tensor<4>, [cosines, sines]: &[Tensor<4>; 2]) -> Tensor<4> {
    let [_, _, _, size] = x.dims();
    let [_, _, _, half] = cosines.dims();
    let rest = (size > 2 * half).then(|| x.clone().narrow(3, 2 * half, size - 2 * half));
    let (low, high) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
    let new_low = low.clone() * cosines.clone() - high.clone() * sines.clone();
    let new_high = high * cosines.clone() + low * sines.clone();
    let parts = [new_low, new_high].into_iter().chain(rest);
    Tensor::cat(parts.collect(), 3)
}

/// Layer norm over the last axis.
pub(crate) fn layer_norm(
    x: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if let Some(y) = fused::layer_norm(&x, &gamma, &beta, epsilon) {
        return y;
    }
    module::layer_norm(x, gamma, Some(beta), epsilon)
}

/// Softmax over the last axis.
fn softmax(x: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "cpu")]
    if let Some(y) = fused::softmax(&x) {
        return y;
    }
    activation::softmax(x, 3)
}

/// Exact GELU. Outside the CPU burn differentiates it by the tanh approximation, off by up to
/// 1e-3; in terms of the error function the gradient is exact too.
fn gelu(x: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if let Some(y) = fused::gelu(&x) {
        return y;
    }
    if !x.is_tracked() {
        return activation::gelu(x);
    }
    let below = (x.clone() * FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
    x * below
}

/// The activation of a feed-forward layer.
pub(crate) fn activate(activation: Activation, x: Tensor<2>) -> Tensor<2> {
    match activation {
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => activation::gelu_approximate(x),
        Activation::Relu => activation::relu(x),
        Activation::Silu => activation::silu(x),
    }
}

/// Finite, so that a row of nothing but masked keys gives no NaN; its exponential is zero.
const MASKED: f32 = -1e30;
