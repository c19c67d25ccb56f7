//! How training runs, whatever the method.

use std::num::NonZeroU32;
use std::path::PathBuf;

use lingo_artifact::LabelKind;
use lingo_artifact::bounded::{NonNegative, Positive, Probability, Rate};
use lingo_lm::{Precision, Quantization};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::average::Average;
use crate::settings::class_weights::ClassWeights;
use crate::settings::head::HeadShape;
use crate::settings::motif_cnn::MotifCnn;

/// Settings of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training split.
    pub epochs: NonZeroU32,
    /// Optimizer steps after which training stops, in the middle of an epoch too; default: at the end of the epochs. The
    /// learning rate and the ranks are planned for the steps that there are; a stem is trained to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<NonZeroU32>,
    /// Sequences of a batch.
    pub batch: NonZeroU32,
    /// Tokens of a batch, instead of a number of sequences: short sequences come in larger batches.
    pub batch_tokens: Option<NonZeroU32>,
    /// Batches of an optimizer step.
    pub accumulate: NonZeroU32,
    /// Peak learning rate; a method may override it.
    pub learning_rate: Positive,
    /// What the learning rate of the head is multiplied with.
    pub head_rate: Positive,
    /// What the learning rate of new embedding rows is multiplied with.
    pub new_rows_rate: Positive,
    /// AdamW's decoupled weight decay, on every trained value.
    pub weight_decay: NonNegative,
    /// Steps over which the learning rate rises from 0; default: 50, but at most a tenth of all steps.
    pub warmup_steps: Option<u32>,
    /// How the learning rate falls from its peak, from the end of the warm-up to the last step.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "linear"))]
    pub schedule: RateDecay,
    /// The norm that gradients are clipped to.
    pub clip: Positive,
    /// How much of each training label is spread over all classes (of several labels: over 0 and 1); not for regression.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(extend("default" = 0.0))]
    pub label_smoothing: Rate,
    /// What each class weighs in the loss of training (of several labels: what a 1 of each weighs beside a 0): `none`:
    /// the same; `balanced`: as much less as it has more training rows; or a list, in the order of the classes. Not for
    /// regression. The loss on dev is always the plain one.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "none"))]
    pub class_weights: ClassWeights,
    /// Whether the targets of a regression are trained on with mean 0 and standard deviation 1, as the training rows have
    /// them; predictions are put back. A loss of 1 is then what the mean alone gives.
    #[serde(skip_serializing_if = "is_on")]
    #[schemars(extend("default" = true))]
    pub standardize_targets: bool,
    /// Steps between evaluations on dev; default: at the end of each epoch.
    pub evaluate_every: Option<NonZeroU32>,
    /// Which evaluation's parameters are kept.
    pub select_by: SelectBy,
    /// Evaluations, the one at hand among them, whose mean score is compared (the mean over those that there are, at the
    /// beginning).
    #[serde(skip_serializing_if = "is_one")]
    #[schemars(extend("default" = 1))]
    pub select_window: NonZeroU32,
    /// Which trained values are evaluated on dev, selected and exported: those of the step, or a mean over many.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "none"))]
    pub average: Average,
    /// Evaluations without a better one after which training stops; default: never.
    pub patience: Option<NonZeroU32>,
    /// What the head reads; default: what a sentence model was trained with (its `1_Pooling/config.json`); else BERT's
    /// pooler where the model has one, else the mean; the last token for decoders.
    pub pooling: Option<Pooling>,
    /// What stands between that and the logits; not under `motif_cnn`.
    #[serde(skip_serializing_if = "is_default")]
    pub head: HeadShape,
    /// Whether the model's norms (their weights and biases) and the biases of its other layers are trained beside what the
    /// method trains, as LoRA's and AdaLoRA's users have with `bias: all`. The model is then run by its plain operations,
    /// which are slower, and written beside the adapter. Not under `motif_cnn`.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = false))]
    pub train_norms: bool,
    /// Whether the model's own dropouts are on in training.
    pub base_dropout: bool,
    /// How the frozen weights are held and multiplied, on the CPU.
    pub precision: PrecisionChoice,
    /// In how many bits the frozen weights of the blocks are held, rounded as `bitsandbytes` rounds them: a large model then
    /// fits into memory, and is another model, by a little. Not under `full`.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "none"))]
    pub quantization: QuantizationChoice,
    /// Whether the backward pass computes the blocks' inner values again instead of keeping them:
    /// less memory, more time, the same bits.
    pub recompute: bool,
    /// Whether the output of the blocks below the lowest adapter (with the method `head`: of all
    /// blocks) is computed once and kept on disk for all epochs, seeds and methods, where nothing
    /// there is trained or drops out (`base_dropout: false`). The result is the same in `f32` on
    /// the CPU; in `bf16` what is kept is rounded to 16 bits, which changes the last digits, as it
    /// may on another device, where a sum depends on the batch.
    pub cache_states: bool,
    /// The most that one such file may take, in MiB; where it would take more, the blocks are
    /// computed in every pass.
    pub cache_limit_mib: NonZeroU32,
    /// How training sequences are changed, anew in every epoch.
    pub augment: Augment,
    /// A stem of motifs beside the language model: convolutions over the bases that are trained first, each without one
    /// part of the training rows. The model's logits, from a head that begins at zero, are added to those that the stem
    /// gives a row that it has not seen, so the model learns what motifs leave open. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stem: Option<MotifCnn>,
    /// Steps between lines of train.jsonl.
    pub log_every: NonZeroU32,
}

/// How training sequences are changed before they are encoded; the draws depend on seed, epoch and row alone. For tasks
/// whose sequences have no strand and no fixed place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// The probability that a sequence (both of a pair) is read from the other strand.
    pub reverse_complement: Probability,
    /// The most bases that the window is moved to the left or to the right; what comes in is the genome's, where the task
    /// has a FASTA, else N.
    pub shift: u32,
    /// The probability that a base is read as one of the other three.
    #[serde(skip_serializing_if = "is_never")]
    pub mutate: Probability,
}

fn is_never(probability: &Probability) -> bool {
    probability.get() == 0.0
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            reverse_complement: Probability::of_percent(0),
            shift: 0,
            mutate: Probability::of_percent(0),
        }
    }
}

impl Augment {
    /// Whether anything is changed.
    pub fn is_on(&self) -> bool {
        self.shift > 0 || self.reverse_complement.get() > 0.0 || self.mutate.get() > 0.0
    }
}

/// How frozen weights are held and multiplied. Whatever is trained, summed or normalised is `f32`
/// always; so is a method that trains all weights (`full`), and every other device than the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrecisionChoice {
    /// 32 bits.
    F32,
    /// 16 bits with the exponent of 32: faster on a processor with AVX512-BF16, and half the memory for the blocks' weights.
    Bf16,
    /// `f32`.
    #[default]
    Auto,
}

/// In how many bits frozen weights are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuantizationChoice {
    /// As many as `precision` says.
    #[default]
    None,
    /// Eight, with a scale for each output (absmax / 127).
    Int8,
    /// Four: QLoRA's NF4 in blocks of 64, with double quantisation.
    Nf4,
}

impl QuantizationChoice {
    /// What is meant.
    pub fn resolve(self) -> Option<Quantization> {
        match self {
            Self::None => None,
            Self::Int8 => Some(Quantization::Int8),
            Self::Nf4 => Some(Quantization::Nf4),
        }
    }
}

impl PrecisionChoice {
    /// The precision that is meant.
    pub fn resolve(self) -> Precision {
        match self {
            Self::F32 | Self::Auto => Precision::F32,
            Self::Bf16 => Precision::Bf16,
        }
    }

    /// The word of the pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Auto => "auto",
        }
    }
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateDecay {
    /// In a line to 0.
    #[default]
    Linear,
    /// Along half a cosine to 0: slowly at first and at last.
    Cosine,
    /// Not at all.
    Constant,
}

/// What makes one evaluation on dev better than another. With rank adaptation, evaluations count
/// only from the last allocation on, so that what is selected meets the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectBy {
    /// The highest Matthews correlation coefficient (the mean over labels, where there are several; for regression, the lowest loss).
    #[default]
    Mcc,
    /// The lowest loss.
    Loss,
    /// The last one.
    Last,
}

/// What the head reads of the model's last states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// BERT's pooler, tanh of a linear layer on the first token; frozen unless the method is `full`.
    Pooler,
    /// The first token.
    Cls,
    /// The mean over all tokens that are not padding.
    Mean,
    /// The last token that is not padding.
    Last,
    /// The mean, and beside it the largest value over all tokens of each state: twice as wide.
    MeanMax,
}

impl Pooling {
    /// Values that the head reads of a model that puts out states of `width` values.
    pub(crate) fn width(self, width: usize) -> usize {
        match self {
            Self::MeanMax => 2 * width,
            _ => width,
        }
    }
}

impl TrainConfig {
    /// The stem with every setting in it.
    pub fn settled_stem(&self) -> Option<MotifCnn> {
        self.stem.as_ref().map(|stem| stem.settled(None, 5))
    }

    /// The files that `natural` of the stem names.
    pub fn natural_mut(&mut self) -> &mut [PathBuf] {
        self.stem.as_mut().map_or(&mut [], MotifCnn::natural_mut)
    }

    /// What of the settings does not go with labels of this kind.
    pub(crate) fn unfit(&self, labels: &LabelKind) -> Option<String> {
        let weighted = self.class_weights != ClassWeights::None;
        if labels.names().is_empty() {
            let key = match (weighted, self.label_smoothing.get() > 0.0) {
                (true, _) => "class_weights",
                (_, true) => "label_smoothing",
                _ => return None,
            };
            return Some(format!(
                "{key}: the labels are numbers, which have no classes; leave it out, or give the tasks with classes a `train` of their own"
            ));
        }
        match &self.class_weights {
            ClassWeights::Each(weights) if weights.len() != labels.outputs() => Some(format!(
                "class_weights: there are {} weights, but the labels are {labels}",
                weights.len()
            )),
            _ => None,
        }
    }
}

/// Whether a key says what holds without it: it is then left out of what a cell's id is made of, so that a new key does
/// not make cells anew that do not use it.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_zero(rate: &Rate) -> bool {
    rate.get() == 0.0
}

fn is_on(flag: &bool) -> bool {
    *flag
}

fn is_one(count: &NonZeroU32) -> bool {
    count.get() == 1
}

impl Default for TrainConfig {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let positive = |x| Positive::try_from(x).unwrap_or_else(|_| unreachable!());
        Self {
            epochs: count(8),
            max_steps: None,
            batch: count(32),
            batch_tokens: None,
            accumulate: count(1),
            learning_rate: positive(1e-3),
            head_rate: positive(1.0),
            new_rows_rate: positive(1.0),
            weight_decay: NonNegative::try_from(0.01).unwrap_or_else(|_| unreachable!()),
            warmup_steps: None,
            schedule: RateDecay::Linear,
            clip: positive(1.0),
            label_smoothing: Rate::try_from(0.0).unwrap_or_else(|_| unreachable!()),
            class_weights: ClassWeights::None,
            standardize_targets: true,
            evaluate_every: None,
            select_by: SelectBy::Mcc,
            select_window: count(1),
            average: Average::None,
            patience: None,
            pooling: None,
            head: HeadShape::default(),
            train_norms: false,
            base_dropout: true,
            precision: PrecisionChoice::Auto,
            quantization: QuantizationChoice::None,
            recompute: false,
            cache_states: true,
            cache_limit_mib: count(4096),
            augment: Augment::default(),
            stem: None,
            log_every: count(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cell's id is a hash of its settings: these are written as they were before there were more keys.
    #[test]
    fn a_default_that_came_later_is_not_written() {
        let written = serde_json::to_string(&TrainConfig::default()).unwrap();
        assert_eq!(
            written,
            r#"{"epochs":8,"batch":32,"batch_tokens":null,"accumulate":1,"learning_rate":0.001,"head_rate":1.0,"new_rows_rate":1.0,"weight_decay":0.01,"warmup_steps":null,"clip":1.0,"evaluate_every":null,"select_by":"mcc","patience":null,"pooling":null,"base_dropout":true,"precision":"auto","recompute":false,"cache_states":true,"cache_limit_mib":4096,"augment":{"reverse_complement":0.0,"shift":0},"log_every":10}"#
        );
        let changed = r#"{"max_steps":7,"select_window":5,"average":{"last":3},"schedule":"cosine","label_smoothing":0.1,"class_weights":[1,2],"head":{"hidden":8}}"#;
        let read: TrainConfig = serde_json::from_str(changed).unwrap();
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&written).unwrap(), read);
    }
}
