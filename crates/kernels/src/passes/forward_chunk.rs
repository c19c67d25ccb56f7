//! One chunk's way through a block, from its input to its output.

use crate::batch::Chunk;
use crate::block::packed::Parts;
use crate::block::values::{NormPlace, SITES, Site};
use crate::dropout::mask::{Mask, mask, places};
use crate::memory::buffer::Buffer;
use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::parts::activation::Activate;
use crate::parts::attention::attend::Attend;
use crate::parts::attention::head::ProbabilityMask;
use crate::parts::norm::{AddResidual, Norm, Normalise, Normed};
use crate::passes::adapters::Adapters;
use crate::passes::dropouts::Dropouts;
use crate::passes::record::Saved;
use crate::passes::rows::{gather, scatter};
use crate::product::low_rank::Project;
use crate::product::packed::{Product, Start};
use crate::simd::dispatch::call;
use crate::simd::vector::Simd;

/// One chunk's pass.
pub(crate) struct Pass<'a, E: Element> {
    pub parts: &'a Parts<E>,
    pub adapters: &'a Adapters,
    pub dropouts: &'a Dropouts,
    pub padded: usize,
    pub keep: bool,
}

impl<E: Element> Pass<'_, E> {
    /// Writes the chunk's output to `out`; what the backward pass needs, if it is kept.
    pub fn forward<S: Simd>(&self, chunk: &Chunk, x: &[f32], out: &mut [f32]) -> Option<Saved<E>> {
        let parts = self.parts;
        let rows = chunk.rows.len();
        let before = gather(x, &chunk.rows, parts.hidden);
        let mut projected: [Option<Matrix<f32>>; SITES] = Default::default();

        // Attention.
        let (input, normed) = self.enter::<S>(&parts.attention_norm, &before);
        let qkv: [Matrix<E>; 3] = [Site::Query, Site::Key, Site::Value].map(|site| {
            let y = self.linear::<S>(site, &input, chunk, &mut projected);
            E::from_matrix::<S>(y)
        });
        let mut attended = Matrix::<f32>::for_values(rows, parts.width());
        call::<S, _>(Attend {
            attention: &parts.attention,
            sequences: &chunk.sequences,
            qkv: [&qkv[0], &qkv[1], &qkv[2]],
            mask: self.probability_mask(),
            out: &mut attended,
        });
        let attended = E::from_matrix::<S>(attended);
        let y = self.linear::<S>(Site::AttentionOutput, &attended, chunk, &mut projected);
        let places = places(&chunk.rows, parts.hidden);
        let dropped = mask(&self.dropouts.attention, &places);
        let (states, attention_norm) =
            self.leave::<S>(&parts.attention_norm, y, dropped, &before, normed);
        let input = self
            .keep
            .then_some(input)
            .filter(|_| parts.place == NormPlace::After);

        // Feed-forward.
        let read = match parts.place {
            NormPlace::Beside => &before,
            NormPlace::Before | NormPlace::After => &states,
        };
        let (ffn_input, normed) = self.enter::<S>(&parts.feed_forward_norm, read);
        let first = self.linear::<S>(Site::First, &ffn_input, chunk, &mut projected);
        let first = E::from_matrix::<S>(first);
        let gate = parts.sites[Site::Gate as usize].is_some().then(|| {
            let y = self.linear::<S>(Site::Gate, &ffn_input, chunk, &mut projected);
            E::from_matrix::<S>(y)
        });
        std::mem::drop(ffn_input);
        let mut active = Matrix::<E>::of_any(rows, first.width);
        call::<S, _>(Activate {
            activation: parts.activation,
            h: &first,
            gate: gate.as_ref(),
            a: &mut active,
        });
        let y = self.linear::<S>(Site::Second, &active, chunk, &mut projected);
        let dropped = mask(&self.dropouts.feed_forward, &places);
        let (states, feed_forward_norm) =
            self.leave::<S>(&parts.feed_forward_norm, y, dropped, &states, normed);
        scatter(&states, chunk, out);
        if !self.keep {
            return None;
        }
        Some(Saved {
            input,
            qkv,
            attended,
            attention_norm: attention_norm?,
            first,
            gate,
            feed_forward_norm: feed_forward_norm?,
            projected,
        })
    }

    /// A sublayer's input: the states, or their norm.
    fn enter<S: Simd>(&self, norm: &Norm, states: &Matrix<f32>) -> (Matrix<E>, Option<Normed<E>>) {
        match self.parts.place {
            NormPlace::Before | NormPlace::Beside => {
                let mut y = Matrix::<f32>::of_any(states.rows, states.width);
                let kept = self.normalise::<S>(norm, states, &mut y);
                (E::from_matrix::<S>(y), kept)
            }
            NormPlace::After => (E::copy_of::<S>(states), None),
        }
    }

    /// The states behind a sublayer.
    fn leave<S: Simd>(
        &self,
        norm: &Norm,
        mut y: Matrix<f32>,
        mask: Option<Mask>,
        residual: &Matrix<f32>,
        normed: Option<Normed<E>>,
    ) -> (Matrix<f32>, Option<Normed<E>>) {
        call::<S, _>(AddResidual {
            y: &mut y,
            mask,
            residual,
        });
        match self.parts.place {
            NormPlace::Before | NormPlace::Beside => (y, normed),
            NormPlace::After => {
                let mut out = Matrix::<f32>::of_any(y.rows, y.width);
                let kept = self.normalise::<S>(norm, &y, &mut out);
                (out, kept)
            }
        }
    }

    fn normalise<S: Simd>(
        &self,
        norm: &Norm,
        x: &Matrix<f32>,
        y: &mut Matrix<f32>,
    ) -> Option<Normed<E>> {
        let mut kept = self.keep.then(|| Normed {
            rows: Matrix::of_any(x.rows, x.width),
            rates: Buffer::of_any(x.rows),
        });
        call::<S, _>(Normalise {
            norm,
            x,
            y,
            kept: kept.as_mut(),
        });
        kept
    }

    /// A linear layer with its low-rank addition.
    fn linear<S: Simd>(
        &self,
        site: Site,
        x: &Matrix<E>,
        chunk: &Chunk,
        projected: &mut [Option<Matrix<f32>>; SITES],
    ) -> Matrix<f32> {
        let number = site as usize;
        let Some(linear) = &self.parts.sites[number] else {
            unreachable!("the block has no {site:?}");
        };
        let adapter = self.adapters[number].as_ref();
        let u = adapter.map(|adapter| {
            let places = places(&chunk.rows, x.width);
            let mut u = Matrix::for_values(x.rows, adapter.down.rows);
            call::<S, _>(Project {
                x,
                mask: mask(&self.dropouts.sites[number], &places),
                r: &adapter.down,
                u: &mut u,
            });
            u
        });
        let mut y = Matrix::<f32>::of_any(x.rows, linear.weight.width);
        call::<S, _>(Product {
            a: x,
            w: &linear.weight,
            start: linear.bias.as_ref().map_or(Start::Zero, |b| Start::Bias(b)),
            low_rank: adapter.and_then(|a| u.as_ref().map(|u| (u, &a.packed))),
            c: &mut y,
        });
        if self.keep {
            projected[number] = u;
        }
        y
    }

    pub fn probability_mask(&self) -> Option<ProbabilityMask<'_>> {
        let kept = self.dropouts.probabilities.as_ref()?;
        Some(ProbabilityMask {
            kept,
            padded: self.padded,
        })
    }
}
