//! What every cell has, whatever network it trains: its rows, its plan, its folder, the trainer.

use lingo_artifact::digest::Digest;
use lingo_artifact::prediction::Predictions;
use lingo_artifact::run_folder::CellFolder;
use lingo_artifact::tokens::TokenRow;
use lingo_artifact::training::Training;
use lingo_artifact::{Label, Split};

use crate::cell::check::check;
use crate::cell::identity::identity;
use crate::cell::request::AdaptRequest;
use crate::error::Error;
use crate::network::net::Net;
use crate::network::store::ParameterStore;
use crate::plan::model_shape::ModelShape;
use crate::plan::steps::{StepPlan, schedule};
use crate::predict::as_predictions;
use crate::rank::adaptation::RankAdaptation;
use crate::reading::{Reader, Rows, View};
use crate::settings::train_config::SelectBy;
use crate::train::average::RunningAverage;
use crate::train::checkpoints::{Checkpoints, Identity};
use crate::train::dropout::Dropout;
use crate::train::memory::peak_memory;
use crate::train::objective::Objective;
use crate::train::optimizer::RateSchedule;
use crate::train::rank_dropout::RankDropout;
use crate::train::state::Progressed;
use crate::train::target_scale::TargetScale;
use crate::train::train_log::TrainLog;
use crate::train::trainer::Trainer;
use crate::train::watch::Watch;

/// A cell that was found to be sound.
pub(super) struct Begun<'a> {
    pub request: &'a AdaptRequest<'a>,
    pub train: Rows<'a>,
    pub dev: Rows<'a>,
    pub test: Rows<'a>,
    pub planned: StepPlan,
    pub out: CellFolder,
    pub reader: Reader<'a>,
    /// What targets that are numbers are standardised with.
    pub targets: TargetScale,
    /// What is trained, for those who watch.
    pub phase: String,
}

impl<'a> Begun<'a> {
    /// Checks the request.
    pub fn open(request: &'a AdaptRequest, shape: &ModelShape) -> Result<Self, Error> {
        let all = &request.tokens.rows;
        let rows = |split: Split, first_kept: usize| -> Rows {
            let of_split = |row: &&TokenRow| row.split == split;
            Rows {
                rows: all.iter().filter(of_split).collect(),
                places: (0..all.len()).filter(|&i| of_split(&&all[i])).collect(),
                first_kept,
                ..Rows::default()
            }
        };
        let train = rows(Split::Train, 0);
        let dev = rows(Split::Dev, train.rows.len());
        let test = rows(Split::Test, train.rows.len() + dev.rows.len());
        let planned = check(request, &train.rows, &dev.rows, shape)?;
        Ok(Self {
            request,
            dev,
            test,
            planned,
            targets: match request.train.standardize_targets {
                true => TargetScale::of(train.rows.iter().map(|row| &row.label)),
                false => TargetScale::NONE,
            },
            train,
            out: CellFolder::new(request.out),
            reader: Reader {
                readings: request.readings,
                bases: request.method.reads_bases(),
                view: View::GIVEN,
                beside: None,
                masking: request.masking,
            },
            phase: "train".into(),
        })
    }

    /// Dev and test: what is predicted when training is over.
    pub fn predicted(&self) -> Rows<'a> {
        let (dev, test) = (&self.dev, &self.test);
        Rows {
            rows: [&dev.rows[..], &test.rows].concat(),
            places: [&dev.places[..], &test.places].concat(),
            first_kept: dev.first_kept,
            ..Rows::default()
        }
    }

    /// The trainer at its first step.
    pub fn trainer<N: Net>(
        &self,
        network: N,
        store: ParameterStore,
        rates: Vec<f64>,
        weights: &Digest,
    ) -> Result<Trainer<'a, N>, Error> {
        let (request, steps) = (self.request, self.planned.steps);
        let config = request.train;
        let ranks = Ranks::of(request, &network, &store, steps)?;
        let settings = request.method.low_rank();
        let peak = request.method.adaptation().learning_rate();
        let warmup = config.warmup_steps;
        let warmup = warmup.map_or(steps.div_ceil(10).min(50), u64::from);
        let (all, added) = (&self.train.rows[..], self.train.added);
        let of_task = &request.tokens.metadata.labels;
        let own = &all[..all.len() - added];
        let objective = Objective::of(config, of_task, own, self.targets)?;
        let mut objective = objective.with_heads(request.heads);
        if added > 0 {
            let second = network.outputs() - of_task.outputs();
            objective = objective.with_added(of_task, all, added, second);
        }
        let of_tokens = request.masking.map(|masking| masking.labels(all));
        let labels: Vec<&Label> = match &of_tokens {
            None => all.iter().map(|row| &row.label).collect(),
            Some(labels) => labels.iter().collect(),
        };
        let has_stem = self.reader.beside.is_some();
        let untrained = match has_stem {
            true => vec![0.0; network.outputs()],
            false => objective.constant(network.outputs(), &labels),
        };
        Ok(Trainer {
            allocator: ranks.allocator,
            rank_dropout: settings.map(|s| RankDropout {
                rate: s.rank_dropout,
                seed: request.seed,
                total: steps,
            }),
            rates,
            select_from: ranks.select_from,
            orthogonality: ranks.orthogonality,
            config,
            objective,
            watch: Watch::new(warmup, steps, untrained, has_stem),
            schedule: RateSchedule {
                peak: peak.unwrap_or(config.learning_rate.get()),
                warmup,
                total: steps,
                decay: config.schedule,
            },
            steps_per_epoch: self.planned.steps_per_epoch,
            dropout: Dropout::new(request.seed),
            seed: request.seed,
            train: self.train.clone(),
            dev: self.dev.clone(),
            reader: self.reader,
            both_strands: request.both_strands,
            log: TrainLog::create(&self.out.train_log())?,
            checkpoints: Checkpoints::new(
                self.out.checkpoints(),
                Identity {
                    run: identity(request, weights)?,
                    computed_by: network.computed_by(),
                },
                request.checkpoint_every,
            ),
            saved_evaluation: None,
            progress: request.progress,
            stop: request.stop,
            state: Progressed::default(),
            average: RunningAverage::new(config.average, ranks.select_from),
            best: None,
            last_gradients: Vec::new(),
            network,
            store,
        })
    }

    /// Takes up the newest checkpoint, where there is one.
    pub fn resume<N: Net>(&self, trainer: &mut Trainer<'_, N>) -> Result<(), Error> {
        if trainer.resume()? {
            self.request.progress.say(&format!(
                "going on from the checkpoint of step {}",
                trainer.state.step
            ));
        }
        Ok(())
    }

    /// Trains to the end.
    pub fn run<N: Net>(&self, trainer: &mut Trainer<'_, N>) -> Result<(), Error> {
        let progress = self.request.progress;
        if let Some(warning) = &self.planned.warning {
            progress.say(warning);
        }
        progress.begin(&self.phase, self.planned.steps);
        trainer.run()?;
        progress.end(&match peak_memory() {
            Some(bytes) => format!("peak memory {} MiB", bytes >> 20),
            None => String::new(),
        });
        Ok(())
    }

    /// The folder of one of a stem's networks while it is trained, counted from 0.
    pub fn fold(&self, fold: usize) -> CellFolder {
        CellFolder::new(self.out.stem().join(format!("fold-{}", fold + 1)))
    }

    /// Outputs as predictions of rows.
    pub fn predictions(&self, rows: &Rows, mut outputs: Vec<f32>) -> Predictions {
        self.targets.put_back(&mut outputs);
        as_predictions(&rows.rows, outputs, &self.request.tokens.metadata.labels)
    }

    /// Nothing, unless the run is to stop.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn stopped(&self) -> Result<(), Error> {
        match self.request.stop.is_raised() {
            true => Err(Error::Stopped),
            false => Ok(()),
        }
    }

    /// What was predicted behind the training; where that was stopped, the error says where to go on.
    pub fn or_interrupted<T>(
        &self,
        predicted: Result<T, Error>,
        state: &Progressed,
    ) -> Result<T, Error> {
        match predicted {
            Err(Error::Stopped) => Err(Error::Interrupted {
                step: state.step,
                checkpoint: self.out.checkpoints(),
            }),
            other => other,
        }
    }

    /// The numbers of the training; of what computed the name and [`crate::network::net::Net::computed_by`].
    pub fn outcome(
        &self,
        trained: u64,
        state: &Progressed,
        (device, computed_by): (String, String),
        precision: &str,
    ) -> Training {
        Training {
            trainable_parameters: trained + self.request.trained_before,
            trained_initially: self.planned.trainable_parameters + self.request.trained_before,
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
            device,
            computed_by,
            precision: precision.to_owned(),
            peak_memory_bytes: peak_memory(),
            warnings: self
                .planned
                .warning
                .iter()
                .chain(&state.warning)
                .cloned()
                .collect(),
        }
    }
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
    fn of<N: Net>(
        request: &AdaptRequest,
        network: &N,
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
