//! The motifs that are trained before a language model, or by themselves, each network without one part of the rows.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Instant;

use lingo_artifact::digest::Digest;
use lingo_kernels::Level;

use crate::cell::added::Added;
use crate::cell::begun::Begun;
use crate::cell::kernel::train_kernel;
use crate::cell::request::AdaptRequest;
use crate::cell::words::train_words;
use crate::error::Error;
use crate::method::methods::Method;
use crate::network::motif_net::MotifNet;
use crate::network::stem::{Stem, folds_of};
use crate::network::store::ParameterStore;
use crate::network::words::Words;
use crate::plan::model_shape::ModelShape;
use crate::plan::steps::{Lengths, plan};
use crate::reading::{Beside, Reader, Rows, View};
use crate::settings::motif_cnn::MotifCnn;
use crate::settings::train_config::TrainConfig;
use crate::train::loss::mean_loss;

/// A trained stem, and what it took.
pub(super) struct TrainedStem {
    pub stem: Stem,
    /// Optimizer steps, of all networks.
    pub steps: u64,
    /// Wall seconds.
    pub seconds: f64,
    /// What was odd about their training.
    pub warnings: Vec<String>,
}

/// Trains the networks; those that an interrupted run had finished are taken up.
///
/// # Errors
/// Fewer different sequences than folds; what training says.
pub(super) fn train_stem(
    begun: &Begun,
    shape: &ModelShape,
    motifs: &MotifCnn,
) -> Result<TrainedStem, Error> {
    let (request, folds) = (begun.request, motifs.count());
    let readings = request
        .readings
        .ok_or_else(|| Error::Config("a stem needs the sequences behind the tokens".into()))?;
    let bases = |place: usize| {
        let bases = readings.bases(place);
        bases.map_err(|e| Error::Data(e.to_string()))
    };
    let train = &begun.train;
    let sequences: Vec<_> = (train.places.iter())
        .map(|&place| bases(place))
        .collect::<Result<_, _>>()?;
    let of_row = sequences.first().map_or(1, Vec::len);
    let fold_of = folds_of(sequences.iter().cloned(), folds, request.seed).ok_or_else(|| {
        Error::Data(format!(
            "the training split has fewer different sequences than the {folds} `folds` of the motifs: give fewer folds, or more data"
        ))
    })?;
    let mut without = vec![None; request.tokens.rows.len()];
    for (&place, &fold) in train.places.iter().zip(&fold_of) {
        without[place] = Some(fold);
    }
    let owned = |row: Vec<Cow<[u8]>>| row.into_iter().map(Cow::into_owned).collect();
    let sequences: Vec<Vec<Vec<u8>>> = sequences.into_iter().map(owned).collect();
    let added = Added::of(begun, motifs, &sequences)?;
    let with_natural = added.as_ref().map(|added| added.readings(readings));
    let began = Instant::now();
    let parts = (&fold_of[..], folds);
    let words = match &motifs.words {
        Some(settings) => Some(train_words(
            begun,
            settings,
            &sequences,
            parts,
            without.clone(),
        )?),
        None => None,
    };
    let kernel = match motifs.word_kernel() {
        Some(settings) => Some(train_kernel(
            begun,
            &settings,
            &sequences,
            parts,
            without.clone(),
        )?),
        None => None,
    };
    drop(sequences);
    let beside = began.elapsed().as_secs_f64();
    let method = Method::MotifCnn(MotifCnn {
        folds: NonZeroU32::new(1),
        // What they add to the rows is added here.
        shuffles: None,
        natural: None,
        ..motifs.clone()
    });
    let config = TrainConfig {
        epochs: motifs.epochs.unwrap_or(request.train.epochs),
        stem: None,
        // A bound on the model's training, where there is one.
        max_steps: match request.method.reads_bases() {
            true => request.train.max_steps,
            false => None,
        },
        ..request.train.clone()
    };
    let labels = &request.tokens.metadata.labels;
    let outputs = labels.outputs();
    let learnt = outputs + added.as_ref().map_or(0, Added::second);
    let mut stores = Vec::new();
    let (mut steps, mut seconds, mut warnings) = (0, beside, Vec::new());
    for fold in 0..folds {
        let mut rows = rest_of(train, &fold_of, fold as u32);
        if let Some(added) = &added {
            added.add_to(&mut rows, request.seed, fold);
        }
        let mut lengths = Lengths::new();
        for length in rows.lengths() {
            *lengths.entry(length as u32).or_default() += 1;
        }
        // Each has its own initial values, order and dropout.
        let request = AdaptRequest {
            method: &method,
            train: &config,
            seed: request.seed.wrapping_add((fold as u64) << 32),
            ..*request
        };
        let of_fold = Begun {
            request: &request,
            planned: plan(shape, &method, &config, labels, None, &lengths)?,
            train: rows,
            dev: begun.dev.clone(),
            test: Rows::default(),
            out: begun.fold(fold),
            reader: Reader {
                bases: true,
                beside: None,
                readings: match &with_natural {
                    Some(joined) => Some(joined),
                    None => begun.reader.readings,
                },
                ..begun.reader
            },
            targets: begun.targets,
            phase: format!("motifs {} of {folds}", fold + 1),
        };
        let (network, store) = MotifNet::build(
            motifs.network(),
            of_row,
            learnt,
            Level::detect(),
            request.seed,
        );
        let rates = vec![1.0; store.entries.len()];
        // Which rows it does not see is part of what a checkpoint is of.
        let mut unseen = Digest::of_bytes(format!("part {fold} of {folds}").as_bytes());
        if let Some(added) = &added {
            unseen = added.digest(unseen);
        }
        let mut trainer = of_fold.trainer(network, store, rates, &unseen)?;
        of_fold.resume(&mut trainer)?;
        // Its last checkpoint is what an interrupted cell goes on with.
        of_fold.run(&mut trainer)?;
        if let Some((values, _)) = trainer.best.take() {
            trainer.store.values = values;
        }
        steps += trainer.state.step;
        seconds += trainer.state.seconds;
        warnings.extend(trainer.state.warning.take());
        stores.push(own_outputs(trainer.store, learnt, outputs));
    }
    let mut stem = Stem::new(motifs.network(), of_row, outputs, stores, without)?;
    let of_kernel = kernel.as_ref().map(|kernel| &kernel.unseen[..]);
    let [of_networks, of_words, of_kernel] = scales(begun, &stem, words.as_ref(), of_kernel)?;
    stem.scale = of_networks as f32;
    stem.words = words.map(|words| words.scaled(of_words));
    stem.kernel = kernel.map(|kernel| kernel.machine.scaled(of_kernel));
    Ok(TrainedStem {
        stem,
        steps,
        seconds,
        warnings,
    })
}

/// The rows that a fold's network is trained on.
fn rest_of<'a>(train: &Rows<'a>, fold_of: &[u32], fold: u32) -> Rows<'a> {
    let kept = (0..train.rows.len()).filter(|&i| fold_of[i] != fold);
    let kept: Vec<usize> = kept.collect();
    Rows {
        rows: kept.iter().map(|&i| train.rows[i]).collect(),
        places: kept.iter().map(|&i| train.places[i]).collect(),
        ..Rows::default()
    }
}

/// A network's values without the outputs of a second task, which nothing asks for when it is trained.
fn own_outputs(store: ParameterStore, learnt: usize, outputs: usize) -> ParameterStore {
    if learnt == outputs {
        return store;
    }
    let mut own = ParameterStore::default();
    for (entry, named) in store.entries.iter().enumerate() {
        let (mut shape, mut values) = (named.shape.clone(), store.slice(entry).to_vec());
        if named.name.starts_with("head.")
            && let Some(width) = shape.last_mut()
        {
            *width = outputs;
            let rows = values.chunks_exact(learnt);
            values = rows
                .flat_map(|row| row[..outputs].iter().copied())
                .collect();
        }
        own.add(named.name.clone(), &shape, values);
    }
    own
}

/// The factors of the networks', of the words' and of the kernel machine's logits with which the loss of rows that none of them has
/// seen is lowest: the first between a twentieth and 3, the second up to 3, the third up to 20, since a kernel machine, which
/// says 1 or -1 of what it is sure of, is the least sure. (Guo et al. 2017 call the inverse of the first the temperature.)
fn scales(
    begun: &Begun,
    stem: &Stem,
    words: Option<&Words>,
    kernel: Option<&[f32]>,
) -> Result<[f64; 3], Error> {
    let rows = &begun.train;
    let logits = |beside: &dyn Beside| {
        let reader = Reader {
            bases: true,
            beside: Some(beside),
            ..begun.reader
        };
        reader.seen(View::GIVEN).beside_alone(rows)
    };
    let of_networks = logits(stem)?;
    let of_words = words.map(|words| logits(words)).transpose()?;
    let labels: Vec<_> = rows.rows.iter().map(|row| &row.label).collect();
    let outputs = begun.request.tokens.metadata.labels.outputs();
    let loss = |[a, b, c]: [f64; 3]| {
        let mut sum: Vec<f32> = of_networks.iter().map(|n| n * a as f32).collect();
        for (logits, factor) in [(of_words.as_deref(), b), (kernel, c)] {
            let pairs = sum.iter_mut().zip(logits.unwrap_or_default());
            pairs.for_each(|(sum, logit)| *sum += logit * factor as f32);
        }
        mean_loss(&sum, outputs, &labels, &begun.targets)
    };
    // In turn, each with the others held: the loss is convex in all. The more they say the same, the more turns it takes.
    let mut found = [1.0, 0.0, 0.0];
    let turns = match (words.is_some(), kernel.is_some()) {
        (false, false) => 1,
        (true, false) => 8,
        (_, true) => 16,
    };
    for _ in 0..turns {
        let [_, b, c] = found;
        let of_log = |log: f64| loss([log.exp(), b, c]);
        found[0] = lowest(of_log, [1.0 / 20.0f64, 3.0].map(f64::ln)).exp();
        let [a, ..] = found;
        if words.is_some() {
            found[1] = lowest(|b| loss([a, b, c]), [0.0, 3.0]);
        }
        let [_, b, _] = found;
        if kernel.is_some() {
            found[2] = lowest(|c| loss([a, b, c]), [0.0, 20.0]);
        }
    }
    Ok(found)
}

/// Where a function of one number is lowest: a golden-section search.
fn lowest(of: impl Fn(f64) -> f64, [mut low, mut high]: [f64; 2]) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut of_a, mut of_b) = (of(a), of(b));
    while high - low > 1e-3 {
        if of_a <= of_b {
            (high, b, of_b) = (b, a, of_a);
            a = high - ratio * (high - low);
            of_a = of(a);
        } else {
            (low, a, of_a) = (a, b, of_b);
            b = low + ratio * (high - low);
            of_b = of(b);
        }
    }
    (low + high) / 2.0
}
