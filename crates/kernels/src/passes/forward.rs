//! The forward pass of a block: its chunks, one a task.

use rayon::prelude::*;

use crate::batch::{Shape, chunks};
use crate::block::packed::{Block, Format, Parts};
use crate::block::values::SITES;
use crate::dropout::kept::Kept;
use crate::memory::size::checked_count;
use crate::numbers::element::Element;
use crate::passes::adapters::{Adapters, LowRank, Prepared};
use crate::passes::dropouts::Dropouts;
use crate::passes::forward_chunk::Pass;
use crate::passes::record::{Record, Recorded};
use crate::simd::dispatch::{Work, on_level};
use crate::simd::vector::Simd;

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

impl<E: Recorded> Work for Forward<'_, E> {
    type Out = (Vec<f32>, Option<Record>);

    fn run<S: Simd>(self) -> Self::Out {
        let hidden = self.parts.hidden;
        let chunks = chunks(self.shape, self.parts.chunk_rows());
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
