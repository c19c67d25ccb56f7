//! Pretraining: a small BERT from nothing, by masked-language modelling on a genome, so that a
//! machine without a network has a base model to adapt.
//!
//! - [`config`](PretrainConfig): the settings
//! - `vocabulary`: DNA tokens, and the `tokenizer.json` that says so
//! - `corpus`: training windows at random, held-out windows in order
//! - `masking`: which tokens are hidden
//! - `masked_model`: the model with its head; loss, gradients, update
//! - `markov`: the order-3 Markov model that the held-out loss is measured against

mod config;
mod corpus;
pub(crate) mod markov;
mod masked_model;
mod masking;
mod vocabulary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use lingo_artifact::atomic;
use lingo_artifact::digest::{Digest, Hasher};
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::train_log::TrainEvent;
use lingo_lm::{DeviceChoice, ModelConfig, device_name, open_device};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use config::PretrainConfig;
pub use vocabulary::{KmerLength, Overlapping, PretrainKmer, PretrainScheme};

use crate::error::Error;
use crate::settings::checkpoint_every::CheckpointEvery;
use crate::settings::train_config::RateDecay;
use crate::tensor_file::TensorFile;
use crate::train::checkpoints::{self, Checkpoints, Found, Identity, KEY};
use crate::train::optimizer::{AdamW, RateSchedule, clip};
use crate::train::train_log::TrainLog;
use corpus::{Corpus, ORDER};
use markov::Markov;
use masked_model::MaskedModel;
use masking::{Masked, Masking};
use vocabulary::{Row, Vocabulary};

/// What pretraining reached: `pretrain.json`. Losses are means over the same masked bases of the
/// held-out part, in nats per base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PretrainOutcome {
    /// The model's loss: -ln p of a masked token, over the bases it stands for.
    pub loss_per_base: f64,
    /// The loss of an order-3 Markov model that was counted on the same training part (one
    /// pseudo-count for each base) and reads the true bases to the left.
    pub markov3_loss_per_base: f64,
    /// Masked bases of the held-out part.
    pub held_out_bases: u64,
    /// Parameters of the model, without the head.
    pub parameters: u64,
    /// Optimizer steps done.
    pub steps: u64,
    /// The device's name.
    pub device: String,
    /// Wall seconds; not part of the file, which is the same for the same seed.
    #[serde(skip)]
    pub seconds: f64,
}

impl PretrainOutcome {
    /// Whether the model learned more than three bases of context tell.
    pub fn beats_markov(&self) -> bool {
        self.loss_per_base < self.markov3_loss_per_base
    }

    /// Both losses, and which is lower, in a sentence.
    fn verdict(&self) -> String {
        let (place, advice) = if self.beats_markov() {
            ("below", "")
        } else {
            ("NOT below", "; train longer (`steps`)")
        };
        format!(
            "pretrained: held-out loss {:.4} nats per base, {place} the {:.4} of an order-{ORDER} Markov model{advice}",
            self.loss_per_base, self.markov3_loss_per_base
        )
    }
}

/// What is pretrained, and how.
#[derive(Clone, Copy)]
pub struct PretrainRequest<'a> {
    /// The genome.
    pub source: &'a dyn SequenceSource,
    /// The settings.
    pub config: &'a PretrainConfig,
    /// Seeds initial values, windows and masks.
    pub seed: u64,
    /// Where.
    pub device: DeviceChoice,
    /// The folder of the model.
    pub out: &'a Path,
    /// How often a checkpoint is written; no result depends on it.
    pub checkpoint_every: CheckpointEvery,
    /// Who hears how far it is.
    pub progress: &'a dyn Progress,
    /// Set when it must stop.
    pub stop: &'a StopFlag,
}

/// Trains a small BERT on a genome and writes a Hugging Face folder, whole or not at all:
/// `config.json`, `model.safetensors` (a `BertForMaskedLM`), `tokenizer.json`,
/// `tokenizer_config.json`, `pretrain.json` and `train.jsonl` (losses per base). A checkpoint of the same pretraining,
/// in a hidden folder beside it, is taken up, and removed at the end.
///
/// The same seed gives the same model, for any number of threads.
///
/// # Errors
/// [`Error::Config`] for settings that cannot work; [`Error::Data`] for a source that is too short, cannot be read, or is all N;
/// [`Error::NotFinite`]; [`Error::Interrupted`] when the flag was raised; [`Error::Artifact`] and [`Error::WriteModel`] for the folders.
pub fn pretrain(request: &PretrainRequest) -> Result<PretrainOutcome, Error> {
    let PretrainRequest {
        source,
        config,
        seed,
        out,
        progress,
        ..
    } = *request;
    config.check()?;
    let vocabulary = Vocabulary::new(config.scheme);
    let corpus = Corpus::new(source, config.window(), config.held_out.get())?;
    let device = open_device(request.device)?.autodiff();
    let mut model = MaskedModel::random(model_config(config, &vocabulary), seed, &device)?;

    let identity = Identity {
        run: identity(request)?,
        computed_by: model.model.computed_by(),
    };
    let checkpoints = checkpoints_of(out);
    let mut run = Run {
        request,
        vocabulary: &vocabulary,
        corpus: &corpus,
        state: State::default(),
        checkpoints: Checkpoints::new(checkpoints.clone(), identity, request.checkpoint_every),
        begin: Instant::now(),
    };
    run.resume(&mut model)?;
    let held_out = match run.train(&mut model) {
        Ok(()) => run.held_out(&model),
        Err(e) => Err(e),
    };
    let (loss_per_base, markov3_loss_per_base, held_out_bases) = match held_out {
        Err(Error::Stopped) => return Err(run.interrupt(&model)),
        other => other?,
    };
    let outcome = PretrainOutcome {
        loss_per_base,
        markov3_loss_per_base,
        held_out_bases,
        parameters: model.model.parameter_count() as u64,
        steps: config.steps(),
        device: device_name(&device),
        seconds: run.seconds(),
    };
    progress.say(&outcome.verdict());
    atomic::write_folder::<Error>(out, |folder| {
        model
            .model
            .save_with_head(&model.head, folder)
            .map_err(Error::WriteModel)?;
        match vocabulary.vocabulary_file() {
            Some(text) => atomic::write_bytes(&folder.join("vocab.txt"), text.as_bytes())?,
            None => {
                let file = folder.join("tokenizer.json");
                atomic::write_json(&file, &vocabulary.tokenizer_json())?;
            }
        }
        atomic::write_json(
            &folder.join("tokenizer_config.json"),
            &tokenizer_config(config),
        )?;
        let record = json!({ "outcome": outcome, "config": config, "seed": seed });
        atomic::write_json(&folder.join("pretrain.json"), &record)?;
        let mut log = TrainLog::create(&folder.join("train.jsonl"))?;
        let mut events = run.state.events.iter();
        events.try_for_each(|event| log.append(event))?;
        Ok(())
    })?;
    checkpoints::forget(&checkpoints)?;
    Ok(outcome)
}

/// The folder of the checkpoints of the model that is to be in `out`: hidden, beside it.
fn checkpoints_of(out: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(".checkpoints");
    out.with_file_name(name)
}

/// The newest checkpoint of a pretraining that is to end in `out`: its step, and where it is.
pub fn last_checkpoint(out: &Path) -> Option<(u64, PathBuf)> {
    let folder = checkpoints_of(out);
    Some((checkpoints::newest(&folder)?, folder))
}

/// A hash of all that shapes a pretraining; the genome is read to its end.
fn identity(request: &PretrainRequest) -> Result<String, Error> {
    const PIECE: u64 = 1 << 22;
    let mut hasher = Hasher::default();
    for (name, length) in request.source.sequences() {
        hasher.update(format!("{name} {length}\n").as_bytes());
        for start in (0..*length).step_by(PIECE as usize) {
            let end = (start + PIECE).min(*length);
            let bases = request.source.fetch(name, start, end);
            hasher.update(&bases.map_err(|e| Error::Data(e.to_string()))?);
        }
    }
    let of = (
        request.config,
        request.seed,
        hasher.digest(),
        env!("CARGO_PKG_VERSION"),
    );
    let text = serde_json::to_string(&of).map_err(|e| Error::Data(e.to_string()))?;
    Ok(Digest::of_bytes(text.as_bytes()).to_string())
}

fn model_config(config: &PretrainConfig, vocabulary: &Vocabulary) -> ModelConfig {
    let size = |n: std::num::NonZeroU32| n.get() as usize;
    ModelConfig {
        initializer_range: config.initializer_range.get(),
        pad_token_id: vocabulary::PAD,
        // A small model on a whole genome learns too little rather than too much.
        hidden_dropout: 0.0,
        attention_dropout: 0.0,
        ..ModelConfig::bert(
            vocabulary.size(),
            size(config.hidden),
            size(config.layers),
            size(config.heads),
            size(config.feed_forward),
            config.positions(),
        )
    }
}

/// What `transformers.AutoTokenizer` wants beside `tokenizer.json`.
fn tokenizer_config(config: &PretrainConfig) -> serde_json::Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.positions(),
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    })
}

/// The tensors of a checkpoint.
const VECTORS: [&str; 3] = ["values", "first_moments", "second_moments"];
/// Steps between two lines of train.jsonl.
const LOG_EVERY: u64 = 10;
/// The norm that gradients are clipped to.
const CLIP: f64 = 1.0;
/// Held-out windows that are looked at, spread over the held-out part.
const HELD_OUT_WINDOWS: usize = 1024;

/// What a pretraining is at, beside the model's values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// Optimizer steps done.
    step: u64,
    /// Positions of the streams of windows and masks.
    windows: u64,
    masks: u64,
    /// Real tokens seen.
    tokens: u64,
    /// Sum of the losses since the last log line, and the bases that they are of.
    loss_sum: f64,
    bases: u64,
    /// Wall seconds spent.
    seconds: f64,
    events: Vec<TrainEvent>,
}

struct Run<'a> {
    request: &'a PretrainRequest<'a>,
    vocabulary: &'a Vocabulary,
    corpus: &'a Corpus<'a>,
    state: State,
    checkpoints: Checkpoints,
    begin: Instant,
}

impl Run<'_> {
    fn seconds(&self) -> f64 {
        self.state.seconds + self.begin.elapsed().as_secs_f64()
    }

    fn config(&self) -> &PretrainConfig {
        self.request.config
    }

    /// Takes up the newest good checkpoint.
    fn resume(&mut self, model: &mut MaskedModel) -> Result<(), Error> {
        let (length, progress) = (model.store.len(), self.request.progress);
        let take = |found: Found| {
            let mut file = found.state;
            let state: State =
                serde_json::from_str(&file.note.1).map_err(|e| format!("its state: {e}"))?;
            let vectors = VECTORS.map(|name| file.take(name));
            let [values, first, second] = vectors.map(|v| v.map(|(_, values)| values));
            let vectors = [values?, first?, second?];
            match vectors.iter().all(|v| v.len() == length) && state.step == found.step {
                true => Ok((state, vectors)),
                false => Err(format!(
                    "it is not of step {} and {length} values",
                    found.step
                )),
            }
        };
        let found = self.checkpoints.read(&|text| progress.say(text), take)?;
        let Some((state, [values, first, second])) = found else {
            return Ok(());
        };
        model.store.values = values;
        model.store.first_moments = first;
        model.store.second_moments = second;
        model.store.steps = state.step;
        self.state = state;
        progress.say(&format!(
            "going on from the checkpoint of step {}",
            self.state.step
        ));
        model.take_over_values()
    }

    fn save(&mut self, model: &MaskedModel) -> Result<(), Error> {
        if self.checkpoints.has(self.state.step) {
            return Ok(());
        }
        let state = State {
            seconds: self.seconds(),
            ..self.state.clone()
        };
        let folder = self.checkpoints.folder();
        let note = serde_json::to_string(&state)
            .map_err(|e| lingo_artifact::Error::invalid(folder, e.to_string()))?;
        let mut file = TensorFile {
            note: (KEY.into(), note),
            ..TensorFile::default()
        };
        let store = &model.store;
        let vectors = [&store.values, &store.first_moments, &store.second_moments];
        for (name, values) in VECTORS.into_iter().zip(vectors) {
            file.add(name, &[values.len()], values.clone());
        }
        self.checkpoints
            .write(state.step, &file, None::<(u64, fn() -> TensorFile)>)
    }

    /// Stops here; the error says that pretraining can be gone on with.
    fn interrupt(&mut self, model: &MaskedModel) -> Error {
        match self.save(model) {
            Ok(()) => Error::Interrupted {
                step: self.state.step,
                checkpoint: self.checkpoints.folder().to_owned(),
            },
            Err(e) => e,
        }
    }

    fn train(&mut self, model: &mut MaskedModel) -> Result<(), Error> {
        let (config, seed) = (self.request.config, self.request.seed);
        let progress = self.request.progress;
        let total = config.steps();
        let schedule = RateSchedule {
            peak: config.learning_rate.get(),
            warmup: config.warmup_steps.map_or(total.div_ceil(10), u64::from),
            total,
            decay: RateDecay::Linear,
        };
        let rates = vec![1.0; model.store.entries.len()];
        let optimizer = AdamW {
            weight_decay: config.weight_decay.get(),
            rates: &rates,
        };
        let mut windows = Stream::new(seed, "pretraining windows");
        let mut masks = Stream::new(seed, "pretraining masks");
        windows.set_position(self.state.windows);
        masks.set_position(self.state.masks);
        let (began_at, begin) = (self.state.tokens, Instant::now());
        let mut gradients = vec![0.0f32; model.store.len()];
        progress.begin("pretrain", total);
        while self.state.step < total {
            if self.request.stop.is_raised() {
                return Err(Error::Stopped);
            }
            let step = self.state.step;
            // `rate` is 0 at step 0 of a warm-up; begin with the first real one.
            let rate =
                schedule.rate(if schedule.warmup > 0 { step + 1 } else { step }.min(total - 1));
            let masked = self.training_batch(&mut windows, &mut masks)?;
            gradients.fill(0.0);
            let loss = model.loss_and_gradients(&masked, &mut gradients)?;
            let finite = |what, value: f64| {
                value.is_finite().then_some(value).ok_or(Error::NotFinite {
                    what,
                    value,
                    step: step + 1,
                    learning_rate: rate,
                })
            };
            let loss = finite("loss", loss)?;
            finite("gradient norm", clip(&mut gradients, Some(CLIP)))?;
            optimizer.step(&mut model.store, &gradients, rate, None);
            model.take_over_values()?;
            let state = &mut self.state;
            state.step += 1;
            state.windows = windows.position();
            state.masks = masks.position();
            state.tokens += masked.tokens();
            state.loss_sum += loss * masked.targets.len() as f64;
            state.bases += self.vocabulary.bases(&masked.targets);
            if state.step.is_multiple_of(LOG_EVERY) || state.step == total {
                let loss = state.loss_sum / state.bases.max(1) as f64;
                let spent = begin.elapsed().as_secs_f64().max(1e-9);
                let speed = (state.tokens - began_at) as f64 / spent;
                progress.advance(
                    state.step,
                    &format!("loss {loss:.3} nats per base, {speed:.0} tokens/s"),
                );
                (state.loss_sum, state.bases) = (0.0, 0);
                let event = TrainEvent {
                    step: state.step,
                    epoch: state.step as f64 * self.bases_per_step()
                        / self.corpus.training_bases() as f64,
                    loss: Some(loss),
                    learning_rate: Some(rate),
                    tokens: Some(self.state.tokens),
                    tokens_per_second: Some(speed),
                    seconds: Some(self.seconds()),
                    ..TrainEvent::default()
                };
                self.state.events.push(event);
            }
            if self.checkpoints.is_due(self.state.step) {
                self.save(model)?;
            }
        }
        progress.end("");
        // The held-out loss that follows is not to cost the training when it is interrupted.
        self.save(model)
    }

    fn bases_per_step(&self) -> f64 {
        (self.config().batch() * self.config().window()) as f64
    }

    fn encode(&self, windows: &[Vec<u8>]) -> Vec<Row> {
        windows
            .iter()
            .map(|bases| self.vocabulary.encode(bases))
            .collect()
    }

    fn masking(&self) -> Masking<'_> {
        Masking {
            vocabulary: self.vocabulary,
            probability: self.config().mask_probability.get(),
            positions: self.config().positions(),
        }
    }

    fn training_batch(&self, windows: &mut Stream, masks: &mut Stream) -> Result<Masked, Error> {
        // A batch without one masked token is as good as impossible, but for a genome of N.
        for _ in 0..100 {
            let bases = (0..self.config().batch())
                .map(|_| self.corpus.training_window(windows))
                .collect::<Result<Vec<_>, _>>()?;
            let rows = self.encode(&bases);
            let masked = self.masking().mask(&rows, masks);
            if !masked.targets.is_empty() {
                return Ok(masked);
            }
        }
        Err(Error::Data(
            "the genome has hardly any A, C, G or T to learn from".to_string(),
        ))
    }

    /// The model's loss and the Markov model's per masked base, and how many bases those were.
    fn held_out(&self, model: &MaskedModel) -> Result<(f64, f64, u64), Error> {
        let markov = Markov::count(self.corpus)?;
        let mut masks = Stream::new(self.request.seed, "held-out masks");
        let (mut ours, mut theirs, mut bases) = (0.0, 0.0, 0u64);
        let windows = self.corpus.held_out_windows(HELD_OUT_WINDOWS)?;
        for batch in windows.chunks(self.config().batch()) {
            if self.request.stop.is_raised() {
                return Err(Error::Stopped);
            }
            // The bases in front of a window are context for the Markov model alone.
            let inside: Vec<Vec<u8>> = batch.iter().map(|w| w[ORDER..].to_vec()).collect();
            let rows = self.encode(&inside);
            let masked = self.masking().mask(&rows, &mut masks);
            if masked.targets.is_empty() {
                continue;
            }
            ours += model.summed_loss(&masked)?;
            for of_row in masked.hidden.chunk_by(|a, b| a.0 == b.0) {
                let row = of_row[0].0;
                let hidden = masked.hidden_bases(row, &rows[row]);
                for (_, token) in of_row {
                    // What the token's neighbours show is no riddle.
                    let span = rows[row].spans[*token].clone().filter(|&i| hidden[i]);
                    for i in span {
                        bases += 1;
                        theirs += markov.loss(&batch[row][i..=i + ORDER]);
                    }
                }
            }
        }
        if bases == 0 {
            return Err(Error::Data(
                "the held-out part has no A, C, G or T".to_string(),
            ));
        }
        Ok((ours / bases as f64, theirs / bases as f64, bases))
    }
}

#[cfg(test)]
mod tests;
