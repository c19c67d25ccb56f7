//! DistilBERT (Sanh et al. 2019), as `transformers.DistilBertModel` computes it: a BERT without token types, under names of its own.

use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{ModelConfig, OfFamily};
use crate::config::positions::Positions;
use crate::error::Error;
use crate::families::block::{Biases, BlockPlan, Gate, Projections};
use crate::families::encoder::{Encoder, EncoderPlan};
use crate::families::family::{Classifier, Layers, ModelFamily, Reads};
use crate::parts::pass::Builder;

/// The family.
pub(crate) struct DistilBertFamily;

impl ModelFamily for DistilBertFamily {
    fn model_type(&self) -> &'static str {
        "distilbert"
    }

    fn architecture(&self) -> &'static str {
        "DistilBertModel"
    }

    /// `DistilBertForSequenceClassification`, which has a layer before its classifier.
    fn classifier(&self) -> Classifier {
        Classifier {
            model: "distilbert",
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
        &["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"]
    }

    fn word_embedding(&self) -> &'static str {
        "embeddings.word_embeddings.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `DistilBertConfig`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        let hidden_size = keys.size("dim")?;
        let pad_token_id = keys.id_or("pad_token_id", 0)?;
        let heads = keys.size("n_heads")?;
        Ok(ModelConfig {
            family: Family::DistilBert,
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            layers: keys.size("n_layers")?,
            heads,
            key_value_heads: heads,
            head_size: hidden_size / heads,
            ffn_size: keys.size("hidden_dim")?,
            max_positions: keys.size("max_position_embeddings")?,
            layer_norm_eps: 1e-12,
            activation: keys.activation("activation", "gelu")?,
            hidden_dropout: keys.probability_or("dropout", 0.1)?,
            attention_dropout: keys.probability_or("attention_dropout", 0.1)?,
            pad_token_id,
            padding: Some(pad_token_id),
            type_vocab_size: 0,
            initializer_range: keys.number_or("initializer_range", 0.02)?,
            positions: Positions::Embedded,
            of_family: OfFamily::Nothing,
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        json!({
            "activation": config.activation.name(),
            "attention_dropout": config.attention_dropout,
            "dim": config.hidden_size,
            "dropout": config.hidden_dropout,
            "hidden_dim": config.ffn_size,
            "initializer_range": config.initializer_range,
            "max_position_embeddings": config.max_positions,
            "n_heads": config.heads,
            "n_layers": config.layers,
            "pad_token_id": config.pad_token_id,
            "vocab_size": config.vocab_size,
        })
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        let plan = EncoderPlan {
            embeddings: "embeddings",
            words: "word_embeddings",
            first_position: Some(0),
            has_types: false,
            norm: Some("embeddings.LayerNorm"),
            dropout: config.hidden_dropout,
            token_dropout: None,
            relative: None,
            final_norm: None,
        };
        let block = |number| BlockPlan {
            name: format!("transformer.layer.{number}"),
            number,
            hidden: config.hidden_size,
            ffn: config.ffn_size,
            place: NormPlace::After,
            attention: config.attention(),
            projections: Projections::Apart([
                "attention.q_lin",
                "attention.k_lin",
                "attention.v_lin",
            ]),
            head_norms: None,
            attention_output: "attention.out_lin",
            attention_norm: Some("sa_layer_norm"),
            drops_attention: false,
            first: "ffn.lin1",
            gate: Gate::None,
            second: "ffn.lin2",
            feed_forward_norm: "output_layer_norm",
            biases: Biases::every(true),
        };
        Ok(Box::new(Encoder::build(config, &plan, block, builder)?))
    }
}
