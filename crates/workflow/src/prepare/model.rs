//! The model that a run fetches or pretrains first.

use std::path::Path;

use lingo_adapt::{CheckpointEvery, PretrainRequest};
use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::RunFolder;
use lingo_hub::{Depth, Hub, HubModel};
use lingo_ingest::Genome;
use lingo_lm::DeviceChoice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::pipeline::resolved::ModelPlan;
use crate::plan::ModelIdentity;
use crate::plan::planned::Plan;

/// The record of a pretrained model: `model.json` beside its folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelRecord {
    /// The id of the pretraining.
    pub id: Option<Digest>,
    /// Its outcome.
    pub outcome: Value,
}

/// Fetches the weights of a run's model, where they are yet to be fetched.
///
/// # Errors
/// What the hub says.
pub fn fetch_model(plan: &Plan, observer: &dyn Observer, stop: &StopFlag) -> Result<(), Error> {
    let ModelPlan::Hub { model, commit } = &plan.pipeline.model else {
        return Ok(());
    };
    if plan.model.left.iter().all(|file| file.path.is_file()) {
        return Ok(());
    }
    let revision = commit.as_deref().unwrap_or(model.revision());
    let model = HubModel::new(model.name(), revision)?;
    let progress = observer.part(model.name());
    Hub::from_environment()?.fetch(&model, Depth::Whole, progress.as_ref(), stop)?;
    Ok(())
}

/// Pretrains the model of a run, if it is to be pretrained and is not there.
///
/// # Errors
/// What pretraining says.
pub fn prepare_model(
    plan: &Plan,
    checkpoint_every: CheckpointEvery,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<(), Error> {
    let place = Place {
        run: &plan.run,
        identity: &plan.model,
        device: plan.choice,
    };
    pretrain_at(
        &place,
        &plan.pipeline.model,
        checkpoint_every,
        observer,
        stop,
    )
}

/// Where a model is pretrained, and what it is.
pub(crate) struct Place<'a> {
    /// The run's folder.
    pub run: &'a Path,
    /// What identifies the model.
    pub identity: &'a ModelIdentity,
    /// What computes.
    pub device: DeviceChoice,
}

/// As [`prepare_model`], for any run.
///
/// # Errors
/// As there.
pub(crate) fn pretrain_at(
    place: &Place,
    model: &ModelPlan,
    checkpoint_every: CheckpointEvery,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<(), Error> {
    let (
        Some(id),
        ModelPlan::Pretrain {
            fasta,
            seed,
            config,
        },
    ) = (place.identity.pretrain, model)
    else {
        return Ok(());
    };
    let folder = &place.identity.folder;
    let record_path = RunFolder::new(place.run).model_record();
    let found: ModelRecord = atomic::read_json(&record_path).unwrap_or_default();
    if found.id == Some(id) && ModelFolder::new(folder).is_there() {
        return Ok(());
    }
    let genome = Genome::open(fasta, lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
    // The record goes first: killed in between, no record of another model stands beside this one.
    atomic::write_json(&record_path, &ModelRecord::default())?;
    let progress = observer.part("model");
    let outcome = lingo_adapt::pretrain(&PretrainRequest {
        source: &genome,
        config,
        seed: *seed,
        device: place.device,
        out: folder,
        checkpoint_every,
        progress: progress.as_ref(),
        stop,
    });
    let kept = || lingo_adapt::pretrain::last_checkpoint(folder);
    let outcome = outcome.map_err(|e| Error::from(e).with_checkpoint(kept))?;
    let outcome = serde_json::to_value(&outcome)
        .map_err(|e| Error::stage(Kind::Failed, format!("pretraining: {e}")))?;
    let record = ModelRecord {
        id: Some(id),
        outcome,
    };
    Ok(atomic::write_json(&record_path, &record)?)
}
