//! ModernBERT (Warner et al. 2024), as `transformers.ModernBertModel` computes it: norms before each sublayer but the first, gated
//! feed-forward layers, rotary positions; in most blocks a token sees a window on both sides.
//!
//! `mlp_dropout` drops out what goes into the second feed-forward layer; here, as in BERT, what comes out of it is dropped out.

use lingo_kernels::{NormKind, NormPlace};
use serde_json::{Value, json};

use crate::config::attention::AttentionShape;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{ModelConfig, ModernBertConfig, OfFamily};
use crate::config::positions::{Positions, Rotary};
use crate::error::Error;
use crate::families::block::{Biases, BlockPlan, Gate, Projections};
use crate::families::encoder::{Encoder, EncoderPlan};
use crate::families::family::{Classifier, Layers, ModelFamily, Reads};
use crate::families::rotary;
use crate::parts::pass::{Builder, NormStyle};

/// The family.
pub(crate) struct ModernBertFamily;

/// A block's attention in `layer_types` and `rope_parameters`.
const FULL: &str = "full_attention";
const SLIDING: &str = "sliding_attention";

impl ModelFamily for ModernBertFamily {
    fn model_type(&self) -> &'static str {
        "modernbert"
    }

    fn architecture(&self) -> &'static str {
        "ModernBertModel"
    }

    /// `ModernBertForSequenceClassification`, which has a layer and a norm before its classifier.
    fn classifier(&self) -> Classifier {
        Classifier {
            model: "model",
            head: "classifier",
            bias: true,
            drops_out: false,
            reads: Reads::ThroughMoreLayers,
        }
    }

    fn is_decoder(&self) -> bool {
        false
    }

    fn default_targets(&self) -> &'static [&'static str] {
        &["Wqkv", "attn.Wo", "Wi", "mlp.Wo"]
    }

    fn word_embedding(&self) -> &'static str {
        "embeddings.tok_embeddings.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `ModernBertConfig`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        let hidden_size = keys.size("hidden_size")?;
        let layers = keys.size("num_hidden_layers")?;
        let heads = keys.size("num_attention_heads")?;
        let head_size = hidden_size / heads;
        let max_positions = keys.size("max_position_embeddings")?;
        let pad_token_id = keys.id_or("pad_token_id", 50_283)?;
        let global = rotary_of(keys, FULL, "global_rope_theta", 160_000.0, head_size)?;
        Ok(ModelConfig {
            family: Family::ModernBert,
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            layers,
            heads,
            key_value_heads: heads,
            head_size,
            ffn_size: keys.size("intermediate_size")?,
            max_positions,
            layer_norm_eps: keys.number_or("norm_eps", 1e-5)?,
            activation: keys.activation("hidden_activation", "gelu")?,
            hidden_dropout: keys.probability_or("mlp_dropout", 0.0)?,
            attention_dropout: keys.probability_or("attention_dropout", 0.0)?,
            pad_token_id,
            padding: Some(pad_token_id),
            type_vocab_size: 0,
            initializer_range: keys.number_or("initializer_range", 0.02)?,
            positions: Positions::Rotary(global),
            of_family: OfFamily::ModernBert(ModernBertConfig {
                attention_bias: keys.flag_or("attention_bias", false)?,
                feed_forward_bias: keys.flag_or("mlp_bias", false)?,
                norm_bias: keys.flag_or("norm_bias", false)?,
                is_local: local_blocks(keys, layers)?,
                window: keys.size_or("local_attention", 128)?,
                local: rotary_of(keys, SLIDING, "local_rope_theta", 10_000.0, head_size)?,
                embedding_dropout: keys.probability_or("embedding_dropout", 0.0)?,
            }),
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let own = config.modern_bert();
        let kind = |is_local: &bool| if *is_local { SLIDING } else { FULL };
        let mut all = json!({
            "attention_bias": own.attention_bias,
            "attention_dropout": config.attention_dropout,
            "embedding_dropout": own.embedding_dropout,
            "hidden_activation": config.activation.name(),
            "hidden_size": config.hidden_size,
            "initializer_range": config.initializer_range,
            "intermediate_size": config.ffn_size,
            "layer_types": own.is_local.iter().map(kind).collect::<Vec<_>>(),
            "local_attention": own.window,
            "max_position_embeddings": config.max_positions,
            "mlp_bias": own.feed_forward_bias,
            "mlp_dropout": config.hidden_dropout,
            "norm_bias": own.norm_bias,
            "norm_eps": config.layer_norm_eps,
            "num_attention_heads": config.heads,
            "num_hidden_layers": config.layers,
            "pad_token_id": config.pad_token_id,
            "vocab_size": config.vocab_size,
        });
        if let Positions::Rotary(global) = &config.positions {
            all["rope_parameters"] = json!({
                FULL: rotary::write(global, config.head_size),
                SLIDING: rotary::write(&own.local, config.head_size),
            });
        }
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        let own = config.modern_bert();
        builder.norms = NormStyle {
            kind: NormKind::Layer,
            bias: own.norm_bias,
        };
        let plan = EncoderPlan {
            embeddings: "embeddings",
            words: "tok_embeddings",
            first_position: None,
            has_types: false,
            norm: Some("embeddings.norm"),
            dropout: own.embedding_dropout,
            token_dropout: None,
            relative: None,
            final_norm: Some("final_norm"),
        };
        let block = |number: usize| BlockPlan {
            name: format!("layers.{number}"),
            number,
            hidden: config.hidden_size,
            ffn: config.ffn_size,
            place: NormPlace::Before,
            attention: match own.is_local[number] {
                true => AttentionShape {
                    window: Some(own.window / 2),
                    positions: Positions::Rotary(own.local),
                    ..config.attention()
                },
                false => config.attention(),
            },
            projections: Projections::Together("attn.Wqkv"),
            head_norms: None,
            attention_output: "attn.Wo",
            // What the first block reads is normalised already.
            attention_norm: (number > 0).then_some("attn_norm"),
            drops_attention: false,
            first: "mlp.Wi",
            gate: Gate::Within,
            second: "mlp.Wo",
            feed_forward_norm: "mlp_norm",
            biases: Biases {
                attention: own.attention_bias,
                attention_output: own.attention_bias,
                ..Biases::every(own.feed_forward_bias)
            },
        };
        Ok(Box::new(Encoder::build(config, &plan, block, builder)?))
    }
}

/// How places enter the blocks of a kind.
fn rotary_of(
    keys: &Keys,
    kind: &str,
    base_key: &str,
    base: f64,
    head_size: usize,
) -> Result<Rotary, Error> {
    if keys.has("rope_scaling") {
        let problem = "is there; only positions as they are, are known here".to_owned();
        return Err(keys.bad("rope_scaling", problem));
    }
    let base = keys.number_or(base_key, base)?;
    let all = keys.object("rope_parameters")?;
    let own = match &all {
        Some(all) => all.object(kind)?,
        None => None,
    };
    let own = own.unwrap_or_else(|| keys.empty("rope_parameters"));
    let max_positions = keys.size("max_position_embeddings")?;
    rotary::of(&own, base, 1.0, head_size, max_positions)
}

/// Whether the tokens of each block see a window.
fn local_blocks(keys: &Keys, layers: usize) -> Result<Vec<bool>, Error> {
    let Some(kinds) = keys.texts("layer_types")? else {
        let every = keys.size_or("global_attn_every_n_layers", 3)?;
        return Ok((0..layers).map(|block| block % every != 0).collect());
    };
    if kinds.len() != layers {
        let problem = format!("has {} kinds for {layers} blocks", kinds.len());
        return Err(keys.bad("layer_types", problem));
    }
    let of = |kind: &&str| match *kind {
        FULL => Ok(false),
        SLIDING => Ok(true),
        other => {
            let problem = format!("has `{other}`; known are {FULL} and {SLIDING}");
            Err(keys.bad("layer_types", problem))
        }
    };
    kinds.iter().map(of).collect()
}
