//! What the head reads of a model's states.

use lingo_lm::Family;

use crate::error::Error;
use crate::settings::train_config::{Pooling, TrainConfig};

/// The pooling that is used: the one asked for, else the one that a sentence model was trained with, else the family's.
pub(crate) fn pooling(
    train: &TrainConfig,
    family: Family,
    has_pooler: bool,
    sentence: Option<Pooling>,
) -> Result<Pooling, Error> {
    match (train.pooling, family.is_decoder()) {
        (Some(Pooling::Pooler), _) if !has_pooler => Err(Error::Config(
            "pooling: the model has no pooler; use cls, mean or last".into(),
        )),
        (Some(Pooling::Cls), true) => Err(Error::Config(
            "pooling: the first token of a decoder sees nothing of the sequence; use last or mean"
                .into(),
        )),
        (Some(pooling), _) => Ok(pooling),
        (None, _) => Ok(default_pooling(family, has_pooler, sentence)),
    }
}

/// The pooling where none is asked for.
pub(crate) fn default_pooling(
    family: Family,
    has_pooler: bool,
    sentence: Option<Pooling>,
) -> Pooling {
    match (sentence, family.is_decoder()) {
        (Some(sentence), is_decoder) if sentence != Pooling::Cls || !is_decoder => sentence,
        (_, true) => Pooling::Last,
        (_, false) if has_pooler => Pooling::Pooler,
        (_, false) => Pooling::Mean,
    }
}
