//! What the encoders have in common: embeddings, blocks that see everything, a norm behind them, a pooler. A family says which of these it
//! has, and how they are called.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::batch::Batch;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{ModelConfig, OfFamily};
use crate::config::positions::Positions;
#[cfg(feature = "cpu")]
use crate::engine::operation::BlockParts;
use crate::error::Error;
use crate::families::block::{Block, BlockPlan};
use crate::families::family::Layers;
use crate::parts::pass::{Builder, Linear, Norm, Pass};
use crate::weights::parameters::Id;

/// Which embeddings there are, and how they are called.
pub(super) struct EncoderPlan<'a> {
    /// Before the names of embeddings.
    pub embeddings: &'a str,
    /// The words' name behind that.
    pub words: &'a str,
    /// The row of the first token's place; `None` where places enter attention alone.
    pub first_position: Option<usize>,
    /// Whether there are rows for the types of tokens, of which all are of the first.
    pub has_types: bool,
    /// The norm of the embeddings.
    pub norm: Option<&'a str>,
    /// The dropout of embeddings, in training.
    pub dropout: f64,
    /// ESM's way with masked tokens.
    pub token_dropout: Option<TokenDropout>,
    /// What is added to scores by the distance of query and key, where it is learnt.
    pub relative: Option<&'a str>,
    /// The norm behind the last block.
    pub final_norm: Option<&'a str>,
}

/// Embeddings are scaled as if as many of them were masked as in pretraining, and those of masked tokens are zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenDropout {
    /// The token that masks.
    pub mask: u32,
}

/// What stood for a token that was to be predicted, in ESM's pretraining: 15 of 100 were, and 8 of 10 of these were masked.
const MASKED_IN_PRETRAINING: f32 = 0.15 * 0.8;

/// The layers of an encoder.
pub(super) struct Encoder {
    word: Id,
    position: Option<(Id, usize)>,
    types: Option<Id>,
    norm: Option<Norm>,
    dropout: f64,
    token_dropout: Option<TokenDropout>,
    relative: Option<Id>,
    blocks: Vec<Block>,
    final_norm: Option<Norm>,
    pooler: Option<Linear>,
}

impl Encoder {
    pub fn build<'a>(
        config: &ModelConfig,
        plan: &EncoderPlan,
        block: impl Fn(usize) -> BlockPlan<'a>,
        builder: &mut Builder,
    ) -> Result<Self, Error> {
        let hidden = config.hidden_size;
        let padding = Some(config.pad_token_id as usize);
        let embedding = |b: &mut Builder, name: &str, rows: usize, padding: Option<usize>| {
            b.embedding(
                &format!("{}.{name}", plan.embeddings),
                [rows, hidden],
                padding,
            )
        };
        let word = embedding(builder, plan.words, config.vocab_size, padding)?;
        let position = match plan.first_position {
            Some(first) => {
                let rows = config.max_positions + first;
                let id = embedding(builder, "position_embeddings", rows, None)?;
                Some((id, first))
            }
            None => None,
        };
        let types = match plan.has_types {
            true => Some(embedding(
                builder,
                "token_type_embeddings",
                config.type_vocab_size,
                None,
            )?),
            false => None,
        };
        let norm =
            |b: &mut Builder, name: Option<&str>| name.map(|name| b.norm(name, hidden)).transpose();
        Ok(Self {
            word,
            position,
            types,
            norm: norm(builder, plan.norm)?,
            dropout: plan.dropout,
            token_dropout: plan.token_dropout,
            relative: match (plan.relative, config.positions) {
                (Some(name), Positions::Relative { buckets }) => {
                    Some(builder.embedding(name, [buckets, config.heads], None)?)
                }
                _ => None,
            },
            blocks: (0..config.layers)
                .map(|number| Block::build(&block(number), builder))
                .collect::<Result<_, _>>()?,
            final_norm: norm(builder, plan.final_norm)?,
            pooler: if builder.source.has("pooler.dense.weight") {
                Some(builder.linear("pooler.dense", None, [hidden, hidden], true)?)
            } else {
                None
            },
        })
    }
}

impl Layers for Encoder {
    fn word_embedding(&self) -> Id {
        self.word
    }

    fn position_embedding(&self) -> Option<Id> {
        self.position.map(|(id, _)| id)
    }

    fn embedded(&self, batch: &Batch, extra: Option<&Tensor<2>>, pass: &mut Pass) -> Tensor<2> {
        let mut x = pass.words(self.word, &batch.ids, extra);
        if let Some(dropout) = self.token_dropout {
            x = x * pass.factors(dropout.factors(batch));
        }
        let rows = |id: Id, first: usize, count: usize| pass.matrix(id).narrow(0, first, count);
        let place = self
            .position
            .map(|(id, first)| rows(id, first + pass.before(), batch.length));
        let kind = self.types.map(|id| rows(id, 0, 1));
        let place = match (place, kind) {
            (Some(place), Some(kind)) => Some(place + kind),
            (place, kind) => place.or(kind.map(|kind| kind.repeat_dim(0, batch.length))),
        };
        if let Some(place) = place {
            x = pass.add_to_each(x, place);
        }
        if let Some(norm) = &self.norm {
            x = pass.norm(norm, x);
        }
        pass.own_dropout(x, self.dropout)
    }

    fn through(
        &self,
        blocks: Range<usize>,
        mut x: Tensor<2>,
        batch: &Batch,
        pass: &mut Pass,
    ) -> Tensor<2> {
        // Blocks have one window or none.
        let mut masks: Vec<(Option<usize>, Option<Tensor<4>>)> = Vec::new();
        for number in blocks {
            let block = &self.blocks[number];
            x = pass.block(number, x, batch, |x, pass| {
                let window = block.attention().window;
                let known = masks.iter().position(|(of, _)| *of == window);
                let at = known.unwrap_or_else(|| {
                    masks.push((window, pass.encoder_mask(batch, window, self.relative)));
                    masks.len() - 1
                });
                block.forward(x, masks[at].1.as_ref(), pass)
            });
        }
        x
    }

    fn output(&self, x: Tensor<2>, pass: &mut Pass) -> Tensor<2> {
        match &self.final_norm {
            Some(norm) => pass.norm(norm, x),
            None => x,
        }
    }

    /// `tanh(W h + b)` of the first token's state, `[batch, hidden]`.
    fn pool(&self, first: Tensor<2>, pass: &mut Pass) -> Option<Tensor<2>> {
        let pooler = self.pooler.as_ref()?;
        Some(pass.linear(pooler, first).tanh())
    }

    #[cfg(feature = "cpu")]
    fn parts(&self) -> Vec<BlockParts<'_>> {
        let of = |block| BlockParts {
            relative: self.relative,
            ..Block::parts(block)
        };
        self.blocks.iter().map(of).collect()
    }
}

impl TokenDropout {
    /// What each token's embedding is multiplied by.
    fn factors(self, batch: &Batch) -> Vec<f32> {
        let mut factors = Vec::with_capacity(batch.ids.len());
        for (ids, &length) in batch.ids.chunks_exact(batch.length).zip(&batch.lengths) {
            let is_masked = |id: &u32| *id == self.mask;
            let masked = ids.iter().filter(|id| is_masked(id)).count() as f32 / length as f32;
            let kept = (1.0 - MASKED_IN_PRETRAINING) / (1.0 - masked);
            factors.extend(ids.iter().map(|id| if is_masked(id) { 0.0 } else { kept }));
        }
        factors
    }
}

/// What BERT and its kin say in the same keys, with what `transformers` takes for those that are absent; `first_position` as in
/// [`EncoderPlan`].
pub(super) fn read(
    keys: &Keys,
    family: Family,
    first_position: impl FnOnce(u32) -> usize,
    default_padding: u32,
) -> Result<ModelConfig, Error> {
    for key in ["is_decoder", "add_cross_attention"] {
        if keys.flag_or(key, false)? {
            return Err(keys.bad(key, "is true; only encoders are known".to_owned()));
        }
    }
    let pad_token_id = keys.id_or("pad_token_id", default_padding)?;
    let first = first_position(pad_token_id);
    let rows = keys.size("max_position_embeddings")?;
    let hidden_size = keys.size("hidden_size")?;
    let heads = keys.size("num_attention_heads")?;
    Ok(ModelConfig {
        family,
        vocab_size: keys.size("vocab_size")?,
        hidden_size,
        layers: keys.size("num_hidden_layers")?,
        heads,
        key_value_heads: heads,
        head_size: hidden_size / heads,
        ffn_size: keys.size("intermediate_size")?,
        max_positions: match rows.checked_sub(first) {
            Some(positions @ 1..) => positions,
            _ => {
                let problem = format!("is {rows}, and the first place is {first}");
                return Err(keys.bad("max_position_embeddings", problem));
            }
        },
        layer_norm_eps: keys.number_or("layer_norm_eps", 1e-12)?,
        activation: keys.activation("hidden_act", "gelu")?,
        hidden_dropout: keys.probability_or("hidden_dropout_prob", 0.1)?,
        attention_dropout: keys.probability_or("attention_probs_dropout_prob", 0.1)?,
        pad_token_id,
        padding: Some(pad_token_id),
        type_vocab_size: keys.size_or("type_vocab_size", 2)?,
        initializer_range: keys.number_or("initializer_range", 0.02)?,
        positions: Positions::Embedded,
        of_family: OfFamily::Nothing,
    })
}

/// The keys that [`read`] reads.
pub(super) fn write(config: &ModelConfig, first_position: usize) -> serde_json::Value {
    serde_json::json!({
        "attention_probs_dropout_prob": config.attention_dropout,
        "hidden_act": config.activation.name(),
        "hidden_dropout_prob": config.hidden_dropout,
        "hidden_size": config.hidden_size,
        "initializer_range": config.initializer_range,
        "intermediate_size": config.ffn_size,
        "layer_norm_eps": config.layer_norm_eps,
        "max_position_embeddings": config.max_positions + first_position,
        "num_attention_heads": config.heads,
        "num_hidden_layers": config.layers,
        "pad_token_id": config.pad_token_id,
        "type_vocab_size": config.type_vocab_size,
        "vocab_size": config.vocab_size,
    })
}

/// Refuses positions that are not learnt rows.
pub(super) fn learnt_positions_only(keys: &Keys) -> Result<(), Error> {
    let position = keys.text_or("position_embedding_type", "absolute")?;
    if position == "absolute" {
        return Ok(());
    }
    Err(keys.bad(
        "position_embedding_type",
        format!("is `{position}`; only `absolute` is known here"),
    ))
}
