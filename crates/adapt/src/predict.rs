//! Predictions of a trained adapter on new rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use lingo_artifact::LabelKind;
use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::readings::Readings;
use lingo_artifact::run_folder::CellFolder;
use lingo_artifact::tokens::TokenRow;
use lingo_kernels::Level;
use lingo_lm::{DeviceChoice, Model, Packing, open_device};

use crate::batching::EVALUATION_BATCH;
use crate::error::Error;
use crate::folder::adapter::{Description, read_adapter, read_stem, read_store, shape_in_store};
use crate::folder::trained::{Inference, Pass, merge};
use crate::network::motif_net::MotifNet;
use crate::network::net::Net;
use crate::network::stem::Stem;
use crate::plan::model_shape::model_digest;
use crate::reading::{Beside, Reader, Rows, View, add_beside};
use crate::settings::motif_cnn::MotifSettings;
use crate::train::trainer::predict_with;

/// What is predicted, and how.
pub struct PredictRequest<'a> {
    /// The adapter folder.
    pub adapter: &'a Path,
    /// The folder of the base model; it may be left out where a `model/` stands beside the adapter
    /// (new embedding rows, or method `full`).
    pub model: Option<&'a Path>,
    /// Encoded with the adapter's own encoding (its `lingo.json`). Their labels are passed on.
    pub rows: &'a [TokenRow],
    /// The sequences behind the rows: needed where the adapter reads bases, or both strands.
    pub readings: Option<&'a dyn Readings>,
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
    let description = Description::read(adapter)?;
    let reads_bases = description.method.reads_bases() || description.stem.is_some();
    if (description.both_strands || reads_bases) && request.readings.is_none() {
        return Err(Error::Config(
            "the adapter reads the sequences themselves, and only tokens are given".into(),
        ));
    }
    let stem = read_stem(adapter, &description)?;
    match (description.method.adaptation().motifs(), &stem) {
        (Some(_), Some(stem)) => {
            return predicted(request, &description, None, 0, |rows, reader| {
                logits_of_stem(stem, rows, reader)
            });
        }
        (Some(motifs), None) => {
            return predict_motifs(request, &description, motifs.network());
        }
        (None, _) => {}
    }
    let beside = stem.as_ref().map(|stem| stem as &dyn Beside);
    let (description, mut trained) = read_adapter(adapter)?;
    let folder = checked_base(adapter, &description, request.model)?;
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
    let tokens: usize = request.rows.iter().map(|row| row.input_ids.len()).sum();
    predicted(request, &description, beside, tokens, |rows, reader| {
        let pass = Pass {
            pad: description.encoding.pad,
            batch: EVALUATION_BATCH,
            states: None,
            progress: request.progress,
            stop: &StopFlag::default(),
        };
        logits_of(&inference, rows, reader, pass)
    })
}

/// Predicts with a method that needs no language model.
fn predict_motifs(
    request: &PredictRequest,
    description: &Description,
    motifs: MotifSettings,
) -> Result<Predictions, Error> {
    let outputs = description.labels.outputs();
    let head = shape_in_store(request.adapter, "head.weight")?;
    let sequences = head
        .first()
        .map_or(1, |features| features / motifs.features().max(1));
    let (mut network, mut store) = MotifNet::build(motifs, sequences, outputs, Level::detect(), 0);
    read_store(request.adapter, &mut store)?;
    let uploaded = network.upload(&store, None, false)?;
    predicted(request, description, None, 0, |rows, reader| {
        predict_with(
            &network,
            &store,
            &uploaded,
            rows,
            reader,
            EVALUATION_BATCH,
            &StopFlag::default(),
        )
    })
}

/// Predictions of the request's rows, made under one view or both, with the speed told.
fn predicted(
    request: &PredictRequest,
    description: &Description,
    beside: Option<&dyn Beside>,
    tokens: usize,
    logits: impl Fn(&Rows, &Reader) -> Result<Vec<f32>, Error>,
) -> Result<Predictions, Error> {
    let rows = Rows {
        rows: request.rows.iter().collect(),
        places: (0..request.rows.len()).collect(),
        first_kept: 0,
    };
    let reader = Reader {
        readings: request.readings,
        bases: description.method.reads_bases(),
        view: View::GIVEN,
        beside,
    };
    let begin = Instant::now();
    let (progress, total) = (request.progress, rows.rows.len() as u64);
    progress.begin("predict", total);
    let logits = both_strands(description.both_strands, |view| {
        logits(&rows, &reader.seen(view))
    })?;
    let speed = tokens as f64 / begin.elapsed().as_secs_f64().max(1e-9);
    progress.end(&match tokens {
        0 => String::new(),
        _ => format!("{speed:.0} tokens/s"),
    });
    Ok(as_predictions(&rows.rows, logits, &description.labels))
}

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

/// The folder of the model that an adapter works on, whose weights are those that it was trained on.
///
/// # Errors
/// As [`base_folder`]; other weights.
pub(crate) fn checked_base(
    adapter: &Path,
    description: &Description,
    model: Option<&Path>,
) -> Result<PathBuf, Error> {
    let folder = base_folder(adapter, description, model)?;
    if has_own_model(description) {
        return Ok(folder);
    }
    let (found, base) = (model_digest(&folder)?, description.base()?);
    if found == base.sha256 {
        return Ok(folder);
    }
    Err(Error::Config(format!(
        "the adapter was trained on `{}` (sha256 {}), but {} holds other weights (sha256 {})",
        base.name,
        base.sha256.short(),
        folder.display(),
        found.short()
    )))
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
            description.base()?.name
        ))),
    }
}
