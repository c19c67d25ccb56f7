//! The backward pass of a block: its chunks, one a task, and the sums of what they give.

use rayon::prelude::*;

use crate::batch::Chunk;
use crate::block::packed::{Block, Format, Parts};
use crate::block::values::SITES;
use crate::numbers::element::Element;
use crate::passes::backward_chunk::{Back, Sums};
use crate::passes::forward_chunk::Pass;
use crate::passes::record::{Chunks, Record, Saved};
use crate::simd::dispatch::{Work, on_level};
use crate::simd::vector::Simd;

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
