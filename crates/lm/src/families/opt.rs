//! OPT (Zhang et al. 2022), as `transformers.OPTModel` computes it: learned positions that
//! start at row 2, norms before each sublayer, or after it in the 350m model.

use std::ops::Range;

use burn::tensor::Tensor;
#[cfg(feature = "cpu")]
use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::batch::Batch;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{ModelConfig, OptConfig};
#[cfg(feature = "cpu")]
use crate::engine::operation::BlockParts;
use crate::error::Error;
use crate::families::family::{Classifier, Layers, ModelFamily};
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
        }
    }

    fn is_decoder(&self) -> bool {
        true
    }

    fn linear_layers(&self) -> &'static [&'static str] {
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

    fn write(&self, config: &ModelConfig) -> Value {
        let opt = config.opt.clone().unwrap_or_default();
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
        Ok(Box::new(Opt::new(
            config,
            &config.opt.clone().unwrap_or_default(),
            builder,
        )?))
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

struct Block {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    first: Linear,
    second: Linear,
    final_norm: Norm,
    norm_before: bool,
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
                .map(|number| Block::build(number, config, opt, builder))
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

    fn position_embedding(&self) -> Id {
        self.position
    }

    /// With padding on the right
    /// and causal attention no real token sees padding, and its position is its place: the
    /// padding needs no mask of its own, and what is computed there has no meaning.
    fn embedded(&self, batch: &Batch, extra: Option<&Tensor<2>>, pass: &mut Pass) -> Tensor<2> {
        let place = pass
            .matrix(self.position)
            .narrow(0, POSITION_OFFSET, batch.length);
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
        let mask = pass.causal_mask();
        for number in blocks {
            x = pass.block(number, x, batch, |x, pass| {
                self.blocks[number].forward(x, &mask, pass)
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
        self.blocks
            .iter()
            .map(|block| BlockParts {
                place: if block.norm_before {
                    NormPlace::Before
                } else {
                    NormPlace::After
                },
                causal: true,
                qkv: [&block.query, &block.key, &block.value],
                attention_output: &block.attention_output,
                attention_norm: &block.attention_norm,
                first: &block.first,
                second: &block.second,
                feed_forward_norm: &block.final_norm,
            })
            .collect()
    }
}

impl Block {
    fn build(
        number: usize,
        config: &ModelConfig,
        opt: &OptConfig,
        builder: &mut Builder,
    ) -> Result<Self, Error> {
        let prefix = format!("decoder.layers.{number}");
        let [hidden, ffn] = [config.hidden_size, config.ffn_size];
        let linear = |b: &mut Builder, name: &str, sizes: [usize; 2]| {
            let name = format!("{prefix}.{name}");
            b.linear(&name, Some(number), sizes, opt.enable_bias)
        };
        let norm = |b: &mut Builder, name: &str| b.norm(&format!("{prefix}.{name}"), hidden);
        Ok(Self {
            query: linear(builder, "self_attn.q_proj", [hidden, hidden])?,
            key: linear(builder, "self_attn.k_proj", [hidden, hidden])?,
            value: linear(builder, "self_attn.v_proj", [hidden, hidden])?,
            attention_output: linear(builder, "self_attn.out_proj", [hidden, hidden])?,
            attention_norm: norm(builder, "self_attn_layer_norm")?,
            first: linear(builder, "fc1", [hidden, ffn])?,
            second: linear(builder, "fc2", [ffn, hidden])?,
            final_norm: norm(builder, "final_layer_norm")?,
            norm_before: opt.do_layer_norm_before,
        })
    }

    fn forward(&self, x: Tensor<2>, mask: &Tensor<4>, pass: &mut Pass) -> Tensor<2> {
        let x = self.sublayer(x, &self.attention_norm, pass, |x, pass| {
            let query = pass.linear(&self.query, x.clone());
            let key = pass.linear(&self.key, x.clone());
            let value = pass.linear(&self.value, x);
            let attended = pass.attention(query, key, value, Some(mask));
            pass.linear(&self.attention_output, attended)
        });
        self.sublayer(x, &self.final_norm, pass, |x, pass| {
            let wide = pass.linear(&self.first, x);
            let wide = pass.activation(wide);
            pass.linear(&self.second, wide)
        })
    }

    /// `x + f(norm(x))`, or `norm(x + f(x))`.
    fn sublayer(
        &self,
        x: Tensor<2>,
        norm: &Norm,
        pass: &mut Pass,
        f: impl FnOnce(Tensor<2>, &mut Pass) -> Tensor<2>,
    ) -> Tensor<2> {
        let input = if self.norm_before {
            pass.norm(norm, x.clone())
        } else {
            x.clone()
        };
        let y = f(input, pass);
        let x = x + pass.hidden_dropout(y);
        if self.norm_before {
            x
        } else {
            pass.norm(norm, x)
        }
    }
}
