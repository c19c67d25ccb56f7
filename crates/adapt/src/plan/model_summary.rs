//! What a model folder holds, told: nothing of it is loaded.

use lingo_lm::Positions;
use serde::Serialize;

use crate::error::Error;
use crate::plan::model_shape::ModelShape;
use crate::plan::pooling::default_pooling;
use crate::plan::targets::{after_number, matching};
use crate::settings::train_config::Pooling;

/// What a model folder holds, for a person or a program to read.
#[derive(Clone, Debug, Serialize)]
pub struct ModelSummary {
    /// The family of models.
    pub family: &'static str,
    /// Values in all tensors of the bare model.
    pub parameters: u64,
    /// Rows of the word embedding.
    pub vocabulary: usize,
    /// The longest sequence, in tokens.
    pub positions: usize,
    /// How places enter: `learnt`, `rotary` or `alibi`.
    pub places: &'static str,
    /// Width of the states.
    pub hidden: usize,
    /// Number of blocks.
    pub blocks: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Width between the two feed-forward layers.
    pub feed_forward: usize,
    /// The feed-forward activation.
    pub activation: &'static str,
    /// Whether a token sees only those before it.
    pub is_decoder: bool,
    /// Whether there is a pooler.
    pub has_pooler: bool,
    /// What the head reads where nothing is said.
    pub pooling: Pooling,
    /// The linear layers, those of all blocks that have one name together.
    pub layers: Vec<LayerSummary>,
}

/// Linear layers that have one name, each in a block of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerSummary {
    /// What follows the block's number in the name.
    pub name: String,
    /// Width of the input.
    pub input: usize,
    /// Width of the output.
    pub output: usize,
    /// How many there are.
    pub count: usize,
    /// Whether an adapter changes it unless it is told otherwise.
    pub is_target: bool,
}

impl ModelSummary {
    /// Values that LoRA of a rank trains on the layers that are targets.
    pub fn lora_parameters(&self, rank: usize) -> u64 {
        let targets = self.layers.iter().filter(|layer| layer.is_target);
        let each = targets.map(|layer| (layer.input + layer.output) * rank * layer.count);
        each.sum::<usize>() as u64
    }
}

impl ModelShape {
    /// What it is, for a person or a program to read.
    ///
    /// # Errors
    /// None that is known: the family's own targets match its layers.
    pub fn summary(&self) -> Result<ModelSummary, Error> {
        let config = &self.config;
        let family = config.family;
        let targets = matching(&self.sites, family.default_targets(), None)?;
        let mut layers: Vec<LayerSummary> = Vec::new();
        for (number, site) in self.sites.iter().enumerate() {
            let mut layer = LayerSummary {
                name: after_number(&site.name).to_owned(),
                input: site.input,
                output: site.output,
                count: 1,
                is_target: targets.contains(&number),
            };
            let same = layers.iter_mut().find(|known| {
                layer.count = known.count;
                **known == layer
            });
            match same {
                Some(known) => known.count += 1,
                None => layers.push(LayerSummary { count: 1, ..layer }),
            }
        }
        Ok(ModelSummary {
            family: family.name(),
            parameters: self.parameters,
            vocabulary: config.vocab_size,
            positions: config.max_positions,
            places: match config.positions {
                Positions::Embedded => "learnt",
                Positions::Rotary(_) => "rotary",
                Positions::Alibi => "alibi",
                Positions::Relative { .. } => "learnt, and distances",
            },
            hidden: config.hidden_size,
            blocks: config.layers,
            heads: config.heads,
            feed_forward: config.ffn_size,
            activation: config.activation.name(),
            is_decoder: family.is_decoder(),
            has_pooler: self.has_pooler,
            pooling: default_pooling(family, self.has_pooler, self.sentence_pooling),
            layers,
        })
    }
}
