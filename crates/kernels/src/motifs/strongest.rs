//! The strongest answer of each filter.

use crate::simd::vector::{Kernel, Simd};

/// Filters that are computed side by side: a whole number of every vector.
pub(super) const TILE: usize = 16;
/// A, C, G, T and what is none of them.
pub(super) const CODES: usize = 5;
/// What three bases can be.
pub(super) const TRIPLES: usize = CODES * CODES * CODES;

/// `best[bin][f] = max over the places p of a bin of bias[class of p][f] + sum over groups of table[group][triples[p + 3 group]][f]`, and
/// the first such `p`.
pub(super) struct Strongest<'a> {
    /// `[tile][group][triple][TILE]`.
    pub table: &'a [f32],
    /// `[class][tile][TILE]`.
    pub bias: &'a [f32],
    /// By place: which bias it has.
    pub classes: &'a [u32],
    /// Filters, filled up to whole tiles.
    pub padded: usize,
    /// By place: three neighbouring codes; at least `places + 3 groups - 3` of them, each below [`TRIPLES`].
    pub triples: &'a [u8],
    pub groups: usize,
    /// Where each bin ends and the next begins, with the first one's begin before them.
    pub bounds: &'a [usize],
    /// `[bin][tile][TILE]`, written; of a bin without places, minus infinity.
    pub best: Vec<f32>,
    /// As `best`: places.
    pub at: Vec<f32>,
}

impl Kernel for &mut Strongest<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (last, bins) = match self.bounds {
            [] => (0, 0),
            [.., last] => (*last, self.bounds.len() - 1),
        };
        assert!(self.bounds.is_sorted() && self.triples.len() + 3 >= last + 3 * self.groups);
        let padded = self.padded;
        assert!(self.best.len() >= bins * padded && self.at.len() >= bins * padded);
        let classes = self.bias.len() / padded.max(1);
        let is_one = |class: &u32| (*class as usize) < classes;
        assert!(self.classes.len() >= last && self.classes.iter().all(is_one));
        debug_assert_eq!(self.table.len(), padded * self.groups * TRIPLES);
        let parts = TILE / S::LANES;
        for tile in 0..padded / TILE {
            // SAFETY: a class is one of those of `bias`; a tile of `bias`, `best`, `at` has `TILE` values, a whole number of vectors; a triple is below
            // `TRIPLES`, so its row lies in the tile's part of the table.
            unsafe {
                let table = self.table.as_ptr().add(tile * self.groups * TRIPLES * TILE);
                for part in 0..parts {
                    let lane = part * S::LANES;
                    let bias = self.bias.as_ptr().add(tile * TILE + lane);
                    // Bins innermost but for the places, so that a tile's part of the table stays near.
                    for (bin, bounds) in self.bounds.windows(2).enumerate() {
                        let mut best = S::splat(f32::NEG_INFINITY);
                        let mut at = S::splat(0.0);
                        for place in bounds[0]..bounds[1] {
                            let class = *self.classes.get_unchecked(place) as usize;
                            let mut score = S::load(bias.add(class * padded));
                            for group in 0..self.groups {
                                let triple =
                                    *self.triples.get_unchecked(place + 3 * group) as usize;
                                let row = table.add((group * TRIPLES + triple) * TILE + lane);
                                score = S::add(score, S::load(row));
                            }
                            at = S::where_negative(S::sub(best, score), S::splat(place as f32), at);
                            best = S::max(best, score);
                        }
                        let to = bin * padded + tile * TILE + lane;
                        S::store(self.best.as_mut_ptr().add(to), best);
                        S::store(self.at.as_mut_ptr().add(to), at);
                    }
                }
            }
        }
    }
}
