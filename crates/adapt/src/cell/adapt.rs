//! One cell: train, select on dev, predict dev and test, write what is left.

use lingo_artifact::atomic;
use lingo_artifact::training::Training;

use crate::cell::begun::Begun;
use crate::cell::language_model::adapt_language_model;
use crate::cell::motifs::train_motifs;
use crate::cell::request::AdaptRequest;
use crate::error::Error;

/// Trains one cell and writes `adapter/`, `predictions.parquet` (dev and test), `train.jsonl` and
/// `training.json` into `out`. The newest good checkpoint of the same run found there is taken up. Checkpoints stay until
/// [`forget_checkpoints`](crate::forget_checkpoints) is called, so that what follows can fail or be killed.
///
/// # Errors
/// See [`crate::Kind`].
pub fn adapt(request: &AdaptRequest) -> Result<Training, Error> {
    let (method, train) = request.method.settled(request.train);
    let request = &AdaptRequest {
        method: &method,
        train: &train,
        ..*request
    };
    atomic::remove_leftovers(request.out)?;
    let known = request.models.known(request.model)?;
    let begun = Begun::open(request, &known.shape)?;
    match request.method.adaptation().motifs() {
        Some(motifs) => train_motifs(begun, &known.shape, motifs),
        None => adapt_language_model(begun, &known),
    }
}
