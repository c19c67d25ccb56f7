//! Predictions of a trained adapter on new rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::progress::Progress;
use lingo_artifact::run_folder::CellFolder;
use lingo_artifact::tokens::TokenRow;
use lingo_lm::{DeviceChoice, Model, Packing, open_device};

use crate::batching::EVALUATION_BATCH;
use crate::error::Error;
use crate::folder::adapter::{Description, read_adapter};
use crate::folder::trained::{Inference, merge};
use crate::plan::model_shape::model_digest;
use crate::train::states::FrozenStates;

/// What is predicted, and how.
pub struct PredictRequest<'a> {
    /// The adapter folder.
    pub adapter: &'a Path,
    /// The folder of the base model; it may be left out where a `model/` stands beside the adapter
    /// (new embedding rows, or method `full`).
    pub model: Option<&'a Path>,
    /// Encoded with the adapter's own encoding (its `lingo.json`). Their labels are passed on.
    pub rows: &'a [TokenRow],
    /// The device that computes.
    pub device: DeviceChoice,
    /// Whether the deltas are added to the weights first. That is faster; the logits are no longer
    /// the run's own, but differ by rounding.
    pub merge: bool,
    /// Is told how far it is.
    pub progress: &'a dyn Progress,
}

/// Predicts rows with a trained adapter.
///
/// # Errors
/// A broken adapter folder; a model that is not the one the adapter was trained on; rows that the
/// model cannot take.
pub fn predict(request: &PredictRequest) -> Result<Predictions, Error> {
    let adapter = request.adapter;
    let (description, mut trained) = read_adapter(adapter)?;
    let folder = base_folder(adapter, &description, request.model)?;
    if !has_own_model(&description) {
        let found = model_digest(&folder)?;
        let expected = description.base_model.sha256;
        if found != expected {
            return Err(Error::Config(format!(
                "the adapter was trained on `{}` (sha256 {}), but {} holds other weights (sha256 {})",
                description.base_model.name,
                expected.short(),
                folder.display(),
                found.short()
            )));
        }
    }
    let mut model = Model::load(&folder, &open_device(request.device)?)?;
    if request.merge {
        merge(&mut model, &mut trained)?;
    }
    if !description.method.trains_the_model() {
        model.pack(Packing {
            precision: description.precision.resolve(),
            gradients: false,
        })?;
    }
    let inference = Inference::new(Arc::new(model), &trained)?;
    let rows: Vec<&TokenRow> = request.rows.iter().collect();
    let progress = request.progress;
    predict_rows(&inference, &rows, &description, 0, None, progress)
}

/// Predictions of rows, in their order; `states` as in [`Inference::logits`].
pub(crate) fn predict_rows(
    inference: &Inference,
    rows: &[&TokenRow],
    description: &Description,
    batch: usize,
    states: Option<(&FrozenStates, usize)>,
    progress: &dyn Progress,
) -> Result<Predictions, Error> {
    let ids: Vec<&[u32]> = rows.iter().map(|r| r.input_ids.as_slice()).collect();
    let size = EVALUATION_BATCH.max(batch);
    let begin = Instant::now();
    progress.begin("predict", rows.len() as u64);
    let logits = inference.logits(&ids, description.encoding.pad, size, states, progress)?;
    let tokens: usize = ids.iter().map(|ids| ids.len()).sum();
    let speed = tokens as f64 / begin.elapsed().as_secs_f64().max(1e-9);
    progress.end(&format!("{speed:.0} tokens/s"));
    let rows = rows
        .iter()
        .zip(logits)
        .map(|(row, logits)| Prediction {
            id: row.id.clone(),
            split: row.split,
            label: row.label.clone(),
            logits,
        })
        .collect();
    Ok(Predictions {
        labels: description.labels.clone(),
        rows,
    })
}

/// Whether the adapter's run wrote a model of its own: new rows, or all weights trained.
fn has_own_model(description: &Description) -> bool {
    description.encoding.new_rows.is_some() || description.method.trains_the_model()
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
            description.base_model.name
        ))),
    }
}
