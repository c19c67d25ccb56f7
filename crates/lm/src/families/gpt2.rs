//! GPT-2 (Radford et al. 2019), as `transformers.GPT2Model` computes it: norms before each sublayer, learnt positions, one layer for query,
//! key and value. Files hold the weights of its linear layers as `[input, output]`.

use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::config::attention::AttentionShape;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{Gpt2Config, ModelConfig, OfFamily};
use crate::config::positions::Positions;
use crate::error::Error;
use crate::families::block::{Biases, BlockPlan, Gate, Projections};
use crate::families::decoder::{self, Decoder, DecoderPlan};
use crate::families::family::{Classifier, Layers, ModelFamily};
use crate::parts::pass::Builder;
use crate::weights::parameters::Kind;

/// The family.
pub(crate) struct Gpt2Family;

const WORDS: &str = "wte";
const POSITIONS: &str = "wpe";

impl ModelFamily for Gpt2Family {
    fn model_type(&self) -> &'static str {
        "gpt2"
    }

    fn architecture(&self) -> &'static str {
        "GPT2Model"
    }

    fn classifier(&self) -> Classifier {
        decoder::classifier("transformer")
    }

    fn is_decoder(&self) -> bool {
        true
    }

    /// As PEFT has it.
    fn default_targets(&self) -> &'static [&'static str] {
        &["c_attn"]
    }

    fn is_turned(&self) -> bool {
        true
    }

    fn is_embedding(&self, module: &str) -> bool {
        [WORDS, POSITIONS].contains(&module)
    }

    fn word_embedding(&self) -> &'static str {
        "wte.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `GPT2Config`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        for (key, known) in [
            ("scale_attn_weights", true),
            ("scale_attn_by_inverse_layer_idx", false),
            ("add_cross_attention", false),
        ] {
            if keys.flag_or(key, known)? != known {
                return Err(keys.bad(key, format!("is {}; only {known} is known", !known)));
            }
        }
        let hidden_size = keys.size("n_embd")?;
        let heads = keys.size("n_head")?;
        let padding = decoder::padding(keys)?;
        Ok(ModelConfig {
            family: Family::Gpt2,
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            layers: keys.size("n_layer")?,
            heads,
            key_value_heads: heads,
            head_size: hidden_size / heads,
            ffn_size: keys.size_or("n_inner", 4 * hidden_size)?,
            max_positions: keys.size("n_positions")?,
            layer_norm_eps: keys.number_or("layer_norm_epsilon", 1e-5)?,
            activation: keys.activation("activation_function", "gelu_new")?,
            hidden_dropout: keys.probability_or("resid_pdrop", 0.1)?,
            attention_dropout: keys.probability_or("attn_pdrop", 0.1)?,
            pad_token_id: padding.unwrap_or(0),
            padding,
            type_vocab_size: 0,
            initializer_range: keys.number_or("initializer_range", 0.02)?,
            positions: Positions::Embedded,
            of_family: OfFamily::Gpt2(Gpt2Config {
                embedding_dropout: keys.probability_or("embd_pdrop", 0.1)?,
            }),
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let mut all = json!({
            "activation_function": config.activation.name(),
            "attn_pdrop": config.attention_dropout,
            "embd_pdrop": config.gpt2().embedding_dropout,
            "initializer_range": config.initializer_range,
            "layer_norm_epsilon": config.layer_norm_eps,
            "n_embd": config.hidden_size,
            "n_head": config.heads,
            "n_inner": config.ffn_size,
            "n_layer": config.layers,
            "n_positions": config.max_positions,
            "resid_pdrop": config.hidden_dropout,
            "vocab_size": config.vocab_size,
        });
        if let Some(all) = all.as_object_mut() {
            decoder::write_padding(config, all);
        }
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        builder.linears = Kind::Turned;
        let plan = DecoderPlan {
            words: WORDS,
            positions: Some(POSITIONS),
            dropout: config.gpt2().embedding_dropout,
            final_norm: "ln_f",
        };
        let block = |number| BlockPlan {
            name: format!("h.{number}"),
            number,
            hidden: config.hidden_size,
            ffn: config.ffn_size,
            place: NormPlace::Before,
            attention: AttentionShape {
                causal: true,
                ..config.attention()
            },
            projections: Projections::Together("attn.c_attn"),
            head_norms: None,
            attention_output: "attn.c_proj",
            attention_norm: Some("ln_1"),
            drops_attention: true,
            first: "mlp.c_fc",
            gate: Gate::None,
            second: "mlp.c_proj",
            feed_forward_norm: "ln_2",
            biases: Biases::every(true),
        };
        Ok(Box::new(Decoder::build(config, &plan, block, builder)?))
    }
}
