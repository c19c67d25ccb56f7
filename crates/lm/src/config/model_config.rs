//! The shape of a model.

use crate::config::activation::Activation;
use crate::config::family::Family;
use crate::config::positions::{Positions, Rotary};

/// What only OPT's configuration says.
#[derive(Clone, Debug, Default, PartialEq)]
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

/// What only ESM's configuration says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EsmConfig {
    /// `emb_layer_norm_before`: a norm of the embeddings.
    pub norm_before: bool,
    /// `token_dropout`: embeddings are scaled by the share of masked tokens.
    pub token_dropout: bool,
    /// The token that masks, where that matters.
    pub mask_token_id: Option<u32>,
    /// `Some` for the second Nucleotide Transformer, whose feed-forward layers are gated: whether they have biases.
    pub gate: Option<bool>,
}

/// What only GPT-2's configuration says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gpt2Config {
    /// `embd_pdrop`: dropout of embeddings, in training.
    pub embedding_dropout: f64,
}

/// What only GPT-NeoX's configuration says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GptNeoxConfig {
    /// Whether the linear layers of attention have biases.
    pub attention_bias: bool,
    /// `use_parallel_residual`: both sublayers read the block's input.
    pub parallel_residual: bool,
}

/// What only the configurations of Llama and its kin say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LlamaConfig {
    /// Whether all linear layers of attention have biases.
    pub attention_bias: bool,
    /// Whether those of the feed-forward layer have.
    pub feed_forward_bias: bool,
    /// How many tokens each block's tokens see, themselves among them, where not all before them.
    pub windows: Vec<Option<usize>>,
}

/// What only ModernBERT's configuration says.
#[derive(Clone, Debug, PartialEq)]
pub struct ModernBertConfig {
    /// Whether the linear layers of attention have biases.
    pub attention_bias: bool,
    /// Whether those of the feed-forward layer have.
    pub feed_forward_bias: bool,
    /// Whether norms have.
    pub norm_bias: bool,
    /// Whether each block's tokens see a window.
    pub is_local: Vec<bool>,
    /// `local_attention`: the window, half of it on each side.
    pub window: usize,
    /// How places enter the blocks with windows; the others have [`ModelConfig::positions`].
    pub local: Rotary,
    /// Dropout of embeddings, in training.
    pub embedding_dropout: f64,
}

/// What only one family's configuration says.
#[derive(Clone, Debug, PartialEq)]
pub enum OfFamily {
    /// The family says nothing of its own.
    Nothing,
    /// OPT.
    Opt(OptConfig),
    /// ESM.
    Esm(EsmConfig),
    /// GPT-2.
    Gpt2(Gpt2Config),
    /// GPT-NeoX.
    GptNeox(GptNeoxConfig),
    /// ModernBERT.
    ModernBert(ModernBertConfig),
    /// Llama and its kin.
    Llama(LlamaConfig),
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
    /// Heads of keys and of values, each shared by as many heads of queries.
    pub key_value_heads: usize,
    /// Width of one attention head.
    pub head_size: usize,
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
    /// The same, where `config.json` has one: decoders need none.
    pub padding: Option<u32>,
    /// Rows of the token type embedding, as BERT has it; 0 without one.
    pub type_vocab_size: usize,
    /// Standard deviation of random weights.
    pub initializer_range: f64,
    /// How places enter attention.
    pub positions: Positions,
    /// What only this family's configuration says.
    pub of_family: OfFamily,
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
            key_value_heads: heads,
            head_size: hidden_size / heads,
            ffn_size,
            max_positions,
            layer_norm_eps: 1e-12,
            activation: Activation::Gelu,
            hidden_dropout: 0.1,
            attention_dropout: 0.1,
            pad_token_id: 0,
            padding: Some(0),
            type_vocab_size: 2,
            initializer_range: 0.02,
            positions: Positions::Embedded,
            of_family: OfFamily::Nothing,
        }
    }

    /// Width of a row of the word embedding.
    pub fn embedding_size(&self) -> usize {
        match &self.of_family {
            OfFamily::Opt(opt) => opt.word_embed_proj_dim,
            _ => self.hidden_size,
        }
    }

    pub(crate) fn opt(&self) -> OptConfig {
        match &self.of_family {
            OfFamily::Opt(opt) => opt.clone(),
            _ => OptConfig::default(),
        }
    }

    pub(crate) fn gpt2(&self) -> Gpt2Config {
        match &self.of_family {
            OfFamily::Gpt2(gpt2) => gpt2.clone(),
            _ => Gpt2Config::default(),
        }
    }

    pub(crate) fn gpt_neox(&self) -> GptNeoxConfig {
        match &self.of_family {
            OfFamily::GptNeox(gpt_neox) => gpt_neox.clone(),
            _ => GptNeoxConfig::default(),
        }
    }

    pub(crate) fn modern_bert(&self) -> ModernBertConfig {
        match &self.of_family {
            OfFamily::ModernBert(modern_bert) => modern_bert.clone(),
            _ => ModernBertConfig {
                attention_bias: false,
                feed_forward_bias: false,
                norm_bias: false,
                is_local: vec![false; self.layers],
                window: 128,
                local: Rotary::plain(10_000.0, self.head_size),
                embedding_dropout: 0.0,
            },
        }
    }

    pub(crate) fn llama(&self) -> LlamaConfig {
        match &self.of_family {
            OfFamily::Llama(llama) => llama.clone(),
            _ => LlamaConfig::default(),
        }
    }

    pub(crate) fn esm(&self) -> EsmConfig {
        match &self.of_family {
            OfFamily::Esm(esm) => esm.clone(),
            _ => EsmConfig::default(),
        }
    }

    /// Width of the states that the model puts out.
    pub fn output_size(&self) -> usize {
        self.embedding_size()
    }
}
