//! GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023), as `transformers.GPTNeoXModel` computes them: both sublayers read the
//! block's input, a part of each head is rotated by the place, and one layer has query, key and value of each head one behind the other.

use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::config::attention::AttentionShape;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{GptNeoxConfig, ModelConfig, OfFamily};
use crate::config::positions::Positions;
use crate::error::Error;
use crate::families::block::{Biases, BlockPlan, Gate, Projections};
use crate::families::decoder::{self, Decoder, DecoderPlan};
use crate::families::family::{Classifier, Layers, ModelFamily};
use crate::families::rotary;
use crate::parts::pass::Builder;

/// The family.
pub(crate) struct GptNeoxFamily;

const ROTARY: rotary::Defaults = rotary::Defaults {
    base_key: "rotary_emb_base",
    base: 10_000.0,
    share_key: "rotary_pct",
    share: 0.25,
};

impl ModelFamily for GptNeoxFamily {
    fn model_type(&self) -> &'static str {
        "gpt_neox"
    }

    fn architecture(&self) -> &'static str {
        "GPTNeoXModel"
    }

    fn classifier(&self) -> Classifier {
        decoder::classifier("gpt_neox")
    }

    fn is_decoder(&self) -> bool {
        true
    }

    /// As PEFT has it.
    fn default_targets(&self) -> &'static [&'static str] {
        &["query_key_value"]
    }

    fn word_embedding(&self) -> &'static str {
        "embed_in.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `GPTNeoXConfig`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        let hidden_size = keys.size("hidden_size")?;
        let heads = keys.size("num_attention_heads")?;
        let head_size = hidden_size / heads;
        let max_positions = keys.size("max_position_embeddings")?;
        let padding = decoder::padding(keys)?;
        Ok(ModelConfig {
            family: Family::GptNeox,
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            layers: keys.size("num_hidden_layers")?,
            heads,
            key_value_heads: heads,
            head_size,
            ffn_size: keys.size("intermediate_size")?,
            max_positions,
            layer_norm_eps: keys.number_or("layer_norm_eps", 1e-5)?,
            activation: keys.activation("hidden_act", "gelu")?,
            hidden_dropout: keys.probability_or("hidden_dropout", 0.0)?,
            attention_dropout: keys.probability_or("attention_dropout", 0.0)?,
            pad_token_id: padding.unwrap_or(0),
            padding,
            type_vocab_size: 0,
            initializer_range: keys.number_or("initializer_range", 0.02)?,
            positions: Positions::Rotary(rotary::read(keys, head_size, max_positions, &ROTARY)?),
            of_family: OfFamily::GptNeox(GptNeoxConfig {
                attention_bias: keys.flag_or("attention_bias", true)?,
                parallel_residual: keys.flag_or("use_parallel_residual", true)?,
            }),
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let own = config.gpt_neox();
        let mut all = json!({
            "attention_bias": own.attention_bias,
            "attention_dropout": config.attention_dropout,
            "hidden_act": config.activation.name(),
            "hidden_dropout": config.hidden_dropout,
            "hidden_size": config.hidden_size,
            "initializer_range": config.initializer_range,
            "intermediate_size": config.ffn_size,
            "layer_norm_eps": config.layer_norm_eps,
            "max_position_embeddings": config.max_positions,
            "num_attention_heads": config.heads,
            "num_hidden_layers": config.layers,
            "tie_word_embeddings": false,
            "use_parallel_residual": own.parallel_residual,
            "vocab_size": config.vocab_size,
        });
        if let Positions::Rotary(rotary) = &config.positions {
            // Said even where it is all of a head: absent, it is a quarter.
            all["rope_parameters"] = rotary::write(rotary, config.head_size);
            let share = rotary.size as f64 / config.head_size as f64;
            all["rope_parameters"]["partial_rotary_factor"] = json!(share);
        }
        if let Some(all) = all.as_object_mut() {
            decoder::write_padding(config, all);
        }
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        let own = config.gpt_neox();
        let plan = DecoderPlan {
            words: "embed_in",
            positions: None,
            dropout: config.hidden_dropout,
            final_norm: "final_layer_norm",
        };
        let block = |number| BlockPlan {
            name: format!("layers.{number}"),
            number,
            hidden: config.hidden_size,
            ffn: config.ffn_size,
            place: match own.parallel_residual {
                true => NormPlace::Beside,
                false => NormPlace::Before,
            },
            attention: AttentionShape {
                causal: true,
                ..config.attention()
            },
            projections: Projections::InHeads("attention.query_key_value"),
            head_norms: None,
            attention_output: "attention.dense",
            attention_norm: Some("input_layernorm"),
            drops_attention: true,
            first: "mlp.dense_h_to_4h",
            gate: Gate::None,
            second: "mlp.dense_4h_to_h",
            feed_forward_norm: "post_attention_layernorm",
            biases: Biases {
                attention: own.attention_bias,
                attention_output: own.attention_bias,
                ..Biases::every(true)
            },
        };
        Ok(Box::new(Decoder::build(config, &plan, block, builder)?))
    }
}
