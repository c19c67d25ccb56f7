//! The filters of a convolution over bases, summed up for every three neighbours.

use rayon::prelude::*;

use crate::memory::buffer::Buffer;
use crate::motifs::strongest::{CODES, Strongest, TILE, TRIPLES};
use crate::simd::dispatch::{Work, call, on_level};
use crate::simd::level::Level;
use crate::simd::vector::Simd;

/// Neighbouring bases that are looked up at once.
const GROUP: usize = 3;

/// A convolution without padding over one-hot bases: `score[p][f] = bias[f] + sum over k of weight[k][base[p + k]][f]`.
/// What is not A, C, G or T adds nothing.
///
/// A filter may have a further bias for how far from the middle of the sequence a place is ([`Distance`]).
///
/// For every three neighbours the sum of their weights is looked up, so a filter of width 15 costs five additions
/// a place instead of fifteen multiplications with one-hot rows of four.
pub struct Motifs {
    level: Level,
    width: usize,
    filters: usize,
    /// `[tile][group][triple][TILE]`.
    table: Buffer<f32>,
    /// `[class][tile][TILE]`: one class, or those of the distances.
    bias: Buffer<f32>,
    distance: Option<Distance>,
}

/// How places are told apart by their distance from the middle of the sequence: `classes` classes, each of `every` places on
/// either side, the last one of all that are farther.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// Places of a class on either side; at least 1.
    pub every: usize,
    /// Classes; at least 1.
    pub classes: usize,
}

impl Distance {
    /// The class of one of `places` places.
    pub fn class_of(self, place: usize, places: usize) -> usize {
        // Twice the distance from the middle, which may lie between two places.
        let twice = (2 * place).abs_diff(places.saturating_sub(1));
        (twice / 2 / self.every.max(1)).min(self.classes.saturating_sub(1))
    }
}

/// Where each filter answers strongest in the bins of one sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The largest score of each filter, `[bins, filters]`; minus infinity in a bin without a place.
    pub best: Vec<f32>,
    /// The first place that has it, counted in the whole sequence.
    pub at: Vec<u32>,
}

impl Motifs {
    /// `weights` are `[width, 4, filters]`, `bias` `[filters]`.
    ///
    /// # Panics
    /// If the lengths do not fit, or the processor lacks `level`.
    pub fn new(level: Level, width: usize, weights: &[f32], bias: &[f32]) -> Self {
        Self::with_distance(level, width, weights, bias, None)
    }

    /// The same with what a filter's score rises by at each distance, `[classes, filters]`.
    ///
    /// # Panics
    /// As [`Motifs::new`].
    pub fn with_distance(
        level: Level,
        width: usize,
        weights: &[f32],
        bias: &[f32],
        distance: Option<(Distance, &[f32])>,
    ) -> Self {
        let filters = bias.len();
        assert_eq!(
            weights.len(),
            width * 4 * filters,
            "weights of {width} x 4 x {filters}"
        );
        let (tiles, groups) = (filters.div_ceil(TILE), width.div_ceil(GROUP));
        let mut table = Buffer::zeros(tiles * groups * TRIPLES * TILE);
        let classes = distance.map_or(1, |(distance, _)| distance.classes);
        let mut padded = Buffer::zeros(classes * tiles * TILE);
        for (class, row) in padded.chunks_exact_mut((tiles * TILE).max(1)).enumerate() {
            row[..filters].copy_from_slice(bias);
            if let Some((_, rises)) = distance {
                assert_eq!(
                    rises.len(),
                    classes * filters,
                    "{classes} x {filters} rises"
                );
                let rises = &rises[class * filters..][..filters];
                row.iter_mut().zip(rises).for_each(|(to, rise)| *to += rise);
            }
        }
        let rows = table.chunks_exact_mut(TILE).enumerate();
        for (row, sums) in rows {
            let (triple, rest) = (row % TRIPLES, row / TRIPLES);
            let (group, tile) = (rest % groups, rest / groups);
            let first = tile * TILE;
            let count = TILE.min(filters - first);
            for (j, power) in [CODES * CODES, CODES, 1].into_iter().enumerate() {
                let (code, k) = (triple / power % CODES, group * GROUP + j);
                if code < 4 && k < width {
                    let of = &weights[(k * 4 + code) * filters + first..][..count];
                    sums.iter_mut().zip(of).for_each(|(sum, w)| *sum += w);
                }
            }
        }
        Self {
            level,
            width,
            filters,
            table,
            bias: padded,
            distance: distance.map(|(distance, _)| distance),
        }
    }

    /// The strongest answers in a sequence of codes ([`code`]), in each of `bins` stretches of equally many places; a
    /// sequence that is shorter than the filters is filled up with what is no base.
    ///
    /// # Panics
    /// If a code is above 4, or the sequence has 2^24 bases or more.
    pub fn strongest(&self, codes: &[u8], bins: usize) -> Answers {
        assert!(
            codes.iter().all(|&c| usize::from(c) < CODES),
            "codes are 0 to 4"
        );
        let places = codes.len().saturating_sub(self.width) + 1;
        assert!(places < 1 << 24, "places are counted in f32");
        let groups = self.width.div_ceil(GROUP);
        let at = |i: usize| codes.get(i).copied().unwrap_or(4);
        let triples: Vec<u8> = (0..places + GROUP * groups)
            .map(|i| (at(i) * 5 + at(i + 1)) * 5 + at(i + 2))
            .collect();
        let padded = self.filters.next_multiple_of(TILE);
        let classes: Vec<u32> = match self.distance {
            Some(distance) => (0..places)
                .map(|place| distance.class_of(place, places) as u32)
                .collect(),
            None => vec![0; places],
        };
        let bounds: Vec<usize> = (0..=bins).map(|bin| bin * places / bins.max(1)).collect();
        let mut work = Strongest {
            table: &self.table,
            bias: &self.bias,
            classes: &classes,
            padded,
            triples: &triples,
            groups,
            bounds: &bounds,
            best: vec![0.0; bins * padded],
            at: vec![0.0; bins * padded],
        };
        on_level(self.level, OneSequence(&mut work));
        let rows = |values: &[f32]| -> Vec<f32> {
            let rows = values.chunks_exact(padded.max(1));
            rows.flat_map(|row| &row[..self.filters]).copied().collect()
        };
        Answers {
            best: rows(&work.best),
            at: rows(&work.at).into_iter().map(|at| at as u32).collect(),
        }
    }

    /// Adds to the gradients of weights and bias what the slopes of the loss by the strongest answers make of them.
    ///
    /// Each filter's part is summed in the order of the rows and their bins: any number of threads gives the same bits.
    pub fn gradient(&self, rows: &[Learnt], weights: &mut [f32], bias: &mut [f32]) {
        let of_tile = |tile: usize| {
            let first = tile * TILE;
            let filters = first..self.filters.min(first + TILE);
            // A filter's own weights side by side, `[filter][width][4]`, so that they stay near.
            let mut of_weights = vec![0.0f32; filters.len() * self.width * 4];
            let mut of_bias = vec![0.0f32; filters.len()];
            for row in rows {
                let bins = row.slope.chunks_exact(self.filters);
                for (slope, at) in bins.zip(row.answers.at.chunks_exact(self.filters)) {
                    let own = slope[filters.clone()].iter().zip(&at[filters.clone()]);
                    let parts = of_weights
                        .chunks_exact_mut(self.width * 4)
                        .zip(&mut of_bias);
                    for ((&slope, &at), (weights, bias)) in own.zip(parts) {
                        if slope == 0.0 {
                            continue;
                        }
                        *bias += slope;
                        let seen = &row.codes[(at as usize).min(row.codes.len())..];
                        for (base, &code) in weights.chunks_exact_mut(4).zip(seen) {
                            if let Some(weight) = base.get_mut(usize::from(code)) {
                                *weight += slope;
                            }
                        }
                    }
                }
            }
            (of_weights, of_bias)
        };
        let tiles = self.filters.div_ceil(TILE);
        let found: Vec<_> = (0..tiles).into_par_iter().map(of_tile).collect();
        for (tile, (of_weights, of_bias)) in found.into_iter().enumerate() {
            for (i, slope) in of_bias.into_iter().enumerate() {
                let f = tile * TILE + i;
                bias[f] += slope;
                let own = &of_weights[i * self.width * 4..][..self.width * 4];
                let to = weights.iter_mut().skip(f).step_by(self.filters);
                to.zip(own).for_each(|(to, slope)| *to += slope);
            }
        }
    }
}

impl Motifs {
    /// Adds to the gradient of the rises by distance, `[classes, filters]`, what [`Motifs::gradient`] adds to that of the bias.
    pub fn gradient_by_distance(&self, rows: &[Learnt], rises: &mut [f32]) {
        let Some(distance) = self.distance else {
            return;
        };
        for row in rows {
            let places = row.codes.len().saturating_sub(self.width) + 1;
            for (i, (&slope, &at)) in row.slope.iter().zip(&row.answers.at).enumerate() {
                if slope != 0.0 {
                    let class = distance.class_of(at as usize, places);
                    rises[class * self.filters + i % self.filters] += slope;
                }
            }
        }
    }
}

/// A sequence that [`Motifs::gradient`] learns from.
#[derive(Clone, Copy)]
pub struct Learnt<'a> {
    /// Its codes.
    pub codes: &'a [u8],
    /// The strongest answers in it.
    pub answers: &'a Answers,
    /// The loss's slope by each of them, `[bins, filters]`.
    pub slope: &'a [f32],
}

struct OneSequence<'a, 'b>(&'a mut Strongest<'b>);

impl Work for OneSequence<'_, '_> {
    type Out = ();

    fn run<S: Simd>(self) {
        call::<S, _>(self.0);
    }
}

/// The code of a base: A 0, C 1, G 2, T and U 3, anything else 4; lower case as upper.
pub fn code(base: u8) -> u8 {
    match base.to_ascii_uppercase() {
        b'A' => 0,
        b'C' => 1,
        b'G' => 2,
        b'T' | b'U' => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By the definition, one score at a time.
    fn plain(
        width: usize,
        weights: &[f32],
        bias: &[f32],
        codes: &[u8],
        bins: usize,
    ) -> Vec<(f64, usize)> {
        let filters = bias.len();
        let places = codes.len().saturating_sub(width) + 1;
        let score = |f: usize, p: usize| {
            let of = |k: usize| match codes.get(p + k) {
                Some(&c) if c < 4 => f64::from(weights[(k * 4 + usize::from(c)) * filters + f]),
                _ => 0.0,
            };
            f64::from(bias[f]) + (0..width).map(of).sum::<f64>()
        };
        let of_bin = |bin: usize| bin * places / bins..(bin + 1) * places / bins;
        (0..bins)
            .flat_map(|bin| (0..filters).map(move |f| (bin, f)))
            .map(|(bin, f)| {
                let scores = of_bin(bin).map(|p| (score(f, p), p));
                scores.fold((f64::NEG_INFINITY, 0), |a, b| if b.0 > a.0 { b } else { a })
            })
            .collect()
    }

    #[test]
    fn classes_are_stretches_on_both_sides_of_the_middle() {
        let t = |every, classes, places, expected: &[usize]| {
            let distance = Distance { every, classes };
            let found: Vec<usize> = (0..places).map(|p| distance.class_of(p, places)).collect();
            assert_eq!(found, expected);
        };
        t(1, 9, 5, &[2, 1, 0, 1, 2]);
        t(1, 9, 6, &[2, 1, 0, 0, 1, 2]);
        t(2, 9, 9, &[2, 1, 1, 0, 0, 0, 1, 1, 2]);
        t(2, 2, 9, &[1, 1, 1, 0, 0, 0, 1, 1, 1]);
        t(5, 3, 1, &[0]);
    }

    fn levels() -> impl Iterator<Item = Level> {
        Level::ALL.into_iter().filter(|level| level.is_here())
    }

    proptest! {
        #[test]
        fn answers_are_those_of_the_definition(
            width in 1usize..17, filters in 1usize..40, bins in 1usize..9,
            codes in proptest::collection::vec(0u8..5, 0..60), seed: u32,
        ) {
            let value = |i: usize| ((i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0;
            let weights: Vec<f32> = (0..width * 4 * filters).map(value).collect();
            let bias: Vec<f32> = (0..filters).map(|i| value(i + 1_000_003)).collect();
            let expected = plain(width, &weights, &bias, &codes, bins);
            let mut first: Option<Answers> = None;
            for level in levels() {
                let found = Motifs::new(level, width, &weights, &bias).strongest(&codes, bins);
                prop_assert_eq!(found.best.len(), bins * filters);
                for (f, (score, at)) in expected.iter().enumerate() {
                    let best = f64::from(found.best[f]);
                    prop_assert!(best == *score || (best - score).abs() < 1e-5, "{level} {f}");
                    // Another place may be as good but for rounding; its score is held by the line above.
                    let _ = at;
                }
                // Additions in one order: the same bits on every instruction set.
                match &first {
                    None => first = Some(found),
                    Some(first) => prop_assert_eq!(first, &found, "{}", level),
                }
            }
        }

        /// A filter that rises at a distance is one of its own at each class of places.
        #[test]
        fn rises_are_added_where_they_belong(
            codes in proptest::collection::vec(0u8..5, 1..60), every in 1usize..6, classes in 1usize..5, seed: u32,
        ) {
            let (width, filters, bins) = (5, 21, 2);
            let value = |i: usize| ((i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0;
            let weights: Vec<f32> = (0..width * 4 * filters).map(value).collect();
            let bias: Vec<f32> = (0..filters).map(|i| value(i + 1_000_003)).collect();
            let rises: Vec<f32> = (0..classes * filters).map(|i| value(i + 2_000_003)).collect();
            let distance = Distance { every, classes };
            let places = codes.len().saturating_sub(width) + 1;
            let mut first: Option<Answers> = None;
            for level in levels() {
                let motifs = Motifs::with_distance(level, width, &weights, &bias, Some((distance, &rises)));
                let found = motifs.strongest(&codes, bins);
                for bin in 0..bins {
                    for f in 0..filters {
                        let score = |p: usize| {
                            let of = |k: usize| match codes.get(p + k) {
                                Some(&c) if c < 4 => f64::from(weights[(k * 4 + usize::from(c)) * filters + f]),
                                _ => 0.0,
                            };
                            let rise = rises[distance.class_of(p, places) * filters + f];
                            f64::from(bias[f]) + f64::from(rise) + (0..width).map(of).sum::<f64>()
                        };
                        let of_bin = bin * places / bins..(bin + 1) * places / bins;
                        let best = of_bin.map(score).fold(f64::NEG_INFINITY, f64::max);
                        let got = f64::from(found.best[bin * filters + f]);
                        prop_assert!(got == best || (got - best).abs() < 1e-5, "{level} {f}: {got} {best}");
                    }
                }
                let slope: Vec<f32> = (0..bins * filters).map(|i| value(i + 77)).collect();
                let learnt = Learnt { codes: &codes, answers: &found, slope: &slope };
                let (mut by_distance, mut of_bias) = (vec![0.0; classes * filters], vec![0.0; filters]);
                motifs.gradient(&[learnt], &mut vec![0.0; weights.len()], &mut of_bias);
                motifs.gradient_by_distance(&[learnt], &mut by_distance);
                for (f, of_bias) in of_bias.iter().enumerate() {
                    let sum: f32 = by_distance.iter().skip(f).step_by(filters).sum();
                    prop_assert!((of_bias - sum).abs() < 1e-4);
                }
                for (i, (&slope, &at)) in slope.iter().zip(&found.at).enumerate() {
                    let class = distance.class_of(at as usize, places);
                    by_distance[class * filters + i % filters] -= slope;
                }
                prop_assert!(by_distance.iter().all(|left| left.abs() < 1e-5));
                match &first {
                    None => first = Some(found),
                    Some(first) => prop_assert_eq!(first, &found, "{}", level),
                }
            }
        }

        #[test]
        fn gradients_are_differences(
            codes in proptest::collection::vec(0u8..5, 8..40), bins in 1usize..4, seed: u32,
        ) {
            let (width, filters) = (6, 5);
            let value = |i: usize| ((i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0;
            let weights: Vec<f32> = (0..width * 4 * filters).map(value).collect();
            let bias = vec![0.0; filters];
            let level = Level::Portable;
            let motifs = Motifs::new(level, width, &weights, &bias);
            let answers = motifs.strongest(&codes, bins);
            let slope: Vec<f32> = (0..bins * filters).map(|i| value(i + 77)).collect();
            let (mut of_weights, mut of_bias) = (vec![0.0; weights.len()], vec![0.0; filters]);
            let learnt = Learnt { codes: &codes, answers: &answers, slope: &slope };
            motifs.gradient(&[learnt], &mut of_weights, &mut of_bias);
            for (f, found) in of_bias.iter().enumerate() {
                let sum: f32 = slope.iter().skip(f).step_by(filters).sum();
                prop_assert!((found - sum).abs() < 1e-5);
            }
            let loss = |weights: &[f32]| -> f64 {
                let best = Motifs::new(level, width, weights, &bias).strongest(&codes, bins).best;
                best.iter().zip(&slope).map(|(b, s)| f64::from(*b) * f64::from(*s)).sum()
            };
            for i in (0..weights.len()).step_by(7) {
                // Small enough that the strongest place stays the strongest, nearly always.
                let step = 1.0 / 1024.0;
                let [mut up, mut down] = [weights.clone(), weights.clone()];
                up[i] += step;
                down[i] -= step;
                let (rise, fall) = (loss(&up) - loss(&weights), loss(&weights) - loss(&down));
                if (rise - fall).abs() < 1e-6 {
                    let slope = (rise + fall) / (2.0 * f64::from(step));
                    prop_assert!((slope - f64::from(of_weights[i])).abs() < 2e-3, "{i}: {slope} {}", of_weights[i]);
                }
            }
        }
    }

    #[test]
    fn a_motif_is_found_where_it_stands() {
        let motif = b"TATA".map(code);
        let mut weights = vec![-1.0; 4 * 4];
        for (k, code) in motif.iter().enumerate() {
            weights[k * 4 + usize::from(*code)] = 1.0;
        }
        let codes: Vec<u8> = b"GGCTATAGGTATA".iter().map(|b| code(*b)).collect();
        let found = Motifs::new(Level::detect(), 4, &weights, &[0.5]).strongest(&codes, 1);
        assert_eq!((found.best[0], found.at[0]), (4.5, 3), "the first of two");
        let short = Motifs::new(Level::detect(), 4, &weights, &[0.5]).strongest(&motif[..2], 1);
        assert_eq!((short.best[0], short.at[0]), (2.5, 0));
    }
}
