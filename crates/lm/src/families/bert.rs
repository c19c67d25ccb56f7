//! BERT (Devlin et al. 2019), as `transformers.BertModel` computes it: token type 0
//! throughout, norms after each residual sum.

use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::ModelConfig;
use crate::error::Error;
use crate::families::block::{Biases, BlockPlan, Gate, Projections};
use crate::families::encoder::{self, Encoder, EncoderPlan};
use crate::families::family::{Classifier, Layers, ModelFamily, Reads};
use crate::parts::pass::Builder;

/// The family.
pub(crate) struct BertFamily;

/// The linear layers of a block of BERT and RoBERTa.
pub(super) const LINEAR_LAYERS: &[&str] = &[
    "query",
    "key",
    "value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
];

/// The modules that the library `adapters` makes layers with a bottleneck of.
pub(super) const BOTTLENECKS: [&str; 2] = ["attention.output", "output"];

impl ModelFamily for BertFamily {
    fn model_type(&self) -> &'static str {
        "bert"
    }

    /// DNABERT-2 says that it is a BERT, too.
    fn is_told_by(&self, keys: &Keys) -> Result<bool, Error> {
        Ok(keys.text("model_type")? == "bert" && !keys.has(super::dnabert2::KEY))
    }

    fn architecture(&self) -> &'static str {
        "BertModel"
    }

    /// `BertForSequenceClassification`.
    fn classifier(&self) -> Classifier {
        Classifier {
            model: "bert",
            head: "classifier",
            bias: true,
            drops_out: true,
            reads: Reads::Pooler,
        }
    }

    fn is_decoder(&self) -> bool {
        false
    }

    fn default_targets(&self) -> &'static [&'static str] {
        LINEAR_LAYERS
    }

    fn bottlenecks(&self) -> [&'static str; 2] {
        BOTTLENECKS
    }

    fn word_embedding(&self) -> &'static str {
        "embeddings.word_embeddings.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `BertConfig`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        encoder::learnt_positions_only(keys)?;
        encoder::read(keys, Family::Bert, |_| 0, 0)
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let mut all = encoder::write(config, 0);
        all["position_embedding_type"] = json!("absolute");
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        let plan = plan(config, 0);
        let block = |number| block(number, config);
        Ok(Box::new(Encoder::build(config, &plan, block, builder)?))
    }
}

/// The embeddings of BERT and RoBERTa.
pub(super) fn plan(config: &ModelConfig, first_position: usize) -> EncoderPlan<'static> {
    EncoderPlan {
        embeddings: "embeddings",
        words: "word_embeddings",
        first_position: Some(first_position),
        has_types: true,
        norm: Some("embeddings.LayerNorm"),
        dropout: config.hidden_dropout,
        token_dropout: None,
        relative: None,
        final_norm: None,
    }
}

/// A block of BERT and RoBERTa.
pub(super) fn block(number: usize, config: &ModelConfig) -> BlockPlan<'static> {
    BlockPlan {
        name: format!("encoder.layer.{number}"),
        number,
        hidden: config.hidden_size,
        ffn: config.ffn_size,
        place: NormPlace::After,
        attention: config.attention(),
        projections: Projections::Apart([
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
        ]),
        head_norms: None,
        attention_output: "attention.output.dense",
        attention_norm: Some("attention.output.LayerNorm"),
        drops_attention: true,
        first: "intermediate.dense",
        gate: Gate::None,
        second: "output.dense",
        feed_forward_norm: "output.LayerNorm",
        biases: Biases::every(true),
    }
}
