//! OPT (Zhang et al. 2022), as `transformers.OPTModel` computes it: learned positions that
//! start at row 2, norms before each sublayer, or after it in the 350m model.

use std::ops::Range;

use burn::tensor::Tensor;
use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::batch::Batch;
use crate::config::attention::AttentionShape;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{ModelConfig, OfFamily, OptConfig};
use crate::config::positions::Positions;
#[cfg(feature = "cpu")]
use crate::engine::operation::BlockParts;
use crate::error::Error;
use crate::families::block::{Biases, Block, BlockPlan, Gate, Projections};
use crate::families::family::{Classifier, Layers, ModelFamily, Reads};
use crate::parts::pass::{Builder, Linear, Norm, Pass};
use crate::weights::parameters::Id;

/// The first rows of the position embedding, which no real token takes: a leftover of fairseq's
/// padding index.
const POSITION_OFFSET: usize = 2;

/// The family.
pub(crate) struct OptFamily;

impl ModelFamily for OptFamily {
    fn model_type(&self) -> &'static str {
        "opt"
    }

    fn architecture(&self) -> &'static str {
        "OPTModel"
    }

    /// `OPTForSequenceClassification`, which reads the last token.
    fn classifier(&self) -> Classifier {
        Classifier {
            model: "model",
            head: "score",
            bias: false,
            drops_out: false,
            reads: Reads::LastToken,
        }
    }

    fn is_decoder(&self) -> bool {
        true
    }

    fn default_targets(&self) -> &'static [&'static str] {
        &["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
    }

    fn word_embedding(&self) -> &'static str {
        "decoder.embed_tokens.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `OPTConfig`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        if !keys.flag_or("layer_norm_elementwise_affine", true)? {
            return Err(keys.bad(
                "layer_norm_elementwise_affine",
                "is false; only norms with weights are known".to_owned(),
            ));
        }
        let hidden_size = keys.size("hidden_size")?;
        let pad_token_id = keys.id_or("pad_token_id", 1)?;
        let heads = keys.size("num_attention_heads")?;
        Ok(ModelConfig {
            family: Family::Opt,
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            layers: keys.size("num_hidden_layers")?,
            heads,
            key_value_heads: heads,
            head_size: hidden_size / heads,
            ffn_size: keys.size("ffn_dim")?,
            max_positions: keys.size("max_position_embeddings")?,
            // OPTDecoderLayer builds torch.nn.LayerNorm with torch's default.
            layer_norm_eps: 1e-5,
            activation: keys.activation("activation_function", "relu")?,
            hidden_dropout: keys.probability_or("dropout", 0.1)?,
            attention_dropout: keys.probability_or("attention_dropout", 0.0)?,
            pad_token_id,
            padding: Some(pad_token_id),
            type_vocab_size: 0,
            initializer_range: keys.number_or("init_std", 0.02)?,
            positions: Positions::Embedded,
            of_family: OfFamily::Opt(OptConfig {
                word_embed_proj_dim: keys.size_or("word_embed_proj_dim", hidden_size)?,
                do_layer_norm_before: keys.flag_or("do_layer_norm_before", true)?,
                enable_bias: keys.flag_or("enable_bias", true)?,
                remove_final_layer_norm: keys.flag_or("_remove_final_layer_norm", false)?,
            }),
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let opt = config.opt();
        json!({
            "_remove_final_layer_norm": opt.remove_final_layer_norm,
            "activation_function": config.activation.name(),
            "attention_dropout": config.attention_dropout,
            "do_layer_norm_before": opt.do_layer_norm_before,
            "dropout": config.hidden_dropout,
            "enable_bias": opt.enable_bias,
            "ffn_dim": config.ffn_size,
            "hidden_size": config.hidden_size,
            "init_std": config.initializer_range,
            "max_position_embeddings": config.max_positions,
            "num_attention_heads": config.heads,
            "num_hidden_layers": config.layers,
            "pad_token_id": config.pad_token_id,
            "vocab_size": config.vocab_size,
            "word_embed_proj_dim": opt.word_embed_proj_dim,
        })
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        Ok(Box::new(Opt::new(config, &config.opt(), builder)?))
    }
}

/// The layers of an OPT.
struct Opt {
    word: Id,
    position: Id,
    project_in: Option<Linear>,
    blocks: Vec<Block>,
    final_norm: Option<Norm>,
    project_out: Option<Linear>,
}

impl Opt {
    fn new(config: &ModelConfig, opt: &OptConfig, builder: &mut Builder) -> Result<Self, Error> {
        let hidden = config.hidden_size;
        let width = opt.word_embed_proj_dim;
        let projected = width != hidden;
        let padding = Some(config.pad_token_id as usize);
        Ok(Self {
            word: builder.embedding("decoder.embed_tokens", [config.vocab_size, width], padding)?,
            position: builder.embedding(
                "decoder.embed_positions",
                [config.max_positions + POSITION_OFFSET, hidden],
                None,
            )?,
            project_in: if projected {
                Some(builder.linear("decoder.project_in", None, [width, hidden], false)?)
            } else {
                None
            },
            blocks: (0..config.layers)
                .map(|number| Block::build(&block(number, config, opt), builder))
                .collect::<Result<_, _>>()?,
            final_norm: if opt.do_layer_norm_before && !opt.remove_final_layer_norm {
                Some(builder.norm("decoder.final_layer_norm", hidden)?)
            } else {
                None
            },
            project_out: if projected {
                Some(builder.linear("decoder.project_out", None, [hidden, width], false)?)
            } else {
                None
            },
        })
    }
}

impl Layers for Opt {
    fn word_embedding(&self) -> Id {
        self.word
    }

    fn position_embedding(&self) -> Option<Id> {
        Some(self.position)
    }

    /// With padding on the right
    /// and causal attention no real token sees padding, and its position is its place: the
    /// padding needs no mask of its own, and what is computed there has no meaning.
    fn embedded(&self, batch: &Batch, extra: Option<&Tensor<2>>, pass: &mut Pass) -> Tensor<2> {
        let place =
            pass.matrix(self.position)
                .narrow(0, POSITION_OFFSET + pass.before(), batch.length);
        let mut x = pass.words(self.word, &batch.ids, extra);
        if let Some(project_in) = &self.project_in {
            x = pass.linear(project_in, x);
        }
        pass.add_to_each(x, place)
    }

    fn through(
        &self,
        blocks: Range<usize>,
        mut x: Tensor<2>,
        batch: &Batch,
        pass: &mut Pass,
    ) -> Tensor<2> {
        let mask = pass.causal_mask(None);
        for number in blocks {
            x = pass.block(number, x, batch, |x, pass| {
                self.blocks[number].forward(x, Some(&mask), pass)
            });
        }
        x
    }

    fn output(&self, mut x: Tensor<2>, pass: &mut Pass) -> Tensor<2> {
        if let Some(norm) = &self.final_norm {
            x = pass.norm(norm, x);
        }
        if let Some(project_out) = &self.project_out {
            x = pass.linear(project_out, x);
        }
        x
    }

    #[cfg(feature = "cpu")]
    fn parts(&self) -> Vec<BlockParts<'_>> {
        self.blocks.iter().map(Block::parts).collect()
    }
}

/// A block of a model of this shape.
fn block(number: usize, config: &ModelConfig, opt: &OptConfig) -> BlockPlan<'static> {
    BlockPlan {
        name: format!("decoder.layers.{number}"),
        number,
        hidden: config.hidden_size,
        ffn: config.ffn_size,
        place: match opt.do_layer_norm_before {
            true => NormPlace::Before,
            false => NormPlace::After,
        },
        attention: AttentionShape {
            causal: true,
            ..config.attention()
        },
        projections: Projections::Apart([
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
        ]),
        head_norms: None,
        attention_output: "self_attn.out_proj",
        attention_norm: Some("self_attn_layer_norm"),
        drops_attention: true,
        first: "fc1",
        gate: Gate::None,
        second: "fc2",
        feed_forward_norm: "final_layer_norm",
        biases: Biases::every(opt.enable_bias),
    }
}
