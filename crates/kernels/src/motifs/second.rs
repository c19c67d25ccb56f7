//! A second convolution, over what the first one's filters answer in stretches of a sequence.

use rayon::prelude::*;

use crate::memory::buffer::Buffer;
use crate::motifs::filters::Answers;
use crate::motifs::strongest::TILE;
use crate::simd::dispatch::{Work, call, on_level};
use crate::simd::level::Level;
use crate::simd::vector::{Kernel, Simd};

/// Columns that are summed side by side, in registers: two tiles.
const BLOCK: usize = 2 * TILE;

/// A convolution over rows of features, `score[p][f] = bias[f] + sum over k, i of weight[f][k][i] rows[p + (k - width / 2) dilation][i]`,
/// rows beyond either end being zero; of each filter the largest score.
///
/// Rows are those of a ReLU behind a dropout: more than half of their values are zero, and only the others are looked at.
pub struct SecondLayer {
    level: Level,
    width: usize,
    dilation: usize,
    inputs: usize,
    filters: usize,
    /// As they are given, `[filters, width, inputs]`.
    weights: Vec<f32>,
    /// `[width][inputs][filters]`, filters filled up to whole blocks.
    by_input: Buffer<f32>,
    bias: Buffer<f32>,
}

/// A sequence that [`SecondLayer::gradient`] learns from.
#[derive(Clone, Copy)]
pub struct LearntRows<'a> {
    /// `[places, inputs]`.
    pub rows: &'a [f32],
    /// The strongest answers.
    pub answers: &'a Answers,
    /// The loss's slope by each of them, `[filters]`.
    pub slope: &'a [f32],
}

impl SecondLayer {
    /// `weights` are `[filters, width, inputs]`, `bias` `[filters]`.
    ///
    /// # Panics
    /// If the lengths do not fit, or the processor lacks `level`.
    pub fn new(level: Level, width: usize, dilation: usize, weights: &[f32], bias: &[f32]) -> Self {
        let filters = bias.len();
        let inputs = weights.len() / (filters * width).max(1);
        assert_eq!(
            weights.len(),
            filters * width * inputs,
            "weights of {filters} x {width} x inputs"
        );
        assert!(level.is_here(), "this processor lacks {level}");
        let padded = filters.next_multiple_of(BLOCK);
        let mut by_input = Buffer::zeros(width * inputs * padded);
        for (f, of_filter) in weights.chunks_exact((width * inputs).max(1)).enumerate() {
            for (at, weight) in of_filter.iter().enumerate() {
                by_input[at * padded + f] = *weight;
            }
        }
        let mut of_bias = Buffer::zeros(padded);
        of_bias[..filters].copy_from_slice(bias);
        Self {
            level,
            width,
            dilation,
            inputs,
            filters,
            weights: weights.to_vec(),
            by_input,
            bias: of_bias,
        }
    }

    /// The row that a place sees through weight `k`, where there is one.
    #[inline(always)]
    fn seen(&self, place: usize, k: usize, places: usize) -> Option<usize> {
        let at = (place + k * self.dilation).checked_sub(self.width / 2 * self.dilation)?;
        (at < places).then_some(at)
    }

    /// The strongest answers over `rows`, `[places, inputs]`; minus infinity where there is no place.
    ///
    /// # Panics
    /// If `rows` are not of whole places.
    pub fn strongest(&self, rows: &[f32]) -> Answers {
        assert_eq!(rows.len() % self.inputs.max(1), 0, "rows of whole places");
        let places = rows.len() / self.inputs.max(1);
        let padded = self.bias.len();
        // What is not zero, row by row.
        let mut values = Vec::new();
        let mut ends = vec![0];
        for row in rows.chunks_exact(self.inputs.max(1)) {
            let there = row.iter().zip(0u32..).filter(|(value, _)| **value != 0.0);
            values.extend(there.map(|(value, input)| (*value, input)));
            ends.push(values.len());
        }
        let mut scores = self.bias.repeat(places);
        let sums = Sums {
            layer: self,
            values: &values,
            ends: &ends,
            scores: &mut scores,
        };
        on_level(self.level, AllSums(sums));
        let mut best = vec![f32::NEG_INFINITY; self.filters];
        let mut at = vec![0; self.filters];
        for (place, row) in (0u32..).zip(scores.chunks_exact(padded.max(1))) {
            for ((best, at), score) in best.iter_mut().zip(&mut at).zip(row) {
                if *score > *best {
                    (*best, *at) = (*score, place);
                }
            }
        }
        Answers { best, at }
    }

    /// Adds to `to`, `[places, inputs]`, what the slopes by the strongest answers make of the rows.
    pub fn slope_by_rows(&self, answers: &Answers, slope: &[f32], to: &mut [f32]) {
        let places = to.len() / self.inputs.max(1);
        for (f, (slope, at)) in slope.iter().zip(&answers.at).enumerate() {
            if *slope == 0.0 {
                continue;
            }
            for k in 0..self.width {
                let Some(at) = self.seen(*at as usize, k, places) else {
                    continue;
                };
                let of = &self.weights[(f * self.width + k) * self.inputs..][..self.inputs];
                let to = &mut to[at * self.inputs..][..self.inputs];
                to.iter_mut().zip(of).for_each(|(to, w)| *to += slope * w);
            }
        }
    }

    /// Adds to the gradients of weights and bias what the slopes by the strongest answers make of them.
    ///
    /// Each filter's part is summed in the order of the sequences: any number of threads gives the same bits.
    pub fn gradient(&self, sequences: &[LearntRows], weights: &mut [f32], bias: &mut [f32]) {
        let own = weights.par_chunks_exact_mut((self.width * self.inputs).max(1));
        own.zip(bias).enumerate().for_each(|(f, (weights, bias))| {
            for one in sequences {
                let slope = one.slope[f];
                if slope == 0.0 {
                    continue;
                }
                *bias += slope;
                let places = one.rows.len() / self.inputs.max(1);
                for k in 0..self.width {
                    let Some(at) = self.seen(one.answers.at[f] as usize, k, places) else {
                        continue;
                    };
                    let row = &one.rows[at * self.inputs..][..self.inputs];
                    let to = &mut weights[k * self.inputs..][..self.inputs];
                    to.iter_mut().zip(row).for_each(|(to, x)| *to += slope * x);
                }
            }
        });
    }
}

/// `scores[p][f] += sum over k and the values of the row that p sees through k of value x by_input[k][input][f]`.
struct Sums<'a> {
    layer: &'a SecondLayer,
    /// Values that are not zero, and their inputs, row by row.
    values: &'a [(f32, u32)],
    /// Where the rows' values begin, and where the last one's end.
    ends: &'a [usize],
    /// `[places][filters]`, filters filled up to whole blocks.
    scores: &'a mut [f32],
}

struct AllSums<'a>(Sums<'a>);

impl Work for AllSums<'_> {
    type Out = ();

    fn run<S: Simd>(self) {
        call::<S, _>(self.0);
    }
}

impl Kernel for Sums<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let layer = self.layer;
        let columns = layer.bias.len();
        let places = self.ends.len() - 1;
        assert!(columns.is_multiple_of(BLOCK) && self.scores.len() == places * columns);
        assert_eq!(layer.by_input.len(), layer.width * layer.inputs * columns);
        let known = |(_, input): &(f32, u32)| (*input as usize) < layer.inputs;
        assert!(self.values.iter().all(known));
        // A weight's part of the table stays near while all places see it.
        for k in 0..layer.width {
            for place in 0..places {
                let Some(at) = layer.seen(place, k, places) else {
                    continue;
                };
                let values = &self.values[self.ends[at]..self.ends[at + 1]];
                for first in (0..columns).step_by(BLOCK) {
                    // SAFETY: a block has a whole number of vectors; it lies in the place's scores, and in the row of each
                    // input, of which there are `inputs` for each k.
                    unsafe {
                        let weights = layer.by_input.as_ptr();
                        let weights = weights.add(k * layer.inputs * columns + first);
                        let to = self.scores.as_mut_ptr().add(place * columns + first);
                        match BLOCK / S::LANES {
                            2 => block::<S, 2>(values, weights, columns, to),
                            4 => block::<S, 4>(values, weights, columns, to),
                            8 => block::<S, 8>(values, weights, columns, to),
                            _ => block::<S, 32>(values, weights, columns, to),
                        }
                    }
                }
            }
        }
    }
}

/// The columns of `N` vectors. Values are taken in turns to two sums, so that one need not wait for the other.
///
/// # Safety
/// As [`Simd`]'s methods: `N` vectors at `to`, and at every value's row of `weights`.
#[inline(always)]
unsafe fn block<S: Simd, const N: usize>(
    values: &[(f32, u32)],
    weights: *const f32,
    columns: usize,
    to: *mut f32,
) {
    let vectors = (BLOCK / S::LANES).min(N);
    // SAFETY: the caller's.
    unsafe {
        let mut even = [S::splat(0.0); N];
        let mut odd = [S::splat(0.0); N];
        let (pairs, rest) = values.as_chunks::<2>();
        for [(a, i), (b, j)] in pairs {
            let (a, b) = (S::splat(*a), S::splat(*b));
            let (of_a, of_b) = (
                weights.add(*i as usize * columns),
                weights.add(*j as usize * columns),
            );
            for v in 0..vectors {
                even[v] = S::fma(a, S::load(of_a.add(v * S::LANES)), even[v]);
                odd[v] = S::fma(b, S::load(of_b.add(v * S::LANES)), odd[v]);
            }
        }
        for (a, i) in rest {
            let (a, of_a) = (S::splat(*a), weights.add(*i as usize * columns));
            for (v, even) in even.iter_mut().enumerate().take(vectors) {
                *even = S::fma(a, S::load(of_a.add(v * S::LANES)), *even);
            }
        }
        for v in 0..vectors {
            let to = to.add(v * S::LANES);
            S::store(to, S::add(S::load(to), S::add(even[v], odd[v])));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(i: usize, seed: u32) -> f32 {
        ((i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0
    }

    /// By the definition, one score at a time.
    fn plain(
        (width, dilation, inputs): (usize, usize, usize),
        weights: &[f32],
        bias: &[f32],
        rows: &[f32],
    ) -> Vec<Vec<f64>> {
        let places = rows.len() / inputs;
        let score = |p: usize, f: usize| {
            let mut score = f64::from(bias[f]);
            for k in 0..width {
                let at = p as i64 + (k as i64 - (width / 2) as i64) * dilation as i64;
                if at < 0 || at >= places as i64 {
                    continue;
                }
                for i in 0..inputs {
                    let weight = weights[(f * width + k) * inputs + i];
                    score += f64::from(weight) * f64::from(rows[at as usize * inputs + i]);
                }
            }
            score
        };
        (0..places)
            .map(|p| (0..bias.len()).map(|f| score(p, f)).collect())
            .collect()
    }

    fn levels() -> impl Iterator<Item = Level> {
        Level::ALL.into_iter().filter(|level| level.is_here())
    }

    proptest! {
        #[test]
        fn answers_are_those_of_the_definition(
            width in 1usize..6, dilation in 1usize..4, inputs in 1usize..20, filters in 1usize..70, places in 1usize..9, seed: u32,
        ) {
            let weights: Vec<f32> = (0..width * inputs * filters).map(|i| value(i, seed)).collect();
            let bias: Vec<f32> = (0..filters).map(|i| value(i + 1_000_003, seed)).collect();
            let rows: Vec<f32> = (0..places * inputs).map(|i| value(i + 77, seed).max(0.0)).collect();
            let expected = plain((width, dilation, inputs), &weights, &bias, &rows);
            let mut first: Option<Answers> = None;
            for level in levels() {
                let found = SecondLayer::new(level, width, dilation, &weights, &bias).strongest(&rows);
                for f in 0..filters {
                    let best = expected.iter().map(|row| row[f]).fold(f64::NEG_INFINITY, f64::max);
                    prop_assert!((f64::from(found.best[f]) - best).abs() < 1e-4, "{level} {f}");
                    let there = expected[found.at[f] as usize][f];
                    prop_assert!((f64::from(found.best[f]) - there).abs() < 1e-4, "{level} {f}");
                }
                // One multiply-add after the other: the same bits on every instruction set that has it.
                match &first {
                    _ if level == Level::Portable => {}
                    None => first = Some(found),
                    Some(first) => prop_assert_eq!(first, &found, "{}", level),
                }
            }
        }

        #[test]
        fn gradients_are_differences(
            width in 1usize..5, dilation in 1usize..3, places in 1usize..8, seed: u32,
        ) {
            let (inputs, filters) = (6, 5);
            let level = Level::detect();
            let weights: Vec<f32> = (0..width * inputs * filters).map(|i| value(i, seed)).collect();
            let bias: Vec<f32> = (0..filters).map(|i| value(i + 9_001, seed)).collect();
            let rows: Vec<f32> = (0..places * inputs).map(|i| value(i + 77, seed).max(0.0)).collect();
            let slope: Vec<f32> = (0..filters).map(|i| value(i + 5_007, seed)).collect();
            let layer = SecondLayer::new(level, width, dilation, &weights, &bias);
            let answers = layer.strongest(&rows);
            // The strongest place is held fast: there the score is linear in weights and rows.
            let loss = |weights: &[f32], bias: &[f32], rows: &[f32]| -> f64 {
                let scores = plain((width, dilation, inputs), weights, bias, rows);
                let of = |f: usize| scores[answers.at[f] as usize][f] * f64::from(slope[f]);
                (0..filters).map(of).sum()
            };
            let (mut of_weights, mut of_bias) = (vec![0.0; weights.len()], vec![0.0; filters]);
            let learnt = LearntRows { rows: &rows, answers: &answers, slope: &slope };
            layer.gradient(&[learnt, learnt], &mut of_weights, &mut of_bias);
            let mut of_rows = vec![0.0; rows.len()];
            layer.slope_by_rows(&answers, &slope, &mut of_rows);
            let differ = |values: &[f32], i: usize, loss: &dyn Fn(&[f32]) -> f64| {
                let (mut up, mut down) = (values.to_vec(), values.to_vec());
                up[i] += 0.5;
                down[i] -= 0.5;
                loss(&up) - loss(&down)
            };
            for (i, found) in of_weights.iter().enumerate() {
                let expected = differ(&weights, i, &|w| loss(w, &bias, &rows));
                prop_assert!((2.0 * expected - f64::from(*found)).abs() < 1e-4);
            }
            for (i, found) in of_bias.iter().enumerate() {
                let expected = differ(&bias, i, &|b| loss(&weights, b, &rows));
                prop_assert!((2.0 * expected - f64::from(*found)).abs() < 1e-4);
            }
            for (i, found) in of_rows.iter().enumerate() {
                let expected = differ(&rows, i, &|r| loss(&weights, &bias, r));
                prop_assert!((expected - f64::from(*found)).abs() < 1e-4);
            }
        }
    }
}
