//! A cell of the floor: motifs over bases, trained from nothing, no language model.

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::training::Training;
use lingo_kernels::Level;

use crate::batching::EVALUATION_BATCH;
use crate::cell::begun::Begun;
use crate::cell::describe::describe;
use crate::error::Error;
use crate::folder::adapter::write_store;
use crate::method::adaptation::MotifSettings;
use crate::network::motif_net::MotifNet;
use crate::predict::{as_predictions, both_strands};
use crate::train::trainer::predict_with;

/// Trains, predicts and writes the cell.
pub(super) fn train_motifs(mut begun: Begun, motifs: MotifSettings) -> Result<Training, Error> {
    let request = begun.request;
    let labels = &request.tokens.metadata.labels;
    let sequences = match (request.readings, begun.train.places.first()) {
        (Some(readings), Some(&row)) => {
            let bases = readings.bases(row);
            bases.map_err(|e| Error::Data(e.to_string()))?.len()
        }
        _ => 1,
    };
    let (network, store) = MotifNet::build(
        motifs,
        sequences,
        labels.outputs(),
        Level::detect(),
        request.seed,
    );
    begun.planned.trainable_parameters = store.len() as u64;
    begun.planned.total_parameters = store.len() as u64;
    let rates = vec![1.0; store.entries.len()];
    // No weights but its own.
    let mut trainer = begun.trainer(network, store, rates, &Digest::of_bytes(b""))?;
    begun.resume(&mut trainer)?;
    begun.run(&mut trainer)?;
    if let Some((values, _)) = trainer.best.take() {
        trainer.store.values = values;
    }
    let (network, store) = (&mut trainer.network, &trainer.store);
    let trained = store.len() as u64;
    let outcome = begun.outcome(trained, &trainer.state, "cpu".into(), "f32");
    let description = describe(request, None, &outcome);
    write_store(&begun.out.adapter(), store, &description)?;

    let rows = begun.predicted();
    let uploaded = crate::network::net::Net::upload(network, store, None, false)?;
    let size = EVALUATION_BATCH.max(request.train.batch.get() as usize);
    let logits = both_strands(request.both_strands, |view| {
        predict_with(
            network,
            store,
            &uploaded,
            &rows,
            &begun.reader.seen(view),
            size,
        )
    })?;
    let predictions = as_predictions(&rows.rows, logits, labels);
    predictions.write(&begun.out.predictions())?;
    atomic::write_json(&begun.out.training(), &outcome)?;
    begun.forget_checkpoint()?;
    Ok(outcome)
}
