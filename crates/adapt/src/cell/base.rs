//! The model that a cell adapts, and what of its output is kept.

use std::sync::Arc;

use burn::tensor::Device;
use lingo_artifact::digest::Digest;
use lingo_artifact::tokens::TokenRow;
use lingo_lm::{Model, Packing, Precision};

use crate::cell::request::AdaptRequest;
use crate::error::Error;
use crate::network::adapted::Network;
use crate::settings::train_config::PrecisionChoice;
use crate::train::states::{FrozenStates, Layout};

/// The request's model, and the precision that it has: shared and packed, unless all of it is trained.
pub(super) fn load_model(
    request: &AdaptRequest,
    digest: Digest,
    device: &Device,
) -> Result<(Arc<Model>, PrecisionChoice), Error> {
    let new_rows = request.tokens.metadata.encoding.new_rows.is_some();
    if request.method.needs_plain_operations() || request.train.train_norms {
        let mut model = Model::load(request.model, device)?;
        if let Some(kind) = request.train.quantization.resolve() {
            model.quantize(kind)?;
        }
        return Ok((Arc::new(model), PrecisionChoice::F32));
    }
    let packing = Packing {
        precision: request.train.precision.resolve(),
        quantization: request.train.quantization.resolve(),
        gradients: new_rows || request.method.reaches_below_the_head(),
    };
    let model = request.models.get(request.model, digest, device, packing)?;
    let precision = match model.packing() {
        Some(packing) if packing.precision == Precision::Bf16 => PrecisionChoice::Bf16,
        _ => PrecisionChoice::F32,
    };
    Ok((model, precision))
}

/// The states of the blocks below everything that is trained, for `rows`; `None` where there are no
/// such blocks, or the states are not to be kept.
pub(super) fn frozen_states(
    request: &AdaptRequest,
    network: &Network,
    digest: &Digest,
    rows: &[&TokenRow],
) -> Result<Option<Arc<FrozenStates>>, Error> {
    let block = network.frozen_blocks();
    let Some(folder) = request
        .states
        // Rows that are changed in every epoch have other states each time.
        .filter(|_| block > 0 && request.train.cache_states)
        .filter(|_| !request.train.augment.is_on() && request.masking.is_none())
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
