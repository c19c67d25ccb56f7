//! What a family of models is: one implementation a file.

use std::ops::Range;

use burn::tensor::Tensor;
use serde_json::Value;

use crate::batch::Batch;
use crate::config::keys::Keys;
use crate::config::model_config::ModelConfig;
#[cfg(feature = "cpu")]
use crate::engine::operation::BlockParts;
use crate::error::Error;
use crate::parts::pass::{Builder, Pass};
use crate::weights::parameters::Id;

/// A family: how its files are read and what its layers are.
pub(crate) trait ModelFamily: Sync {
    /// What it is called: its `model_type`, unless that says too little.
    fn name(&self) -> &'static str {
        self.model_type()
    }

    /// The value of `model_type` in `config.json`.
    fn model_type(&self) -> &'static str;

    /// Whether a `config.json` is of a model of this family.
    ///
    /// # Errors
    /// It has no `model_type`.
    fn is_told_by(&self, keys: &Keys) -> Result<bool, Error> {
        Ok(keys.text("model_type")? == self.model_type())
    }

    /// The bare model's class in `transformers`.
    fn architecture(&self) -> &'static str;

    /// `transformers`' classifier on this model.
    fn classifier(&self) -> Classifier;

    /// Whether a token sees only those before it.
    fn is_decoder(&self) -> bool;

    /// Linear layers, by the ends of their names: what an adapter changes unless it is told otherwise.
    fn default_targets(&self) -> &'static [&'static str];

    /// Whether files hold the weights of linear layers as `[input, output]`.
    fn is_turned(&self) -> bool {
        false
    }

    /// Whether a module of the bare model is an embedding, by its name.
    fn is_embedding(&self, module: &str) -> bool {
        module.contains("embed")
    }

    /// Where the library `adapters` keeps the bottlenecks of attention and of the feed-forward layers, behind the
    /// block's name.
    fn bottlenecks(&self) -> [&'static str; 2] {
        ["attention_adapters", "output_adapters"]
    }

    /// The name of the word embedding's tensor.
    fn word_embedding(&self) -> &'static str;

    /// The shape that a `config.json` tells.
    ///
    /// # Errors
    /// A key that is missing or unusable.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error>;

    /// The family's own keys of a `config.json`, an object.
    fn write(&self, config: &ModelConfig) -> Value;

    /// The layers of a model of this shape, their weights from the builder's source.
    ///
    /// # Errors
    /// A tensor that the source lacks, or has in another shape.
    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error>;
}

/// How `transformers` puts a classifier on the bare model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classifier {
    /// Where the bare model stands in it, as an attribute: `bert`.
    pub model: &'static str,
    /// The head's name: `classifier`.
    pub head: &'static str,
    /// Whether the head has a bias.
    pub bias: bool,
    /// Whether the head drops out its input, at the model's hidden dropout.
    pub drops_out: bool,
    /// What its last layer reads.
    pub reads: Reads,
}

/// What the last layer of `transformers`' classifier reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The pooler's values.
    Pooler,
    /// The last token's states.
    LastToken,
    /// What layers of its own make of the first token's states: our head of one layer is not loaded by it.
    ThroughMoreLayers,
}

/// The layers of one loaded model.
pub(crate) trait Layers: Send + Sync {
    fn word_embedding(&self) -> Id;

    /// Rows for places, where the model has them.
    fn position_embedding(&self) -> Option<Id>;

    /// The states before the first block, `[batch * length, hidden]`; `extra` are embedding rows
    /// behind the model's own.
    fn embedded(&self, batch: &Batch, extra: Option<&Tensor<2>>, pass: &mut Pass) -> Tensor<2>;

    /// The states behind some blocks, `[batch * length, hidden]`.
    fn through(
        &self,
        blocks: Range<usize>,
        x: Tensor<2>,
        batch: &Batch,
        pass: &mut Pass,
    ) -> Tensor<2>;

    /// What is put out, `[batch * length, embedding width]`, of the states behind the last block.
    fn output(&self, x: Tensor<2>, _pass: &mut Pass) -> Tensor<2> {
        x
    }

    /// A pooler's output for the first token's states, `[batch, hidden]`, where the model has one.
    fn pool(&self, _first: Tensor<2>, _pass: &mut Pass) -> Option<Tensor<2>> {
        None
    }

    /// The parts of each block, for the packed kernels.
    #[cfg(feature = "cpu")]
    fn parts(&self) -> Vec<BlockParts<'_>>;
}
