//! The forward pass of a block.

use rayon::prelude::*;

use crate::activation::Activate;
use crate::attention::{Attend, ProbabilityMask};
use crate::batch::{Chunk, Shape, chunks};
use crate::block::{Block, Format, NormPlace, Parts, SITES, Site};
use crate::buffer::{Buffer, aligned, checked_count};
use crate::dropout::Kept;
use crate::element::{Bf16, Element, Matrix};
use crate::level::Level;
use crate::low_rank::{Mask, Project};
use crate::norm::{AddResidual, Norm, Normalise, Normed};
use crate::product::{Packed, Product, Start};
use crate::simd::{Kernel, Simd};

/// A low-rank addition to one site, `y += dropout(x) down up`.
#[derive(Clone, Copy, Debug)]
pub struct LowRank<'a> {
    /// `[input, rank]`, row-major.
    pub down: &'a [f32],
    /// `[rank, output]`, row-major, its scale included.
    pub up: &'a [f32],
    /// The number of triplets.
    pub rank: usize,
}

/// The dropouts of one pass through a block; `None` where there is none. Decisions are counted over
/// the padded batch, so that any way of computing it sees the same ones.
#[derive(Clone, Debug, Default)]
pub struct Dropouts {
    /// Before a site's low-rank addition, `[rows, input]`.
    pub sites: [Option<Kept>; SITES],
    /// Of attention's probabilities, `[sequences, heads, padded, padded]`.
    pub probabilities: Option<Kept>,
    /// Behind attention's output layer, `[rows, hidden]`.
    pub attention: Option<Kept>,
    /// Behind the second feed-forward layer, `[rows, hidden]`.
    pub feed_forward: Option<Kept>,
}

/// One site's low-rank addition, laid out for the kernels.
pub(crate) struct Prepared {
    /// `[rank, input]`.
    pub down: Matrix<f32>,
    /// `[rank, output]`.
    pub up: Matrix<f32>,
    /// `up` in panels.
    pub packed: Packed<f32>,
}

pub(crate) type Adapters = [Option<Prepared>; SITES];

/// What the backward pass needs of a forward pass.
pub struct Record {
    pub(crate) chunks: Chunks,
    pub(crate) adapters: Adapters,
    pub(crate) dropouts: Dropouts,
    pub(crate) padded: usize,
    pub(crate) rows: usize,
    /// The block that made it.
    pub(crate) block: u64,
}

/// What each chunk keeps.
pub(crate) enum Chunks {
    F32(Vec<(Chunk, Saved<f32>)>),
    Bf16(Vec<(Chunk, Saved<Bf16>)>),
}

/// What one chunk keeps.
pub(crate) struct Saved<E: Element> {
    /// The input of attention, where no norm stands before it.
    pub input: Option<Matrix<E>>,
    pub qkv: [Matrix<E>; 3],
    pub attended: Matrix<E>,
    pub attention_norm: Normed<E>,
    /// The first feed-forward layer's output, and the gate's.
    pub first: Matrix<E>,
    pub gate: Option<Matrix<E>>,
    pub feed_forward_norm: Normed<E>,
    /// What each site's input was projected to, `[rows, rank]`.
    pub projected: [Option<Matrix<f32>>; SITES],
}

impl Block {
    /// The block's output for `x`, the states `[sequences * padded, hidden]`; what stands at padding
    /// becomes zero. With `keep`, also what [`Block::backward`] needs.
    ///
    /// # Panics
    /// If a size does not fit.
    pub fn forward(
        &self,
        x: &[f32],
        shape: &Shape,
        low_rank: &[Option<LowRank>; SITES],
        dropouts: Dropouts,
        keep: bool,
    ) -> (Vec<f32>, Option<Record>) {
        assert_eq!(Some(x.len()), checked_count(&[shape.rows(), self.hidden()]));
        match &self.format {
            Format::F32(parts) => on_level(
                self.level(),
                Forward::new(parts, x, shape, low_rank, dropouts, keep),
            ),
            Format::Bf16(parts) => on_level(
                self.level(),
                Forward::new(parts, x, shape, low_rank, dropouts, keep),
            ),
        }
    }
}

/// Work that is generic over the instruction set, above the kernels.
pub(crate) trait Work {
    type Out;
    fn run<S: Simd>(self) -> Self::Out;
}

/// Runs `work` with the instruction set of `level`, which the processor has.
pub(crate) fn on_level<W: Work>(level: Level, work: W) -> W::Out {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512Bf16 => work.run::<crate::simd::x86::Avx512Bf16>(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => work.run::<crate::simd::x86::Avx512>(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => work.run::<crate::simd::x86::Avx2>(),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => work.run::<crate::simd::neon::Neon>(),
        _ => work.run::<crate::simd::portable::Portable>(),
    }
}

/// Runs one kernel.
pub(crate) fn call<S: Simd, K: Kernel>(kernel: K) -> K::Out {
    // SAFETY: `on_level` was given a level that `Block::new` found to be here, and the kernels'
    // matrices have the sizes that they check or that this crate gave them.
    unsafe { S::call(kernel) }
}

struct Forward<'a, E: Element> {
    parts: &'a Parts<E>,
    x: &'a [f32],
    shape: &'a Shape<'a>,
    adapters: Adapters,
    dropouts: Dropouts,
    keep: bool,
}

impl<'a, E: Element> Forward<'a, E> {
    fn new(
        parts: &'a Parts<E>,
        x: &'a [f32],
        shape: &'a Shape<'a>,
        low_rank: &[Option<LowRank>; SITES],
        dropouts: Dropouts,
        keep: bool,
    ) -> Self {
        let adapters = std::array::from_fn(|site| {
            let delta = low_rank[site].as_ref()?;
            let sizes = parts.size(site);
            assert!(sizes.is_some(), "the block has no site {site}");
            Some(Prepared::new(delta, sizes?, parts.lanes()))
        });
        let rows = shape.rows();
        // The kernels read decisions without checks.
        let enough = |kept: &Option<Kept>, sizes: &[usize]| {
            let n = checked_count(sizes);
            let covers = |kept: &Kept| n.is_some_and(|n| kept.covers(n));
            assert!(
                kept.as_ref().is_none_or(covers),
                "too few dropout decisions"
            );
        };
        for (site, kept) in dropouts.sites.iter().enumerate() {
            let input = parts.size(site).map_or(0, |(input, _)| input);
            enough(kept, &[rows, input]);
        }
        let heads = parts.attention.heads.heads;
        enough(&dropouts.probabilities, &[rows, heads, shape.padded()]);
        enough(&dropouts.attention, &[rows, parts.hidden]);
        enough(&dropouts.feed_forward, &[rows, parts.hidden]);
        Self {
            parts,
            x,
            shape,
            adapters,
            dropouts,
            keep,
        }
    }
}

impl<E: Element> Work for Forward<'_, E> {
    type Out = (Vec<f32>, Option<Record>);

    fn run<S: Simd>(self) -> Self::Out {
        let hidden = self.parts.hidden;
        let chunks = chunks(self.shape);
        let mut out = vec![0.0f32; self.x.len()];
        let mut rest = out.as_mut_slice();
        let mut tasks = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let (mine, behind) = rest.split_at_mut((chunk.end - chunk.first) * hidden);
            rest = behind;
            tasks.push((chunk, mine));
        }
        let kept: Vec<_> = tasks
            .into_par_iter()
            .map(|(chunk, out)| {
                let pass = Pass {
                    parts: self.parts,
                    adapters: &self.adapters,
                    dropouts: &self.dropouts,
                    padded: self.shape.padded(),
                    keep: self.keep,
                };
                let saved = pass.forward::<S>(&chunk, self.x, out);
                saved.map(|saved| (chunk, saved))
            })
            .collect();
        let kept = self.keep.then(|| Record {
            chunks: E::chunks(kept.into_iter().flatten().collect()),
            adapters: self.adapters,
            dropouts: self.dropouts,
            padded: self.shape.padded(),
            rows: self.shape.rows(),
            block: self.parts.id,
        });
        (out, kept)
    }
}

/// One chunk's pass.
pub(crate) struct Pass<'a, E: Element> {
    pub parts: &'a Parts<E>,
    pub adapters: &'a Adapters,
    pub dropouts: &'a Dropouts,
    pub padded: usize,
    pub keep: bool,
}

impl<E: Element> Pass<'_, E> {
    fn forward<S: Simd>(&self, chunk: &Chunk, x: &[f32], out: &mut [f32]) -> Option<Saved<E>> {
        let parts = self.parts;
        let rows = chunk.rows.len();
        let states = gather(x, &chunk.rows, parts.hidden);
        let mut projected: [Option<Matrix<f32>>; SITES] = Default::default();

        // Attention.
        let (input, normed) = self.enter::<S>(&parts.attention_norm, &states);
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
        let mask = mask(&self.dropouts.attention, &places);
        let (states, attention_norm) =
            self.leave::<S>(&parts.attention_norm, y, mask, &states, normed);
        let input = self
            .keep
            .then_some(input)
            .filter(|_| parts.place == NormPlace::After);

        // Feed-forward.
        let (ffn_input, normed) = self.enter::<S>(&parts.feed_forward_norm, &states);
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
        let mask = crate::forward::mask(&self.dropouts.feed_forward, &places);
        let (states, feed_forward_norm) =
            self.leave::<S>(&parts.feed_forward_norm, y, mask, &states, normed);
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
            NormPlace::Before => {
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
            NormPlace::Before => (y, normed),
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

impl<E: Element> Parts<E> {
    /// Width of attention: all heads.
    pub fn width(&self) -> usize {
        self.attention.heads.heads * self.attention.heads.size
    }

    fn lanes(&self) -> usize {
        self.sites[0].as_ref().map_or(1, |site| site.weight.lanes())
    }
}

impl Prepared {
    fn new(delta: &LowRank, (input, output): (usize, usize), lanes: usize) -> Self {
        let rank = delta.rank;
        assert_eq!(Some(delta.down.len()), checked_count(&[input, rank]));
        assert_eq!(Some(delta.up.len()), checked_count(&[rank, output]));
        let mut down = Matrix::zeros(rank, input);
        for (k, row) in delta.down.chunks_exact(rank.max(1)).enumerate() {
            for (j, &value) in row.iter().enumerate() {
                down.values[j * down.stride + k] = value;
            }
        }
        let mut up = Matrix::zeros(rank, output);
        for (j, row) in delta.up.chunks_exact(output).enumerate() {
            up.values[j * aligned(output)..][..output].copy_from_slice(row);
        }
        Self {
            down,
            up,
            packed: Packed::new(rank, output, lanes, |j, n| delta.up[j * output + n]),
        }
    }
}

/// Where each row's first decision stands in dropout over `[rows, width]`.
pub(crate) fn places(rows: &[usize], width: usize) -> Vec<usize> {
    rows.iter().map(|row| row * width).collect()
}

pub(crate) fn mask<'a>(kept: &'a Option<Kept>, places: &'a [usize]) -> Option<Mask<'a>> {
    kept.as_ref().map(|kept| Mask { kept, places })
}

/// The chunk's rows of `x` `[.., width]`.
pub(crate) fn gather(x: &[f32], rows: &[usize], width: usize) -> Matrix<f32> {
    let mut matrix = Matrix::for_values(rows.len(), width);
    for (to, &row) in rows.iter().enumerate() {
        let to = &mut matrix.values[to * aligned(width)..][..width];
        to.copy_from_slice(&x[row * width..(row + 1) * width]);
    }
    matrix
}

/// The chunk's rows to their places in `out`, which begins at the chunk's first row.
pub(crate) fn scatter(rows: &Matrix<f32>, chunk: &Chunk, out: &mut [f32]) {
    for (from, &row) in chunk.rows.iter().enumerate() {
        let to = (row - chunk.first) * rows.width;
        out[to..to + rows.width].copy_from_slice(rows.row(from));
    }
}
