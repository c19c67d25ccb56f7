//! A cell of the floor: motifs over bases, trained from nothing, no language model.

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::training::Training;
use lingo_kernels::Level;

use crate::batching::EVALUATION_BATCH;
use crate::cell::begun::Begun;
use crate::cell::describe::describe;
use crate::cell::stem::train_stem;
use crate::error::Error;
use crate::folder::adapter::{write_stem, write_store};
use crate::network::motif_net::MotifNet;
use crate::network::net::Net;
use crate::plan::model_shape::ModelShape;
use crate::predict::{both_strands, logits_of_stem};
use crate::settings::motif_cnn::MotifCnn;
use crate::train::state::Progressed;
use crate::train::trainer::predict_with;

/// Trains, predicts and writes the cell.
pub(super) fn train_motifs(
    begun: Begun,
    shape: &ModelShape,
    motifs: &MotifCnn,
) -> Result<Training, Error> {
    match motifs.count() {
        1 if motifs.words.is_some() => Err(Error::Config(
            "`motif_cnn.words` needs at least 2 `folds`: networks learn beside what words say of rows that they have not seen"
                .into(),
        )),
        1 if motifs.word_kernel().is_some() => Err(Error::Config(
            "`motif_cnn.kernel` needs at least 2 `folds`: what it weighs is fitted on rows that it has not seen".into(),
        )),
        1 => train_one(begun, motifs),
        _ => train_several(begun, shape, motifs),
    }
}

/// One network, trained on all rows.
fn train_one(mut begun: Begun, motifs: &MotifCnn) -> Result<Training, Error> {
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
        motifs.network(),
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
    let (network, store, state) = (&mut trainer.network, &trainer.store, &trainer.state);
    let trained = store.len() as u64;
    let by = ("cpu".into(), network.computed_by());
    let outcome = begun.outcome(trained, state, by, "f32");
    let description = describe(&begun, None, &outcome);
    write_store(&begun.out.adapter(), store, &description)?;

    let rows = begun.predicted();
    let uploaded = Net::upload(network, store, None, false)?;
    let size = EVALUATION_BATCH.max(request.train.batch.get() as usize);
    let predicted = both_strands(request.both_strands, |view| {
        predict_with(
            network,
            store,
            &uploaded,
            &rows,
            &begun.reader.seen(view),
            size,
            request.stop,
        )
    });
    let logits = begun.or_interrupted(predicted, state)?;
    let predictions = begun.predictions(&rows, logits);
    predictions.write(&begun.out.predictions())?;
    atomic::write_json(&begun.out.training(), &outcome)?;
    Ok(outcome)
}

/// Several networks, each without one part of the rows, their logits averaged.
fn train_several(
    mut begun: Begun,
    shape: &ModelShape,
    motifs: &MotifCnn,
) -> Result<Training, Error> {
    let found = train_stem(&begun, shape, motifs)?;
    let stem = found.stem;
    let request = begun.request;
    let trained = stem.parameters();
    begun.planned.trainable_parameters = trained;
    begun.planned.total_parameters = trained;
    let state = Progressed {
        step: found.steps,
        seconds: found.seconds,
        ..Progressed::default()
    };
    // As its networks compute.
    let by = ("cpu".into(), format!("cpu {}", Level::detect()));
    let mut outcome = begun.outcome(trained, &state, by, "f32");
    outcome.warnings.extend(found.warnings);
    let mut description = describe(&begun, None, &outcome);
    description.stem = Some(stem.scale);
    write_stem(&begun.out.adapter(), &stem, &description)?;
    let rows = begun.predicted();
    let logits = both_strands(request.both_strands, |view| {
        logits_of_stem(&stem, &rows, &begun.reader.seen(view))
    })?;
    let predictions = begun.predictions(&rows, logits);
    predictions.write(&begun.out.predictions())?;
    atomic::write_json(&begun.out.training(), &outcome)?;
    // The curve of the first network stands for all.
    let (log, first) = (begun.out.train_log(), begun.fold(0).train_log());
    std::fs::copy(&first, &log).map_err(lingo_artifact::Error::io("copy", &first))?;
    Ok(outcome)
}
