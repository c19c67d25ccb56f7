//! One cell: train an adapter, select it on dev, predict dev and test, write what is left.

mod check;
mod model_folder;

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use lingo_artifact::digest::Digest;
use lingo_artifact::progress::{Progress, Silent, StopFlag};
use lingo_artifact::run_folder::CellFolder;
use lingo_artifact::tokens::{TokenRow, Tokens};
use lingo_artifact::{Split, atomic};
use lingo_lm::{DeviceChoice, Model, Packing, Precision, device_name, open_device};
use serde::{Deserialize, Serialize};

use crate::adapter_folder::{Description, write_adapter};
use crate::checkpoint::Progressed;
use crate::dropout::Dropout;
use crate::model_shape::model_digest;
use crate::network::{Network, NetworkPlan};
use crate::optimizer::LinearSchedule;
use crate::plan::{pooling, schedule};
use crate::predict::predict_rows;
use crate::rank::Allocator;
use crate::states::{FrozenStates, Layout};
use crate::train_config::{PrecisionChoice, SelectBy};
use crate::train_log::TrainLog;
use crate::trained::{Inference, Trained};
use crate::trainer::Trainer;
use crate::{Error, Method, Models, TrainConfig};
use check::check;
use model_folder::write_model;

/// What one cell is made from.
pub struct AdaptRequest<'a> {
    /// The model folder.
    pub model: &'a Path,
    /// The encoded examples of all splits.
    pub tokens: &'a Tokens,
    /// What is trained.
    pub method: &'a Method,
    /// How.
    pub train: &'a TrainConfig,
    /// Seeds initial values, shuffling, dropout and rank sampling.
    pub seed: u64,
    /// Where.
    pub device: DeviceChoice,
    /// The folder of the cell.
    pub out: &'a Path,
    /// A folder where the states of frozen blocks may be kept, for this cell and others that
    /// share its tokens; [`Models::remove_states`] clears it away. `None`: they are not kept.
    pub states: Option<&'a Path>,
    /// Models that other cells of this process may have loaded.
    pub models: &'a Models,
    /// Who hears how far it is.
    pub progress: &'a dyn Progress,
    /// Set when training must stop.
    pub stop: &'a StopFlag,
}

/// The numbers of a finished cell: `training.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Parameters of the adapter as it is left: live triplets, head, new embedding rows.
    pub trainable_parameters: u64,
    /// Parameters trained at the initial rank.
    pub trained_initially: u64,
    /// All parameters: the model's and those trained initially (in `full` they are the same, but for head and rows).
    pub total_parameters: u64,
    /// Optimizer steps done.
    pub steps: u64,
    /// Wall seconds of training.
    pub seconds: f64,
    /// The step whose parameters were selected.
    pub best_step: u64,
    /// What they scored on dev: the MCC, or minus the loss.
    pub best_score: Option<f64>,
    /// Allocations of rank adaptation that were planned.
    pub allocations: u64,
    /// Triplets that rank sampling brought back.
    pub reintroduced: u64,
    /// The device's name.
    pub device: String,
    /// How the frozen weights were held: `f32` or `bf16`.
    #[serde(default)]
    pub precision: PrecisionChoice,
    /// Most memory that the process held.
    pub peak_memory_bytes: Option<u64>,
}

/// Trains one cell and writes `adapter/`, `predictions.parquet` (dev and test), `train.jsonl` and
/// `training.json` into `out`. A checkpoint of the same run found there is taken up.
///
/// # Errors
/// See [`crate::Kind`].
pub fn adapt(request: &AdaptRequest) -> Result<Outcome, Error> {
    let rows = |split: Split| -> Vec<&TokenRow> {
        request
            .tokens
            .rows
            .iter()
            .filter(|r| r.split == split)
            .collect()
    };
    let (train, dev, test) = (rows(Split::Train), rows(Split::Dev), rows(Split::Test));
    let planned = check(request, &train, &dev)?;
    let out = CellFolder::new(request.out);

    let device = open_device(request.device)?;
    let digest = model_digest(request.model)?;
    let (model, precision) = load_model(request, digest, &device.clone().autodiff())?;
    let shape = crate::model_shape::ModelShape::read(request.model)?;
    let pooling = pooling(request.train, model.config().family, shape.has_pooler)?;
    let family = model.config().family;
    let encoding = &request.tokens.metadata.encoding;
    let (network, store) = Network::build(
        model,
        &NetworkPlan {
            method: request.method,
            pooling,
            outputs: request.tokens.metadata.labels.outputs(),
            new_rows: encoding.new_rows.as_ref(),
            base_dropout: request.train.base_dropout,
            recompute: request.train.recompute,
            seed: request.seed,
        },
    )?;
    debug_assert_eq!(store.len() as u64, planned.trainable_parameters);

    let (allocator, select_from, orthogonality) =
        rank_adaptation(request, &network, &store, planned.steps)?;
    let peak = request
        .method
        .learning_rate()
        .unwrap_or(request.train.learning_rate.get());
    let warmup = request
        .train
        .warmup_steps
        .map_or(planned.steps.div_ceil(10).min(50), u64::from);
    let mut trainer = Trainer {
        allocator,
        select_from,
        orthogonality,
        config: request.train,
        schedule: LinearSchedule {
            peak,
            warmup,
            total: planned.steps,
        },
        steps_per_epoch: planned.steps_per_epoch,
        dropout: Dropout::new(request.seed),
        seed: request.seed,
        train,
        dev,
        states: None,
        pad: encoding.pad,
        log: TrainLog::create(&out.train_log())?,
        checkpoint: out.checkpoint(),
        progress: request.progress,
        stop: request.stop,
        state: Progressed {
            run: identity(request, &digest)?,
            ..Progressed::default()
        },
        best: None,
        last_gradients: Vec::new(),
        network,
        store,
    };
    if trainer.resume()? {
        request.progress.say(&format!(
            "going on from the checkpoint of step {}",
            trainer.state.step
        ));
    } else {
        trainer.log.clear()?;
    }
    let mut kept = [&trainer.train[..], &trainer.dev[..]].concat();
    if precision == PrecisionChoice::F32 {
        // Rounded states are good enough to train on, but what is predicted with them would not
        // be what the adapter predicts without.
        kept.extend(&test);
    }
    trainer.states = match frozen_states(request, &trainer.network, &digest, &kept) {
        Err(Error::Stopped { .. }) => return Err(trainer.interrupt()),
        states => states?,
    };
    request.progress.begin("train", planned.steps);
    trainer.run()?;
    request.progress.end(&match peak_memory() {
        Some(bytes) => format!("peak memory {} MiB", bytes >> 20),
        None => String::new(),
    });

    let Trainer {
        network,
        mut store,
        allocator,
        best,
        state,
        checkpoint,
        train,
        dev,
        states,
        ..
    } = trainer;
    let mut live = allocator.as_ref().map(|a| a.live().to_vec());
    if let Some((values, best_live)) = best {
        store.values = values;
        live = live.map(|_| best_live);
    }
    let trained = Trained::of(&network, &store, live.as_deref());
    let model = network.model;
    if trained.rows.is_some() || !trained.of_model.is_empty() {
        let base = Model::load(request.model, &device)?;
        write_model(base, &trained, request.model, &out.model())?;
    }
    let outcome = Outcome {
        trainable_parameters: trained.parameters(
            encoding.new_rows.as_ref().map_or(0, |r| r.trained as usize)
                * model.config().embedding_size(),
        ),
        trained_initially: planned.trainable_parameters,
        total_parameters: planned.total_parameters,
        steps: state.step,
        seconds: state.seconds,
        best_step: state.best.map_or(state.step, |(step, _)| step),
        best_score: state
            .best
            .filter(|_| request.train.select_by != SelectBy::Last)
            .map(|(_, score)| score),
        allocations: planned.allocations,
        reintroduced: state.reintroduced,
        device: device_name(&device),
        precision,
        peak_memory_bytes: peak_memory(),
    };
    let description = Description::new(request, family, digest, pooling, &outcome);
    write_adapter(&out.adapter(), &trained, &description, &planned)?;

    let predicted: Vec<&TokenRow> = dev.into_iter().chain(test).collect();
    let predictions = predict_rows(
        &Inference::new(model, &trained)?,
        &predicted,
        &description,
        request.train.batch.get() as usize,
        states
            .as_deref()
            .filter(|states| states.is_exact())
            .map(|states| (states, train.len())),
        &Silent,
    )?;
    predictions.write(&out.predictions())?;
    atomic::write_json(&out.training(), &outcome)?;
    if checkpoint.is_file() {
        std::fs::remove_file(&checkpoint)
            .map_err(lingo_artifact::Error::io("remove", &checkpoint))?;
    }
    Ok(outcome)
}

/// The request's model, and the precision that it has: shared and packed, unless all of it is trained.
fn load_model(
    request: &AdaptRequest,
    digest: Digest,
    device: &Device,
) -> Result<(Arc<Model>, PrecisionChoice), Error> {
    let new_rows = request.tokens.metadata.encoding.new_rows.is_some();
    let gradients = match request.method {
        Method::Full(_) => {
            let model = Model::load(request.model, device)?;
            return Ok((Arc::new(model), PrecisionChoice::F32));
        }
        Method::Head(_) => new_rows,
        _ => true,
    };
    let packing = Packing {
        precision: request.train.precision.resolve(),
        gradients,
    };
    let model = request.models.get(request.model, digest, device, packing)?;
    let precision = match model.packing() {
        Some(packing) if packing.precision == Precision::Bf16 => PrecisionChoice::Bf16,
        _ => PrecisionChoice::F32,
    };
    Ok((model, precision))
}

/// The allocator of a method with rank adaptation, the step from which evaluations count, and the
/// weight of the orthogonality penalty.
fn rank_adaptation(
    request: &AdaptRequest,
    network: &Network,
    store: &crate::store::ParameterStore,
    steps: u64,
) -> Result<(Option<Allocator>, u64, f64), Error> {
    let Some((settings, adaptation)) = request
        .method
        .low_rank()
        .and_then(|s| s.rank_adaptation.clone().map(|a| (s, a)))
    else {
        return Ok((None, 0, 0.0));
    };
    let modules = network.triplets(store);
    let (schedule, rule) = schedule(&adaptation, settings.rank, modules.len(), steps)?;
    let allocator = Allocator::new(
        rule,
        schedule,
        adaptation.betas,
        modules,
        store.len(),
        request.seed,
    );
    Ok((Some(allocator), schedule.last(), adaptation.orthogonality))
}

/// A hash of all that shapes the run.
fn identity(request: &AdaptRequest, model: &Digest) -> Result<String, Error> {
    let mut ids = Vec::new();
    for row in &request.tokens.rows {
        ids.extend_from_slice(row.split.as_str().as_bytes());
        ids.extend(row.input_ids.iter().flat_map(|id| id.to_le_bytes()));
        ids.extend_from_slice(format!("{:?}", row.label).as_bytes());
    }
    let text = serde_json::to_string(&(
        request.method,
        request.train,
        request.seed,
        &request.tokens.metadata,
        model,
        Digest::of_bytes(&ids),
        env!("CARGO_PKG_VERSION"),
    ))
    .map_err(|e| Error::Data(e.to_string()))?;
    Ok(Digest::of_bytes(text.as_bytes()).to_string())
}

/// The states of the blocks below everything that is trained, for `rows`; `None` where there are no
/// such blocks, or the states are not to be kept.
fn frozen_states(
    request: &AdaptRequest,
    network: &Network,
    digest: &Digest,
    rows: &[&TokenRow],
) -> Result<Option<Arc<FrozenStates>>, Error> {
    let block = network.frozen_blocks();
    let Some(folder) = request
        .states
        .filter(|_| block > 0 && request.train.cache_states)
    else {
        return Ok(None);
    };
    let (model, progress) = (&network.model, request.progress);
    let layout = Layout::new(model, digest, block, rows);
    let (bytes, limit) = (layout.bytes(), request.train.cache_limit_mib.get());
    if bytes > u64::from(limit) << 20 {
        progress.say(&format!(
            "the output of the frozen blocks would take {} MiB, more than `cache_limit_mib` ({limit}): \
             it is computed in every pass",
            bytes.div_ceil(1 << 20)
        ));
        return Ok(None);
    }
    let path = folder.join(layout.name());
    let make = || match FrozenStates::open(&path, &layout) {
        Some(states) => Ok(states),
        None => FrozenStates::compute(&path, &layout, model, rows, progress, request.stop),
    };
    request.models.states(&path, make, |problem| {
        progress.say(&format!(
            "the output of the frozen blocks cannot be kept, so it is computed in every pass: {problem}"
        ));
    })
}

/// Most memory that this process held, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
