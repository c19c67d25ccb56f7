//! The backward pass of a block.

use rayon::prelude::*;

use crate::activation::{Activate, ActivationGradient};
use crate::attention::AttendGradient;
use crate::batch::Chunk;
use crate::block::{Block, Format, NormPlace, Parts, SITES, Site};
use crate::element::{Element, Matrix};
use crate::forward::{
    Chunks, Pass, Record, Saved, Work, call, gather, mask, on_level, places, scatter,
};
use crate::low_rank::{Outer, Project, Spread};
use crate::norm::{Drop, Norm, NormGradient, Normed, Restore};
use crate::product::{Product, Start};
use crate::simd::Simd;

/// The gradient of one site's low-rank addition.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRankGradient {
    /// `[input, rank]`, row-major.
    pub down: Vec<f32>,
    /// `[rank, output]`, row-major.
    pub up: Vec<f32>,
}

/// What a backward pass gives.
pub struct Gradients {
    /// Of the input, `[sequences * padded, hidden]`, zero at padding; where it was asked for.
    pub input: Option<Vec<f32>>,
    /// Of each site's low-rank addition.
    pub low_rank: [Option<LowRankGradient>; SITES],
}

impl Block {
    /// The gradients, given that of the output, `[sequences * padded, hidden]`; what it says at padding
    /// is not read.
    ///
    /// # Panics
    /// If `kept` is another block's, or the block was packed without gradients.
    #[allow(clippy::panic, reason = "a caller's mistake, as documented")]
    pub fn backward(&self, kept: &Record, gradient: &[f32], input: bool) -> Gradients {
        assert_eq!(gradient.len(), kept.rows * self.hidden());
        match (&self.format, &kept.chunks) {
            (Format::F32(parts), Chunks::F32(chunks)) if parts.id == kept.block => on_level(
                self.level(),
                Backward {
                    parts,
                    chunks,
                    kept,
                    gradient,
                    input,
                },
            ),
            (Format::Bf16(parts), Chunks::Bf16(chunks)) if parts.id == kept.block => on_level(
                self.level(),
                Backward {
                    parts,
                    chunks,
                    kept,
                    gradient,
                    input,
                },
            ),
            _ => panic!("kept by another block"),
        }
    }
}

struct Backward<'a, E: Element> {
    parts: &'a Parts<E>,
    chunks: &'a [(Chunk, Saved<E>)],
    kept: &'a Record,
    gradient: &'a [f32],
    input: bool,
}

/// A chunk's part of one site's gradient, both `[rank, ..]`.
struct Sum {
    down: Matrix<f32>,
    up: Matrix<f32>,
}

type Sums = [Option<Sum>; SITES];

impl<E: Element> Work for Backward<'_, E> {
    type Out = Gradients;

    fn run<S: Simd>(self) -> Gradients {
        let hidden = self.parts.hidden;
        let mut out = self.input.then(|| vec![0.0f32; self.gradient.len()]);
        let mut rest = out.as_deref_mut();
        let mut tasks = Vec::with_capacity(self.chunks.len());
        for (chunk, saved) in self.chunks {
            let mine = rest.take().map(|all| {
                let (mine, behind) = all.split_at_mut((chunk.end - chunk.first) * hidden);
                rest = Some(behind);
                mine
            });
            tasks.push((chunk, saved, mine));
        }
        let sums: Vec<Sums> = tasks
            .into_par_iter()
            .map(|(chunk, saved, out)| {
                let back = Back {
                    pass: Pass {
                        parts: self.parts,
                        adapters: &self.kept.adapters,
                        dropouts: &self.kept.dropouts,
                        padded: self.kept.padded,
                        keep: false,
                    },
                    chunk,
                    saved,
                };
                back.run::<S>(self.gradient, out)
            })
            .collect();
        let low_rank = std::array::from_fn(|site| {
            self.kept.adapters[site].as_ref()?;
            // In the order of the chunks, whatever thread they ran on.
            let mut parts = sums.iter().filter_map(|sums| sums[site].as_ref());
            let first = parts.next()?;
            let mut down = first.down.values.to_vec();
            let mut up = first.up.values.to_vec();
            for sum in parts {
                add(&mut down, &sum.down.values);
                add(&mut up, &sum.up.values);
            }
            let (rank, input, stride) = (first.down.rows, first.down.width, first.down.stride);
            let mut transposed = vec![0.0; rank * input];
            for j in 0..rank {
                for k in 0..input {
                    transposed[k * rank + j] = down[j * stride + k];
                }
            }
            let up = up
                .chunks_exact(first.up.stride)
                .flat_map(|row| row[..first.up.width].iter().copied())
                .collect();
            Some(LowRankGradient {
                down: transposed,
                up,
            })
        });
        Gradients {
            input: out,
            low_rank,
        }
    }
}

fn add(sum: &mut [f32], values: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

/// One chunk's backward pass.
struct Back<'a, E: Element> {
    pass: Pass<'a, E>,
    chunk: &'a Chunk,
    saved: &'a Saved<E>,
}

impl<E: Element> Back<'_, E> {
    fn run<S: Simd>(&self, gradient: &[f32], out: Option<&mut [f32]>) -> Sums {
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
        let states = self.enter::<S>(norm, into, residual);

        // Attention.
        let norm = (&parts.attention_norm, &saved.attention_norm);
        let (residual, y) = self.leave::<S>(norm, states, mask(&dropouts.attention, &places));
        let attended = Some(&saved.attended);
        let attended = self.linear::<S>(Site::AttentionOutput, y, attended, None, &mut sums);
        let mut qkv = [(); 3].map(|()| Matrix::<f32>::for_values(rows, parts.width()));
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
        mask: Option<crate::low_rank::Mask>,
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
        (self.pass.parts.place == NormPlace::After).then(|| Matrix {
            values: residual.values.clone(),
            ..*residual
        })
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
            NormPlace::Before => {
                call::<S, _>(NormGradient {
                    norm,
                    kept,
                    gradient: &mut input,
                });
                call::<S, _>(crate::norm::AddResidual {
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
            NormPlace::Before => (own, own_kept),
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
