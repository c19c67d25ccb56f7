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
mod markov;
mod masked_model;
mod masking;
mod vocabulary;

use std::path::Path;
use std::time::Instant;

use lingo_artifact::atomic;
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::train_log::TrainEvent;
use lingo_lm::{DeviceChoice, ModelConfig, device_name, open_device};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use config::PretrainConfig;
pub use vocabulary::{KmerLength, PretrainKmer, PretrainScheme};

use crate::error::Error;
use crate::settings::train_config::RateDecay;
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

/// Trains a small BERT on `source` and writes a Hugging Face folder to `out`, whole or not at all:
/// `config.json`, `model.safetensors` (a `BertForMaskedLM`), `tokenizer.json`,
/// `tokenizer_config.json`, `pretrain.json` and `train.jsonl` (losses per base).
///
/// The same seed gives the same model, for any number of threads.
///
/// # Errors
/// [`Error::Config`] for settings that cannot work; [`Error::Data`] for a source that is too short, cannot be read, or is all N;
/// [`Error::NotFinite`]; [`Error::Stopped`] when the flag was raised; [`Error::Artifact`] and [`Error::WriteModel`] for the folder.
pub fn pretrain(
    source: &dyn SequenceSource,
    config: &PretrainConfig,
    seed: u64,
    device: DeviceChoice,
    out: &Path,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<PretrainOutcome, Error> {
    let begin = Instant::now();
    config.check()?;
    let vocabulary = Vocabulary::new(config.scheme);
    let corpus = Corpus::new(source, config.window(), config.held_out.get())?;
    let device = open_device(device)?.autodiff();
    let mut model = MaskedModel::random(model_config(config, &vocabulary), seed, &device)?;

    let mut run = Run {
        config,
        vocabulary: &vocabulary,
        corpus: &corpus,
        progress,
        stop,
        events: Vec::new(),
        begin,
    };
    run.train(&mut model, seed)?;
    let (loss_per_base, markov3_loss_per_base, held_out_bases) = run.held_out(&model, seed)?;
    let outcome = PretrainOutcome {
        loss_per_base,
        markov3_loss_per_base,
        held_out_bases,
        parameters: model.model.parameter_count() as u64,
        steps: config.steps(),
        device: device_name(&device),
        seconds: begin.elapsed().as_secs_f64(),
    };
    progress.say(&outcome.verdict());
    atomic::write_folder::<Error>(out, |folder| {
        model
            .model
            .save_with_head(&model.head, folder)
            .map_err(Error::WriteModel)?;
        atomic::write_json(&folder.join("tokenizer.json"), &vocabulary.tokenizer_json())?;
        atomic::write_json(
            &folder.join("tokenizer_config.json"),
            &tokenizer_config(config),
        )?;
        let record = json!({ "outcome": outcome, "config": config, "seed": seed });
        atomic::write_json(&folder.join("pretrain.json"), &record)?;
        let mut log = TrainLog::create(&folder.join("train.jsonl"))?;
        run.events.iter().try_for_each(|event| log.append(event))?;
        Ok(())
    })?;
    Ok(outcome)
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

/// Steps between two lines of train.jsonl.
const LOG_EVERY: u64 = 10;
/// The norm that gradients are clipped to.
const CLIP: f64 = 1.0;
/// Held-out windows that are looked at, spread over the held-out part.
const HELD_OUT_WINDOWS: usize = 1024;

struct Run<'a> {
    config: &'a PretrainConfig,
    vocabulary: &'a Vocabulary,
    corpus: &'a Corpus<'a>,
    progress: &'a dyn Progress,
    stop: &'a StopFlag,
    events: Vec<TrainEvent>,
    begin: Instant,
}

impl Run<'_> {
    fn train(&mut self, model: &mut MaskedModel, seed: u64) -> Result<(), Error> {
        let total = self.config.steps();
        let schedule = RateSchedule {
            peak: self.config.learning_rate.get(),
            warmup: self
                .config
                .warmup_steps
                .map_or(total.div_ceil(10), u64::from),
            total,
            decay: RateDecay::Linear,
        };
        let rates = vec![1.0; model.store.entries.len()];
        let optimizer = AdamW {
            weight_decay: self.config.weight_decay.get(),
            rates: &rates,
        };
        let mut windows = Stream::new(seed, "pretraining windows");
        let mut masks = Stream::new(seed, "pretraining masks");
        let (mut tokens, mut loss_sum, mut bases) = (0u64, 0.0, 0u64);
        let mut gradients = vec![0.0f32; model.store.len()];
        self.progress.begin("pretrain", total);
        for step in 0..total {
            if self.stop.is_raised() {
                return Err(Error::Stopped { step });
            }
            // `rate` is 0 at step 0 of a warm-up; begin with the first real one.
            let rate =
                schedule.rate(if schedule.warmup > 0 { step + 1 } else { step }.min(total - 1));
            let masked = self.training_batch(&mut windows, &mut masks)?;
            tokens += masked.tokens();
            gradients.fill(0.0);
            let loss = model.loss_and_gradients(&masked, &mut gradients)?;
            let finite = |what, value: f64| {
                value.is_finite().then_some(value).ok_or(Error::NotFinite {
                    what,
                    value,
                    step: step + 1,
                    learning_rate: rate,
                    kept: None,
                })
            };
            loss_sum += finite("loss", loss)? * masked.targets.len() as f64;
            bases += self.vocabulary.bases(&masked.targets);
            finite("gradient norm", clip(&mut gradients, Some(CLIP)))?;
            optimizer.step(&mut model.store, &gradients, rate, None);
            model.take_over_values()?;
            if (step + 1) % LOG_EVERY == 0 || step + 1 == total {
                let seconds = self.begin.elapsed().as_secs_f64();
                let loss = loss_sum / bases.max(1) as f64;
                let speed = tokens as f64 / seconds.max(1e-9);
                self.progress.advance(
                    step + 1,
                    &format!("loss {loss:.3} nats per base, {speed:.0} tokens/s"),
                );
                self.events.push(TrainEvent {
                    step: step + 1,
                    epoch: (step + 1) as f64 * self.bases_per_step()
                        / self.corpus.training_bases() as f64,
                    loss: Some(loss),
                    learning_rate: Some(rate),
                    tokens: Some(tokens),
                    tokens_per_second: Some(speed),
                    seconds: Some(seconds),
                    ..TrainEvent::default()
                });
                (loss_sum, bases) = (0.0, 0);
            }
        }
        self.progress.end("");
        Ok(())
    }

    fn bases_per_step(&self) -> f64 {
        (self.config.batch() * self.config.window()) as f64
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
            probability: self.config.mask_probability.get(),
            positions: self.config.positions(),
        }
    }

    fn training_batch(&self, windows: &mut Stream, masks: &mut Stream) -> Result<Masked, Error> {
        // A batch without one masked token is as good as impossible, but for a genome of N.
        for _ in 0..100 {
            let bases = (0..self.config.batch())
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
    fn held_out(&self, model: &MaskedModel, seed: u64) -> Result<(f64, f64, u64), Error> {
        let markov = Markov::count(self.corpus)?;
        let mut masks = Stream::new(seed, "held-out masks");
        let (mut ours, mut theirs, mut bases) = (0.0, 0.0, 0u64);
        let windows = self.corpus.held_out_windows(HELD_OUT_WINDOWS)?;
        for batch in windows.chunks(self.config.batch()) {
            // The bases in front of a window are context for the Markov model alone.
            let inside: Vec<Vec<u8>> = batch.iter().map(|w| w[ORDER..].to_vec()).collect();
            let rows = self.encode(&inside);
            let masked = self.masking().mask(&rows, &mut masks);
            if masked.targets.is_empty() {
                continue;
            }
            ours += model.summed_loss(&masked)?;
            for (row, token) in &masked.hidden {
                let span = rows[*row].spans[*token].clone();
                bases += span.len() as u64;
                theirs += span
                    .map(|i| markov.loss(&batch[*row][i..=i + ORDER]))
                    .sum::<f64>();
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
