//! Llama (Touvron et al. 2023) and its kin, as `transformers` computes them: RMSNorm before each sublayer, rotary positions, heads of
//! queries that share those of keys and values, gated feed-forward layers. Mistral's tokens see a window of those before them; Qwen2 has
//! biases at query, key and value; Qwen3 normalises each head's query and key.

use lingo_kernels::{NormKind, NormPlace};
use serde_json::{Value, json};

use crate::config::attention::AttentionShape;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{LlamaConfig, ModelConfig, OfFamily};
use crate::config::positions::Positions;
use crate::error::Error;
use crate::families::block::{Biases, BlockPlan, Gate, Projections};
use crate::families::decoder::{self, Decoder, DecoderPlan};
use crate::families::family::{Classifier, Layers, ModelFamily};
use crate::families::rotary;
use crate::parts::pass::{Builder, NormStyle};

/// A family of Llama's kin.
pub(crate) struct LlamaFamily {
    family: Family,
    model_type: &'static str,
    architecture: &'static str,
    windows: Windows,
    biases: QkvBiases,
    /// Whether each head's query and key are normalised.
    has_head_norms: bool,
    /// The heads of keys and values where nothing is said; `None`: as many as of queries.
    key_value_heads: Option<usize>,
    /// The width of a head where nothing is said; `None`: what the width of the states has for each.
    head_size: Option<usize>,
}

/// Which blocks' tokens see a window.
#[derive(Clone, Copy, PartialEq)]
enum Windows {
    /// None.
    Never,
    /// All, unless `sliding_window` is null.
    Unless,
    /// Where `use_sliding_window` says so, those from `max_window_layers` on, or those that `layer_types` names.
    Asked,
}

/// Where biases of query, key and value are.
#[derive(Clone, Copy, PartialEq)]
enum QkvBiases {
    /// Nowhere.
    Never,
    /// At all three, and not at attention's output.
    Always,
    /// At all four linear layers of attention, where `attention_bias` says so.
    Asked,
}

/// Llama 1 to 3, and models of its shape.
pub(super) static LLAMA: LlamaFamily = LlamaFamily {
    family: Family::Llama,
    model_type: "llama",
    architecture: "LlamaModel",
    windows: Windows::Never,
    biases: QkvBiases::Asked,
    has_head_norms: false,
    key_value_heads: None,
    head_size: None,
};

/// Mistral (Jiang et al. 2023).
pub(super) static MISTRAL: LlamaFamily = LlamaFamily {
    family: Family::Mistral,
    model_type: "mistral",
    architecture: "MistralModel",
    windows: Windows::Unless,
    biases: QkvBiases::Never,
    has_head_norms: false,
    key_value_heads: Some(8),
    head_size: None,
};

/// Qwen2 and 2.5 (Yang et al. 2024).
pub(super) static QWEN2: LlamaFamily = LlamaFamily {
    family: Family::Qwen2,
    model_type: "qwen2",
    architecture: "Qwen2Model",
    windows: Windows::Asked,
    biases: QkvBiases::Always,
    has_head_norms: false,
    key_value_heads: Some(32),
    head_size: None,
};

/// Qwen3 (Yang et al. 2025).
pub(super) static QWEN3: LlamaFamily = LlamaFamily {
    family: Family::Qwen3,
    model_type: "qwen3",
    architecture: "Qwen3Model",
    windows: Windows::Asked,
    biases: QkvBiases::Asked,
    has_head_norms: true,
    key_value_heads: Some(32),
    head_size: Some(128),
};

/// The window where Mistral's and Qwen's configurations say nothing.
const WINDOW: usize = 4096;

/// A block's attention in `layer_types`.
const FULL: &str = "full_attention";
const SLIDING: &str = "sliding_attention";

const ROTARY: rotary::Defaults = rotary::Defaults {
    base_key: "rope_theta",
    base: 10_000.0,
    share_key: "partial_rotary_factor",
    share: 1.0,
};

impl ModelFamily for LlamaFamily {
    fn model_type(&self) -> &'static str {
        self.model_type
    }

    fn architecture(&self) -> &'static str {
        self.architecture
    }

    fn classifier(&self) -> Classifier {
        decoder::classifier("model")
    }

    fn is_decoder(&self) -> bool {
        true
    }

    /// As PEFT has it.
    fn default_targets(&self) -> &'static [&'static str] {
        &["q_proj", "v_proj"]
    }

    fn word_embedding(&self) -> &'static str {
        "embed_tokens.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' configurations.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        let hidden_size = keys.size("hidden_size")?;
        let layers = keys.size("num_hidden_layers")?;
        let heads = keys.size("num_attention_heads")?;
        // A null says that there are as many as heads of queries.
        let key_value_heads = match (keys.is_null("num_key_value_heads"), self.key_value_heads) {
            (false, Some(default)) => keys.size_or("num_key_value_heads", default)?,
            _ => keys.size_or("num_key_value_heads", heads)?,
        };
        if !heads.is_multiple_of(key_value_heads) {
            return Err(keys.bad(
                "num_key_value_heads",
                format!("is {key_value_heads}, which does not divide num_attention_heads {heads}"),
            ));
        }
        let head_size = keys.size_or("head_dim", self.head_size.unwrap_or(hidden_size / heads))?;
        let max_positions = keys.size("max_position_embeddings")?;
        let padding = decoder::padding(keys)?;
        let attention_bias =
            self.biases == QkvBiases::Asked && keys.flag_or("attention_bias", false)?;
        Ok(ModelConfig {
            family: self.family,
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            layers,
            heads,
            key_value_heads,
            head_size,
            ffn_size: keys.size("intermediate_size")?,
            max_positions,
            layer_norm_eps: keys.number_or("rms_norm_eps", 1e-6)?,
            activation: keys.activation("hidden_act", "silu")?,
            hidden_dropout: 0.0,
            attention_dropout: keys.probability_or("attention_dropout", 0.0)?,
            pad_token_id: padding.unwrap_or(0),
            padding,
            type_vocab_size: 0,
            initializer_range: keys.number_or("initializer_range", 0.02)?,
            positions: Positions::Rotary(rotary::read(keys, head_size, max_positions, &ROTARY)?),
            of_family: OfFamily::Llama(LlamaConfig {
                attention_bias,
                feed_forward_bias: self.family == Family::Llama
                    && keys.flag_or("mlp_bias", false)?,
                windows: self.windows(keys, layers)?,
            }),
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let own = config.llama();
        let mut all = json!({
            "attention_dropout": config.attention_dropout,
            "head_dim": config.head_size,
            "hidden_act": config.activation.name(),
            "hidden_size": config.hidden_size,
            "initializer_range": config.initializer_range,
            "intermediate_size": config.ffn_size,
            "max_position_embeddings": config.max_positions,
            "num_attention_heads": config.heads,
            "num_hidden_layers": config.layers,
            "num_key_value_heads": config.key_value_heads,
            "rms_norm_eps": config.layer_norm_eps,
            "tie_word_embeddings": false,
            "vocab_size": config.vocab_size,
        });
        if let Positions::Rotary(rotary) = &config.positions {
            all["rope_parameters"] = rotary::write(rotary, config.head_size);
        }
        if self.biases == QkvBiases::Asked {
            all["attention_bias"] = json!(own.attention_bias);
        }
        if self.family == Family::Llama {
            all["mlp_bias"] = json!(own.feed_forward_bias);
        }
        let window = own.windows.iter().find_map(|window| *window);
        match self.windows {
            Windows::Never => {}
            Windows::Unless => all["sliding_window"] = json!(window),
            Windows::Asked => {
                let kind = |window: &Option<usize>| if window.is_some() { SLIDING } else { FULL };
                all["use_sliding_window"] = json!(window.is_some());
                all["sliding_window"] = json!(window);
                all["layer_types"] = own.windows.iter().map(kind).collect();
            }
        }
        if let Some(all) = all.as_object_mut() {
            decoder::write_padding(config, all);
        }
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        builder.norms = NormStyle {
            kind: NormKind::Rms,
            bias: false,
        };
        let plan = DecoderPlan {
            words: "embed_tokens",
            positions: None,
            dropout: 0.0,
            final_norm: "norm",
        };
        let own = config.llama();
        let block = |number| self.block(number, config, &own);
        Ok(Box::new(Decoder::build(config, &plan, block, builder)?))
    }
}

impl LlamaFamily {
    /// The window of each block's tokens.
    fn windows(&self, keys: &Keys, layers: usize) -> Result<Vec<Option<usize>>, Error> {
        let asked = match self.windows {
            Windows::Never => false,
            Windows::Unless => !keys.is_null("sliding_window"),
            Windows::Asked => {
                keys.flag_or("use_sliding_window", false)? && !keys.is_null("sliding_window")
            }
        };
        if !asked {
            return Ok(vec![None; layers]);
        }
        let window = keys.size_or("sliding_window", WINDOW)?;
        if self.windows == Windows::Unless {
            return Ok(vec![Some(window); layers]);
        }
        let Some(kinds) = keys.texts("layer_types")? else {
            let first = keys.count_or("max_window_layers", 28)?;
            let of = |block: usize| (block >= first).then_some(window);
            return Ok((0..layers).map(of).collect());
        };
        if kinds.len() != layers {
            let problem = format!("has {} kinds for {layers} blocks", kinds.len());
            return Err(keys.bad("layer_types", problem));
        }
        let of = |kind: &&str| match *kind {
            FULL => Ok(None),
            SLIDING => Ok(Some(window)),
            other => Err(keys.bad(
                "layer_types",
                format!("has `{other}`; known are {FULL} and {SLIDING}"),
            )),
        };
        kinds.iter().map(of).collect()
    }

    fn block(&self, number: usize, config: &ModelConfig, own: &LlamaConfig) -> BlockPlan<'static> {
        BlockPlan {
            name: format!("layers.{number}"),
            number,
            hidden: config.hidden_size,
            ffn: config.ffn_size,
            place: NormPlace::Before,
            attention: AttentionShape {
                causal: true,
                // `transformers` counts the token itself.
                window: own.windows[number].map(|window| window - 1),
                ..config.attention()
            },
            projections: Projections::Apart([
                "self_attn.q_proj",
                "self_attn.k_proj",
                "self_attn.v_proj",
            ]),
            head_norms: self
                .has_head_norms
                .then_some(["self_attn.q_norm", "self_attn.k_norm"]),
            attention_output: "self_attn.o_proj",
            attention_norm: Some("input_layernorm"),
            drops_attention: false,
            first: "mlp.gate_proj",
            gate: Gate::Apart("mlp.up_proj"),
            second: "mlp.down_proj",
            feed_forward_norm: "post_attention_layernorm",
            biases: Biases {
                attention: own.attention_bias || self.biases == QkvBiases::Always,
                attention_output: own.attention_bias,
                ..Biases::every(own.feed_forward_bias)
            },
        }
    }
}
