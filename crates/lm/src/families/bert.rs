//! BERT (Devlin et al. 2019), as `transformers.BertModel` computes it: token type 0
//! throughout, norms after each residual sum.

use std::ops::Range;

use burn::tensor::Tensor;
#[cfg(feature = "cpu")]
use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::batch::Batch;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::ModelConfig;
#[cfg(feature = "cpu")]
use crate::engine::operation::BlockParts;
use crate::error::Error;
use crate::families::family::{Classifier, Layers, ModelFamily};
use crate::parts::pass::{Builder, Linear, Norm, Pass};
use crate::weights::parameters::Id;

/// The family.
pub(crate) struct BertFamily;

impl ModelFamily for BertFamily {
    fn model_type(&self) -> &'static str {
        "bert"
    }

    fn architecture(&self) -> &'static str {
        "BertModel"
    }

    /// `BertForSequenceClassification`, which reads the pooler.
    fn classifier(&self) -> Classifier {
        Classifier {
            model: "bert",
            head: "classifier",
            bias: true,
            drops_out: true,
        }
    }

    fn is_decoder(&self) -> bool {
        false
    }

    fn linear_layers(&self) -> &'static [&'static str] {
        &[
            "query",
            "key",
            "value",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
        ]
    }

    fn word_embedding(&self) -> &'static str {
        "embeddings.word_embeddings.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `BertConfig`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
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

    fn write(&self, config: &ModelConfig) -> Value {
        json!({
            "attention_probs_dropout_prob": config.attention_dropout,
            "hidden_act": config.activation.name(),
            "hidden_dropout_prob": config.hidden_dropout,
            "hidden_size": config.hidden_size,
            "initializer_range": config.initializer_range,
            "intermediate_size": config.ffn_size,
            "layer_norm_eps": config.layer_norm_eps,
            "max_position_embeddings": config.max_positions,
            "num_attention_heads": config.heads,
            "num_hidden_layers": config.layers,
            "pad_token_id": config.pad_token_id,
            "position_embedding_type": "absolute",
            "type_vocab_size": config.type_vocab_size,
            "vocab_size": config.vocab_size,
        })
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        Ok(Box::new(Bert::new(config, builder)?))
    }
}

/// The layers of a BERT.
struct Bert {
    word: Id,
    position: Id,
    token_type: Id,
    norm: Norm,
    blocks: Vec<Block>,
    pooler: Option<Linear>,
}

struct Block {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

impl Bert {
    fn new(config: &ModelConfig, builder: &mut Builder) -> Result<Self, Error> {
        let hidden = config.hidden_size;
        let padding = Some(config.pad_token_id as usize);
        let embedding = |b: &mut Builder, name: &str, rows: usize, padding: Option<usize>| {
            b.embedding(&format!("embeddings.{name}"), [rows, hidden], padding)
        };
        Ok(Self {
            word: embedding(builder, "word_embeddings", config.vocab_size, padding)?,
            position: embedding(builder, "position_embeddings", config.max_positions, None)?,
            token_type: embedding(
                builder,
                "token_type_embeddings",
                config.type_vocab_size,
                None,
            )?,
            norm: builder.norm("embeddings.LayerNorm", hidden)?,
            blocks: (0..config.layers)
                .map(|number| Block::build(number, config, builder))
                .collect::<Result<_, _>>()?,
            pooler: if builder.source.has("pooler.dense.weight") {
                Some(builder.linear("pooler.dense", None, [hidden, hidden], true)?)
            } else {
                None
            },
        })
    }
}

impl Layers for Bert {
    fn word_embedding(&self) -> Id {
        self.word
    }

    fn position_embedding(&self) -> Id {
        self.position
    }

    fn embedded(&self, batch: &Batch, extra: Option<&Tensor<2>>, pass: &mut Pass) -> Tensor<2> {
        let place = pass.matrix(self.position).narrow(0, 0, batch.length)
            + pass.matrix(self.token_type).narrow(0, 0, 1);
        let x = pass.words(self.word, &batch.ids, extra);
        let x = pass.add_to_each(x, place);
        let x = pass.norm(&self.norm, x);
        pass.hidden_dropout(x)
    }

    fn through(
        &self,
        blocks: Range<usize>,
        mut x: Tensor<2>,
        batch: &Batch,
        pass: &mut Pass,
    ) -> Tensor<2> {
        let mask = pass.padding_mask(batch);
        for number in blocks {
            x = pass.block(number, x, batch, |x, pass| {
                self.blocks[number].forward(x, mask.as_ref(), pass)
            });
        }
        x
    }

    #[cfg(feature = "cpu")]
    fn parts(&self) -> Vec<BlockParts<'_>> {
        self.blocks
            .iter()
            .map(|block| BlockParts {
                place: NormPlace::After,
                causal: false,
                qkv: [&block.query, &block.key, &block.value],
                attention_output: &block.attention_output,
                attention_norm: &block.attention_norm,
                first: &block.intermediate,
                second: &block.output,
                feed_forward_norm: &block.output_norm,
            })
            .collect()
    }

    /// `tanh(W h + b)` of the first token's state, `[batch, hidden]`.
    fn pool(&self, first: Tensor<2>, pass: &mut Pass) -> Option<Tensor<2>> {
        let pooler = self.pooler.as_ref()?;
        Some(pass.linear(pooler, first).tanh())
    }
}

impl Block {
    fn build(number: usize, config: &ModelConfig, builder: &mut Builder) -> Result<Self, Error> {
        let prefix = format!("encoder.layer.{number}");
        let [hidden, ffn] = [config.hidden_size, config.ffn_size];
        let linear = |b: &mut Builder, name: &str, sizes: [usize; 2]| {
            b.linear(&format!("{prefix}.{name}"), Some(number), sizes, true)
        };
        let norm = |b: &mut Builder, name: &str| b.norm(&format!("{prefix}.{name}"), hidden);
        Ok(Self {
            query: linear(builder, "attention.self.query", [hidden, hidden])?,
            key: linear(builder, "attention.self.key", [hidden, hidden])?,
            value: linear(builder, "attention.self.value", [hidden, hidden])?,
            attention_output: linear(builder, "attention.output.dense", [hidden, hidden])?,
            attention_norm: norm(builder, "attention.output.LayerNorm")?,
            intermediate: linear(builder, "intermediate.dense", [hidden, ffn])?,
            output: linear(builder, "output.dense", [ffn, hidden])?,
            output_norm: norm(builder, "output.LayerNorm")?,
        })
    }

    fn forward(&self, x: Tensor<2>, mask: Option<&Tensor<4>>, pass: &mut Pass) -> Tensor<2> {
        let query = pass.linear(&self.query, x.clone());
        let key = pass.linear(&self.key, x.clone());
        let value = pass.linear(&self.value, x.clone());
        let attended = pass.attention(query, key, value, mask);
        let attended = pass.linear(&self.attention_output, attended);
        let attended = pass.hidden_dropout(attended);
        let x = pass.norm(&self.attention_norm, attended + x);

        let wide = pass.linear(&self.intermediate, x.clone());
        let wide = pass.activation(wide);
        let narrow = pass.linear(&self.output, wide);
        let narrow = pass.hidden_dropout(narrow);
        pass.norm(&self.output_norm, narrow + x)
    }
}
