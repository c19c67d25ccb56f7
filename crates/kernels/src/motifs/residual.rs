//! Residual convolutions over what the first convolution's filters answer in stretches of a sequence.

use gemm::Parallelism;
use rayon::prelude::*;

use crate::motifs::filters::Answers;

/// Sequences that are computed side by side. It is the same for any number of threads, and so are the bits.
const GROUP: usize = 8;

/// `h = rows E + e`, then for each dilation d `h[p] += relu(b_d + sum over k of h[p + (k - width / 2) d] W_d[k])`, places beyond
/// either end being zero; of each filter the largest value of the last h (dilated residual convolutions, Yu and Koltun 2016,
/// He et al. 2016).
pub struct ResidualLayers {
    inputs: usize,
    filters: usize,
    width: usize,
    dilations: Vec<usize>,
    /// E `[inputs, filters]`, e `[filters]`, W `[dilations, width, filters, filters]` (what goes in before what comes out) and b
    /// `[dilations, filters]`, one behind the other.
    values: Vec<f32>,
}

/// A group of sequences on their way: every array is `[places of all, with a gap of zeros around each sequence; columns]`.
pub struct ResidualGroup {
    /// Where each sequence begins, and its places.
    sequences: Vec<(usize, usize)>,
    rows: Vec<f32>,
    /// h before each dilation.
    states: Vec<Vec<f32>>,
    /// What each dilation adds.
    added: Vec<Vec<f32>>,
    /// Of each sequence.
    pub answers: Vec<Answers>,
}

impl ResidualLayers {
    /// How many values there are; their order is that of `new`.
    pub fn sizes(inputs: usize, filters: usize, width: usize, dilations: usize) -> [usize; 4] {
        let of_blocks = dilations * width * filters * filters;
        [inputs * filters, filters, of_blocks, dilations * filters]
    }

    /// `values` are E, e, W and b, one behind the other.
    ///
    /// # Panics
    /// If `values` are not as many as [`ResidualLayers::sizes`] tells.
    pub fn new(
        inputs: usize,
        filters: usize,
        width: usize,
        dilations: &[usize],
        values: &[f32],
    ) -> Self {
        let sizes = Self::sizes(inputs, filters, width, dilations.len());
        assert_eq!(values.len(), sizes.iter().sum::<usize>());
        Self {
            inputs,
            filters,
            width,
            dilations: dilations.to_vec(),
            values: values.to_vec(),
        }
    }

    /// Zeros between two sequences: as far as a filter sees.
    fn gap(&self) -> usize {
        self.width / 2 * self.dilations.iter().copied().max().unwrap_or(0)
    }

    /// E, e, W and b.
    fn parts<'a>(&self, values: &'a [f32]) -> [&'a [f32]; 4] {
        let [e, bias, blocks, _] =
            Self::sizes(self.inputs, self.filters, self.width, self.dilations.len());
        let (enter, rest) = values.split_at(e);
        let (enter_bias, rest) = rest.split_at(bias);
        let (weights, biases) = rest.split_at(blocks);
        [enter, enter_bias, weights, biases]
    }

    /// The strongest answers over each of `rows`, `[places, inputs]`; minus infinity where there is no place. What is learnt
    /// from is kept.
    pub fn strongest(&self, rows: &[&[f32]]) -> Vec<ResidualGroup> {
        let groups = rows.par_chunks(GROUP);
        groups.map(|rows| self.of_group(rows)).collect()
    }

    fn of_group(&self, rows: &[&[f32]]) -> ResidualGroup {
        let (gap, columns) = (self.gap(), self.filters);
        let mut sequences = Vec::with_capacity(rows.len());
        let mut total = gap;
        for rows in rows {
            let places = rows.len() / self.inputs.max(1);
            sequences.push((total, places));
            total += places + gap;
        }
        let mut all = vec![0.0; total * self.inputs];
        for (rows, (from, _)) in rows.iter().zip(&sequences) {
            all[from * self.inputs..][..rows.len()].copy_from_slice(rows);
        }
        let [enter, enter_bias, weights, biases] = self.parts(&self.values);
        let mut state = vec![0.0; total * columns];
        product(
            [total, self.inputs, columns],
            Of::rows(&all, self.inputs),
            Of::rows(enter, columns),
            &mut state,
            false,
        );
        rise(&mut state, enter_bias, &sequences);
        let (mut states, mut added) = (Vec::new(), Vec::new());
        let by_dilation = weights.chunks_exact((self.width * columns * columns).max(1));
        for ((dilation, weights), bias) in self
            .dilations
            .iter()
            .zip(by_dilation)
            .zip(biases.chunks_exact(columns.max(1)))
        {
            let mut sum = vec![0.0; total * columns];
            for (k, weights) in weights.chunks_exact(columns * columns).enumerate() {
                self.tap(total, k, *dilation, |from, to, places| {
                    product(
                        [places, columns, columns],
                        Of::rows(&state[from * columns..], columns),
                        Of::rows(weights, columns),
                        &mut sum[to * columns..],
                        true,
                    );
                });
            }
            rise(&mut sum, bias, &sequences);
            sum.iter_mut().for_each(|v| *v = v.max(0.0));
            let next = state.iter().zip(&sum).map(|(h, a)| h + a).collect();
            states.push(std::mem::replace(&mut state, next));
            added.push(sum);
        }
        let answers = sequences.iter().map(|(from, places)| {
            let mut best = vec![f32::NEG_INFINITY; columns];
            let mut at = vec![0; columns];
            let rows = state[from * columns..][..places * columns].chunks_exact(columns.max(1));
            for (place, row) in (0u32..).zip(rows) {
                for ((best, at), value) in best.iter_mut().zip(&mut at).zip(row) {
                    if *value > *best {
                        (*best, *at) = (*value, place);
                    }
                }
            }
            Answers { best, at }
        });
        ResidualGroup {
            answers: answers.collect(),
            sequences,
            rows: all,
            states,
            added,
        }
    }

    /// The places that see others through weight `k`: where the first one that is seen stands, where the first that sees, and
    /// how many there are.
    fn tap(
        &self,
        total: usize,
        k: usize,
        dilation: usize,
        mut work: impl FnMut(usize, usize, usize),
    ) {
        let gap = self.gap();
        let Some(places) = total.checked_sub(2 * gap).filter(|n| *n > 0) else {
            return;
        };
        // Within the gap at either end, of which no value is looked at but as a zero.
        let from = gap + k * dilation - self.width / 2 * dilation;
        work(from, gap, places);
    }

    /// Adds to `gradient`, in the order of the values, what the slopes by the strongest answers (`[filters]` of each sequence, of
    /// all groups) make of it; the slopes by the rows of each sequence, `[places, inputs]`.
    pub fn gradient(
        &self,
        groups: &[ResidualGroup],
        slopes: &[&[f32]],
        gradient: &mut [f32],
    ) -> Vec<Vec<f32>> {
        let mut first = 0;
        let parts: Vec<(&ResidualGroup, &[&[f32]])> = groups
            .iter()
            .map(|group| {
                let own = &slopes[first..first + group.sequences.len()];
                first += group.sequences.len();
                (group, own)
            })
            .collect();
        let learnt: Vec<(Vec<f32>, Vec<Vec<f32>>)> = parts
            .par_iter()
            .map(|(group, slopes)| self.of_learnt(group, slopes))
            .collect();
        let mut by_rows = Vec::with_capacity(slopes.len());
        for (own, rows) in learnt {
            gradient.iter_mut().zip(&own).for_each(|(g, v)| *g += v);
            by_rows.extend(rows);
        }
        by_rows
    }

    fn of_learnt(&self, group: &ResidualGroup, slopes: &[&[f32]]) -> (Vec<f32>, Vec<Vec<f32>>) {
        let (inputs, columns) = (self.inputs, self.filters);
        let total = group.rows.len() / inputs.max(1);
        let mut by_state = vec![0.0; total * columns];
        for (((from, places), answers), slope) in
            group.sequences.iter().zip(&group.answers).zip(slopes)
        {
            if *places > 0 {
                for (f, (slope, at)) in slope.iter().zip(&answers.at).enumerate() {
                    by_state[(from + *at as usize) * columns + f] += slope;
                }
            }
        }
        let mut gradient = vec![0.0; self.values.len()];
        let sizes = Self::sizes(inputs, columns, self.width, self.dilations.len());
        let (of_enter, rest) = gradient.split_at_mut(sizes[0]);
        let (of_enter_bias, rest) = rest.split_at_mut(sizes[1]);
        let (of_weights, of_biases) = rest.split_at_mut(sizes[2]);
        let [enter, _, weights, _] = self.parts(&self.values);
        let size = self.width * columns * columns;
        for (l, dilation) in self.dilations.iter().enumerate().rev() {
            let by_added = by_state.iter().zip(&group.added[l]);
            let by_sum: Vec<f32> = by_added
                .map(|(g, a)| if *a > 0.0 { *g } else { 0.0 })
                .collect();
            sum_rows(&by_sum, &mut of_biases[l * columns..][..columns]);
            for k in 0..self.width {
                let at = l * size + k * columns * columns;
                self.tap(total, k, *dilation, |from, to, places| {
                    product(
                        [columns, places, columns],
                        Of::columns(&group.states[l][from * columns..], columns),
                        Of::rows(&by_sum[to * columns..], columns),
                        &mut of_weights[at..],
                        true,
                    );
                    product(
                        [places, columns, columns],
                        Of::rows(&by_sum[to * columns..], columns),
                        Of::columns(&weights[at..], columns),
                        &mut by_state[from * columns..],
                        true,
                    );
                });
            }
            // What fell on the zeros between sequences.
            clear_gaps(&mut by_state, columns, &group.sequences);
        }
        sum_rows(&by_state, of_enter_bias);
        product(
            [inputs, total, columns],
            Of::columns(&group.rows, inputs),
            Of::rows(&by_state, columns),
            of_enter,
            true,
        );
        let mut by_rows = vec![0.0; total * inputs];
        product(
            [total, columns, inputs],
            Of::rows(&by_state, columns),
            Of::columns(enter, columns),
            &mut by_rows,
            false,
        );
        let by_sequence = group.sequences.iter();
        let by_sequence =
            by_sequence.map(|(from, places)| by_rows[from * inputs..][..places * inputs].to_vec());
        (gradient, by_sequence.collect())
    }
}

/// Adds `bias` to the places of the sequences, and makes zeros of what lies between them.
fn rise(values: &mut [f32], bias: &[f32], sequences: &[(usize, usize)]) {
    let columns = bias.len();
    clear_gaps(values, columns, sequences);
    for (from, places) in sequences {
        let own = &mut values[from * columns..][..places * columns];
        for row in own.chunks_exact_mut(columns.max(1)) {
            row.iter_mut().zip(bias).for_each(|(v, b)| *v += b);
        }
    }
}

fn clear_gaps(values: &mut [f32], columns: usize, sequences: &[(usize, usize)]) {
    let mut end = 0;
    for (from, places) in sequences {
        values[end * columns..from * columns].fill(0.0);
        end = from + places;
    }
    values[end * columns..].fill(0.0);
}

fn sum_rows(values: &[f32], to: &mut [f32]) {
    for row in values.chunks_exact(to.len().max(1)) {
        to.iter_mut().zip(row).for_each(|(t, v)| *t += v);
    }
}

/// A matrix as a product reads it: `values[row * by_row + column * by_column]`.
#[derive(Clone, Copy)]
struct Of<'a> {
    values: &'a [f32],
    by_row: usize,
    by_column: usize,
}

impl<'a> Of<'a> {
    /// As it lies, rows of `columns` values.
    fn rows(values: &'a [f32], columns: usize) -> Self {
        Self {
            values,
            by_row: columns,
            by_column: 1,
        }
    }

    /// Turned: the columns of rows of `columns` values.
    fn columns(values: &'a [f32], columns: usize) -> Self {
        Self {
            values,
            by_row: 1,
            by_column: columns,
        }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows * columns == 0
            || (rows - 1) * self.by_row + (columns - 1) * self.by_column < self.values.len()
    }
}

/// `to = a b`, or with `more` `to += a b`: `[m, depth]` by `[depth, n]`, on this thread alone.
fn product([m, depth, n]: [usize; 3], a: Of, b: Of, to: &mut [f32], more: bool) {
    assert!(a.holds(m, depth) && b.holds(depth, n) && m * n <= to.len());
    // SAFETY: each matrix lies within its slice, as was just looked at.
    unsafe {
        gemm::gemm(
            m,
            n,
            depth,
            to.as_mut_ptr(),
            1,
            n as isize,
            more,
            a.values.as_ptr(),
            a.by_column as isize,
            a.by_row as isize,
            b.values.as_ptr(),
            b.by_column as isize,
            b.by_row as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(i: usize, seed: u32) -> f32 {
        ((i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0
    }

    struct Shape {
        inputs: usize,
        filters: usize,
        width: usize,
        dilations: Vec<usize>,
    }

    /// By the definition, one value at a time: h behind the last dilation.
    fn plain(shape: &Shape, values: &[f32], rows: &[f32]) -> Vec<Vec<f64>> {
        let Shape {
            inputs,
            filters,
            width,
            ref dilations,
        } = *shape;
        let [e, bias, blocks, _] = ResidualLayers::sizes(inputs, filters, width, dilations.len());
        let v = |i: usize| f64::from(values[i]);
        let places = rows.len() / inputs;
        let mut h: Vec<Vec<f64>> = (0..places)
            .map(|p| {
                let of = |f| {
                    let terms =
                        (0..inputs).map(|i| f64::from(rows[p * inputs + i]) * v(i * filters + f));
                    v(e + f) + terms.sum::<f64>()
                };
                (0..filters).map(of).collect()
            })
            .collect();
        for (l, d) in dilations.iter().enumerate() {
            let of = |p: usize, f: usize| {
                let mut sum = v(e + bias + blocks + l * filters + f);
                for k in 0..width {
                    let at = p as i64 + (k as i64 - (width / 2) as i64) * *d as i64;
                    if (0..places as i64).contains(&at) {
                        for (i, h) in h[at as usize].iter().enumerate() {
                            sum += h * v(e + bias + ((l * width + k) * filters + i) * filters + f);
                        }
                    }
                }
                h[p][f] + sum.max(0.0)
            };
            h = (0..places)
                .map(|p| (0..filters).map(|f| of(p, f)).collect())
                .collect();
        }
        h
    }

    fn case(seed: u32, width: usize, dilations: Vec<usize>) -> (Shape, Vec<f32>, Vec<Vec<f32>>) {
        let shape = Shape {
            inputs: 5,
            filters: 4,
            width,
            dilations,
        };
        let sizes = ResidualLayers::sizes(5, 4, width, shape.dilations.len());
        let count = sizes.iter().sum();
        let values = (0..count).map(|i| 0.5 * value(i, seed)).collect();
        // More than one group, one of them short, and sequences of unlike lengths.
        let rows = (0..GROUP + 3).map(|s| {
            let places = (s * 5) % 11 + 1;
            (0..places * 5)
                .map(|i| value(i + 1000 * s, seed).max(0.0))
                .collect()
        });
        (shape, values, rows.collect())
    }

    fn layers(shape: &Shape, values: &[f32]) -> ResidualLayers {
        ResidualLayers::new(
            shape.inputs,
            shape.filters,
            shape.width,
            &shape.dilations,
            values,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn answers_are_those_of_the_definition(
            width in 1usize..6, dilations in prop::collection::vec(1usize..5, 0..4), seed: u32,
        ) {
            let (shape, values, rows) = case(seed, width, dilations);
            let layers = layers(&shape, &values);
            let given: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let found: Vec<Answers> = layers.strongest(&given).into_iter().flat_map(|g| g.answers).collect();
            prop_assert_eq!(found.len(), rows.len());
            for (answers, rows) in found.iter().zip(&rows) {
                let h = plain(&shape, &values, rows);
                for f in 0..shape.filters {
                    let best = h.iter().map(|row| row[f]).fold(f64::NEG_INFINITY, f64::max);
                    let scale = 1e-4 * (1.0 + best.abs());
                    prop_assert!((f64::from(answers.best[f]) - best).abs() < scale);
                    prop_assert!((h[answers.at[f] as usize][f] - best).abs() < scale);
                }
                // A sequence's answers do not depend on what stands beside it.
                let alone = layers.strongest(&[rows]);
                prop_assert_eq!(&alone[0].answers[0], answers);
            }
        }

        #[test]
        fn gradients_are_differences(
            width in 1usize..6, dilations in prop::collection::vec(1usize..4, 0..3), seed: u32,
        ) {
            let (shape, values, rows) = case(seed, width, dilations);
            let given: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let slopes: Vec<Vec<f32>> = (0..rows.len())
                .map(|s| (0..shape.filters).map(|f| value(s * 7 + f, seed ^ 5)).collect())
                .collect();
            let own = layers(&shape, &values);
            let groups = own.strongest(&given);
            let answers: Vec<&Answers> = groups.iter().flat_map(|g| &g.answers).collect();
            // The strongest place is held fast.
            let loss = |values: &[f32], rows: &[Vec<f32>]| -> f64 {
                let mut loss = 0.0;
                for ((rows, answers), slope) in rows.iter().zip(&answers).zip(&slopes) {
                    let h = plain(&shape, values, rows);
                    for (f, slope) in slope.iter().enumerate() {
                        loss += h[answers.at[f] as usize][f] * f64::from(*slope);
                    }
                }
                loss
            };
            let given: Vec<&[f32]> = slopes.iter().map(Vec::as_slice).collect();
            let mut gradient = vec![0.0; values.len()];
            let by_rows = own.gradient(&groups, &given, &mut gradient);
            // Differences are not the slope where a value crosses zero in between: those of two steps differ there.
            let check = |found: f32, at: &dyn Fn(f32) -> f64| {
                let slope = |step: f32| (at(step) - at(-step)) / (2.0 * f64::from(step));
                let (fine, finer) = (slope(1.0 / 512.0), slope(1.0 / 1024.0));
                let smooth = (fine - finer).abs() < 1e-5 * (1.0 + fine.abs());
                let error = (finer - f64::from(found)).abs();
                (smooth, error < 2e-3 * (1.0 + finer.abs()))
            };
            let (mut all, mut smooth) = (0, 0);
            for (i, found) in gradient.iter().enumerate() {
                let at = |step: f32| {
                    let mut moved = values.clone();
                    moved[i] += step;
                    loss(&moved, &rows)
                };
                let (is_smooth, is_right) = check(*found, &at);
                prop_assert!(!is_smooth || is_right, "value {i}: {found}");
                (all, smooth) = (all + 1, smooth + usize::from(is_smooth));
            }
            for (s, found) in by_rows.iter().enumerate() {
                for (i, found) in found.iter().enumerate().step_by(3) {
                    let at = |step: f32| {
                        let mut moved = rows.clone();
                        moved[s][i] += step;
                        loss(&values, &moved)
                    };
                    let (is_smooth, is_right) = check(*found, &at);
                    prop_assert!(!is_smooth || is_right, "row {s} {i}: {found}");
                    (all, smooth) = (all + 1, smooth + usize::from(is_smooth));
                }
            }
            prop_assert!(smooth * 2 > all, "{smooth} of {all}");
        }
    }
}
