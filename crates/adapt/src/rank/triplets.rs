//! The triplets of the low-rank deltas.

use std::ops::Range;

/// Where the triplets of one adapted module stand in the flat parameter vector.
///
/// `down` is `[input, rank]`, `lambda` `[rank]`, `up` `[rank, output]`; triplet `i` is column `i`
/// of `down` (a row of PEFT's `lora_A`), value `i` of `lambda` (`lora_E`) and row `i` of `up`
/// (a column of `lora_B`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triplets {
    /// How many triplets.
    pub rank: usize,
    /// Width of the module's input.
    pub input: usize,
    /// Width of the module's output.
    pub output: usize,
    /// Where `down` begins.
    pub down: usize,
    /// Where `lambda` begins.
    pub lambda: usize,
    /// Where `up` begins.
    pub up: usize,
}

impl Triplets {
    /// The places of column `i` of `down`.
    pub(crate) fn down_column(&self, i: usize) -> impl Iterator<Item = usize> + use<> {
        let Self {
            rank, input, down, ..
        } = *self;
        (0..input).map(move |j| down + j * rank + i)
    }

    /// The places of row `i` of `up`.
    pub(crate) fn up_row(&self, i: usize) -> Range<usize> {
        let first = self.up + i * self.output;
        first..first + self.output
    }

    /// The places of all values of triplet `i`: its lambda, its column of `down`, its row of `up`.
    pub(crate) fn places(&self, i: usize) -> impl Iterator<Item = usize> + use<> {
        std::iter::once(self.lambda + i)
            .chain(self.down_column(i))
            .chain(self.up_row(i))
    }
}
