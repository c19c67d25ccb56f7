//! The bottlenecks of a network: their places in the store, their first values, their form on the device.

use burn::tensor::Tensor;
use lingo_artifact::random::Stream;
use lingo_lm::{Bottlenecks, Model, Sublayer};

use crate::error::Error;
use crate::method::adaptation::{BottleneckForm, BottleneckSettings};
use crate::network::store::ParameterStore;
use crate::plan::bottlenecks::BottleneckPlan;
use crate::plan::targets::block_name;

/// One bottleneck of a network.
#[derive(Clone, Debug)]
pub(crate) struct PlacedBottleneck {
    pub block: usize,
    pub sublayer: Sublayer,
    pub size: usize,
    pub form: BottleneckForm,
    /// Store entries: `down` `[hidden, size]`, its bias `[size]`, `up` `[size, hidden]`, its bias `[hidden]`.
    pub entries: [usize; 4],
}

/// The deviation of the first weights, as `adapters` has it for those that do not begin with a result of zero.
const DEVIATION: f64 = 0.02;

/// Adds the bottlenecks of a model to the store. They begin as in the library `adapters`: N(0, 0.02), or, beside the
/// feed-forward layers, uniform in ±1/sqrt(hidden) with `up` zero; biases are zero.
pub(crate) fn add(
    store: &mut ParameterStore,
    model: &Model,
    settings: &BottleneckSettings,
    seed: u64,
) -> Result<Vec<PlacedBottleneck>, Error> {
    let hidden = model.config().hidden_size;
    let plan = BottleneckPlan::of(settings, model.config().layers, hidden)?;
    let size = plan.size;
    let mut placed = Vec::with_capacity(plan.count());
    for block in plan.blocks {
        for &sublayer in settings.sublayers() {
            let place = format!("{}.{}", name_of(model, block), sublayer_name(sublayer));
            // A stream for each: the first values do not depend on which other blocks are adapted.
            let mut stream = Stream::new(seed, &format!("initial values of {place}.bottleneck"));
            let mut values = |count: usize, silent: bool, bound: f64| -> Vec<f32> {
                let value = |stream: &mut Stream| match silent {
                    true => (2.0 * stream.uniform() - 1.0) * bound,
                    false => stream.normal() * DEVIATION,
                };
                (0..count).map(|_| value(&mut stream) as f32).collect()
            };
            let silent = settings.begins_silent();
            let down = values(hidden * size, silent, 1.0 / (hidden as f64).sqrt());
            let up = match silent {
                true => vec![0.0; hidden * size],
                false => values(hidden * size, false, 0.0),
            };
            let name = |part: &str| format!("{place}.bottleneck.{part}");
            placed.push(PlacedBottleneck {
                block,
                sublayer,
                size,
                form: settings.form,
                entries: [
                    store.add(name("down"), &[hidden, size], down),
                    store.add(name("down_bias"), &[size], vec![0.0; size]),
                    store.add(name("up"), &[size, hidden], up),
                    store.add(name("up_bias"), &[hidden], vec![0.0; hidden]),
                ],
            });
        }
    }
    Ok(placed)
}

/// Bottlenecks where the model takes them, one entry for each of its blocks.
pub(crate) fn of_blocks(
    blocks: usize,
    bottlenecks: impl Iterator<Item = (usize, Sublayer, BottleneckForm, [Tensor<2>; 4])>,
) -> Vec<Bottlenecks> {
    let mut all = vec![Bottlenecks::default(); blocks];
    for (block, sublayer, form, values) in bottlenecks {
        *all[block].of_mut(sublayer) = Some(form.with(values));
    }
    all
}

/// The name of a block in its model: `encoder.layer.0`.
pub(crate) fn name_of(model: &Model, block: usize) -> String {
    let mut sites = model.sites().iter();
    let first = sites.find(|site| site.layer == Some(block));
    let name = first.and_then(|site| block_name(&site.name));
    name.map_or_else(|| block.to_string(), str::to_owned)
}

fn sublayer_name(sublayer: Sublayer) -> &'static str {
    match sublayer {
        Sublayer::Attention => "attention",
        Sublayer::FeedForward => "feed_forward",
    }
}
