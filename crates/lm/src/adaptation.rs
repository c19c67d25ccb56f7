//! What is added to a frozen model for one forward pass.

use burn::tensor::Tensor;
use lingo_kernels::Kept;

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
