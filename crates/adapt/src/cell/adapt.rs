//! One cell: train an adapter, select it on dev, predict dev and test, write what is left.

use std::sync::Arc;

use burn::tensor::Device;
use lingo_artifact::digest::Digest;
use lingo_artifact::progress::Silent;
use lingo_artifact::run_folder::CellFolder;
use lingo_artifact::tokens::TokenRow;
use lingo_artifact::training::Training;
use lingo_artifact::{Split, atomic};
use lingo_lm::{Family, Model, device_name, open_device};

use crate::cell::base::{frozen_states, load_model};
use crate::cell::check::check;
use crate::cell::describe::describe;
use crate::cell::identity::identity;
use crate::cell::request::AdaptRequest;
use crate::error::Error;
use crate::folder::adapter::write_adapter;
use crate::folder::model::write_model;
use crate::folder::trained::{Inference, Trained};
use crate::method::adaptation::LowRankSettings;
use crate::network::adapted::{Network, NetworkPlan};
use crate::network::store::ParameterStore;
use crate::plan::steps::{StepPlan, pooling, schedule};
use crate::predict::predict_rows;
use crate::rank::adaptation::RankAdaptation;
use crate::settings::train_config::{Pooling, PrecisionChoice, SelectBy};
use crate::train::checkpoint::Progressed;
use crate::train::dropout::Dropout;
use crate::train::memory::peak_memory;
use crate::train::optimizer::LinearSchedule;
use crate::train::rank_dropout::RankDropout;
use crate::train::rates::rates;
use crate::train::train_log::TrainLog;
use crate::train::trainer::Trainer;

/// Trains one cell and writes `adapter/`, `predictions.parquet` (dev and test), `train.jsonl` and
/// `training.json` into `out`. A checkpoint of the same run found there is taken up.
///
/// # Errors
/// See [`crate::Kind`].
pub fn adapt(request: &AdaptRequest) -> Result<Training, Error> {
    let (cell, model) = Cell::open(request)?;
    let mut trainer = cell.trainer(model)?;
    cell.train(&mut trainer)?;
    cell.finish(trainer)
}

/// A cell that was found to be sound.
struct Cell<'a> {
    request: &'a AdaptRequest<'a>,
    train: Vec<&'a TokenRow>,
    dev: Vec<&'a TokenRow>,
    test: Vec<&'a TokenRow>,
    planned: StepPlan,
    out: CellFolder,
    device: Device,
    /// Of the base model's weights.
    digest: Digest,
    precision: PrecisionChoice,
    family: Family,
    pooling: Pooling,
}

impl<'a> Cell<'a> {
    /// Checks the request and loads its model.
    fn open(request: &'a AdaptRequest) -> Result<(Self, Arc<Model>), Error> {
        let rows = |split: Split| -> Vec<&TokenRow> {
            let rows = request.tokens.rows.iter();
            rows.filter(|r| r.split == split).collect()
        };
        let (train, dev, test) = (rows(Split::Train), rows(Split::Dev), rows(Split::Test));
        let known = request.models.known(request.model)?;
        let (shape, digest) = (&known.shape, known.digest);
        let planned = check(request, &train, &dev, shape)?;
        let device = open_device(request.device)?;
        let (model, precision) = load_model(request, digest, &device.clone().autodiff())?;
        let family = model.config().family;
        let cell = Self {
            train,
            dev,
            test,
            planned,
            out: CellFolder::new(request.out),
            device,
            digest,
            precision,
            family,
            pooling: pooling(request.train, family, shape.has_pooler)?,
            request,
        };
        Ok((cell, model))
    }

    /// The trainer at its first step.
    fn trainer(&self, model: Arc<Model>) -> Result<Trainer<'a>, Error> {
        let (request, steps) = (self.request, self.planned.steps);
        let config = request.train;
        let metadata = &request.tokens.metadata;
        let (network, store) = Network::build(
            model,
            &NetworkPlan {
                method: request.method,
                pooling: self.pooling,
                outputs: metadata.labels.outputs(),
                new_rows: metadata.encoding.new_rows.as_ref(),
                base_dropout: config.base_dropout,
                recompute: config.recompute,
                seed: request.seed,
            },
        )?;
        let settings = request.method.low_rank();
        debug_assert_eq!(
            store.len() as u64,
            self.planned.trainable_parameters + fixed_lambdas(&network, settings.as_ref())
        );
        let ranks = Ranks::of(request, &network, &store, steps)?;
        let peak = request.method.adaptation().learning_rate();
        let warmup = config.warmup_steps;
        Ok(Trainer {
            allocator: ranks.allocator,
            rank_dropout: settings.as_ref().map(|s| RankDropout {
                rate: s.rank_dropout,
                seed: request.seed,
                total: steps,
            }),
            rates: rates(&network, &store, settings.as_ref(), config),
            select_from: ranks.select_from,
            orthogonality: ranks.orthogonality,
            config,
            schedule: LinearSchedule {
                peak: peak.unwrap_or(config.learning_rate.get()),
                warmup: warmup.map_or(steps.div_ceil(10).min(50), u64::from),
                total: steps,
            },
            steps_per_epoch: self.planned.steps_per_epoch,
            dropout: Dropout::new(request.seed),
            seed: request.seed,
            train: self.train.clone(),
            dev: self.dev.clone(),
            states: None,
            pad: metadata.encoding.pad,
            log: TrainLog::create(&self.out.train_log())?,
            checkpoint: self.out.checkpoint(),
            progress: request.progress,
            stop: request.stop,
            state: Progressed {
                run: identity(request, &self.digest)?,
                ..Progressed::default()
            },
            best: None,
            last_gradients: Vec::new(),
            network,
            store,
        })
    }

    /// Trains from the checkpoint, where there is one, to the end.
    fn train(&self, trainer: &mut Trainer) -> Result<(), Error> {
        let progress = self.request.progress;
        if trainer.resume()? {
            progress.say(&format!(
                "going on from the checkpoint of step {}",
                trainer.state.step
            ));
        } else {
            trainer.log.clear()?;
        }
        let mut kept = [&self.train[..], &self.dev[..]].concat();
        if self.precision == PrecisionChoice::F32 {
            // Rounded states are good enough to train on, but what is predicted with them would not
            // be what the adapter predicts without.
            kept.extend(&self.test);
        }
        trainer.states = match frozen_states(self.request, &trainer.network, &self.digest, &kept) {
            Err(Error::Stopped { .. }) => return Err(trainer.interrupt()),
            states => states?,
        };
        if let Some(warning) = &self.planned.warning {
            progress.say(warning);
        }
        progress.begin("train", self.planned.steps);
        trainer.run()?;
        progress.end(&match peak_memory() {
            Some(bytes) => format!("peak memory {} MiB", bytes >> 20),
            None => String::new(),
        });
        Ok(())
    }

    /// Writes the adapter of the best step, what it predicts, and the numbers of the training.
    fn finish(&self, trainer: Trainer) -> Result<Training, Error> {
        let Trainer {
            network,
            mut store,
            allocator,
            best,
            state,
            checkpoint,
            states,
            ..
        } = trainer;
        let mut live = allocator.as_ref().map(|a| a.live().to_vec());
        if let Some((values, best_live)) = best {
            store.values = values;
            live = live.map(|_| best_live);
        }
        let trained = Trained::of(&network, &store, live.as_deref());
        let model = network.model;
        let request = self.request;
        if trained.rows.is_some() || !trained.of_model.is_empty() {
            let base = Model::load(request.model, &self.device)?;
            write_model(base, &trained, request.model, &self.out.model())?;
        }
        let outcome = self.outcome(&trained, &model, &state);
        let description = describe(
            request,
            self.family,
            self.digest,
            self.pooling,
            self.precision,
            &outcome,
        );
        write_adapter(&self.out.adapter(), &trained, &description, &self.planned)?;

        let predicted = [&self.dev[..], &self.test[..]].concat();
        let predictions = predict_rows(
            &Inference::new(model, &trained)?,
            &predicted,
            &description,
            request.train.batch.get() as usize,
            states
                .as_deref()
                .filter(|states| states.is_exact())
                .map(|states| (states, self.train.len())),
            &Silent,
        )?;
        predictions.write(&self.out.predictions())?;
        atomic::write_json(&self.out.training(), &outcome)?;
        if checkpoint.is_file() {
            std::fs::remove_file(&checkpoint)
                .map_err(lingo_artifact::Error::io("remove", &checkpoint))?;
        }
        Ok(outcome)
    }

    fn outcome(&self, trained: &Trained, model: &Model, state: &Progressed) -> Training {
        let new_rows = self.request.tokens.metadata.encoding.new_rows.as_ref();
        let new_values =
            new_rows.map_or(0, |r| r.trained as usize) * model.config().embedding_size();
        let settings = self.request.method.low_rank();
        let trains_lambda = settings.is_some_and(|s| s.trains_lambda);
        Training {
            trainable_parameters: trained.parameters(new_values, trains_lambda),
            trained_initially: self.planned.trainable_parameters,
            total_parameters: self.planned.total_parameters,
            steps: state.step,
            seconds: state.seconds,
            best_step: state.best.map_or(state.step, |(step, _)| step),
            best_score: state
                .best
                .filter(|_| self.request.train.select_by != SelectBy::Last)
                .map(|(_, score)| score),
            allocations: self.planned.allocations,
            reintroduced: state.reintroduced,
            device: device_name(&self.device),
            precision: self.precision.name().to_owned(),
            peak_memory_bytes: peak_memory(),
        }
    }
}

/// Values of lambdas that stand in the store and are not trained.
fn fixed_lambdas(network: &Network, settings: Option<&LowRankSettings>) -> u64 {
    let fixed = settings.is_some_and(|s| s.has_lambda() && !s.trains_lambda);
    let lambdas = network.deltas.iter().filter(|_| fixed);
    lambdas.map(|delta| delta.rank as u64).sum()
}

/// What rank adaptation adds to a training; nothing, for a method without it.
#[derive(Default)]
struct Ranks {
    allocator: Option<Box<dyn RankAdaptation>>,
    /// The step from which evaluations count.
    select_from: u64,
    /// The weight of the orthogonality penalty.
    orthogonality: f64,
}

impl Ranks {
    fn of(
        request: &AdaptRequest,
        network: &Network,
        store: &ParameterStore,
        steps: u64,
    ) -> Result<Self, Error> {
        let settings = request.method.low_rank();
        let Some((rank, budget)) = settings.and_then(|s| Some((s.rank, s.budget?))) else {
            return Ok(Self::default());
        };
        let modules = network.triplets(store);
        let schedule = schedule(&budget, rank, modules.len(), steps)?;
        let rule = budget.selection;
        Ok(Self {
            allocator: Some(rule.start(schedule, budget.betas, modules, store.len(), request.seed)),
            // Where nothing is pruned, every evaluation meets the budget.
            select_from: match schedule.target == schedule.initial {
                true => 0,
                false => schedule.last().min(steps),
            },
            orthogonality: budget.orthogonality,
        })
    }
}
