//! What is added to a frozen model for one forward pass.

use burn::tensor::Tensor;
use lingo_kernels::Kept;

use crate::config::activation::Activation;

/// A low-rank addition to one site: `y += (dropout(x) @ down) @ up`; with a magnitude, the weights with the addition in
/// them have the norms that it says, output by output (Liu et al. 2024, DoRA).
#[derive(Clone, Debug)]
pub struct LowRank {
    /// `[input, rank]`.
    pub down: Tensor<2>,
    /// `[rank, output]`, its scale included.
    pub up: Tensor<2>,
    /// The probability of dropping an element of `x`; only in training.
    pub dropout: f64,
    /// `[1, output]`; only where the model is not packed.
    pub magnitude: Option<Tensor<2>>,
}

/// What multiplies the values of one site; only where the model is not packed.
#[derive(Clone, Debug)]
pub enum SiteScale {
    /// Its input, `[1, input]`.
    Input(Tensor<2>),
    /// Its output with the bias, `[1, output]`.
    Output(Tensor<2>),
}

impl SiteScale {
    /// The factors.
    pub fn factors(&self) -> &Tensor<2> {
        match self {
            Self::Input(factors) | Self::Output(factors) => factors,
        }
    }
}

/// A small network behind one sublayer of a block, or beside it (Houlsby et al. 2019): what the sublayer puts out becomes
/// `y + dropout(scaling (act(x down + b) up + c))`, before the sum with what the sublayer has read; only where the model
/// is not packed.
#[derive(Clone, Debug)]
pub struct Bottleneck {
    /// What x is.
    pub reads: BottleneckInput,
    /// `[hidden, size]`.
    pub down: Tensor<2>,
    /// `[1, size]`.
    pub down_bias: Tensor<2>,
    /// Between the two layers.
    pub activation: Activation,
    /// `[size, hidden]`.
    pub up: Tensor<2>,
    /// `[1, hidden]`.
    pub up_bias: Tensor<2>,
    /// What both layers' result is multiplied with.
    pub scaling: f64,
    /// The probability of dropping an element of that; only in training.
    pub dropout: f64,
}

/// What a [`Bottleneck`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BottleneckInput {
    /// What the sublayer puts out.
    Output,
    /// The sum of that and what stands in the residual stream, behind the block's norm where norms stand behind sums.
    Sum,
    /// What stands in the residual stream: the network stands beside the sublayer.
    Stream,
}

/// One of the two parts of a block that add to the residual stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sublayer {
    /// Attention with the layer behind it.
    Attention,
    /// The two or three layers behind that.
    FeedForward,
}

/// The bottlenecks of one block.
#[derive(Clone, Debug, Default)]
pub struct Bottlenecks {
    /// That of [`Sublayer::Attention`].
    pub attention: Option<Bottleneck>,
    /// That of [`Sublayer::FeedForward`].
    pub feed_forward: Option<Bottleneck>,
}

impl Bottlenecks {
    /// That of a sublayer.
    pub fn of(&self, sublayer: Sublayer) -> Option<&Bottleneck> {
        match sublayer {
            Sublayer::Attention => self.attention.as_ref(),
            Sublayer::FeedForward => self.feed_forward.as_ref(),
        }
    }

    /// The place of that of a sublayer.
    pub fn of_mut(&mut self, sublayer: Sublayer) -> &mut Option<Bottleneck> {
        match sublayer {
            Sublayer::Attention => &mut self.attention,
            Sublayer::FeedForward => &mut self.feed_forward,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Bottleneck> {
        self.attention.iter().chain(&self.feed_forward)
    }

    /// Whether a gradient is asked for.
    pub(crate) fn is_tracked(&self) -> bool {
        self.all()
            .any(|b| b.down.is_tracked() || b.up.is_tracked() || b.up_bias.is_tracked())
    }
}

/// Dropout masks, made on the host so that every device and thread count sees the same ones.
pub trait DropoutSource {
    /// `n` values, each 0 with probability `p`, else `1 / (1 - p)`.
    fn mask(&mut self, n: usize, p: f64) -> Vec<f32>;

    /// The decisions of [`DropoutSource::mask`] as bits.
    fn kept(&mut self, n: usize, p: f64) -> Kept {
        let mask = self.mask(n, p);
        Kept::of(
            mask.iter().map(|&value| value != 0.0),
            (1.0 / (1.0 - p)) as f32,
        )
    }
}

/// What one forward pass adds to the model. [`Adaptation::none`] is the model as it was loaded.
#[derive(Default)]
pub struct Adaptation<'a> {
    /// One entry for each of [`crate::Model::sites`], or empty.
    pub low_rank: &'a [Option<LowRank>],
    /// One entry for each of [`crate::Model::sites`], or empty; only where the model is not packed.
    pub scales: &'a [Option<SiteScale>],
    /// One entry for each block, or empty; only where the model is not packed.
    pub bottlenecks: &'a [Bottlenecks],
    /// Keys and values that stand before those of the tokens in every block, `[count, blocks x 2 x key and value width]`:
    /// keys of the first block, its values, keys of the second. Places of tokens begin behind them; only where the model
    /// is not packed.
    pub prefix: Option<&'a Tensor<2>>,
    /// New rows behind the word embedding, `[new, embedding width]`.
    pub extra_rows: Option<&'a Tensor<2>>,
    /// `Some` in training mode: the masks of all dropouts that are on.
    pub dropout: Option<&'a mut dyn DropoutSource>,
    /// In training mode: whether the model's own dropouts (`hidden_dropout_prob` and the like)
    /// are on too, as `transformers` has them in `train()`.
    pub base_dropout: bool,
    /// Whether the backward pass of a packed model computes the blocks' inner values again instead
    /// of keeping them: less memory, more time, the same bits.
    pub recompute: bool,
    /// Where the pass begins: a block's number, and the states before it as
    /// [`crate::Model::states_before`] gave them, `[batch * length, hidden]`. Nothing below the
    /// block is computed, so nothing below it may be adapted, dropped out or new.
    pub from: Option<(usize, Tensor<2>)>,
}

impl Adaptation<'_> {
    /// Nothing added, no dropout.
    pub fn none() -> Self {
        Self::default()
    }
}
