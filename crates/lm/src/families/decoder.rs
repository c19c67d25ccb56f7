//! What the decoders have in common: embeddings, blocks in which a token sees none behind it, a norm behind them. A family says how these are
//! called.

use std::ops::Range;

use burn::tensor::Tensor;
use serde_json::{Map, Value};

use crate::batch::Batch;
use crate::config::keys::Keys;
use crate::config::model_config::ModelConfig;
#[cfg(feature = "cpu")]
use crate::engine::operation::BlockParts;
use crate::error::Error;
use crate::families::block::{Block, BlockPlan};
use crate::families::family::{Classifier, Layers, Reads};
use crate::parts::pass::{Builder, Norm, Pass};
use crate::weights::parameters::Id;

/// How a decoder's layers outside its blocks are called.
pub(super) struct DecoderPlan<'a> {
    pub words: &'a str,
    /// The rows of places, where there are any.
    pub positions: Option<&'a str>,
    /// The dropout of embeddings, in training.
    pub dropout: f64,
    /// The norm behind the last block.
    pub final_norm: &'a str,
}

/// The layers of a decoder.
pub(super) struct Decoder {
    word: Id,
    position: Option<Id>,
    dropout: f64,
    blocks: Vec<Block>,
    final_norm: Norm,
}

impl Decoder {
    pub fn build<'a>(
        config: &ModelConfig,
        plan: &DecoderPlan,
        block: impl Fn(usize) -> BlockPlan<'a>,
        builder: &mut Builder,
    ) -> Result<Self, Error> {
        let hidden = config.hidden_size;
        let padding = config.padding.map(|id| id as usize);
        Ok(Self {
            word: builder.embedding(plan.words, [config.vocab_size, hidden], padding)?,
            position: match plan.positions {
                Some(name) => {
                    Some(builder.embedding(name, [config.max_positions, hidden], None)?)
                }
                None => None,
            },
            dropout: plan.dropout,
            blocks: (0..config.layers)
                .map(|number| Block::build(&block(number), builder))
                .collect::<Result<_, _>>()?,
            final_norm: builder.norm(plan.final_norm, hidden)?,
        })
    }
}

impl Layers for Decoder {
    fn word_embedding(&self) -> Id {
        self.word
    }

    fn position_embedding(&self) -> Option<Id> {
        self.position
    }

    /// With padding on the right no real token sees any, and its position is its place: the padding needs no mask of
    /// its own, and what is computed there has no meaning.
    fn embedded(&self, batch: &Batch, extra: Option<&Tensor<2>>, pass: &mut Pass) -> Tensor<2> {
        let mut x = pass.words(self.word, &batch.ids, extra);
        if let Some(position) = self.position {
            let places = pass.matrix(position);
            let places = places.narrow(0, pass.before(), batch.length);
            x = pass.add_to_each(x, places);
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
        let mut masks: Vec<(Option<usize>, Tensor<4>)> = Vec::new();
        for number in blocks {
            let block = &self.blocks[number];
            x = pass.block(number, x, batch, |x, pass| {
                let window = block.attention().window;
                let known = masks.iter().position(|(of, _)| *of == window);
                let at = known.unwrap_or_else(|| {
                    masks.push((window, pass.causal_mask(window)));
                    masks.len() - 1
                });
                block.forward(x, Some(&masks[at].1), pass)
            });
        }
        x
    }

    fn output(&self, x: Tensor<2>, pass: &mut Pass) -> Tensor<2> {
        pass.norm(&self.final_norm, x)
    }

    #[cfg(feature = "cpu")]
    fn parts(&self) -> Vec<BlockParts<'_>> {
        self.blocks.iter().map(Block::parts).collect()
    }
}

/// `transformers`' classifier on a decoder, which reads the last token; `model` is where the bare model stands in it.
pub(super) const fn classifier(model: &'static str) -> Classifier {
    Classifier {
        model,
        head: "score",
        bias: false,
        drops_out: false,
        reads: Reads::LastToken,
    }
}

/// The padding of a model that has one.
///
/// # Errors
/// It is no id.
pub(super) fn padding(keys: &Keys) -> Result<Option<u32>, Error> {
    match keys.has("pad_token_id") {
        true => keys.id("pad_token_id").map(Some),
        false => Ok(None),
    }
}

/// Writes what [`padding`] reads.
pub(super) fn write_padding(config: &ModelConfig, all: &mut Map<String, Value>) {
    if let Some(padding) = config.padding {
        all.insert("pad_token_id".to_owned(), padding.into());
    }
}
