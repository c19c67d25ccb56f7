//! One chunk's way back through a block, from the gradient of its output to that of its input.

use crate::batch::Chunk;
use crate::block::values::{NormPlace, SITES, Site};
use crate::dropout::mask::{Mask, mask, places};
use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::parts::activation::{Activate, ActivationGradient};
use crate::parts::attention::attend_gradient::AttendGradient;
use crate::parts::norm::{AddResidual, Drop, Norm, NormGradient, Normed, Restore};
use crate::passes::forward_chunk::Pass;
use crate::passes::record::Saved;
use crate::passes::rows::{gather, scatter};
use crate::product::low_rank::{Outer, Project, Spread};
use crate::product::packed::{Product, Start};
use crate::simd::dispatch::call;
use crate::simd::vector::Simd;

/// A chunk's part of one site's gradient, both `[rank, ..]`.
pub(super) struct Sum {
    pub down: Matrix<f32>,
    pub up: Matrix<f32>,
}

/// A chunk's part of the gradients.
pub(super) type Sums = [Option<Sum>; SITES];

/// One chunk's backward pass.
pub(super) struct Back<'a, E: Element> {
    pub pass: Pass<'a, E>,
    pub chunk: &'a Chunk,
    pub saved: &'a Saved<E>,
}

impl<E: Element> Back<'_, E> {
    /// Writes the gradient of the chunk's input to `out`, where it is asked for; gives the adapters'.
    pub fn run<S: Simd>(&self, gradient: &[f32], out: Option<&mut [f32]>) -> Sums {
        let parts = self.pass.parts;
        let saved = self.saved;
        let rows = self.chunk.rows.len();
        let hidden = parts.hidden;
        let mut sums: Sums = Default::default();
        let states = gather(gradient, &self.chunk.rows, hidden);
        let places = places(&self.chunk.rows, hidden);
        let dropouts = self.pass.dropouts;

        // Feed-forward.
        let norm = (&parts.feed_forward_norm, &saved.feed_forward_norm);
        let (residual, y) = self.leave::<S>(norm, states, mask(&dropouts.feed_forward, &places));
        let mut active = self.pass.adapters[Site::Second as usize]
            .is_some()
            .then(|| Matrix::<E>::of_any(rows, saved.first.width));
        if let Some(active) = &mut active {
            call::<S, _>(Activate {
                activation: parts.activation,
                h: &saved.first,
                gate: saved.gate.as_ref(),
                a: active,
            });
        }
        let mut inner = self.linear::<S>(Site::Second, y, active.as_ref(), None, &mut sums);
        std::mem::drop(active);
        let mut gate = saved
            .gate
            .as_ref()
            .map(|gate| Matrix::<f32>::of_any(rows, gate.width));
        call::<S, _>(ActivationGradient {
            activation: parts.activation,
            h: &saved.first,
            gate: saved.gate.as_ref().zip(gate.as_mut()),
            gradient: &mut inner,
        });
        let input = self.input::<S>(norm.0, norm.1, Some(&saved.attention_norm));
        let into = self.start(&residual);
        let mut into = self.linear::<S>(Site::First, inner, input.as_ref(), into, &mut sums);
        if let Some(gate) = gate {
            into = self.linear::<S>(Site::Gate, gate, input.as_ref(), Some(into), &mut sums);
        }
        std::mem::drop(input);
        let (states, beside) = match parts.place {
            // What is behind attention is read by the sum alone.
            NormPlace::Beside => {
                let behind = copy(&residual);
                (behind, Some(self.enter::<S>(norm, into, residual)))
            }
            NormPlace::Before | NormPlace::After => (self.enter::<S>(norm, into, residual), None),
        };

        // Attention.
        let norm = (&parts.attention_norm, &saved.attention_norm);
        let (residual, y) = self.leave::<S>(norm, states, mask(&dropouts.attention, &places));
        let residual = beside.unwrap_or(residual);
        let attended = Some(&saved.attended);
        let attended = self.linear::<S>(Site::AttentionOutput, y, attended, None, &mut sums);
        let shared = parts.key_value_width();
        let mut qkv =
            [parts.width(), shared, shared].map(|width| Matrix::<f32>::for_values(rows, width));
        let [q, k, v] = &mut qkv;
        call::<S, _>(AttendGradient {
            attention: &parts.attention,
            sequences: &self.chunk.sequences,
            qkv: [&saved.qkv[0], &saved.qkv[1], &saved.qkv[2]],
            mask: self.pass.probability_mask(),
            gradient: &attended,
            into: [q, k, v],
        });
        std::mem::drop(attended);
        let restored = self.input::<S>(norm.0, norm.1, None);
        let input = restored.as_ref().or(saved.input.as_ref());
        let sites = [Site::Query, Site::Key, Site::Value];
        if let Some(out) = out {
            let mut into = self.start(&residual);
            for (site, gradient) in sites.into_iter().zip(qkv) {
                into = Some(self.linear::<S>(site, gradient, input, into, &mut sums));
            }
            if let Some(into) = into {
                scatter(&self.enter::<S>(norm, into, residual), self.chunk, out);
            }
        } else {
            for (site, gradient) in sites.into_iter().zip(qkv) {
                self.adapter::<S>(site, &gradient, input, &mut sums);
            }
        }
        sums
    }

    /// From the gradient behind a sublayer: that of the residual, and that of the sublayer's output.
    fn leave<S: Simd>(
        &self,
        (norm, kept): (&Norm, &Normed<E>),
        mut gradient: Matrix<f32>,
        mask: Option<Mask>,
    ) -> (Matrix<f32>, Matrix<f32>) {
        if self.pass.parts.place == NormPlace::After {
            call::<S, _>(NormGradient {
                norm,
                kept,
                gradient: &mut gradient,
            });
        }
        let mut y = Matrix::<f32>::of_any(gradient.rows, gradient.width);
        call::<S, _>(Drop {
            x: &gradient,
            mask,
            y: &mut y,
        });
        (gradient, y)
    }

    /// What the gradient of a sublayer's input is added to: the residual's, where no norm stands
    /// between the two.
    fn start(&self, residual: &Matrix<f32>) -> Option<Matrix<f32>> {
        (self.pass.parts.place == NormPlace::After).then(|| copy(residual))
    }

    /// The gradient before a sublayer, from that of its input.
    fn enter<S: Simd>(
        &self,
        (norm, kept): (&Norm, &Normed<E>),
        mut input: Matrix<f32>,
        residual: Matrix<f32>,
    ) -> Matrix<f32> {
        match self.pass.parts.place {
            NormPlace::After => input,
            NormPlace::Before | NormPlace::Beside => {
                call::<S, _>(NormGradient {
                    norm,
                    kept,
                    gradient: &mut input,
                });
                call::<S, _>(AddResidual {
                    y: &mut input,
                    mask: None,
                    residual: &residual,
                });
                input
            }
        }
    }

    /// A sublayer's input again: the output of its own norm, or of the one before it.
    fn input<S: Simd>(
        &self,
        own: &Norm,
        own_kept: &Normed<E>,
        before: Option<&Normed<E>>,
    ) -> Option<Matrix<E>> {
        let (norm, kept) = match self.pass.parts.place {
            NormPlace::Before | NormPlace::Beside => (own, own_kept),
            NormPlace::After => (&self.pass.parts.attention_norm, before?),
        };
        let mut y = Matrix::<E>::of_any(kept.rows.rows, kept.rows.width);
        call::<S, _>(Restore {
            norm,
            kept,
            y: &mut y,
        });
        Some(y)
    }

    /// The gradient of a linear layer's input, added to `into`; that of its adapter goes to `sums`.
    #[allow(clippy::panic, reason = "a caller's mistake, as documented")]
    fn linear<S: Simd>(
        &self,
        site: Site,
        gradient: Matrix<f32>,
        x: Option<&Matrix<E>>,
        into: Option<Matrix<f32>>,
        sums: &mut Sums,
    ) -> Matrix<f32> {
        let number = site as usize;
        let linear = self.pass.parts.sites[number].as_ref();
        let Some(transposed) = linear.and_then(|linear| linear.transposed.as_ref()) else {
            panic!("the block has no {site:?}, or was packed without gradients");
        };
        let v = self.adapter::<S>(site, &gradient, x, sums);
        let rows = gradient.rows;
        let start = if into.is_some() {
            Start::Sum
        } else {
            Start::Zero
        };
        let mut into = into.unwrap_or_else(|| Matrix::of_any(rows, transposed.width));
        call::<S, _>(Product {
            a: &E::from_matrix::<S>(gradient),
            w: transposed,
            start,
            low_rank: None,
            c: &mut into,
        });
        if let (Some(v), Some(adapter)) = (v, &self.pass.adapters[number]) {
            let places = places(&self.chunk.rows, into.width);
            call::<S, _>(Spread {
                v: &v,
                r: &adapter.down,
                mask: mask(&self.pass.dropouts.sites[number], &places),
                into: &mut into,
            });
        }
        into
    }

    /// The gradient of a site's adapter; the gradient of what its input was projected to.
    fn adapter<S: Simd>(
        &self,
        site: Site,
        gradient: &Matrix<f32>,
        x: Option<&Matrix<E>>,
        sums: &mut Sums,
    ) -> Option<Matrix<f32>> {
        let number = site as usize;
        let adapter = self.pass.adapters[number].as_ref()?;
        let projected = self.saved.projected[number].as_ref()?;
        let mut v = Matrix::for_values(gradient.rows, adapter.up.rows);
        call::<S, _>(Project {
            x: gradient,
            mask: None,
            r: &adapter.up,
            u: &mut v,
        });
        let mut up = Matrix::zeros(adapter.up.rows, adapter.up.width);
        call::<S, _>(Outer {
            v: projected,
            x: gradient,
            mask: None,
            into: &mut up,
        });
        let mut down = Matrix::zeros(adapter.down.rows, adapter.down.width);
        let x = x?;
        let places = places(&self.chunk.rows, x.width);
        call::<S, _>(Outer {
            v: &v,
            x,
            mask: mask(&self.pass.dropouts.sites[number], &places),
            into: &mut down,
        });
        sums[number] = Some(Sum { down, up });
        Some(v)
    }
}

fn copy(matrix: &Matrix<f32>) -> Matrix<f32> {
    Matrix {
        values: matrix.values.clone(),
        ..*matrix
    }
}
