//! The model that a run fetches or pretrains first.

use lingo_adapt::{CheckpointEvery, PretrainRequest};
use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::RunFolder;
use lingo_hub::{Depth, Hub, HubModel};
use lingo_ingest::Genome;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::pipeline::resolved::ModelPlan;
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
    let (
        Some(id),
        ModelPlan::Pretrain {
            fasta,
            seed,
            config,
        },
    ) = (plan.model.pretrain, &plan.pipeline.model)
    else {
        return Ok(());
    };
    let record_path = RunFolder::new(&plan.run).model_record();
    let found: ModelRecord = atomic::read_json(&record_path).unwrap_or_default();
    if found.id == Some(id) && ModelFolder::new(&plan.model.folder).is_there() {
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
        device: plan.choice,
        out: &plan.model.folder,
        checkpoint_every,
        progress: progress.as_ref(),
        stop,
    });
    let kept = || lingo_adapt::pretrain::last_checkpoint(&plan.model.folder);
    let outcome = outcome.map_err(|e| Error::from(e).with_checkpoint(kept))?;
    let outcome = serde_json::to_value(&outcome)
        .map_err(|e| Error::stage(Kind::Failed, format!("pretraining: {e}")))?;
    let record = ModelRecord {
        id: Some(id),
        outcome,
    };
    Ok(atomic::write_json(&record_path, &record)?)
}
