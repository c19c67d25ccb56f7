//! What is wrong with a cell, found before anything is loaded.

use lingo_artifact::tokens::TokenRow;
use lingo_lm::ModelConfig;

use crate::cell::request::AdaptRequest;
use crate::error::Error;
use crate::network::new_rows;
use crate::plan::model_shape::ModelShape;
use crate::plan::steps::{Lengths, StepPlan, plan};
use crate::settings::motif_cnn::MotifCnn;
use crate::settings::train_config::SelectBy;

/// Finds what is wrong before anything is loaded.
pub(super) fn check(
    request: &AdaptRequest,
    train: &[&TokenRow],
    dev: &[&TokenRow],
    shape: &ModelShape,
) -> Result<StepPlan, Error> {
    let metadata = &request.tokens.metadata;
    if let Some(new) = &metadata.encoding.new_rows {
        new_rows::check(new)?;
    }
    if let Some(row) = request.tokens.rows.iter().find(|r| r.input_ids.is_empty()) {
        return Err(Error::Data(format!("the row `{}` has no tokens", row.id)));
    }
    if let Some(row) = request
        .tokens
        .rows
        .iter()
        .find(|r| !metadata.labels.admits(&r.label))
    {
        return Err(Error::Data(format!(
            "the row `{}` has the label {:?}, which does not fit {:?}",
            row.id, row.label, metadata.labels
        )));
    }
    if !request.method.reads_bases() {
        check_tokens(request, &shape.config)?;
    }
    if let Some(why) = request
        .train
        .stem
        .as_ref()
        .and_then(MotifCnn::contradiction)
    {
        return Err(Error::Config(format!("`train.stem`: {why}")));
    }
    if let Some(stem) = &request.train.stem
        && stem.count() < 2
    {
        return Err(Error::Config(
            "`train.stem` needs at least 2 `folds`: the language model learns against what networks say of rows that they have not seen".into(),
        ));
    }
    let bases_are_needed = request.method.reads_bases()
        || request.train.augment.is_on()
        || request.train.stem.is_some()
        || request.both_strands;
    if bases_are_needed && request.readings.is_none() {
        return Err(Error::Config(
            "`motif_cnn`, `stem`, `augment` and `strands: both` need the sequences behind the tokens: give the examples, too \
             (`--examples examples.parquet`)"
                .into(),
        ));
    }
    if dev.is_empty() && request.train.select_by != SelectBy::Last {
        return Err(Error::Data(
            "there are no dev examples to select on; give a dev split, or set `select_by: last`"
                .into(),
        ));
    }
    let mut lengths = Lengths::new();
    for row in train {
        *lengths.entry(row.input_ids.len() as u32).or_default() += 1;
    }
    plan(
        shape,
        request.method,
        request.train,
        &metadata.labels,
        metadata.encoding.new_rows.as_ref(),
        &lengths,
    )
}

/// Whether the tokens are ids of this model: those of a smaller vocabulary are rows of it, too, and it would be trained on
/// words that mean something else.
fn check_vocabulary(request: &AdaptRequest, config: &ModelConfig) -> Result<(), Error> {
    let encoding = &request.tokens.metadata.encoding;
    if encoding.model_vocab_size as usize == config.vocab_size {
        return Ok(());
    }
    let model = request.model.display();
    Err(Error::Data(format!(
        "the tokens (scheme `{}`, vocabulary `{}`) are ids of a vocabulary of {} rows, but the model {model} has {}: \
         encode with `--model {model}`",
        encoding.scheme, encoding.vocabulary, encoding.model_vocab_size, config.vocab_size
    )))
}

/// Whether the model has a position and a row for every token: training would come upon one that
/// it lacks late, after hours perhaps.
fn check_tokens(request: &AdaptRequest, config: &ModelConfig) -> Result<(), Error> {
    check_vocabulary(request, config)?;
    let new = request.tokens.metadata.encoding.new_rows.as_ref();
    let method = request.method.adaptation();
    let (prompt, prefix) = (method.prompt(), method.prefix());
    let rows = config.vocab_size + new.map_or(0, |n| n.composition.len());
    for row in &request.tokens.rows {
        let length = row.input_ids.len();
        if length + prompt + prefix > config.max_positions {
            let behind = match (prompt, prefix) {
                (0, 0) => String::new(),
                (0, n) => format!(" behind a prefix of {n}"),
                (n, _) => format!(" behind a prompt of {n}"),
            };
            let advice = match (prompt + prefix, config.max_positions.saturating_sub(length)) {
                (0, _) | (_, 0) => String::new(),
                (_, left) => format!(": `tokens` may be {left}"),
            };
            return Err(Error::Data(format!(
                "the row `{}` has {length} tokens{behind}, but the model has {} positions{advice}",
                row.id, config.max_positions
            )));
        }
        if let Some(id) = row.input_ids.iter().find(|&&id| id as usize >= rows) {
            return Err(Error::Data(format!(
                "the row `{}` has the token {id}, but the embedding has {rows} rows",
                row.id
            )));
        }
    }
    Ok(())
}
