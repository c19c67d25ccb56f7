//! The model that a run fetches or pretrains first.

use std::path::Path;

use lingo_adapt::{CheckpointEvery, PretrainRequest};
use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::RunFolder;
use lingo_hub::{Depth, Hub, HubModel, LeftFile};
use lingo_ingest::Genome;
use lingo_lm::DeviceChoice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cell::MadeBy;
use crate::failure::{Error, Kind};
use crate::observer::Observer;
use crate::pipeline::resolved::ModelPlan;
use crate::plan::ModelIdentity;
use crate::plan::planned::Plan;
use crate::store::{Attempt, Stored, place_file};

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
    fetch_at(&plan.pipeline.model, &plan.model.left, observer, stop)
}

/// As [`fetch_model`], for any run: `left` are the files that the hub still has.
///
/// # Errors
/// As there.
pub(crate) fn fetch_at(
    model: &ModelPlan,
    left: &[LeftFile],
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<(), Error> {
    let ModelPlan::Hub { model, commit } = model else {
        return Ok(());
    };
    if left.iter().all(|file| file.path.is_file()) {
        return Ok(());
    }
    let revision = commit.as_deref().unwrap_or(model.revision());
    let model = HubModel::new(model.name(), revision)?;
    let progress = observer.part(model.name());
    Hub::from_environment()?.fetch(&model, Depth::Whole, progress.as_ref(), stop)?;
    Ok(())
}

/// Pretrains the model of a run, if it is to be pretrained and is not in the store, and lays it at its place.
///
/// # Errors
/// What pretraining says.
pub fn prepare_model(
    plan: &Plan,
    checkpoint_every: CheckpointEvery,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<(), Error> {
    let to = Place {
        run: &plan.run,
        identity: &plan.model,
        device: plan.choice,
        made_by: plan.made_by(),
    };
    pretrain_at(&to, &plan.pipeline.model, checkpoint_every, observer, stop)
}

/// Where a model is pretrained, and what it is.
pub(crate) struct Place<'a> {
    /// The run's folder.
    pub run: &'a Path,
    /// What identifies the model.
    pub identity: &'a ModelIdentity,
    /// What computes.
    pub device: DeviceChoice,
    /// What its record says of that.
    pub made_by: MadeBy,
}

/// As [`prepare_model`], for any run.
///
/// # Errors
/// As there.
pub(crate) fn pretrain_at(
    to: &Place,
    model: &ModelPlan,
    checkpoint_every: CheckpointEvery,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<(), Error> {
    let Some(id) = to.identity.pretrain else {
        return Ok(());
    };
    let run = RunFolder::new(to.run);
    let is_there = || Stored::read(&run, &id).is_some();
    if !is_there()
        && let Err(e) = pretrain(to, id, model, checkpoint_every, (observer, stop))
    {
        // Where two were at it at once, the first removes what the other wrote.
        if !is_there() {
            return Err(e);
        }
    }
    match Stored::read(&run, &id) {
        Some(stored) => place(&run, &stored, RunFolder::MODEL, &run.model_record()),
        None => Ok(()),
    }
}

/// Pretrains, on to the result in the store.
fn pretrain(
    to: &Place,
    id: Digest,
    model: &ModelPlan,
    checkpoint_every: CheckpointEvery,
    (observer, stop): (&dyn Observer, &StopFlag),
) -> Result<(), Error> {
    let ModelPlan::Pretrain {
        fasta,
        seed,
        config,
    } = model
    else {
        return Ok(());
    };
    let run = RunFolder::new(to.run);
    let genome = Genome::open(fasta, lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
    let attempt = Attempt::begin(&run, id)?;
    let out = attempt.folder().join(RunFolder::MODEL);
    let progress = observer.part("model");
    let outcome = lingo_adapt::pretrain(&PretrainRequest {
        source: &genome,
        config,
        seed: *seed,
        device: to.device,
        out: &out,
        checkpoint_every,
        progress: progress.as_ref(),
        stop,
    });
    let kept = || lingo_adapt::pretrain::last_checkpoint(&out);
    let outcome = outcome.map_err(|e| Error::from(e).with_checkpoint(kept))?;
    let outcome = serde_json::to_value(&outcome)
        .map_err(|e| Error::stage(Kind::Failed, format!("pretraining: {e}")))?;
    let stored = Stored::of(
        attempt.folder(),
        ("model", RunFolder::MODEL),
        id,
        (to.identity.parameters.clone(), to.identity.hashes.clone()),
        outcome,
        to.made_by.clone(),
    )?;
    attempt.commit(&stored)?;
    Ok(())
}

/// Lays the files of a model at their place, the folder `name` of the run and of the result, with their record; those of another
/// model make room.
pub(crate) fn place(
    run: &RunFolder,
    stored: &Stored,
    name: &str,
    record_path: &Path,
) -> Result<(), Error> {
    let folder = run.path().join(name);
    let record = ModelRecord {
        id: Some(stored.id),
        outcome: stored.facts.clone(),
    };
    let found: ModelRecord = atomic::read_json(record_path).unwrap_or_default();
    let from = run.stored(&stored.id);
    if found != record {
        // The record goes first: killed in between, no record of another model stands beside this one.
        atomic::write_json(record_path, &ModelRecord::default())?;
        let io = lingo_artifact::Error::io;
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let inside = format!("{name}/{}", entry.file_name().to_string_lossy());
            if path.is_file() && !stored.outputs.contains_key(&inside) {
                std::fs::remove_file(&path).map_err(io("remove", &path))?;
            }
        }
    }
    let inside = |output: &&String| output.split('/').next() == Some(name);
    for output in stored.outputs.keys().filter(inside) {
        place_file(&from.join(output), &run.path().join(output))?;
    }
    match found == record {
        true => Ok(()),
        false => Ok(atomic::write_json(record_path, &record)?),
    }
}
