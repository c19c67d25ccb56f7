//! A frozen model's blocks as custom operations on the CPU (`lingo-kernels`).
//!
//! burn sees one operation with two inputs: the states, and all low-rank tensors of the block in
//! one vector. The plain blocks remain the reference; a test holds these against them.

use std::fmt;
use std::sync::Arc;

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        flex::FlexTensor,
    },
    tensor::{Tensor, TensorData},
};
use lingo_kernels::{
    Block, BlockValues, Dropouts, Heads, Kept, Level, LowRank, NormPlace, Positions, Record, SITES,
    Shape, Site,
};

use crate::batch::Batch;
use crate::config::activation::Activation;
use crate::config::attention::AttentionShape;
use crate::config::model_config::ModelConfig;
use crate::config::positions::{FARTHEST, Positions as OwnPositions, alibi_slopes, bucket};
use crate::engine::packing::Packing;
use crate::error::Error;
use crate::parts::host::{HostLinear, HostNorm};
use crate::parts::pass::{Columns, Linear, Norm, PackedBlocks, Pass, Places};
use crate::weights::parameters::{Id, Parameters};

/// The variable that forces an instruction set, or `off`: the plain operations.
pub const KERNELS: &str = "LINGO_KERNELS";

/// Where the parts of one block stand.
pub(crate) struct BlockParts<'a> {
    pub place: NormPlace,
    pub attention: AttentionShape,
    pub qkv: [Columns<'a>; 3],
    /// Of each head's query and key.
    pub head_norms: Option<&'a [Norm; 2]>,
    /// What is added to scores by distance, which the blocks share.
    pub relative: Option<Id>,
    pub attention_output: Columns<'a>,
    pub attention_norm: Option<&'a Norm>,
    /// Whether what attention puts out is dropped out in training.
    pub drops_attention: bool,
    pub first: Columns<'a>,
    pub gate: Option<Columns<'a>>,
    pub second: Columns<'a>,
    pub feed_forward_norm: &'a Norm,
}

/// A model's blocks, packed.
pub(crate) struct Engine {
    blocks: Vec<Packed>,
    packing: Packing,
    level: Level,
}

struct Packed {
    block: Arc<Block>,
    sites: [Option<Place>; SITES],
    drops_attention: bool,
}

/// Where a site of a block stands in [`crate::Model::sites`], and which of its outputs it is, if not all.
#[derive(Clone)]
struct Place {
    site: usize,
    columns: Option<Places>,
}

/// The instruction set to use; `None` for the plain operations.
///
/// # Errors
/// [`Error::Device`] if the variable names an instruction set that is unknown or not here.
pub(crate) fn level() -> Result<Option<Level>, Error> {
    let fail = |problem: String| Error::Device {
        device: "cpu".to_owned(),
        problem,
    };
    match std::env::var(KERNELS) {
        Err(_) => Ok(Some(Level::detect())),
        Ok(text) if text.is_empty() => Ok(Some(Level::detect())),
        Ok(text) if text == "off" => Ok(None),
        Ok(text) => {
            let level: Level = text
                .parse()
                .map_err(|problem| fail(format!("{KERNELS}: {problem}, or off")))?;
            if level.is_here() {
                Ok(Some(level))
            } else {
                Err(fail(format!("{KERNELS}: this processor lacks {level}")))
            }
        }
    }
}

impl Engine {
    /// Packs the blocks' weights, and lets each block's tensors go once it is packed.
    ///
    /// # Errors
    /// The device does not give them.
    pub fn new<'a>(
        parameters: &mut Parameters,
        config: &ModelConfig,
        blocks: impl Iterator<Item = BlockParts<'a>>,
        packing: Packing,
        level: Level,
    ) -> Result<Self, Error> {
        let mut packed = Vec::new();
        for parts in blocks {
            packed.push(Packed::new(parameters, config, &parts, packing, level)?);
            parts.ids().for_each(|id| parameters.release(id));
        }
        Ok(Self {
            blocks: packed,
            packing,
            level,
        })
    }

    /// How it was packed.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Its instruction set.
    pub fn level(&self) -> Level {
        self.level
    }
}

impl<'a> BlockParts<'a> {
    /// The linear layers, which may be parts of one.
    fn linears(&self) -> impl Iterator<Item = (Site, Columns<'a>)> {
        let [q, k, v] = self.qkv;
        [
            (Site::Query, Some(q)),
            (Site::Key, Some(k)),
            (Site::Value, Some(v)),
            (Site::AttentionOutput, Some(self.attention_output)),
            (Site::First, Some(self.first)),
            (Site::Gate, self.gate),
            (Site::Second, Some(self.second)),
        ]
        .into_iter()
        .filter_map(|(site, columns)| Some((site, columns?)))
    }

    /// The places of all tensors.
    fn ids(&self) -> impl Iterator<Item = Id> {
        let norms = self
            .attention_norm
            .into_iter()
            .chain([self.feed_forward_norm]);
        self.linears()
            .map(|(_, columns)| columns.linear())
            .flat_map(Linear::ids)
            .chain(
                norms
                    .into_iter()
                    .chain(self.head_norms.into_iter().flatten())
                    .flat_map(Norm::ids),
            )
    }
}

impl Packed {
    fn new(
        parameters: &Parameters,
        config: &ModelConfig,
        parts: &BlockParts,
        packing: Packing,
        level: Level,
    ) -> Result<Self, Error> {
        let host = |columns: Columns| columns.host(parameters, packing.quantization);
        let [q, k, v] = parts.qkv.map(host);
        let [q, k, v] = [q?, k?, v?];
        let attention_output = host(parts.attention_output)?;
        let [first, second] = [host(parts.first)?, host(parts.second)?];
        let gate = parts.gate.map(host).transpose()?;
        let attention_norm = match parts.attention_norm {
            Some(norm) => norm.host(parameters)?,
            None => HostNorm::none(attention_output.sizes[1]),
        };
        let feed_forward_norm = parts.feed_forward_norm.host(parameters)?;
        let head_norms = match parts.head_norms {
            Some([query, key]) => Some([query.host(parameters)?, key.host(parameters)?]),
            None => None,
        };
        let shape = &parts.attention;
        let relative = match parts.relative {
            Some(id) => parameters.host(id)?.0,
            None => Vec::new(),
        };
        let values = BlockValues {
            place: parts.place,
            heads: Heads {
                heads: shape.heads,
                key_value_heads: shape.key_value_heads,
                size: shape.size,
                causal: shape.causal,
                window: shape.window,
                positions: match shape.positions {
                    OwnPositions::Embedded => Positions::None,
                    OwnPositions::Rotary(rotary) => Positions::Rotary {
                        rates: rotary.rates(),
                    },
                    OwnPositions::Alibi => Positions::Alibi {
                        slopes: alibi_slopes(shape.heads),
                    },
                    OwnPositions::Relative { buckets } => Positions::Relative {
                        biases: relative_biases(&relative, shape.heads, buckets),
                    },
                },
            },
            head_norms: head_norms
                .as_ref()
                .map(|norms| norms.each_ref().map(HostNorm::values)),
            qkv: [q.values(), k.values(), v.values()],
            attention_output: attention_output.values(),
            attention_norm: attention_norm.values(),
            first: first.values(),
            gate: gate.as_ref().map(HostLinear::values),
            activation: match config.activation {
                Activation::Gelu => lingo_kernels::Activation::Gelu,
                Activation::GeluTanh => lingo_kernels::Activation::GeluTanh,
                Activation::Relu => lingo_kernels::Activation::Relu,
                Activation::Silu => lingo_kernels::Activation::Silu,
            },
            second: second.values(),
            feed_forward_norm: feed_forward_norm.values(),
        };
        let mut sites = [const { None }; SITES];
        for (site, columns) in parts.linears() {
            sites[site as usize] = Some(Place {
                site: columns.linear().site(),
                columns: columns.places(),
            });
        }
        Ok(Self {
            block: Arc::new(Block::new(
                &values,
                packing.precision,
                level,
                packing.gradients,
            )),
            sites,
            drops_attention: parts.drops_attention,
        })
    }

    /// Draws the block's dropouts, in the order in which the plain operations ask for them.
    fn dropouts(&self, batch: &Batch, pass: &mut Pass) -> Dropouts {
        let rows = batch.batch * batch.length;
        let hidden = self.block.hidden();
        let mut dropouts = Dropouts::default();
        let config = pass.config();
        let (heads, attention, behind) = (
            config.heads,
            config.attention_dropout,
            config.hidden_dropout,
        );
        let sites = |sites: &[Site], pass: &mut Pass, dropouts: &mut Dropouts| {
            let mut before: Option<(usize, Option<Kept>)> = None;
            for &site in sites {
                let number = site as usize;
                let Some(place) = &self.sites[number] else {
                    continue;
                };
                let (Some(delta), Some((input, _))) =
                    (pass.delta(place.site), self.block.site(site))
                else {
                    continue;
                };
                // Parts of one layer read one input, which is dropped out once.
                let kept = match before.take() {
                    Some((same, kept)) if same == place.site => kept,
                    _ => pass.kept(rows * input, delta.dropout),
                };
                dropouts.sites[number] = kept.clone();
                before = Some((place.site, kept));
            }
        };
        sites(&[Site::Query, Site::Key, Site::Value], pass, &mut dropouts);
        if pass.base_dropout() {
            let n = batch.batch * heads * batch.length * batch.length;
            dropouts.probabilities = pass.kept(n, attention);
        }
        sites(&[Site::AttentionOutput], pass, &mut dropouts);
        if pass.base_dropout() && self.drops_attention {
            dropouts.attention = pass.kept(rows * hidden, behind);
        }
        sites(
            &[Site::First, Site::Gate, Site::Second],
            pass,
            &mut dropouts,
        );
        if pass.base_dropout() {
            dropouts.feed_forward = pass.kept(rows * hidden, behind);
        }
        dropouts
    }
}

/// For each head what is added at each distance, of a table `[buckets, heads]`.
fn relative_biases(table: &[f32], heads: usize, buckets: usize) -> Vec<Vec<f32>> {
    let farthest = FARTHEST as isize;
    let of = |head: usize| {
        let distances = -farthest..=farthest;
        let at = |distance| table[bucket(distance, buckets) * heads + head];
        distances.map(at).collect()
    };
    (0..heads).map(of).collect()
}

impl PackedBlocks for Engine {
    fn block(&self, number: usize, x: Tensor<2>, batch: &Batch, pass: &mut Pass) -> Tensor<2> {
        let packed = &self.blocks[number];
        let dropouts = packed.dropouts(batch, pass);
        let mut ranks = [None; SITES];
        let mut tensors = Vec::new();
        for (site, rank) in packed.sites.iter().zip(&mut ranks) {
            let Some(place) = site else { continue };
            if let Some(delta) = pass.delta(place.site) {
                *rank = Some(delta.down.dims()[1]);
                let up = match &place.columns {
                    Some(columns) => columns.narrow(delta.up),
                    None => delta.up,
                };
                tensors.push(delta.down.flatten::<1>(0, 1));
                tensors.push(up.flatten::<1>(0, 1));
            }
        }
        let adapters = if tensors.is_empty() {
            Tensor::zeros([1], &pass.device)
        } else {
            Tensor::cat(tensors, 0)
        };
        let operation = Operation {
            block: packed.block.clone(),
            lengths: batch.lengths.clone(),
            padded: batch.length,
            ranks,
            recompute: pass.recompute,
        };
        if pass.autodiff {
            operation.tracked(x, adapters, dropouts)
        } else {
            operation.untracked(x, adapters, dropouts)
        }
    }
}

/// One pass through one block.
#[derive(Clone)]
struct Operation {
    block: Arc<Block>,
    lengths: Vec<u32>,
    padded: usize,
    ranks: [Option<usize>; SITES],
    recompute: bool,
}

impl Operation {
    fn tracked(self, x: Tensor<2>, adapters: Tensor<1>, dropouts: Dropouts) -> Tensor<2> {
        let (Ok(x), Ok(adapters)) = (
            x.try_into_primitive::<Autodiff<Flex>>(),
            adapters.try_into_primitive::<Autodiff<Flex>>(),
        ) else {
            unreachable!("an engine runs on the CPU alone");
        };
        let [(x, x_node), (adapters, adapters_node)] = [x.into_parts(), adapters.into_parts()];
        let prepared = BlockBackward
            .prepare::<NoCheckpointing>([x_node, adapters_node])
            .compute_bound()
            .stateful();
        let y = match prepared {
            OpsKind::Tracked(prepared) => {
                let again = self
                    .recompute
                    .then(|| Box::new((x.clone(), adapters.clone(), dropouts.clone())));
                let (y, record) = self.forward(x, adapters, dropouts, again.is_none());
                let kept = match again {
                    Some(inputs) => Inner::Again(inputs),
                    None => Inner::Kept(record.map(Arc::new)),
                };
                let state = State {
                    operation: self,
                    kept,
                };
                prepared.finish(state, y)
            }
            OpsKind::UnTracked(prepared) => {
                let (y, _) = self.forward(x, adapters, dropouts, false);
                prepared.finish(y)
            }
        };
        Tensor::from_primitive::<Autodiff<Flex>>(y)
    }

    fn untracked(&self, x: Tensor<2>, adapters: Tensor<1>, dropouts: Dropouts) -> Tensor<2> {
        let (Ok(x), Ok(adapters)) = (
            x.try_into_primitive::<Flex>(),
            adapters.try_into_primitive::<Flex>(),
        ) else {
            unreachable!("an engine runs on the CPU alone");
        };
        let (y, _) = self.forward(x, adapters, dropouts, false);
        Tensor::from_primitive::<Flex>(y)
    }

    fn forward(
        &self,
        x: FlexTensor,
        adapters: FlexTensor,
        dropouts: Dropouts,
        keep: bool,
    ) -> (FlexTensor, Option<Record>) {
        let x = x.to_contiguous();
        let adapters = adapters.to_contiguous();
        let mut rest = adapters.storage::<f32>();
        let mut take = |n: usize| {
            let (taken, behind) = rest.split_at(n);
            rest = behind;
            taken
        };
        let low_rank = SITE_LIST.map(|site| {
            let rank = self.ranks[site as usize]?;
            let (input, output) = self.block.site(site)?;
            Some(LowRank {
                down: take(input * rank),
                up: take(rank * output),
                rank,
            })
        });
        let Ok(shape) = Shape::new(&self.lengths, self.padded) else {
            unreachable!("a batch is checked before a pass");
        };
        let (y, record) = self
            .block
            .forward(x.storage::<f32>(), &shape, &low_rank, dropouts, keep);
        let shape = [shape.rows(), self.block.hidden()];
        (FlexTensor::from_data(TensorData::new(y, shape)), record)
    }
}

const SITE_LIST: [Site; SITES] = [
    Site::Query,
    Site::Key,
    Site::Value,
    Site::AttentionOutput,
    Site::First,
    Site::Gate,
    Site::Second,
];

#[derive(Clone)]
struct State {
    operation: Operation,
    kept: Inner,
}

/// A block's inner values, for the backward pass.
#[derive(Clone)]
enum Inner {
    Kept(Option<Arc<Record>>),
    /// To be computed again from these.
    Again(Box<(FlexTensor, FlexTensor, Dropouts)>),
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct BlockBackward;

impl Backward<Flex, 2> for BlockBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let State { operation, kept } = ops.state;
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [x, adapters] = ops.parents;
        let record = match kept {
            Inner::Kept(record) => record,
            Inner::Again(inputs) => {
                let (x, adapters, dropouts) = *inputs;
                let (_, record) = operation.forward(x, adapters, dropouts, true);
                record.map(Arc::new)
            }
        };
        let Some(record) = record else {
            unreachable!("a tracked pass keeps its record");
        };
        let found = operation
            .block
            .backward(&record, gradient.storage::<f32>(), x.is_some());
        drop(record);
        if let (Some(x), Some(values)) = (x, found.input) {
            let shape = [
                values.len() / operation.block.hidden(),
                operation.block.hidden(),
            ];
            let tensor = FlexTensor::from_data(TensorData::new(values, shape));
            grads.register::<Flex>(x.id, tensor);
        }
        if let Some(adapters) = adapters {
            let mut values = Vec::new();
            for gradient in found.low_rank.into_iter().flatten() {
                values.extend(gradient.down);
                values.extend(gradient.up);
            }
            let n = values.len();
            let tensor = FlexTensor::from_data(TensorData::new(values, [n]));
            grads.register::<Flex>(adapters.id, tensor);
        }
    }
}
