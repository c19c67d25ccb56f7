//! `config.json` of a Hugging Face model folder.

use std::path::Path;

use serde_json::{Value, json};

use crate::config::activation::Activation;
use crate::config::keys::Keys;
use crate::error::Error;

/// The families of models that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// BERT: bidirectional encoder (Devlin et al. 2019).
    Bert,
    /// OPT: causal decoder (Zhang et al. 2022).
    Opt,
}

impl Family {
    /// The value of `model_type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Opt => "opt",
        }
    }

    /// What stands before the names of the bare model in the files of a model with a head.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Bert => "bert.",
            Self::Opt => "model.",
        }
    }
}

/// What only OPT's configuration says.
#[derive(Clone, Debug, PartialEq)]
pub struct OptConfig {
    /// Width of the word embedding; where it differs from `hidden_size`, `project_in` and
    /// `project_out` stand between.
    pub word_embed_proj_dim: usize,
    /// Layer norm before each sublayer; after it in the 350m model.
    pub do_layer_norm_before: bool,
    /// Whether the linears have biases.
    pub enable_bias: bool,
    /// `_remove_final_layer_norm`: no norm behind the last layer.
    pub remove_final_layer_norm: bool,
}

/// The shape of a model, as its `config.json` gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// The family, `model_type`.
    pub family: Family,
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// Width of the hidden states inside the blocks.
    pub hidden_size: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Width between the two feed-forward linears.
    pub ffn_size: usize,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Added to the variance by layer norms.
    pub layer_norm_eps: f64,
    /// The feed-forward activation.
    pub activation: Activation,
    /// Dropout of embeddings and sublayer outputs, in training.
    pub hidden_dropout: f64,
    /// Dropout of attention probabilities, in training.
    pub attention_dropout: f64,
    /// The id that padding takes.
    pub pad_token_id: u32,
    /// Rows of BERT's token type embedding; 0 for OPT.
    pub type_vocab_size: usize,
    /// Standard deviation of random weights.
    pub initializer_range: f64,
    /// `Some` for OPT.
    pub opt: Option<OptConfig>,
}

impl ModelConfig {
    /// A BERT configuration with `bert-base`'s defaults for all that is not given.
    pub fn bert(
        vocab_size: usize,
        hidden_size: usize,
        layers: usize,
        heads: usize,
        ffn_size: usize,
        max_positions: usize,
    ) -> Self {
        Self {
            family: Family::Bert,
            vocab_size,
            hidden_size,
            layers,
            heads,
            ffn_size,
            max_positions,
            layer_norm_eps: 1e-12,
            activation: Activation::Gelu,
            hidden_dropout: 0.1,
            attention_dropout: 0.1,
            pad_token_id: 0,
            type_vocab_size: 2,
            initializer_range: 0.02,
            opt: None,
        }
    }

    /// Reads `config.json` of a model folder.
    ///
    /// # Errors
    /// The file is missing, is not JSON, or a key is missing or unusable; names file and key.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("config.json");
        if !path.is_file() {
            return Err(Error::MissingFile {
                folder: folder.to_owned(),
                file: "config.json",
                hint: "",
            });
        }
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
            path: path.clone(),
            source,
        })?;
        Self::parse(&text, &path)
    }

    /// Parses the text of a `config.json`; `path` is for messages only.
    ///
    /// # Errors
    /// As [`ModelConfig::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let value: Value = serde_json::from_str(text).map_err(|error| Error::Json {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        let Value::Object(map) = value else {
            return Err(Error::Json {
                path: path.to_owned(),
                message: "not an object".to_owned(),
            });
        };
        let keys = Keys::new(map, path);
        let config = match keys.text("model_type")? {
            "bert" => bert(&keys)?,
            "opt" => opt(&keys)?,
            other => {
                return Err(keys.bad(
                    "model_type",
                    format!("is `{other}`; this program knows bert and opt"),
                ));
            }
        };
        if config.hidden_size % config.heads != 0 {
            return Err(keys.bad(
                "num_attention_heads",
                format!(
                    "is {}, which does not divide hidden_size {}",
                    config.heads, config.hidden_size
                ),
            ));
        }
        Ok(config)
    }

    /// Width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// Width of a row of the word embedding.
    pub fn embedding_size(&self) -> usize {
        self.opt
            .as_ref()
            .map_or(self.hidden_size, |opt| opt.word_embed_proj_dim)
    }

    /// Width of the states that the model puts out.
    pub fn output_size(&self) -> usize {
        self.embedding_size()
    }

    /// The content of a `config.json` that `transformers` reads back.
    pub fn to_json(&self, architecture: &str) -> Value {
        match &self.opt {
            None => json!({
                "architectures": [architecture],
                "model_type": "bert",
                "attention_probs_dropout_prob": self.attention_dropout,
                "hidden_act": self.activation.name(),
                "hidden_dropout_prob": self.hidden_dropout,
                "hidden_size": self.hidden_size,
                "initializer_range": self.initializer_range,
                "intermediate_size": self.ffn_size,
                "layer_norm_eps": self.layer_norm_eps,
                "max_position_embeddings": self.max_positions,
                "num_attention_heads": self.heads,
                "num_hidden_layers": self.layers,
                "pad_token_id": self.pad_token_id,
                "position_embedding_type": "absolute",
                "type_vocab_size": self.type_vocab_size,
                "vocab_size": self.vocab_size,
            }),
            Some(opt) => json!({
                "architectures": [architecture],
                "model_type": "opt",
                "_remove_final_layer_norm": opt.remove_final_layer_norm,
                "activation_function": self.activation.name(),
                "attention_dropout": self.attention_dropout,
                "do_layer_norm_before": opt.do_layer_norm_before,
                "dropout": self.hidden_dropout,
                "enable_bias": opt.enable_bias,
                "ffn_dim": self.ffn_size,
                "hidden_size": self.hidden_size,
                "init_std": self.initializer_range,
                "max_position_embeddings": self.max_positions,
                "num_attention_heads": self.heads,
                "num_hidden_layers": self.layers,
                "pad_token_id": self.pad_token_id,
                "vocab_size": self.vocab_size,
                "word_embed_proj_dim": opt.word_embed_proj_dim,
            }),
        }
    }
}

/// Keys that may be absent take the defaults of `transformers`' `BertConfig`.
fn bert(keys: &Keys) -> Result<ModelConfig, Error> {
    let position = keys.text_or("position_embedding_type", "absolute")?;
    if position != "absolute" {
        return Err(keys.bad(
            "position_embedding_type",
            format!("is `{position}`; only `absolute` is known"),
        ));
    }
    for key in ["is_decoder", "add_cross_attention"] {
        if keys.flag_or(key, false)? {
            return Err(keys.bad(key, "is true; only encoders are known".to_owned()));
        }
    }
    Ok(ModelConfig {
        family: Family::Bert,
        vocab_size: keys.size("vocab_size")?,
        hidden_size: keys.size("hidden_size")?,
        layers: keys.size("num_hidden_layers")?,
        heads: keys.size("num_attention_heads")?,
        ffn_size: keys.size("intermediate_size")?,
        max_positions: keys.size("max_position_embeddings")?,
        layer_norm_eps: keys.number_or("layer_norm_eps", 1e-12)?,
        activation: keys.activation("hidden_act", "gelu")?,
        hidden_dropout: keys.probability_or("hidden_dropout_prob", 0.1)?,
        attention_dropout: keys.probability_or("attention_probs_dropout_prob", 0.1)?,
        pad_token_id: keys.id_or("pad_token_id", 0)?,
        type_vocab_size: keys.size_or("type_vocab_size", 2)?,
        initializer_range: keys.number_or("initializer_range", 0.02)?,
        opt: None,
    })
}

/// Keys that may be absent take the defaults of `transformers`' `OPTConfig`.
fn opt(keys: &Keys) -> Result<ModelConfig, Error> {
    if !keys.flag_or("layer_norm_elementwise_affine", true)? {
        return Err(keys.bad(
            "layer_norm_elementwise_affine",
            "is false; only norms with weights are known".to_owned(),
        ));
    }
    let hidden_size = keys.size("hidden_size")?;
    Ok(ModelConfig {
        family: Family::Opt,
        vocab_size: keys.size("vocab_size")?,
        hidden_size,
        layers: keys.size("num_hidden_layers")?,
        heads: keys.size("num_attention_heads")?,
        ffn_size: keys.size("ffn_dim")?,
        max_positions: keys.size("max_position_embeddings")?,
        // OPTDecoderLayer builds torch.nn.LayerNorm with torch's default.
        layer_norm_eps: 1e-5,
        activation: keys.activation("activation_function", "relu")?,
        hidden_dropout: keys.probability_or("dropout", 0.1)?,
        attention_dropout: keys.probability_or("attention_dropout", 0.0)?,
        pad_token_id: keys.id_or("pad_token_id", 1)?,
        type_vocab_size: 0,
        initializer_range: keys.number_or("init_std", 0.02)?,
        opt: Some(OptConfig {
            word_embed_proj_dim: keys.size_or("word_embed_proj_dim", hidden_size)?,
            do_layer_norm_before: keys.flag_or("do_layer_norm_before", true)?,
            enable_bias: keys.flag_or("enable_bias", true)?,
            remove_final_layer_norm: keys.flag_or("_remove_final_layer_norm", false)?,
        }),
    })
}
