//! What a method of adaptation is: one implementation a file.

use std::num::NonZeroU32;

use burn::tensor::Tensor;
use lingo_artifact::bounded::{Positive, Rate};
use lingo_lm::{Activation, BottleneckInput, Sublayer};
use serde_json::Value;

use crate::method::rank_budget::{PeftRun, RankBudget};
use crate::settings::layers::LayerRange;
use crate::settings::motif_cnn::MotifCnn;

/// What is trained, where it enters the model, how it begins, and what PEFT calls it.
pub(crate) trait AdaptationMethod {
    /// The method's name in the pipeline file.
    fn name(&self) -> &'static str;

    /// The peak learning rate that overrides that of `train`.
    fn learning_rate(&self) -> Option<f64>;

    /// What is wrong with the settings, whatever they are used for.
    fn contradiction(&self) -> Option<String> {
        None
    }

    /// Whether a tensor of the model itself is trained, by its Hugging Face name.
    fn trains(&self, _tensor: &str) -> bool {
        false
    }

    /// Whether tensors of the model itself are trained, so that it can be shared with nobody, and is exported whole.
    fn trains_the_model(&self) -> bool {
        false
    }

    /// Learned factors of the values of linear layers, where the method has any.
    fn scales(&self) -> Option<ScaleSettings<'_>> {
        None
    }

    /// Learned vectors that stand before the embedded tokens of every sequence; none for most methods.
    fn prompt(&self) -> usize {
        0
    }

    /// Learned keys and values that stand before those of the tokens in every block; none for most methods.
    fn prefix(&self) -> usize {
        0
    }

    /// Small networks in the blocks, where the method has any.
    fn bottlenecks(&self) -> Option<BottleneckSettings<'_>> {
        None
    }

    /// Passes over the training split that override those of `train`.
    fn epochs(&self) -> Option<NonZeroU32> {
        None
    }

    /// The convolution that is trained instead of a language model, where the method is one.
    fn motifs(&self) -> Option<&MotifCnn> {
        None
    }

    /// The low-rank deltas of the model's linear layers, where the method has any.
    fn low_rank(&self) -> Option<LowRankSettings<'_>> {
        None
    }
}

/// Low-rank deltas: `y += scale x dropout(x) down diag(lambda) up` for chosen linear layers.
#[derive(Clone, Debug)]
pub(crate) struct LowRankSettings<'a> {
    /// The rank at the start.
    pub rank: usize,
    /// PEFT's `lora_alpha`, from which it computes `scale`.
    pub peft_alpha: f64,
    /// What the delta is multiplied with.
    pub scale: f64,
    /// Whether that is alpha over the root of the rank.
    pub is_rank_stabilized: bool,
    /// Whether the norms of the adapted weights are trained by themselves (DoRA).
    pub has_magnitude: bool,
    /// Dropout of the delta's input.
    pub dropout: f64,
    /// Dropout of whole triplets.
    pub rank_dropout: f64,
    /// Modules to adapt, by name or the end of one; `None`: those of the model's family.
    pub targets: Option<&'a [String]>,
    pub layers: Option<&'a LayerRange>,
    /// How the deltas begin.
    pub begin: Beginning,
    /// Whether lambda is trained, where there is one.
    pub trains_lambda: bool,
    /// What the learning rate of `up` is multiplied with, and that of lambda.
    pub up_rate: f64,
    pub lambda_rate: f64,
    /// How the ranks change in training, if they do.
    pub budget: Option<RankBudget>,
}

impl LowRankSettings<'_> {
    /// Whether the deltas have a lambda: whether they are sums of triplets that can be pruned.
    pub fn has_lambda(&self) -> bool {
        self.begin.lambda.is_some()
    }

    /// Trained values of a delta from `input` to `output` values.
    pub fn parameters(&self, input: usize, output: usize) -> usize {
        let magnitude = if self.has_magnitude { output } else { 0 };
        magnitude
            + self.rank * (input + output + usize::from(self.has_lambda() && self.trains_lambda))
    }

    /// What `adapter_config.json` has of the method itself.
    pub fn peft(&self, run: &PeftRun) -> Value {
        match &self.budget {
            None => serde_json::json!({
                "peft_type": "LORA",
                "r": self.rank,
                "use_dora": self.has_magnitude,
                "use_rslora": self.is_rank_stabilized,
            }),
            Some(budget) => budget.peft(self.rank, run),
        }
    }
}

/// Factors of the values of chosen linear layers, all of which begin at 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScaleSettings<'a> {
    /// Modules to adapt, by name or the end of one; `None`: keys, values and the layer behind the activation.
    pub targets: Option<&'a [String]>,
    /// Those of them whose input is multiplied, in place of the output.
    pub inputs: Option<&'a [String]>,
    pub layers: Option<&'a LayerRange>,
}

/// Networks of two layers in chosen blocks: `y += dropout(scaling (act(x down + b) up + c))`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BottleneckSettings<'a> {
    /// Whether attention has one too, not the feed-forward layers alone.
    pub after_attention: bool,
    /// What the width of the model's states is divided by.
    pub reduction_factor: f64,
    pub form: BottleneckForm,
    pub layers: Option<&'a LayerRange>,
}

/// What all networks of one method have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BottleneckForm {
    /// What x is.
    pub reads: BottleneckInput,
    pub activation: Activation,
    pub scaling: f64,
    pub dropout: f64,
}

impl BottleneckForm {
    /// A network with these values: `down`, its bias, `up`, its bias.
    pub fn with(self, [down, down_bias, up, up_bias]: [Tensor<2>; 4]) -> lingo_lm::Bottleneck {
        lingo_lm::Bottleneck {
            reads: self.reads,
            down,
            down_bias,
            activation: self.activation,
            up,
            up_bias,
            scaling: self.scaling,
            dropout: self.dropout,
        }
    }
}

impl BottleneckSettings<'_> {
    /// The sublayers that have one.
    pub fn sublayers(&self) -> &'static [Sublayer] {
        match self.after_attention {
            true => &[Sublayer::Attention, Sublayer::FeedForward],
            false => &[Sublayer::FeedForward],
        }
    }

    /// Whether they begin with a result of zero: those beside the layers do, whose scaling is large.
    pub fn begins_silent(&self) -> bool {
        self.form.reads == BottleneckInput::Stream
    }
}

/// The first values of a delta, drawn in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Beginning {
    pub down: Draw,
    pub up: Draw,
    pub lambda: Option<Draw>,
}

impl Beginning {
    /// LoRA's: the delta is zero because `up` is.
    pub const LORA: Self = Self {
        down: Draw::FanIn,
        up: Draw::Zero,
        lambda: None,
    };
}

/// First values of one tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Draw {
    Zero,
    /// N(mean, deviation).
    Normal {
        mean: f64,
        deviation: f64,
    },
    /// Uniform between plus and minus 1 / sqrt(inputs of the layer).
    FanIn,
}

/// For defaults, which are all in range.
pub(super) fn count(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
}

pub(super) fn positive(value: f64) -> Positive {
    Positive::try_from(value).unwrap_or_else(|_| unreachable!())
}

pub(super) fn rate(value: f64) -> Rate {
    Rate::try_from(value).unwrap_or_else(|_| unreachable!())
}
