//! What training leaves: deltas without their pruned triplets, new rows, a head.

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_lm::{Adaptation, Bottlenecks, LowRank, Model, Site, SiteScale, Sublayer};

use crate::batching::{evaluation_batches, pad};
use crate::error::Error;
use crate::method::adaptation::BottleneckForm;
use crate::network::adapted::{Network, column_norms, hidden_layer, pool, with_prompt};
use crate::network::bottlenecks::{name_of, of_blocks};
use crate::network::store::{ParameterStore, download};
use crate::plan::scales::ScaledSide;
use crate::settings::train_config::Pooling;
use crate::train::states::FrozenStates;

/// A trained adapter, on the host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trained {
    pub deltas: Vec<TrainedDelta>,
    pub head: TrainedHead,
    /// New embedding rows, `[new, embedding width]`.
    pub rows: Option<Vec<f32>>,
    pub scales: Vec<TrainedScale>,
    /// Vectors before the tokens, `[count, embedding width]`.
    pub prompt: Option<Vec<f32>>,
    /// Keys and values before those of the tokens, `[count, blocks x 2 x key and value width]`.
    pub prefix: Option<Vec<f32>>,
    pub bottlenecks: Vec<TrainedBottleneck>,
    /// The model's own tensors that were trained (`full`, `bitfit`, `train_norms`), in the model's layout.
    pub of_model: Vec<(String, Vec<f32>)>,
}

/// One low-rank delta.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainedDelta {
    /// The module's name in the bare model.
    pub module: String,
    pub input: usize,
    pub output: usize,
    /// The rank that is left.
    pub rank: usize,
    /// `[input, rank]`.
    pub down: Vec<f32>,
    /// `[rank]`.
    pub lambda: Option<Vec<f32>>,
    /// `[rank, output]`.
    pub up: Vec<f32>,
    pub scale: f64,
    /// Which of the initial triplets are left.
    pub live: Vec<bool>,
    /// The norms of the adapted weights, `[output]`, where they were trained by themselves.
    pub magnitude: Option<Vec<f32>>,
}

/// Factors of one linear layer's values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainedScale {
    /// The module's name in the bare model.
    pub module: String,
    pub side: ScaledSide,
    pub factors: Vec<f32>,
}

/// A small network in a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainedBottleneck {
    /// The block's name in the bare model: `encoder.layer.0`.
    pub block: String,
    pub sublayer: Sublayer,
    pub form: BottleneckForm,
    pub hidden: usize,
    pub size: usize,
    /// `[hidden, size]`.
    pub down: Vec<f32>,
    pub down_bias: Vec<f32>,
    /// `[size, hidden]`.
    pub up: Vec<f32>,
    pub up_bias: Vec<f32>,
}

impl TrainedBottleneck {
    fn parameters(&self) -> usize {
        self.down.len() + self.down_bias.len() + self.up.len() + self.up_bias.len()
    }

    /// The block's number in a model whose states have as many values.
    fn place(&self, model: &Model) -> Result<usize, Error> {
        let config = model.config();
        let mut blocks = 0..config.layers;
        let found = blocks.find(|&block| name_of(model, block) == self.block);
        found.filter(|_| config.hidden_size == self.hidden).ok_or_else(|| {
            Error::Config(format!(
                "the adapter changes the block `{}`, whose states have {} values, which the model does not have: it was \
                 trained on another model",
                self.block, self.hidden
            ))
        })
    }
}

impl TrainedDelta {
    /// `up` with lambda and scale in it.
    fn scaled_up(&self) -> Vec<f32> {
        let factor = |i: usize| self.lambda.as_ref().map_or(1.0, |l| l[i]) * self.scale as f32;
        self.up
            .chunks(self.output)
            .enumerate()
            .flat_map(|(i, row)| row.iter().map(move |v| v * factor(i)))
            .collect()
    }

    /// The module in a model, if it has the same sizes there.
    fn site(&self, model: &Model) -> Result<usize, Error> {
        let sizes = (self.input, self.output);
        let text = || format!("{} -> {}", self.input, self.output);
        site_of(model, &self.module, |s| (s.input, s.output) == sizes, text)
    }
}

impl TrainedScale {
    /// The module in a model, if it has the same size there.
    fn site(&self, model: &Model) -> Result<usize, Error> {
        let size = self.factors.len();
        let text = || format!("{size} factors");
        site_of(model, &self.module, |s| self.side.width(s) == size, text)
    }
}

/// The place of a module among the sites of a model that fits.
fn site_of(
    model: &Model,
    module: &str,
    fits: impl Fn(&Site) -> bool,
    sizes: impl Fn() -> String,
) -> Result<usize, Error> {
    let mut sites = model.sites().iter();
    let found = sites.position(|s| s.name == module && fits(s));
    found.ok_or_else(|| {
        Error::Config(format!(
            "the adapter changes `{module}` [{}], which the model does not have: it was trained on another model",
            sizes()
        ))
    })
}

/// The linear layer behind the pooling, or two.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainedHead {
    pub pooling: Pooling,
    /// Values that it reads.
    pub width: usize,
    pub outputs: usize,
    pub hidden: Option<TrainedHidden>,
    /// `[width or hidden, outputs]`.
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

/// A head's hidden layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainedHidden {
    pub size: usize,
    /// `[width, size]`.
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

impl TrainedHead {
    /// Values that the last layer reads.
    pub fn last_width(&self) -> usize {
        self.hidden.as_ref().map_or(self.width, |h| h.size)
    }

    fn parameters(&self) -> usize {
        let hidden = self.hidden.as_ref();
        self.weight.len()
            + self.bias.as_ref().map_or(0, Vec::len)
            + hidden.map_or(0, |h| h.weight.len() + h.bias.len())
    }
}

impl Trained {
    /// Takes a network's values out of its store; `live` says which triplets stay.
    pub fn of(network: &Network, store: &ParameterStore, live: Option<&[bool]>) -> Self {
        let mut first = 0;
        let deltas = network
            .deltas
            .iter()
            .map(|delta| {
                let site = &network.model.sites()[delta.site];
                let alive: Vec<bool> = match (delta.lambda, live) {
                    (Some(_), Some(live)) => live[first..first + delta.rank].to_vec(),
                    _ => vec![true; delta.rank],
                };
                first += delta.rank;
                let kept: Vec<usize> = (0..delta.rank).filter(|&i| alive[i]).collect();
                let (down, up) = (store.slice(delta.down), store.slice(delta.up));
                TrainedDelta {
                    module: site.name.clone(),
                    input: site.input,
                    output: site.output,
                    rank: kept.len(),
                    down: (0..site.input)
                        .flat_map(|j| kept.iter().map(move |&i| down[j * delta.rank + i]))
                        .collect(),
                    lambda: delta
                        .lambda
                        .map(|entry| kept.iter().map(|&i| store.slice(entry)[i]).collect()),
                    up: kept
                        .iter()
                        .flat_map(|&i| up[i * site.output..(i + 1) * site.output].iter().copied())
                        .collect(),
                    scale: delta.scale,
                    live: alive,
                    magnitude: delta.magnitude.map(|entry| store.slice(entry).to_vec()),
                }
            })
            .collect();
        let head = &network.head;
        let weight = store.slice(head.weight).to_vec();
        let hidden = head.hidden.map(|(weight, bias)| TrainedHidden {
            size: store.slice(bias).len(),
            weight: store.slice(weight).to_vec(),
            bias: store.slice(bias).to_vec(),
        });
        Self {
            deltas,
            head: TrainedHead {
                pooling: head.pooling,
                width: match &hidden {
                    Some(hidden) => hidden.weight.len() / hidden.size,
                    None => weight.len() / head.outputs,
                },
                outputs: head.outputs,
                hidden,
                weight,
                bias: head.bias.map(|entry| store.slice(entry).to_vec()),
            },
            rows: network.rows.as_ref().map(|rows| {
                let width = network.model.config().embedding_size();
                rows.composed(store.slice(rows.entry), width)
            }),
            scales: network
                .scales
                .iter()
                .map(|scaling| TrainedScale {
                    module: network.model.sites()[scaling.site].name.clone(),
                    side: scaling.side,
                    factors: store.slice(scaling.entry).to_vec(),
                })
                .collect(),
            prompt: network
                .prompt
                .map(|prompt| store.slice(prompt.entry).to_vec()),
            prefix: network
                .prefix
                .map(|prefix| store.slice(prefix.entry).to_vec()),
            bottlenecks: network
                .bottlenecks
                .iter()
                .map(|b| {
                    let [down, down_bias, up, up_bias] =
                        b.entries.map(|entry| store.slice(entry).to_vec());
                    TrainedBottleneck {
                        block: name_of(&network.model, b.block),
                        sublayer: b.sublayer,
                        form: b.form,
                        hidden: up_bias.len(),
                        size: b.size,
                        down,
                        down_bias,
                        up,
                        up_bias,
                    }
                })
                .collect(),
            of_model: network
                .of_model
                .iter()
                .map(|(entry, name)| (name.clone(), store.slice(*entry).to_vec()))
                .collect(),
        }
    }
}

impl Trained {
    /// Trained values in deltas (in their lambdas too, if `trains_lambda`) and head, `rows` of new
    /// embedding rows, and of the model's own tensors.
    pub fn parameters(&self, rows: usize, trains_lambda: bool) -> u64 {
        let lambdas = |d: &TrainedDelta| match trains_lambda {
            true => d.lambda.as_ref().map_or(0, Vec::len),
            false => 0,
        };
        let deltas: usize = self
            .deltas
            .iter()
            .map(|d| {
                let magnitude = d.magnitude.as_ref().map_or(0, Vec::len);
                d.down.len() + lambdas(d) + d.up.len() + magnitude
            })
            .sum();
        let scales: usize = self.scales.iter().map(|s| s.factors.len()).sum();
        let prompt = self.prompt.as_ref().map_or(0, Vec::len);
        let prefix = self.prefix.as_ref().map_or(0, Vec::len);
        let bottlenecks = self.bottlenecks.iter();
        let bottlenecks: usize = bottlenecks.map(TrainedBottleneck::parameters).sum();
        let head = self.head.parameters();
        let of_model: usize = self.of_model.iter().map(|(_, values)| values.len()).sum();
        (deltas + scales + prompt + prefix + bottlenecks + head + rows + of_model) as u64
    }

    /// Whether the kernels have no place for what it adds to a block.
    pub fn needs_plain_operations(&self) -> bool {
        self.deltas.iter().any(|d| d.magnitude.is_some())
            || !self.scales.is_empty()
            || self.prefix.is_some()
            || !self.bottlenecks.is_empty()
    }
}

/// Adds the deltas to the weights of a model that is not packed yet, and takes them out of `trained`: a pass
/// then costs what the bare model's does. Logits move by rounding, in bf16 by that of the merged weights.
pub(crate) fn merge(model: &mut Model, trained: &mut Trained) -> Result<(), Error> {
    for delta in trained.deltas.drain(..) {
        delta.site(model)?;
        let name = format!("{}.weight", delta.module);
        let mut weight = model.tensor(&name)?;
        let up = delta.scaled_up();
        for (row, down) in weight
            .chunks_exact_mut(delta.output)
            .zip(delta.down.chunks(delta.rank.max(1)))
        {
            for (factor, up) in down.iter().zip(up.chunks_exact(delta.output)) {
                row.iter_mut().zip(up).for_each(|(w, u)| *w += factor * u);
            }
        }
        if let Some(magnitude) = &delta.magnitude {
            let norms = column_norms(&weight, delta.output);
            let gains: Vec<f32> = magnitude
                .iter()
                .zip(norms)
                .map(|(m, norm)| m / norm)
                .collect();
            let rows = weight.chunks_exact_mut(delta.output);
            rows.for_each(|row| multiply(row, &gains));
        }
        model.set_tensor(&name, weight)?;
    }
    for scale in trained.scales.drain(..) {
        let output = model.sites()[scale.site(model)?].output;
        let name = format!("{}.weight", scale.module);
        let mut weight = model.tensor(&name)?;
        for (row, input) in weight.chunks_exact_mut(output).zip(0..) {
            match scale.side {
                ScaledSide::Input => row.iter_mut().for_each(|w| *w *= scale.factors[input]),
                ScaledSide::Output => multiply(row, &scale.factors),
            }
        }
        model.set_tensor(&name, weight)?;
        let name = format!("{}.bias", scale.module);
        let has_bias = model.tensors().iter().any(|(tensor, _)| *tensor == name);
        if scale.side == ScaledSide::Output && has_bias {
            let mut bias = model.tensor(&name)?;
            multiply(&mut bias, &scale.factors);
            model.set_tensor(&name, bias)?;
        }
    }
    Ok(())
}

fn multiply(values: &mut [f32], factors: &[f32]) {
    values.iter_mut().zip(factors).for_each(|(v, f)| *v *= f);
}

/// How rows are passed through a model.
pub(crate) struct Pass<'a> {
    /// The id of padding.
    pub pad: u32,
    /// Rows at a time.
    pub batch: usize,
    /// The states of frozen blocks, if they are kept, and the place of the first row among them.
    pub states: Option<(&'a FrozenStates, usize)>,
    pub progress: &'a dyn Progress,
    pub stop: &'a StopFlag,
}

/// A model with a trained adapter on it, for prediction.
pub(crate) struct Inference {
    model: Arc<Model>,
    low_rank: Vec<Option<LowRank>>,
    scales: Vec<Option<SiteScale>>,
    /// New rows, and behind them the prompt's.
    rows: Option<Tensor<2>>,
    new_rows: usize,
    prompt: usize,
    prefix: Option<Tensor<2>>,
    bottlenecks: Vec<Bottlenecks>,
    hidden: Option<(Tensor<2>, Tensor<2>)>,
    weight: Tensor<2>,
    bias: Option<Tensor<2>>,
    pooling: Pooling,
    outputs: usize,
}

impl Inference {
    /// Puts an adapter on a model.
    ///
    /// # Errors
    /// [`Error::Config`] for a module that the model does not have or that has another size.
    pub fn new(mut model: Arc<Model>, trained: &Trained) -> Result<Self, Error> {
        if let Some(own) = Arc::get_mut(&mut model) {
            for (name, values) in &trained.of_model {
                own.set_tensor(name, values.clone())?;
            }
        }
        let device = model.parameters().device().clone();
        let matrix = |values: Vec<f32>, shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        };
        let mut low_rank = vec![None; model.sites().len()];
        for delta in &trained.deltas {
            let site = delta.site(&model)?;
            if delta.rank == 0 {
                continue;
            }
            low_rank[site] = Some(LowRank {
                down: matrix(delta.down.clone(), [delta.input, delta.rank]),
                up: matrix(delta.scaled_up(), [delta.rank, delta.output]),
                dropout: 0.0,
                magnitude: delta
                    .magnitude
                    .as_ref()
                    .map(|norms| matrix(norms.clone(), [1, delta.output])),
            });
        }
        let mut scales = vec![None; model.sites().len()];
        for scale in &trained.scales {
            let factors = matrix(scale.factors.clone(), [1, scale.factors.len()]);
            scales[scale.site(&model)?] = Some(scale.side.of(factors));
        }
        let config = model.config();
        let prefix = match &trained.prefix {
            Some(prefix) if !prefix.len().is_multiple_of(config.prefix_width()) => {
                return Err(Error::Config(format!(
                    "the adapter's prefix has {} values, no multiple of {} (a key and a value of each block of the model): \
                     it was trained on another model",
                    prefix.len(),
                    config.prefix_width()
                )));
            }
            Some(prefix) => {
                let count = prefix.len() / config.prefix_width();
                Some(matrix(prefix.clone(), [count, config.prefix_width()]))
            }
            None => None,
        };
        let mut placed = Vec::with_capacity(trained.bottlenecks.len());
        for b in &trained.bottlenecks {
            let values = [
                matrix(b.down.clone(), [b.hidden, b.size]),
                matrix(b.down_bias.clone(), [1, b.size]),
                matrix(b.up.clone(), [b.size, b.hidden]),
                matrix(b.up_bias.clone(), [1, b.hidden]),
            ];
            let form = BottleneckForm {
                dropout: 0.0,
                ..b.form
            };
            placed.push((b.place(&model)?, b.sublayer, form, values));
        }
        let bottlenecks = match placed.is_empty() {
            true => Vec::new(),
            false => of_blocks(config.layers, placed.into_iter()),
        };
        let width = model.config().embedding_size();
        let head = &trained.head;
        let read = head.pooling.width(model.config().output_size());
        if head.width != read {
            return Err(Error::Config(format!(
                "the adapter's head reads {} values, the model has {} for it: it was trained on another model",
                head.width, read
            )));
        }
        let count = |rows: &Option<Vec<f32>>| rows.as_ref().map_or(0, |rows| rows.len() / width);
        let (new_rows, prompt) = (count(&trained.rows), count(&trained.prompt));
        let rows: Vec<f32> = [&trained.rows, &trained.prompt]
            .into_iter()
            .flatten()
            .flatten()
            .copied()
            .collect();
        Ok(Self {
            low_rank,
            scales,
            rows: (!rows.is_empty()).then(|| matrix(rows, [new_rows + prompt, width])),
            new_rows,
            prompt,
            prefix,
            bottlenecks,
            hidden: head.hidden.as_ref().map(|hidden| {
                (
                    matrix(hidden.weight.clone(), [head.width, hidden.size]),
                    matrix(hidden.bias.clone(), [1, hidden.size]),
                )
            }),
            weight: matrix(head.weight.clone(), [head.last_width(), head.outputs]),
            bias: head
                .bias
                .as_ref()
                .map(|bias| matrix(bias.clone(), [1, head.outputs])),
            pooling: head.pooling,
            outputs: head.outputs,
            model,
        })
    }

    /// Logits of each row, in their order.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the stop flag is raised; an id or a length that the model cannot take; the device failed.
    pub fn logits(&self, rows: &[&[u32]], pass: &Pass) -> Result<Vec<Vec<f32>>, Error> {
        let first = self.model.config().vocab_size + self.new_rows;
        let prompted = match self.prompt {
            0 => Vec::new(),
            count => with_prompt(rows.iter().copied(), first, count),
        };
        let prompted: Vec<&[u32]> = prompted.iter().map(Vec::as_slice).collect();
        let rows = if self.prompt > 0 { &prompted } else { rows };
        let lengths: Vec<usize> = rows.iter().map(|r| r.len()).collect();
        let mut all = vec![Vec::new(); rows.len()];
        let (begin, mut done, mut tokens) = (Instant::now(), 0, 0u64);
        for indices in evaluation_batches(&lengths, pass.batch) {
            if pass.stop.is_raised() {
                return Err(Error::Stopped);
            }
            let batch = pad(indices.iter().map(|&i| rows[i]), pass.pad);
            let before = self.prefix.as_ref().map_or(0, |prefix| prefix.dims()[0]);
            batch.check_behind(before, self.model.config(), self.new_rows + self.prompt)?;
            let device = self.model.parameters().device();
            let from = match pass.states {
                Some((states, first)) => {
                    Some(states.of(indices.iter().map(|i| first + i), &batch, device)?)
                }
                None => None,
            };
            let adaptation = Adaptation {
                low_rank: &self.low_rank,
                scales: &self.scales,
                bottlenecks: &self.bottlenecks,
                prefix: self.prefix.as_ref(),
                extra_rows: self.rows.as_ref(),
                from,
                ..Adaptation::none()
            };
            let hidden = self.model.forward(&batch, adaptation);
            let mut pooled = pool(hidden, self.pooling, &batch, device)?;
            if let Some((weight, bias)) = &self.hidden {
                pooled = hidden_layer(pooled, weight.clone(), bias.clone());
            }
            let mut logits = pooled.matmul(self.weight.clone());
            if let Some(bias) = &self.bias {
                logits = logits + bias.clone();
            }
            let values = download(logits)?;
            for (&i, row) in indices.iter().zip(values.chunks(self.outputs)) {
                all[i] = row.to_vec();
            }
            done += indices.len() as u64;
            tokens += indices.iter().map(|&i| lengths[i] as u64).sum::<u64>();
            let speed = tokens as f64 / begin.elapsed().as_secs_f64().max(1e-9);
            pass.progress.advance(done, &format!("{speed:.0} tokens/s"));
        }
        Ok(all)
    }
}
