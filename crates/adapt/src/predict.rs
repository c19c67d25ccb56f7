//! What predicting is made of: logits of rows under one view or both, and the model that an adapter works on.

use std::path::{Path, PathBuf};

use lingo_artifact::LabelKind;
use lingo_artifact::digest::Digest;
use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::run_folder::CellFolder;
use lingo_artifact::tokens::TokenRow;

use crate::error::Error;
use crate::folder::adapter::Description;
use crate::folder::trained::{Inference, Pass};
use crate::network::stem::Stem;
use crate::reading::{Reader, Rows, View, add_beside};

/// The logits of the sequences as they are, or the mean with those of the other strand.
pub(crate) fn both_strands(
    both: bool,
    logits: impl Fn(View) -> Result<Vec<f32>, Error>,
) -> Result<Vec<f32>, Error> {
    let mut given = logits(View::GIVEN)?;
    if both {
        let other = logits(View::REVERSE)?;
        given
            .iter_mut()
            .zip(other)
            .for_each(|(a, b)| *a = (*a + b) / 2.0);
    }
    Ok(given)
}

/// Logits of rows, one after another; kept states are those of the rows as they were given.
pub(crate) fn logits_of(
    inference: &Inference,
    rows: &Rows,
    reader: &Reader,
    pass: Pass,
) -> Result<Vec<f32>, Error> {
    let which: Vec<usize> = (0..rows.rows.len()).collect();
    let inputs = reader.inputs(rows, &which)?;
    let ids: Vec<&[u32]> = inputs.iter().map(|input| &*input.ids).collect();
    let pass = Pass {
        states: pass.states.filter(|_| reader.view == View::GIVEN),
        ..pass
    };
    let mut logits = inference.logits(&ids, &pass)?.concat();
    add_beside(&mut logits, &inputs);
    Ok(logits)
}

/// Logits of rows by a stem alone, one after another.
pub(crate) fn logits_of_stem(stem: &Stem, rows: &Rows, reader: &Reader) -> Result<Vec<f32>, Error> {
    let reader = Reader {
        bases: true,
        beside: Some(stem),
        ..*reader
    };
    reader.beside_alone(rows)
}

/// Logits beside what they are of.
pub(crate) fn as_predictions(
    rows: &[&TokenRow],
    logits: Vec<f32>,
    labels: &LabelKind,
) -> Predictions {
    let rows = rows.iter().zip(logits.chunks(labels.outputs()));
    Predictions {
        labels: labels.clone(),
        rows: rows
            .map(|(row, logits)| Prediction {
                id: row.id.clone(),
                split: row.split,
                label: row.label.clone(),
                logits: logits.to_vec(),
            })
            .collect(),
    }
}

/// The folder of the model that an adapter works on, and the hash of its weights by `digest` where they are those of the
/// base model, which it must have been trained on.
///
/// # Errors
/// As [`base_folder`]; other weights.
pub(crate) fn checked_base(
    adapter: &Path,
    description: &Description,
    model: Option<&Path>,
    digest: impl FnOnce(&Path) -> Result<Digest, Error>,
) -> Result<(PathBuf, Option<Digest>), Error> {
    let folder = base_folder(adapter, description, model)?;
    if has_own_model(description) {
        return Ok((folder, None));
    }
    let (found, base) = (digest(&folder)?, description.base()?);
    if found == base.sha256 {
        return Ok((folder, Some(found)));
    }
    Err(Error::Config(format!(
        "the adapter was trained on `{}` (sha256 {}), but {} holds other weights (sha256 {})",
        base.name,
        base.sha256.short(),
        folder.display(),
        found.short()
    )))
}

/// Whether the adapter's run wrote a model of its own: new rows, or weights of it trained.
pub(crate) fn has_own_model(description: &Description) -> bool {
    description.encoding.new_rows.is_some()
        || description.trained_norms
        || description.method.trains_the_model()
}

/// The folder of the model that an adapter works on: the `model/` that its run wrote beside it, else `model`.
///
/// # Errors
/// [`Error::Adapter`] where that `model/` is missing, [`Error::Config`] where no folder is given.
pub fn base_folder(
    adapter: &Path,
    description: &Description,
    model: Option<&Path>,
) -> Result<PathBuf, Error> {
    let beside = CellFolder::of_adapter(adapter)
        .map(|cell| cell.model())
        .filter(|p| p.is_dir());
    match (has_own_model(description), beside, model) {
        (true, Some(beside), _) => Ok(beside),
        (true, None, _) => Err(Error::Adapter {
            path: adapter.to_owned(),
            problem: "the folder `model` that belongs beside it is missing".into(),
        }),
        (false, _, Some(model)) => Ok(model.to_owned()),
        (false, _, None) => Err(Error::Config(format!(
            "the adapter needs its base model `{}`; name its folder (--model)",
            description.base()?.name
        ))),
    }
}
