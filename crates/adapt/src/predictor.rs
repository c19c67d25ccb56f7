//! Predictions of a trained adapter on new rows.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lingo_artifact::digest::{Digest, Hasher};
use lingo_artifact::prediction::Predictions;
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::readings::Readings;
use lingo_artifact::tokens::TokenRow;
use lingo_kernels::Level;
use lingo_lm::{DeviceChoice, Model, Packing, open_device};

use crate::batching::EVALUATION_BATCH;
use crate::cell::models::Models;
use crate::error::Error;
use crate::folder::adapter::{Description, read_adapter, read_stem, read_store, shape_in_store};
use crate::folder::trained::{Inference, Pass, merge};
use crate::network::motif_net::MotifNet;
use crate::network::net::Net;
use crate::network::stem::Stem;
use crate::network::store::ParameterStore;
use crate::plan::model_shape::model_digest;
use crate::predict::{
    as_predictions, base_folder, both_strands, checked_base, has_own_model, logits_of,
    logits_of_stem,
};
use crate::reading::{Beside, Reader, Rows, View};
use crate::settings::motif_cnn::MotifSettings;
use crate::train::trainer::predict_with;

/// Which adapter is loaded, and how.
pub struct LoadRequest<'a> {
    /// The adapter folder.
    pub adapter: &'a Path,
    /// The folder of the base model; it may be left out where a `model/` stands beside the adapter
    /// (new embedding rows, or method `full`).
    pub model: Option<&'a Path>,
    /// What the adapter is; without it `lingo.json` says so ([`Description::of_peft`] where there is none).
    pub described: Option<&'a Description>,
    /// The device that computes.
    pub device: DeviceChoice,
    /// Whether the deltas are added to the weights first. That is faster; the logits are no longer
    /// the run's own, but differ by rounding.
    pub merge: bool,
    /// Models that are loaded already: adapters on one base share its packed weights, unless they are merged.
    pub models: &'a Models,
}

/// A trained adapter, ready to predict rows as often as they come.
pub struct Predictor {
    description: Description,
    network: Loaded,
    identity: Digest,
}

/// What gives the logits.
enum Loaded {
    /// Networks of motifs, without a language model.
    Stem(Stem),
    /// One network of motifs.
    Motifs(Box<(MotifNet, ParameterStore, <MotifNet as Net>::Uploaded)>),
    /// A language model with the adapter on it, and what stands beside it.
    Model(Box<Inference>, Option<Stem>),
}

impl Predictor {
    /// Loads an adapter and its model.
    ///
    /// # Errors
    /// A broken adapter folder; a model that is not the one the adapter was trained on.
    pub fn load(request: &LoadRequest) -> Result<Self, Error> {
        let adapter = request.adapter;
        let description = match request.described {
            Some(description) => description.clone(),
            None => Description::read(adapter)?,
        };
        let stem = read_stem(adapter, &description)?;
        let network = match (description.method.adaptation().motifs(), stem) {
            (Some(_), Some(stem)) => Loaded::Stem(stem),
            (Some(motifs), None) => load_motifs(adapter, &description, motifs.network())?,
            (None, stem) => {
                let inference = load_model(request, &description)?;
                Loaded::Model(Box::new(inference), stem)
            }
        };
        Ok(Self {
            identity: identity(request, &description)?,
            description,
            network,
        })
    }

    /// What the adapter says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Whether rows need their sequences beside their tokens.
    pub fn reads_sequences(&self) -> bool {
        let description = &self.description;
        description.both_strands || description.method.reads_bases() || description.stem.is_some()
    }

    /// The same for the same logits: of the adapter's files, the model, and how both are run.
    pub fn identity(&self) -> Digest {
        self.identity
    }

    /// Logits of rows, one row after another; labels are not looked at.
    ///
    /// # Errors
    /// Rows that the model cannot take, or that come without sequences where these are needed;
    /// [`Error::Stopped`] once the stop flag is raised.
    pub fn logits(
        &self,
        rows: &[TokenRow],
        readings: Option<&dyn Readings>,
        progress: &dyn Progress,
        stop: &StopFlag,
    ) -> Result<Vec<f32>, Error> {
        let description = &self.description;
        if self.reads_sequences() && readings.is_none() {
            return Err(Error::Config(
                "the adapter reads the sequences themselves, and only tokens are given".into(),
            ));
        }
        let rows = Rows {
            rows: rows.iter().collect(),
            places: (0..rows.len()).collect(),
            first_kept: 0,
            ..Rows::default()
        };
        let beside = match &self.network {
            Loaded::Model(_, Some(stem)) => Some(stem as &dyn Beside),
            _ => None,
        };
        let reader = Reader {
            readings,
            bases: description.method.reads_bases(),
            view: View::GIVEN,
            beside,
            masking: None,
        };
        let mut logits = both_strands(description.both_strands, |view| {
            let reader = reader.seen(view);
            match &self.network {
                Loaded::Stem(stem) => logits_of_stem(stem, &rows, &reader),
                Loaded::Motifs(motifs) => {
                    let (network, store, uploaded) = &**motifs;
                    predict_with(
                        network,
                        store,
                        uploaded,
                        &rows,
                        &reader,
                        EVALUATION_BATCH,
                        stop,
                    )
                }
                Loaded::Model(inference, _) => {
                    let pass = Pass {
                        pad: description.encoding.pad,
                        batch: EVALUATION_BATCH,
                        states: None,
                        progress,
                        stop,
                    };
                    logits_of(inference, &rows, &reader, pass)
                }
            }
        })?;
        if let Some(targets) = &description.targets {
            targets.put_back(&mut logits);
        }
        Ok(logits)
    }
}

/// Puts an adapter on its language model.
fn load_model(request: &LoadRequest, description: &Description) -> Result<Inference, Error> {
    let mut trained = read_adapter(request.adapter, description)?;
    let known = |folder: &Path| Ok(request.models.known(folder)?.digest);
    let (folder, digest) = checked_base(request.adapter, description, request.model, known)?;
    let device = open_device(request.device)?;
    let packing = Packing {
        precision: description.precision.resolve(),
        quantization: description.quantization.resolve(),
        gradients: false,
    };
    // As it was run in training, so that the bits are the same.
    let is_plain = description.method.needs_plain_operations() || description.trained_norms;
    if let Some(digest) = digest.filter(|_| !request.merge && !is_plain) {
        let model = request.models.get(&folder, digest, &device, packing)?;
        return Inference::new(model, &trained);
    }
    let mut model = rounded(&folder, &device, description)?;
    if request.merge {
        merge(&mut model, &mut trained)?;
    }
    if !trained.needs_plain_operations() && (request.merge || !is_plain) {
        // Rounded already, and what was merged is not.
        model.pack(Packing {
            quantization: None,
            ..packing
        })?;
    }
    Inference::new(Arc::new(model), &trained)
}

/// The model that an adapter was trained on, its weights rounded as they were then.
pub(crate) fn rounded(
    folder: &Path,
    device: &burn::tensor::Device,
    description: &Description,
) -> Result<Model, Error> {
    let mut model = Model::load(folder, device)?;
    if let Some(kind) = description.quantization.resolve() {
        model.quantize(kind)?;
    }
    Ok(model)
}

/// A network of motifs with its trained values.
fn load_motifs(
    adapter: &Path,
    description: &Description,
    motifs: MotifSettings,
) -> Result<Loaded, Error> {
    let outputs = description.labels.outputs();
    let head = shape_in_store(adapter, "head.weight")?;
    let sequences = head
        .first()
        .map_or(1, |features| features / motifs.features().max(1));
    let (mut network, mut store) = MotifNet::build(motifs, sequences, outputs, Level::detect(), 0);
    read_store(adapter, &mut store)?;
    let uploaded = network.upload(&store, None, false)?;
    Ok(Loaded::Motifs(Box::new((network, store, uploaded))))
}

/// Of every file of the adapter, of a model of its own, and of what computes.
fn identity(request: &LoadRequest, description: &Description) -> Result<Digest, Error> {
    let folder = request.adapter;
    let failed = |e| lingo_artifact::Error::io("read", folder)(e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        files.extend(path.is_file().then_some(path));
    }
    files.sort();
    let mut hasher = Hasher::default();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let (digest, _) = Digest::of_file(&file)?;
        hasher.update(format!("{digest}  {name}\n").as_bytes());
    }
    // Another model than the adapter's own was compared with the hash in its files.
    if description.base_model.is_some() && has_own_model(description) {
        let own = model_digest(&base_folder(folder, description, None)?)?;
        hasher.update(own.to_string().as_bytes());
    }
    // Without `lingo.json` no file of the adapter tells which model it works on.
    if let Some(base) = request.described.and_then(|d| d.base_model.as_ref()) {
        hasher.update(base.sha256.to_string().as_bytes());
    }
    let kernels = std::env::var("LINGO_KERNELS").unwrap_or_default();
    let computes = format!(
        "{:?} {} {:?} {kernels}",
        request.device,
        request.merge,
        Level::detect()
    );
    hasher.update(computes.as_bytes());
    Ok(hasher.digest())
}

/// What is predicted, and how.
pub struct PredictRequest<'a> {
    /// As [`LoadRequest::adapter`].
    pub adapter: &'a Path,
    /// As [`LoadRequest::model`].
    pub model: Option<&'a Path>,
    /// Encoded with the adapter's own encoding (its `lingo.json`). Their labels are passed on.
    pub rows: &'a [TokenRow],
    /// The sequences behind the rows: needed where the adapter reads bases, or both strands.
    pub readings: Option<&'a dyn Readings>,
    /// The device that computes.
    pub device: DeviceChoice,
    /// As [`LoadRequest::merge`].
    pub merge: bool,
    /// Is told how far it is.
    pub progress: &'a dyn Progress,
}

/// Predicts rows that are all at hand with a trained adapter.
///
/// # Errors
/// As [`Predictor::load`] and [`Predictor::logits`].
pub fn predict(request: &PredictRequest) -> Result<Predictions, Error> {
    let predictor = Predictor::load(&LoadRequest {
        adapter: request.adapter,
        model: request.model,
        described: None,
        device: request.device,
        merge: request.merge,
        models: &Models::default(),
    })?;
    let (progress, rows) = (request.progress, request.rows);
    let begin = Instant::now();
    progress.begin("predict", rows.len() as u64);
    let logits = predictor.logits(rows, request.readings, progress, &StopFlag::default())?;
    let tokens: usize = rows.iter().map(|row| row.input_ids.len()).sum();
    let speed = tokens as f64 / begin.elapsed().as_secs_f64().max(1e-9);
    progress.end(&match tokens {
        0 => String::new(),
        _ => format!("{speed:.0} tokens/s"),
    });
    let rows: Vec<&TokenRow> = rows.iter().collect();
    Ok(as_predictions(&rows, logits, &predictor.description.labels))
}
