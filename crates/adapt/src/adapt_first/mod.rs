//! One adapter over several tasks, with a head for each, before each task is adapted alone: what they have in common is
//! learnt once, from all of their rows. (Phang et al. 2018 call it intermediate training; Liu et al. 2019, MT-DNN, share the
//! model and keep a head for each task.)
//!
//! Or one adapter from DNA without labels, by hidden tokens (Gururangan et al. 2020: adaptive pretraining).
//!
//! The adapter is merged into the model, so that whatever method follows begins there; the heads are thrown away.

mod joined;
mod task;
mod unlabelled;

use std::num::NonZeroU32;
use std::path::Path;

use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::readings::Readings;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_artifact::tokens::Tokens;
use lingo_artifact::training::Training;
use lingo_artifact::vocabulary::Encoding;
use lingo_lm::DeviceChoice;
use serde::{Deserialize, Serialize};

use crate::adapt_first::joined::Joined;
pub use crate::adapt_first::task::{FirstTask, OtherTask};
use crate::adapt_first::unlabelled::Unlabelled;
pub use crate::adapt_first::unlabelled::{NO_MASK, UnlabelledDna};
use crate::cell::adapt::adapt;
use crate::cell::models::Models;
use crate::cell::request::AdaptRequest;
use crate::error::Error;
use crate::merge::merge_into_model;
use crate::method::methods::Method;
use crate::settings::checkpoint_every::CheckpointEvery;
use crate::settings::class_weights::ClassWeights;
use crate::settings::head::HeadShape;
use crate::settings::train_config::{Augment, Pooling, QuantizationChoice, SelectBy, TrainConfig};

/// What is learnt together, and how.
#[derive(Clone, Copy)]
pub struct AdaptFirstRequest<'a> {
    /// The model folder.
    pub model: &'a Path,
    /// The tasks; of DNA without labels the first says how it becomes tokens.
    pub tasks: &'a [FirstTask<'a>],
    /// Tasks that will begin with what is learnt here.
    pub others: &'a [OtherTask<'a>],
    /// DNA without labels, which is learnt from in place of the tasks' rows.
    pub dna: Option<UnlabelledDna<'a>>,
    /// What is trained.
    pub method: &'a Method,
    /// How. A stem in it is left out: that is each task's own.
    pub train: &'a TrainConfig,
    /// Seeds initial values, shuffling, dropout and rank sampling.
    pub seed: u64,
    /// Where.
    pub device: DeviceChoice,
    /// The folder that is written to.
    pub out: &'a Path,
    /// Models that others of this process may have loaded.
    pub models: &'a Models,
    /// How often a checkpoint is written; no result depends on it.
    pub checkpoint_every: CheckpointEvery,
    /// Who hears how far it is.
    pub progress: &'a dyn Progress,
    /// Set when it must stop.
    pub stop: &'a StopFlag,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdaptedFirst {
    /// Rows that were learnt from, of train and of dev, and those that were left out, by task; none where DNA without labels was.
    pub tasks: Vec<RowsOfTask>,
    /// What was learnt from DNA without labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dna: Option<LearntDna>,
    /// Parameters that were trained, heads counted in.
    pub trainable_parameters: u64,
    /// Optimizer steps done.
    pub steps: u64,
    /// The step whose values were kept.
    pub best_step: u64,
    /// Its score on the dev rows of all tasks, by what the best step was chosen with.
    pub best_score: Option<f64>,
}

/// What DNA without labels has taught. Losses are of held-out windows, in nats per base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearntDna {
    /// Windows that were learnt from.
    pub windows: usize,
    /// Windows that were held out.
    pub held_out: usize,
    /// Windows that were left out: they share bases with rows that tasks hold out, or with held-out windows.
    pub left_out: usize,
    /// The loss of the tokens that are asked for, over the bases that they tell.
    pub loss_per_base: f64,
    /// The loss of an order-3 Markov model that was counted on the windows that were learnt from, over all bases.
    pub markov3_loss_per_base: f64,
}

impl LearntDna {
    /// Both losses, and which is lower, in a sentence.
    fn verdict(&self) -> String {
        let (place, advice) = match self.loss_per_base < self.markov3_loss_per_base {
            true => ("below", ""),
            false => (
                "NOT below",
                "; train longer (`epochs`), or on more `windows`",
            ),
        };
        format!(
            "held-out loss {:.4} nats per base, {place} the {:.4} of an order-3 Markov model{advice}",
            self.loss_per_base, self.markov3_loss_per_base
        )
    }
}

/// How many of a task's rows took part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsOfTask {
    /// The task.
    pub task: String,
    /// Rows of train and dev that took part.
    pub rows: usize,
    /// Those that share bases with a row that another task holds out.
    pub left_out: usize,
}

/// Why this method, trained in this way, cannot come first; nothing, if it can.
pub fn contradiction(method: &Method, train: &TrainConfig) -> Option<String> {
    let adaptation = method.adaptation();
    if method.reads_bases() {
        return Some(
            "a network of motifs has no language model, so nothing of it can be handed on".into(),
        );
    }
    if matches!(method, Method::Head(_)) {
        return Some("`head` leaves the model as it is, so nothing of it can be handed on".into());
    }
    if adaptation.prompt() > 0 || adaptation.prefix() > 0 || adaptation.bottlenecks().is_some() {
        return Some(format!(
            "what `{}` learns stands beside the model's weights, and it is the weights that are handed on: take `lora` or another \
             method that changes them",
            method.name()
        ));
    }
    if train.quantization != QuantizationChoice::None {
        return Some(
            "`train.quantization` would round away what is learnt first when the next adapter is trained: leave it out".into(),
        );
    }
    if matches!(train.class_weights, ClassWeights::Each(_)) {
        return Some(
            "`class_weights` as a list is of one task: take `balanced`, or leave it out".into(),
        );
    }
    None
}

/// Trains, merges, and writes into `out`: `adapt_first/`, the folder of the adapted model, `train.jsonl` and `training.json`. The newest good checkpoint of the same training found there is
/// taken up.
///
/// The same seed gives the same model, for any number of threads.
///
/// # Errors
/// [`contradiction`]; tasks that one adapter cannot read; what training says.
pub fn adapt_first(request: &AdaptFirstRequest) -> Result<AdaptedFirst, Error> {
    let (method, train) = (request.method, request.train);
    if let Some(why) = contradiction(method, train) {
        return Err(Error::Config(why));
    }
    if let Some(dna) = &request.dna {
        return of_dna(request, dna);
    }
    let joined = Joined::of(request.tasks, request.others, request.stop)?;
    for (task, left_out) in request.tasks.iter().zip(&joined.left_out) {
        request.progress.say(&format!(
            "{}: {} rows, {} left out that share bases with rows held out by another task",
            task.name,
            left_out.of - left_out.left,
            left_out.left
        ));
    }
    if train.augment.is_on() && !joined.have_one_prefix() {
        return Err(Error::Config(
            "the tasks have different prefixes or lengths, and what `augment` makes of a row would be given the first \
             task's: set `augment: {}` in its `train`"
                .into(),
        ));
    }
    let train = TrainConfig {
        stem: None,
        ..train.clone()
    };
    let training = merged(
        request,
        &AdaptRequest {
            heads: &joined.heads,
            ..of_rows(request, &joined.tokens, &joined, &train)
        },
    )?;
    Ok(AdaptedFirst {
        tasks: (request.tasks.iter().zip(&joined.left_out))
            .map(|(task, left_out)| RowsOfTask {
                task: task.name.into(),
                rows: left_out.of - left_out.left,
                left_out: left_out.left,
            })
            .collect(),
        ..of_training(&training)
    })
}

/// Learns from DNA without labels.
fn of_dna(request: &AdaptFirstRequest, dna: &UnlabelledDna) -> Result<AdaptedFirst, Error> {
    request
        .progress
        .say("drawing windows of DNA, and leaving out what tasks hold out");
    let unlabelled = Unlabelled::of(
        dna,
        request.tasks,
        request.others,
        request.seed,
        request.stop,
    )?;
    let (windows, left_out) = (unlabelled.learnt(), unlabelled.left_out);
    let held_out = unlabelled.tokens.rows.len() - windows;
    request.progress.say(&format!(
        "{windows} windows of DNA, {held_out} more held out, {left_out} left out that share bases with rows that tasks hold out, or \
         with held-out windows"
    ));
    let train = TrainConfig {
        stem: None,
        // What is read of each token that is asked for is its own state, as wide as the mean; what tasks say of labels and heads
        // is of theirs.
        pooling: Some(Pooling::Mean),
        head: HeadShape::default(),
        label_smoothing: TrainConfig::default().label_smoothing,
        class_weights: ClassWeights::None,
        select_by: SelectBy::Loss,
        select_window: NonZeroU32::MIN,
        // What stands beside a window is not known to be nobody's.
        augment: Augment {
            shift: 0,
            ..request.train.augment
        },
        ..request.train.clone()
    };
    let training = merged(
        request,
        &AdaptRequest {
            masking: Some(&unlabelled.masking),
            ..of_rows(request, &unlabelled.tokens, &unlabelled, &train)
        },
    )?;
    let loss = -training.best_score.unwrap_or(f64::NAN);
    let learnt = LearntDna {
        windows,
        held_out,
        left_out,
        loss_per_base: loss / unlabelled.bases_of_a_token(),
        markov3_loss_per_base: unlabelled.markov_loss(),
    };
    request.progress.say(&learnt.verdict());
    Ok(AdaptedFirst {
        dna: Some(learnt),
        ..of_training(&training)
    })
}

/// A training on these rows.
fn of_rows<'a>(
    request: &AdaptFirstRequest<'a>,
    tokens: &'a Tokens,
    readings: &'a dyn Readings,
    train: &'a TrainConfig,
) -> AdaptRequest<'a> {
    AdaptRequest {
        model: request.model,
        tokens,
        readings: Some(readings),
        natural: None,
        heads: &[],
        masking: None,
        trained_before: 0,
        both_strands: false,
        method: request.method,
        train,
        seed: request.seed,
        device: request.device,
        out: request.out,
        states: None,
        models: request.models,
        checkpoint_every: request.checkpoint_every,
        progress: request.progress,
        stop: request.stop,
    }
}

/// Trains, and leaves the model that the adapter is merged into.
fn merged(request: &AdaptFirstRequest, training: &AdaptRequest) -> Result<Training, Error> {
    let states = request.out.join(STATES);
    let trained = adapt(&AdaptRequest {
        states: Some(&states),
        ..*training
    })?;
    request.models.remove_states(&states)?;
    let cell = CellFolder::new(request.out);
    let merged = request.out.join(RunFolder::ADAPT_FIRST);
    merge_into_model(&cell.adapter(), request.model, request.device, &merged)?;
    // Heads of all tasks in one, which nobody asks for, and what the adapter needed beside it.
    for left in [cell.predictions(), cell.adapter(), cell.model()] {
        remove(&left)?;
    }
    Ok(trained)
}

/// The numbers of a training.
fn of_training(training: &Training) -> AdaptedFirst {
    AdaptedFirst {
        trainable_parameters: training.trainable_parameters,
        steps: training.steps,
        best_step: training.best_step,
        best_score: training.best_score,
        ..AdaptedFirst::default()
    }
}

/// Where the output of frozen blocks is kept meanwhile.
const STATES: &str = ".states";

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false if path.is_file() => std::fs::remove_file(path),
        false => Ok(()),
    };
    Ok(removed.map_err(lingo_artifact::Error::io("remove", path))?)
}

/// In what a task's tokens differ from those of the tasks that were learnt from, so that it cannot begin with their model.
pub fn difference(of_task: &Encoding, of_first: &Encoding) -> Option<&'static str> {
    let new = of_task.new_rows.is_some() || of_first.new_rows.is_some();
    joined::difference(of_task, of_first).filter(|_| new)
}

/// A task's encoding on the model that comes of this one: rows that were new stand in that model, and are trained no more.
pub fn encoding_on_adapted(encoding: &Encoding) -> Encoding {
    let mut encoding = encoding.clone();
    if let Some(new) = encoding.new_rows.take() {
        encoding.model_vocab_size += new.composition.len() as u32;
    }
    encoding
}
