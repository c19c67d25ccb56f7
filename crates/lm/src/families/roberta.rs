//! RoBERTa (Liu et al. 2019), as `transformers.RobertaModel` computes it: a BERT whose places are counted from behind the padding's row on.

use serde_json::{Value, json};

use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::ModelConfig;
use crate::error::Error;
use crate::families::bert;
use crate::families::encoder::{self, Encoder};
use crate::families::family::{Classifier, Layers, ModelFamily, Reads};
use crate::parts::pass::Builder;

/// The family.
pub(crate) struct RobertaFamily;

/// The row of the first token's place.
pub(super) fn first_position(padding: u32) -> usize {
    padding as usize + 1
}

impl ModelFamily for RobertaFamily {
    fn model_type(&self) -> &'static str {
        "roberta"
    }

    fn architecture(&self) -> &'static str {
        "RobertaModel"
    }

    /// `RobertaForSequenceClassification`, whose head has two layers.
    fn classifier(&self) -> Classifier {
        Classifier {
            model: "roberta",
            head: "classifier",
            bias: true,
            drops_out: true,
            reads: Reads::ThroughMoreLayers,
        }
    }

    fn is_decoder(&self) -> bool {
        false
    }

    fn default_targets(&self) -> &'static [&'static str] {
        bert::LINEAR_LAYERS
    }

    fn bottlenecks(&self) -> [&'static str; 2] {
        bert::BOTTLENECKS
    }

    fn word_embedding(&self) -> &'static str {
        "embeddings.word_embeddings.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `RobertaConfig`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        encoder::learnt_positions_only(keys)?;
        encoder::read(keys, Family::Roberta, first_position, 1)
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let mut all = encoder::write(config, first_position(config.pad_token_id));
        all["position_embedding_type"] = json!("absolute");
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        let plan = bert::plan(config, first_position(config.pad_token_id));
        let block = |number| bert::block(number, config);
        Ok(Box::new(Encoder::build(config, &plan, block, builder)?))
    }
}
