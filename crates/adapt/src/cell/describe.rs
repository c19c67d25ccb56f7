//! `lingo.json` of a finished cell.

use lingo_artifact::digest::Digest;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::training::Training;
use lingo_lm::Family;

use crate::cell::begun::Begun;
use crate::folder::adapter::{BaseModel, Description, SCHEMA};
use crate::settings::train_config::{Pooling, PrecisionChoice, QuantizationChoice};
use crate::train::target_scale::TargetScale;

/// The language model that was adapted, and how it was read.
pub(super) struct Base {
    pub family: Family,
    /// Of its weights.
    pub sha256: Digest,
    pub pooling: Pooling,
    pub precision: PrecisionChoice,
}

/// What PEFT's files do not say of the cell's adapter.
pub(super) fn describe(begun: &Begun, base: Option<&Base>, outcome: &Training) -> Description {
    let request = begun.request;
    let name = ModelFolder::new(request.model).name();
    Description {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").into(),
        encoding: request.tokens.metadata.encoding.clone(),
        labels: request.tokens.metadata.labels.clone(),
        both_strands: request.both_strands,
        targets: (begun.targets != TargetScale::NONE).then_some(begun.targets),
        pooling: base.map(|b| b.pooling),
        method: request.method.clone(),
        stem: None,
        motifs: request.train.stem.clone(),
        trained_norms: base.is_some() && request.train.train_norms,
        base_model: base.map(|b| BaseModel {
            name,
            family: b.family.name().into(),
            sha256: b.sha256,
        }),
        precision: base.map_or(PrecisionChoice::F32, |b| b.precision),
        quantization: base.map_or(QuantizationChoice::None, |_| request.train.quantization),
        trainable_parameters: outcome.trainable_parameters,
        trained_initially: outcome.trained_initially,
        total_parameters: outcome.total_parameters,
    }
}
