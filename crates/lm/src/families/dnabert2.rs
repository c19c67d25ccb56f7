//! DNABERT-2 (Zhou et al. 2023), as the code beside its weights computes it: a BERT whose places are ALiBi's, with one layer for query, key
//! and value, and a gated feed-forward layer.
//!
//! That code drops out what goes into the second feed-forward layer; here, as in BERT, what comes out of it is.

use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::ModelConfig;
use crate::config::positions::Positions;
use crate::error::Error;
use crate::families::block::{Biases, BlockPlan, Gate, Projections};
use crate::families::encoder::{self, Encoder, EncoderPlan};
use crate::families::family::{Classifier, Layers, ModelFamily, Reads};
use crate::parts::pass::Builder;

/// The family.
pub(crate) struct DnaBert2Family;

/// By this key its `config.json` is told from BERT's.
pub(super) const KEY: &str = "alibi_starting_size";

impl ModelFamily for DnaBert2Family {
    fn name(&self) -> &'static str {
        "dnabert2"
    }

    fn model_type(&self) -> &'static str {
        "bert"
    }

    fn is_told_by(&self, keys: &Keys) -> Result<bool, Error> {
        Ok(keys.text("model_type")? == "bert" && keys.has(KEY))
    }

    fn architecture(&self) -> &'static str {
        "BertModel"
    }

    /// `BertForSequenceClassification` of the code beside the weights.
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
        &["Wqkv", "attention.output.dense", "gated_layers", "wo"]
    }

    fn word_embedding(&self) -> &'static str {
        "embeddings.word_embeddings.weight"
    }

    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        let config = encoder::read(keys, Family::DnaBert2, |_| 0, 0)?;
        Ok(ModelConfig {
            positions: Positions::Alibi,
            ..config
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let mut all = encoder::write(config, 0);
        all[KEY] = json!(config.max_positions);
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        let plan = EncoderPlan {
            embeddings: "embeddings",
            words: "word_embeddings",
            first_position: None,
            has_types: true,
            norm: Some("embeddings.LayerNorm"),
            dropout: config.hidden_dropout,
            token_dropout: None,
            relative: None,
            final_norm: None,
        };
        let block = |number| BlockPlan {
            name: format!("encoder.layer.{number}"),
            number,
            hidden: config.hidden_size,
            ffn: config.ffn_size,
            place: NormPlace::After,
            attention: config.attention(),
            projections: Projections::Together("attention.self.Wqkv"),
            head_norms: None,
            attention_output: "attention.output.dense",
            attention_norm: Some("attention.output.LayerNorm"),
            drops_attention: true,
            first: "mlp.gated_layers",
            gate: Gate::Within,
            second: "mlp.wo",
            feed_forward_norm: "mlp.layernorm",
            biases: Biases {
                first: false,
                ..Biases::every(true)
            },
        };
        Ok(Box::new(Encoder::build(config, &plan, block, builder)?))
    }
}
