//! A cell that adapts a language model.

use std::sync::Arc;

use lingo_artifact::atomic;
use lingo_artifact::progress::Silent;
use lingo_artifact::training::Training;
use lingo_lm::{Model, device_name, open_device};

use crate::batching::EVALUATION_BATCH;
use crate::cell::base::{frozen_states, load_model};
use crate::cell::begun::Begun;
use crate::cell::describe::{Base, describe};
use crate::cell::models::KnownModel;
use crate::cell::stem::{TrainedStem, train_stem};
use crate::error::Error;
use crate::folder::adapter::write_adapter;
use crate::folder::model::write_model;
use crate::folder::trained::{Inference, Pass, Trained};
use crate::method::adaptation::LowRankSettings;
use crate::network::adapted::{KeptStates, Network, NetworkPlan};
use crate::plan::pooling::pooling;
use crate::predict::{both_strands, logits_of};
use crate::reading::Beside;
use crate::settings::train_config::PrecisionChoice;
use crate::train::rates::rates;
use crate::train::states::FrozenStates;
use crate::train::trainer::Trainer;

/// Trains, predicts and writes the cell.
pub(super) fn adapt_language_model(begun: Begun, known: &KnownModel) -> Result<Training, Error> {
    let stem = match &begun.request.train.stem {
        Some(motifs) => Some(train_stem(&begun, &known.shape, motifs)?),
        None => None,
    };
    adapt_beside(begun, known, stem.as_ref())
}

/// The same beside a stem that is trained.
fn adapt_beside<'a>(
    begun: Begun<'a>,
    known: &KnownModel,
    stem: Option<&'a TrainedStem>,
) -> Result<Training, Error> {
    let mut begun = begun;
    begun.reader.beside = stem.map(|found| &found.stem as &dyn Beside);
    let (request, digest) = (begun.request, known.digest);
    let device = open_device(request.device)?;
    let (model, precision) = load_model(request, digest, &device.clone().autodiff())?;
    let family = model.config().family;
    let pooling = pooling(
        request.train,
        family,
        known.shape.has_pooler,
        known.shape.sentence_pooling,
    )?;
    let metadata = &request.tokens.metadata;
    let (network, store) = Network::build(
        model,
        &NetworkPlan {
            method: request.method,
            norms: request.train.train_norms,
            pooling,
            outputs: metadata.labels.outputs(),
            hidden: request.train.head.hidden(),
            new_rows: metadata.encoding.new_rows.as_ref(),
            base_dropout: request.train.base_dropout,
            recompute: request.train.recompute,
            pad: metadata.encoding.pad,
            seed: request.seed,
            silent_head: stem.is_some(),
        },
    )?;
    let settings = request.method.low_rank();
    let of_stem = stem.map_or(0, |found| found.stem.parameters());
    if let Some(motifs) = &request.train.stem {
        // The plan does not know whether rows are pairs, nor how long sequences are, so how many words there are.
        let planned = motifs.count() * motifs.network().parameters(1, metadata.labels.outputs());
        for count in [
            &mut begun.planned.trainable_parameters,
            &mut begun.planned.total_parameters,
        ] {
            *count = *count - planned as u64 + of_stem;
        }
    }
    debug_assert_eq!(
        store.len() as u64 + of_stem,
        begun.planned.trainable_parameters + fixed_lambdas(&network, settings.as_ref())
    );
    let rates = rates(&network, &store, settings.as_ref(), request.train);
    let mut trainer = begun.trainer(network, store, rates, &digest)?;
    begun.resume(&mut trainer)?;
    let states = keep_states(&begun, &mut trainer, known, precision)?;
    begun.run(&mut trainer)?;

    let Trainer {
        network,
        mut store,
        allocator,
        best,
        state,
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
        write_model(base, &trained, request.model, &begun.out.model())?;
    }
    let new_values = metadata
        .encoding
        .new_rows
        .as_ref()
        .map_or(0, |r| r.trained as usize)
        * model.config().embedding_size();
    let trained_values = trained.parameters(new_values, settings.is_some_and(|s| s.trains_lambda));
    let mut outcome = begun.outcome(
        trained_values + of_stem,
        &state,
        (device_name(&device), model.computed_by()),
        precision.name(),
    );
    let base = Base {
        family,
        sha256: digest,
        pooling,
        precision,
    };
    outcome.seconds += stem.map_or(0.0, |found| found.seconds);
    outcome
        .warnings
        .extend(stem.iter().flat_map(|found| found.warnings.clone()));
    let mut description = describe(&begun, Some(&base), &outcome);
    description.stem = stem.map(|found| found.stem.scale);
    let beside = stem.map(|found| &found.stem);
    write_adapter(
        &begun.out.adapter(),
        &trained,
        beside,
        &description,
        &begun.planned,
        model.config(),
    )?;

    if request.masking.is_some() {
        atomic::write_json(&begun.out.training(), &outcome)?;
        return Ok(outcome);
    }
    let inference = Inference::new(model, &trained)?;
    let rows = begun.predicted();
    let exact = states.as_deref().filter(|states| states.is_exact());
    let predicted = both_strands(request.both_strands, |view| {
        let pass = Pass {
            pad: metadata.encoding.pad,
            batch: EVALUATION_BATCH.max(request.train.batch.get() as usize),
            states: exact.map(|states| (states, rows.first_kept)),
            progress: &Silent,
            stop: request.stop,
        };
        logits_of(&inference, &rows, &begun.reader.seen(view), pass)
    });
    let logits = begun.or_interrupted(predicted, &state)?;
    let predictions = begun.predictions(&rows, logits);
    predictions.write(&begun.out.predictions())?;
    atomic::write_json(&begun.out.training(), &outcome)?;
    Ok(outcome)
}

/// Values of lambdas that stand in the store and are not trained.
fn fixed_lambdas(network: &Network, settings: Option<&LowRankSettings>) -> u64 {
    let fixed = settings.is_some_and(|s| s.has_lambda() && !s.trains_lambda);
    let lambdas = network.deltas.iter().filter(|_| fixed);
    lambdas.map(|delta| delta.rank as u64).sum()
}

/// Gives the network the states of the blocks below everything that is trained, where they can be kept.
fn keep_states(
    begun: &Begun,
    trainer: &mut Trainer<'_, Network>,
    known: &KnownModel,
    precision: PrecisionChoice,
) -> Result<Option<Arc<FrozenStates>>, Error> {
    let mut kept = [&begun.train.rows[..], &begun.dev.rows].concat();
    if precision == PrecisionChoice::F32 {
        // Rounded states are good enough to train on, but what is predicted with them would not
        // be what the adapter predicts without.
        kept.extend(&begun.test.rows);
    }
    match frozen_states(begun.request, &trainer.network, &known.digest, &kept) {
        Err(Error::Stopped) => Err(trainer.interrupt()),
        Err(e) => Err(e),
        Ok(states) => {
            trainer.network.states = states.clone().map(|s| s as Arc<dyn KeptStates>);
            Ok(states)
        }
    }
}
