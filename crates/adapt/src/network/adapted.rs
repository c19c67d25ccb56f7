//! A model with what is trained on it: low-rank deltas, new embedding rows, a head.

use std::borrow::Cow;
use std::sync::Arc;

use burn::tensor::{Bool, Device, Gradients, Int, Tensor, TensorData, Transaction};
use lingo_artifact::random::Stream;
use lingo_artifact::vocabulary::NewRows;
use lingo_lm::{
    Adaptation, Batch, Bottlenecks, DropoutSource, LowRank, Model, SiteScale, drop_out,
};

use crate::batching::pad;
use crate::error::Error;
use crate::method::adaptation::{Draw, LowRankSettings};
use crate::method::methods::Method;
use crate::network::bottlenecks::{self, PlacedBottleneck};
use crate::network::net::{Net, SlopeOf};
use crate::network::new_rows::{self, Rows};
use crate::network::prefix;
use crate::network::store::{Leaf, ParameterStore, PartialLeaf, download, downloaded};
use crate::plan::scales::{ScaledSide, scaled_sites};
use crate::plan::steps::{chosen_sites, head_has_bias, trains};
use crate::rank::triplets::Triplets;
use crate::reading::Input;
use crate::settings::train_config::Pooling;

/// What a network is built from, beside the model.
pub(crate) struct NetworkPlan<'a> {
    pub method: &'a Method,
    /// Whether the model's norms and biases are trained beside it.
    pub norms: bool,
    pub pooling: Pooling,
    pub outputs: usize,
    /// Values of the head's hidden layer, where it has one.
    pub hidden: Option<usize>,
    pub new_rows: Option<&'a NewRows>,
    pub base_dropout: bool,
    pub recompute: bool,
    /// The id that padding takes.
    pub pad: u32,
    pub seed: u64,
    /// Whether the head begins at zero: nothing is added to what stands beside the network.
    pub silent_head: bool,
}

/// A model and the places of what is trained in a [`ParameterStore`].
pub(crate) struct Network {
    /// Shared with other cells, unless all of it is trained.
    pub model: Arc<Model>,
    pub deltas: Vec<Delta>,
    pub head: Head,
    pub rows: Option<Rows>,
    /// Factors of the values of linear layers.
    pub scales: Vec<Scaling>,
    /// Vectors before the tokens.
    pub prompt: Option<Prompt>,
    /// Keys and values before those of the tokens, with their store entry, `[count, blocks x 2 x key and value width]`.
    pub prefix: Option<Prompt>,
    /// Small networks in the blocks.
    pub bottlenecks: Vec<PlacedBottleneck>,
    /// Store entries that are the model's own tensors, by their names (`full`, `bitfit`, `train_norms`).
    pub of_model: Vec<(usize, String)>,
    /// The states of frozen blocks, if they are kept.
    pub states: Option<Arc<dyn KeptStates>>,
    base_dropout: bool,
    recompute: bool,
    pad: u32,
    device: Device,
}

/// The states of frozen blocks, by the numbers of the rows.
pub(crate) trait KeptStates: Send + Sync {
    /// Where a pass over a batch begins: a block, and the states before it.
    fn begin_of(
        &self,
        rows: &[usize],
        batch: &Batch,
        device: &Device,
    ) -> Result<(usize, Tensor<2>), Error>;
}

/// One low-rank delta: `y += scale x dropout(x) down diag(lambda) up`.
#[derive(Clone, Debug)]
pub(crate) struct Delta {
    /// Index into `Model::sites`.
    pub site: usize,
    pub rank: usize,
    /// Store entries.
    pub down: usize,
    pub lambda: Option<usize>,
    pub up: usize,
    pub scale: f64,
    pub dropout: f64,
    /// Store entry of the norms of the adapted weights, `[output]`, where they are trained by themselves.
    pub magnitude: Option<usize>,
}

/// Learned factors of one linear layer's values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    /// Index into `Model::sites`.
    pub site: usize,
    pub side: ScaledSide,
    /// Store entry, `[input]` or `[output]`.
    pub entry: usize,
}

/// Learned vectors that stand before the embedded tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt {
    pub count: usize,
    /// Store entry, `[count, embedding width]` unless something else is said.
    pub entry: usize,
}

/// The linear layer behind the pooling, or two with a ReLU between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub pooling: Pooling,
    pub outputs: usize,
    /// Store entries of the hidden layer: `[width, hidden]` and `[hidden]`.
    pub hidden: Option<(usize, usize)>,
    /// Store entries: `[width or hidden, outputs]` and `[outputs]`.
    pub weight: usize,
    pub bias: Option<usize>,
    /// Dropout of what is read, in training.
    pub dropout: f64,
}

/// A store's values on the device, for one graph.
pub(crate) struct Uploaded {
    leaves: Vec<Uploading>,
    /// What every delta is multiplied with, beside its scale.
    weight: f64,
}

/// How one entry of a store comes to the device.
enum Uploading {
    Whole(Leaf),
    /// The live triplets of a delta's tensor.
    Live(PartialLeaf),
    /// No triplet of the delta lives.
    None,
    /// The model has it.
    OfModel,
}

impl Network {
    /// Puts adapters, new rows and a head on a model; their initial values go into the store.
    ///
    /// The deltas begin as the method says, the head is N(0, initializer range) as in `transformers`.
    pub fn build(model: Arc<Model>, plan: &NetworkPlan) -> Result<(Self, ParameterStore), Error> {
        let mut store = ParameterStore::default();
        let family = model.config().family;
        let mut deltas = Vec::new();
        if let Some(settings) = plan.method.low_rank() {
            for site in chosen_sites(model.sites(), family, &settings)? {
                deltas.push(add_delta(&mut store, &model, site, &settings, plan.seed)?);
            }
        }
        let device = model.parameters().device().clone();
        let rows = plan
            .new_rows
            .map(|new| new_rows::add(&mut store, &model, new, plan.seed, &device))
            .transpose()?;
        let mut scales = Vec::new();
        if let Some(settings) = plan.method.adaptation().scales() {
            for (site, side) in scaled_sites(model.sites(), &settings)? {
                let place = &model.sites()[site];
                let width = side.width(place);
                let name = format!("{}.factors", place.name);
                let entry = store.add(name, &[width], vec![1.0; width]);
                scales.push(Scaling { site, side, entry });
            }
        }
        let prompt = match plan.method.adaptation().prompt() {
            0 => None,
            count => Some(Prompt {
                count,
                entry: new_rows::add_prompt(&mut store, &model, count, plan.seed)?,
            }),
        };
        let prefix = match plan.method.adaptation().prefix() {
            0 => None,
            count => Some(Prompt {
                count,
                entry: prefix::add(&mut store, &model, count, plan.seed),
            }),
        };
        let bottlenecks = match plan.method.adaptation().bottlenecks() {
            Some(settings) => bottlenecks::add(&mut store, &model, &settings, plan.seed)?,
            None => Vec::new(),
        };
        let head = add_head(&mut store, &model, plan);
        let mut of_model = Vec::new();
        for (name, _) in model.tensors() {
            if trains(plan.method, plan.norms, &name, plan.pooling) {
                let values = model.tensor(&name)?;
                let entry = store.add(name.clone(), &[values.len()], values);
                of_model.push((entry, name));
            }
        }
        let network = Self {
            model,
            deltas,
            head,
            rows,
            scales,
            prompt,
            prefix,
            bottlenecks,
            of_model,
            states: None,
            base_dropout: plan.base_dropout,
            recompute: plan.recompute,
            pad: plan.pad,
            device,
        };
        Ok((network, store))
    }

    /// Where the triplets stand in the store (rank adaptation only).
    pub fn triplets(&self, store: &ParameterStore) -> Vec<Triplets> {
        let begin = |entry: usize| store.entries[entry].range.start;
        self.deltas
            .iter()
            .filter_map(|d| {
                let site = &self.model.sites()[d.site];
                Some(Triplets {
                    rank: d.rank,
                    input: site.input,
                    output: site.output,
                    down: begin(d.down),
                    lambda: begin(d.lambda?),
                    up: begin(d.up),
                })
            })
            .collect()
    }

    /// Brings the store's values to the device; `tracked` ones gather gradients.
    ///
    /// `live` masks triplets (ranks, where there is no lambda), in the order of the deltas. A masked triplet adds
    /// nothing and learns nothing, so it stays where it is, and its product is never computed.
    pub fn upload(
        &mut self,
        store: &ParameterStore,
        live: Option<&[bool]>,
        tracked: bool,
    ) -> Result<Uploaded, Error> {
        if !self.of_model.is_empty() {
            let Some(model) = Arc::get_mut(&mut self.model) else {
                unreachable!("a model that is trained is nobody else's");
            };
            if tracked != model.parameters().any_trainable() {
                if tracked {
                    let names: Vec<&String> = self.of_model.iter().map(|(_, name)| name).collect();
                    model.require_grad(&names)?;
                } else {
                    model.freeze();
                }
            }
            for (entry, name) in &self.of_model {
                model.set_tensor(name, store.slice(*entry).to_vec())?;
            }
        }
        let first_of_model = self
            .of_model
            .first()
            .map_or(store.entries.len(), |(e, _)| *e);
        let mut leaves: Vec<Uploading> = (0..store.entries.len())
            .map(|entry| match entry < first_of_model {
                true => Uploading::Whole(store.leaf(entry, &self.device, tracked)),
                false => Uploading::OfModel,
            })
            .collect();
        let mut rest = live.unwrap_or_default();
        for delta in self.deltas.iter().filter(|_| live.is_some()) {
            let (mine, behind) = rest.split_at(delta.rank);
            rest = behind;
            let which: Vec<usize> = (0..delta.rank).filter(|&i| mine[i]).collect();
            if which.len() == delta.rank {
                continue;
            }
            let lambda = delta.lambda.map(|lambda| (lambda, 0));
            for (entry, along) in [(delta.down, 1), (delta.up, 0)].into_iter().chain(lambda) {
                leaves[entry] = match which.as_slice() {
                    [] => Uploading::None,
                    which => {
                        Uploading::Live(store.part(entry, along, which, &self.device, tracked))
                    }
                };
            }
        }
        Ok(Uploaded {
            leaves,
            weight: 1.0,
        })
    }

    /// How many blocks, counted from the first, give the same output in every pass: those below
    /// everything that is trained; none where the model's own dropout is on.
    pub fn frozen_blocks(&self) -> usize {
        let config = self.model.config();
        let drops = config.hidden_dropout > 0.0 || config.attention_dropout > 0.0;
        let is_changed = self.rows.is_some()
            || self.prompt.is_some()
            || self.prefix.is_some()
            || !self.of_model.is_empty();
        if is_changed || self.base_dropout && drops {
            return 0;
        }
        // A site outside the blocks stands in the model's order too: OPT's `project_in` before
        // them, its `project_out` and BERT's pooler behind them.
        let before = |site: usize| {
            let sites = &self.model.sites()[..=site];
            match sites[site].layer {
                Some(layer) => layer,
                None => sites
                    .iter()
                    .rev()
                    .find_map(|s| s.layer)
                    .map_or(0, |l| l + 1),
            }
        };
        let sites = self.deltas.iter().map(|delta| delta.site);
        let sites = sites.chain(self.scales.iter().map(|scaling| scaling.site));
        let blocks = self.bottlenecks.iter().map(|b| b.block);
        sites
            .map(before)
            .chain(blocks)
            .min()
            .unwrap_or(config.layers)
    }

    /// Logits `[batch, outputs]`; `from` is where the pass begins ([`Adaptation::from`]). With `asked`, places of tokens in the
    /// padded batch, the head reads their states in place of what is pooled: `[asked, outputs]`.
    pub fn logits(
        &self,
        uploaded: &Uploaded,
        batch: &Batch,
        from: Option<(usize, Tensor<2>)>,
        asked: Option<Tensor<1, Int>>,
        mut dropout: Option<&mut dyn DropoutSource>,
    ) -> Result<Tensor<2>, Error> {
        batch.check_behind(
            self.prefix.map_or(0, |prefix| prefix.count),
            self.model.config(),
            self.new_rows() + self.prompt.map_or(0, |p| p.count),
        )?;
        let composed = self.rows.as_ref().map(|rows| {
            let vectors = uploaded.matrix(rows.entry);
            rows.compose(vectors, batch, self.model.config().vocab_size)
        });
        let (rows, batch) = match composed {
            Some((rows, batch)) => (Some(rows), batch),
            None => (None, Cow::Borrowed(batch)),
        };
        let batch = &*batch;
        let prompt = self.prompt.map(|prompt| uploaded.matrix(prompt.entry));
        let extra: Vec<Tensor<2>> = rows.into_iter().chain(prompt).collect();
        let extra = (!extra.is_empty()).then(|| Tensor::cat(extra, 0));
        let low_rank = self.low_rank(uploaded);
        let scales = self.site_scales(uploaded);
        let bottlenecks = self.block_bottlenecks(uploaded);
        let prefix = self.prefix.map(|prefix| uploaded.matrix(prefix.entry));
        let adaptation = Adaptation {
            low_rank: &low_rank,
            scales: &scales,
            bottlenecks: &bottlenecks,
            prefix: prefix.as_ref(),
            extra_rows: extra.as_ref(),
            dropout: match &mut dropout {
                Some(source) => Some(&mut **source),
                None => None,
            },
            base_dropout: self.base_dropout,
            recompute: self.recompute,
            from,
        };
        let hidden = self.model.forward(batch, adaptation);
        let mut pooled = match asked {
            None => pool(hidden, self.head.pooling, batch, &self.device)?,
            Some(places) => {
                let [rows, length, width] = hidden.states.dims();
                hidden
                    .states
                    .reshape([rows * length, width])
                    .select(0, places)
            }
        };
        if let Some(source) = dropout.filter(|_| self.base_dropout && self.head.dropout > 0.0) {
            pooled = drop_out(pooled, source, self.head.dropout);
        }
        if let Some((weight, bias)) = self.head.hidden {
            pooled = hidden_layer(pooled, uploaded.matrix(weight), uploaded.matrix(bias));
        }
        let logits = pooled.matmul(uploaded.matrix(self.head.weight));
        Ok(match self.head.bias {
            Some(bias) => logits + uploaded.matrix(bias),
            None => logits,
        })
    }

    fn low_rank(&self, uploaded: &Uploaded) -> Vec<Option<LowRank>> {
        let mut low_rank: Vec<Option<LowRank>> = vec![None; self.model.sites().len()];
        for delta in &self.deltas {
            let (Some(down), Some(up)) = (uploaded.get(delta.down), uploaded.get(delta.up)) else {
                continue;
            };
            let scale = delta.scale * uploaded.weight;
            let up = match delta.lambda.and_then(|lambda| uploaded.get(lambda)) {
                Some(lambda) => {
                    let rank = up.dims()[0];
                    up * (lambda * scale).reshape([rank, 1])
                }
                None => up * scale,
            };
            low_rank[delta.site] = Some(LowRank {
                down,
                up,
                dropout: delta.dropout,
                magnitude: delta.magnitude.map(|entry| uploaded.matrix(entry)),
            });
        }
        low_rank
    }

    fn site_scales(&self, uploaded: &Uploaded) -> Vec<Option<SiteScale>> {
        if self.scales.is_empty() {
            return Vec::new();
        }
        let mut scales = vec![None; self.model.sites().len()];
        for scaling in &self.scales {
            scales[scaling.site] = Some(scaling.side.of(uploaded.matrix(scaling.entry)));
        }
        scales
    }

    fn block_bottlenecks(&self, uploaded: &Uploaded) -> Vec<Bottlenecks> {
        if self.bottlenecks.is_empty() {
            return Vec::new();
        }
        let placed = self.bottlenecks.iter().map(|b| {
            let values = b.entries.map(|entry| uploaded.matrix(entry));
            (b.block, b.sublayer, b.form, values)
        });
        bottlenecks::of_blocks(self.model.config().layers, placed)
    }

    /// Rows behind the word embedding, without those of the prompt.
    fn new_rows(&self) -> usize {
        self.rows.as_ref().map_or(0, |rows| rows.composition.len())
    }

    /// Adds the gradients of one backward pass to `into`, a vector as long as the store.
    pub fn gather(
        &self,
        store: &ParameterStore,
        uploaded: &Uploaded,
        mut gradients: Gradients,
        into: &mut [f32],
    ) -> Result<(), Error> {
        for (entry, name) in &self.of_model {
            if let Some(values) = self.model.gradient(name, &gradients)? {
                crate::network::store::add(&mut into[store.entries[*entry].range.clone()], &values);
            }
        }
        // All gradients in one transfer: asking for each by itself would wait for the device each time.
        let mut found = Transaction::default();
        let mut of = Vec::new();
        for (entry, uploading) in store.entries.iter().zip(&uploaded.leaves) {
            let leaf = match uploading {
                Uploading::Whole(leaf) => leaf,
                Uploading::Live(part) => &part.leaf,
                Uploading::None | Uploading::OfModel => continue,
            };
            let (with, is_found) = leaf.register_gradient(&mut gradients, found);
            found = with;
            if is_found {
                of.push((entry, uploading));
            }
        }
        for ((entry, uploading), values) in of.into_iter().zip(downloaded(found, &self.device)?) {
            let into = &mut into[entry.range.clone()];
            match uploading {
                Uploading::Live(part) => part.add(&values, into),
                _ => crate::network::store::add(into, &values),
            }
        }
        Ok(())
    }
}

impl Net for Network {
    type Uploaded = Uploaded;

    fn outputs(&self) -> usize {
        self.head.outputs
    }

    fn upload(
        &mut self,
        store: &ParameterStore,
        live: Option<&[bool]>,
        tracked: bool,
    ) -> Result<Uploaded, Error> {
        Network::upload(self, store, live, tracked)
    }

    fn learn(
        &self,
        store: &ParameterStore,
        uploaded: &Uploaded,
        inputs: &[Input],
        dropout: &mut dyn DropoutSource,
        slope_of: SlopeOf,
        gradients: &mut [f32],
    ) -> Result<(), Error> {
        let (batch, from) = self.batch(inputs)?;
        let asked = self.asked(inputs, batch.length);
        let logits = self.logits(uploaded, &batch, from, asked, Some(dropout))?;
        let Some(slope) = slope_of(&download(logits.clone().without_autodiff())?) else {
            return Ok(());
        };
        // The loss and its slope are the host's; what is left for the device is the chain rule.
        let slope = TensorData::new(slope, logits.dims());
        let slope = Tensor::<2>::from_data(slope, &logits.device());
        let found = (logits * slope).sum().backward();
        self.gather(store, uploaded, found, gradients)
    }

    fn predict(
        &self,
        _store: &ParameterStore,
        uploaded: &Uploaded,
        inputs: &[Input],
    ) -> Result<Vec<f32>, Error> {
        let (batch, from) = self.batch(inputs)?;
        let asked = self.asked(inputs, batch.length);
        Ok(download(self.logits(uploaded, &batch, from, asked, None)?)?)
    }

    fn triplet_count(&self) -> usize {
        self.deltas.iter().map(|delta| delta.rank).sum()
    }

    fn weighted(&self, uploaded: Uploaded, weight: f64) -> Uploaded {
        uploaded.weighted(weight)
    }

    fn triplets(&self, store: &ParameterStore) -> Vec<Triplets> {
        Network::triplets(self, store)
    }

    fn computed_by(&self) -> String {
        self.model.computed_by()
    }

    fn device_memory(&self) -> Option<u64> {
        lingo_lm::device_memory(self.model.parameters().device())
    }
}

impl Network {
    /// The places of the tokens that are asked for, in rows padded to `length`; nothing, where rows have labels.
    fn asked(&self, inputs: &[Input], length: usize) -> Option<Tensor<1, Int>> {
        let of_rows = inputs.iter().enumerate();
        let places: Vec<i32> = of_rows
            .flat_map(|(row, input)| {
                let asked = input.asked.iter();
                asked.map(move |asked| (row * length) as i32 + asked.place as i32)
            })
            .collect();
        let count = places.len();
        (count > 0).then(|| Tensor::from_data(TensorData::new(places, [count]), &self.device))
    }

    /// Rows as a padded batch, and where the pass over it begins if the states of all of them are kept.
    fn batch(&self, inputs: &[Input]) -> Result<(Batch, Option<(usize, Tensor<2>)>), Error> {
        let first = self.model.config().vocab_size + self.new_rows();
        let batch = match self.prompt {
            None => pad(inputs.iter().map(|input| &*input.ids), self.pad),
            Some(prompt) => {
                let ids = inputs.iter().map(|input| &*input.ids);
                let rows = with_prompt(ids, first, prompt.count);
                pad(rows.iter().map(Vec::as_slice), self.pad)
            }
        };
        let kept: Option<Vec<usize>> = inputs.iter().map(|input| input.kept).collect();
        let from = match (&self.states, kept) {
            (Some(states), Some(rows)) => Some(states.begin_of(&rows, &batch, &self.device)?),
            _ => None,
        };
        Ok((batch, from))
    }
}

/// Rows of ids behind those of a prompt's vectors, the first of which is `first`.
pub(crate) fn with_prompt<'a>(
    rows: impl Iterator<Item = &'a [u32]>,
    first: usize,
    count: usize,
) -> Vec<Vec<u32>> {
    let prompt = (first..first + count).map(|id| id as u32);
    rows.map(|ids| prompt.clone().chain(ids.iter().copied()).collect())
        .collect()
}

impl Uploaded {
    /// The same with deltas that weigh so many times as much.
    pub fn weighted(self, weight: f64) -> Self {
        Self { weight, ..self }
    }

    /// An entry's values; of a delta with pruned triplets, those of the live ones; `None` where none lives.
    fn get(&self, entry: usize) -> Option<Tensor<2>> {
        match &self.leaves[entry] {
            Uploading::Whole(leaf) => Some(leaf.matrix()),
            Uploading::Live(part) => Some(part.leaf.matrix()),
            Uploading::None | Uploading::OfModel => None,
        }
    }

    /// The values of new rows or of a head, which are always uploaded.
    fn matrix(&self, entry: usize) -> Tensor<2> {
        match self.get(entry) {
            Some(matrix) => matrix,
            None => unreachable!("entry {entry} is no matrix of its own"),
        }
    }
}

/// What the head reads, `[batch, width]`.
pub(crate) fn pool(
    hidden: lingo_lm::Hidden,
    pooling: Pooling,
    batch: &Batch,
    device: &Device,
) -> Result<Tensor<2>, Error> {
    if pooling == Pooling::Pooler {
        return hidden
            .pooled
            .ok_or_else(|| Error::Config("pooling: the model has no pooler".into()));
    }
    let [n, length, width] = hidden.states.dims();
    if matches!(pooling, Pooling::Mean | Pooling::MeanMax) {
        let mut weights = vec![0.0f32; n * length];
        for (row, &real) in weights.chunks_mut(length).zip(&batch.lengths) {
            row[..real as usize].fill(1.0 / real as f32);
        }
        let weights = Tensor::<3>::from_data(TensorData::new(weights, [n, 1, length]), device);
        let mean = weights.matmul(hidden.states.clone()).reshape([n, width]);
        if pooling == Pooling::Mean {
            return Ok(mean);
        }
        // What stands at padding has no meaning, and may not even be a number.
        let mut padding = vec![false; n * length];
        for (row, &real) in padding.chunks_mut(length).zip(&batch.lengths) {
            row[real as usize..].fill(true);
        }
        let padding =
            Tensor::<3, Bool>::from_data(TensorData::new(padding, [n, length, 1]), device);
        let states = hidden
            .states
            .mask_fill(padding.expand([n, length, width]), f32::MIN);
        let largest = states.max_dim(1).reshape([n, width]);
        return Ok(Tensor::cat(vec![mean, largest], 1));
    }
    let place = |real: u32| {
        if pooling == Pooling::Cls {
            0
        } else {
            real as i32 - 1
        }
    };
    let rows: Vec<i32> = batch
        .lengths
        .iter()
        .enumerate()
        .map(|(i, &real)| (i * length) as i32 + place(real))
        .collect();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [n]), device);
    Ok(hidden.states.reshape([n * length, width]).select(0, rows))
}

/// A head's hidden layer: `relu(read weight + bias)`, `[batch, hidden]`; the bias is `[1, hidden]`.
pub(crate) fn hidden_layer(read: Tensor<2>, weight: Tensor<2>, bias: Tensor<2>) -> Tensor<2> {
    burn::tensor::activation::relu(read.matmul(weight) + bias)
}

fn add_delta(
    store: &mut ParameterStore,
    model: &Model,
    site: usize,
    settings: &LowRankSettings,
    seed: u64,
) -> Result<Delta, Error> {
    let place = &model.sites()[site];
    let (rank, input, output) = (settings.rank, place.input, place.output);
    // A stream for each module: its initial values do not depend on which others are adapted.
    let mut stream = Stream::new(seed, &format!("initial values of {}", place.name));
    let mut values = |draw: Draw, count: usize| -> Vec<f32> {
        let of = |value: &mut dyn FnMut() -> f64| (0..count).map(|_| value() as f32).collect();
        match draw {
            Draw::Zero => vec![0.0; count],
            Draw::Normal { mean, deviation } => match deviation > 0.0 {
                true => of(&mut || mean + stream.normal() * deviation),
                false => vec![mean as f32; count],
            },
            Draw::FanIn => {
                let bound = 1.0 / (input as f64).sqrt();
                of(&mut || (2.0 * stream.uniform() - 1.0) * bound)
            }
        }
    };
    let magnitude = match settings.has_magnitude {
        true => Some(column_norms(
            &model.tensor(&format!("{}.weight", place.name))?,
            output,
        )),
        false => None,
    };
    let begin = settings.begin;
    let down = values(begin.down, input * rank);
    let up = values(begin.up, rank * output);
    let lambda = begin.lambda.map(|draw| values(draw, rank));
    let name = |part: &str| format!("{}.{part}", place.name);
    Ok(Delta {
        site,
        rank,
        down: store.add(name("down"), &[input, rank], down),
        lambda: lambda.map(|lambda| store.add(name("lambda"), &[rank], lambda)),
        up: store.add(name("up"), &[rank, output], up),
        scale: settings.scale,
        dropout: settings.dropout,
        magnitude: magnitude.map(|norms| store.add(name("magnitude"), &[output], norms)),
    })
}

/// The norms of a layer's weights `[input, output]`, output by output.
pub(crate) fn column_norms(weight: &[f32], output: usize) -> Vec<f32> {
    let mut squares = vec![0.0f64; output];
    for row in weight.chunks_exact(output) {
        let values = squares.iter_mut().zip(row);
        values.for_each(|(sum, &w)| *sum += f64::from(w) * f64::from(w));
    }
    squares.iter().map(|sum| sum.sqrt() as f32).collect()
}

fn add_head(store: &mut ParameterStore, model: &Model, plan: &NetworkPlan) -> Head {
    let config = model.config();
    let width = plan.pooling.width(config.output_size());
    let outputs = plan.outputs;
    let hidden = plan.hidden.map(|hidden| {
        // As torch begins a linear layer, but for its bias: N(0, initializer range) is made for layers behind a norm.
        let mut stream = Stream::new(plan.seed, "initial values of the head's hidden layer");
        let bound = 1.0 / (width as f64).sqrt();
        let mut value = || ((2.0 * stream.uniform() - 1.0) * bound) as f32;
        let weight = (0..width * hidden).map(|_| value()).collect();
        (
            store.add("head.hidden.weight", &[width, hidden], weight),
            store.add("head.hidden.bias", &[hidden], vec![0.0; hidden]),
        )
    });
    let width = plan.hidden.unwrap_or(width);
    let mut stream = Stream::new(plan.seed, "initial values of the head");
    let weight = (0..width * outputs)
        .map(|_| match plan.silent_head {
            true => 0.0,
            false => (stream.normal() * config.initializer_range) as f32,
        })
        .collect();
    Head {
        pooling: plan.pooling,
        outputs,
        hidden,
        weight: store.add("head.weight", &[width, outputs], weight),
        bias: (hidden.is_some() || head_has_bias(config.family, plan.pooling))
            .then(|| store.add("head.bias", &[outputs], vec![0.0; outputs])),
        dropout: match config.family.classifier().drops_out {
            true => config.hidden_dropout,
            false => 0.0,
        },
    }
}

#[cfg(test)]
mod tests;
