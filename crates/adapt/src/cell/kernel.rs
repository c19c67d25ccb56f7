//! The kernel machines on words that stand beside networks of motifs, each fitted without one part of the rows.

use std::sync::atomic::{AtomicU64, Ordering};

use lingo_artifact::Label;
use lingo_artifact::random::Stream;
use lingo_kernels::{Level, dots};
use rayon::prelude::*;

use crate::cell::begun::Begun;
use crate::error::Error;
use crate::network::kernel::{BLOCK, Compared, Features, Landmarks, WordMachine};
use crate::network::words::{heads_of, spread};
use crate::reading::Beside;
use crate::settings::word_kernel::WordKernel;
use crate::train::target_scale::TargetScale;

/// What is added to the kernel of a row with itself.
const RIDGE: f32 = 0.7;

/// Where a fit ends: the length of what is left beside that of the targets, and steps.
const END: (f64, u64) = (2e-3, 60);

/// Rows that a thread makes the kernels of at a time.
const ROWS: usize = 2 * BLOCK;

/// The machines, and what those say of each training row that have not seen it.
pub(super) struct TrainedKernel {
    pub machine: WordMachine,
    /// `[rows, outputs]`.
    pub unseen: Vec<f32>,
}

/// Fits a machine without each part; `fold_of` is the part of each training row, `sequences` its bases.
///
/// # Errors
/// The run was stopped; no memory for the kernels of all pairs.
pub(super) fn train_kernel(
    begun: &Begun,
    settings: &WordKernel,
    sequences: &[Vec<Vec<u8>>],
    (fold_of, folds): (&[u32], usize),
    without: Vec<Option<u32>>,
) -> Result<TrainedKernel, Error> {
    let request = begun.request;
    let drawn = drawn(sequences.len(), settings.rows.get() as usize, request.seed);
    let bases: Vec<Vec<Vec<u8>>> = drawn.iter().map(|&i| sequences[i].clone()).collect();
    let parts: Vec<u32> = drawn.iter().map(|&i| fold_of[i]).collect();
    let of_row = sequences.first().map_or(1, Vec::len);
    let features = Features::new(settings.both_strands, of_row).centred(sequences);
    let compared: Vec<Compared> = bases.par_iter().map(|row| features.of(row)).collect();
    let landmarks = Landmarks::new(features, &compared);
    let blocks = landmarks.count().div_ceil(ROWS) as u64;
    request.progress.begin("kernel", blocks + END.1);
    let matrix = matrix(begun, &landmarks, compared)?;

    let labels = &request.tokens.metadata.labels;
    let (heads, outputs) = (heads_of(labels), labels.outputs());
    let own: Vec<&Label> = drawn.iter().map(|&i| &begun.train.rows[i].label).collect();
    let systems = Systems {
        matrix: &matrix,
        width: landmarks.width(),
        level: landmarks.level(),
        parts: &parts,
        folds,
    };
    let targets = targets(&own, heads, &begun.targets);
    let step = |step: u64| {
        request.progress.advance(blocks + step, "");
        begun.stopped()
    };
    let alphas = systems.solve(&targets, END, step)?;
    let of_drawn = systems.product(&alphas.iter().map(|a| &a[..]).collect::<Vec<_>>());
    drop(matrix);
    let by_fold: Vec<Vec<f32>> = alphas.chunks(heads).map(<[_]>::concat).collect();
    let machine = WordMachine::new(landmarks, bases, [heads, outputs], by_fold, without);

    // Of the drawn rows it is known already; the others are compared with them.
    let mut place_of = vec![None; sequences.len()];
    for (place, &i) in drawn.iter().enumerate() {
        place_of[i] = Some(place);
    }
    let rest: Vec<(usize, &[Vec<u8>])> = (0..sequences.len())
        .filter(|&i| place_of[i].is_none())
        .map(|i| (begun.train.places[i], &sequences[i][..]))
        .collect();
    let mut of_rest = Vec::with_capacity(rest.len());
    for some in rest.chunks(4096) {
        begun.stopped()?;
        of_rest.extend(machine.logits_of_all(some)?);
    }
    let mut of_rest = of_rest.into_iter();
    let mut unseen = Vec::with_capacity(sequences.len() * outputs);
    for (place, &fold) in place_of.iter().zip(fold_of) {
        match place {
            Some(place) => {
                let first = fold as usize * heads;
                let own = of_drawn[first..first + heads].iter();
                let own: Vec<f64> = own.map(|of_head| f64::from(of_head[*place])).collect();
                spread(&own, outputs, &mut unseen);
            }
            None => unseen.extend(of_rest.next().unwrap_or_default()),
        }
    }
    request.progress.end("");
    Ok(TrainedKernel { machine, unseen })
}

/// All rows, or so many of them, in their order.
fn drawn(rows: usize, most: usize, seed: u64) -> Vec<usize> {
    let all: Vec<usize> = (0..rows).collect();
    if rows <= most {
        return all;
    }
    let mut drawn = Stream::new(seed, "rows of the kernel machine").choose(&all, most);
    drawn.sort_unstable();
    drawn
}

/// What each head is to say of each row, `[heads][rows]`: 1 or -1, or the number as it is trained on.
fn targets(labels: &[&Label], heads: usize, scale: &TargetScale) -> Vec<Vec<f32>> {
    let sign = |yes: bool| if yes { 1.0 } else { -1.0 };
    let target = |label: &Label, head: usize| match label {
        // Of two classes one number is told: how much more it is the second.
        Label::Class(class) if heads == 1 => sign(*class == 1),
        Label::Class(class) => sign(*class as usize == head),
        Label::Multi(all) => sign(all.get(head).is_some_and(|one| *one == 1)),
        Label::Value(value) => scale.standardized(*value) as f32,
    };
    (0..heads)
        .map(|head| labels.iter().map(|label| target(label, head)).collect())
        .collect()
}

/// The kernels of all pairs, `[Landmarks::count, Landmarks::width]`, zeros behind.
fn matrix(
    begun: &Begun,
    landmarks: &Landmarks,
    compared: Vec<Compared>,
) -> Result<Vec<f32>, Error> {
    let progress = begun.request.progress;
    let (count, width) = (landmarks.count(), landmarks.width());
    let gibibytes = (count * width) as f64 * 4.0 / f64::from(1u32 << 30);
    if gibibytes > 1.0 {
        progress.say(&format!(
            "the kernels of {count} rows with each other take {gibibytes:.1} GiB of memory"
        ));
    }
    let mut matrix: Vec<f32> = Vec::new();
    matrix.try_reserve_exact(count * width).map_err(|_| {
        Error::Data(format!(
            "there is no memory for the kernels of {count} rows with each other, {gibibytes:.1} GiB: give fewer `rows` in `kernel`"
        ))
    })?;
    matrix.resize(count * width, 0.0);
    let done = AtomicU64::new(0);
    let blocks = matrix.par_chunks_mut(ROWS * width);
    let blocks = blocks.zip(compared.par_chunks(ROWS)).enumerate();
    // A pair is computed once, in the row of the earlier; which thread does it changes no bit.
    blocks.try_for_each(|(block, (kernels, rows))| {
        begun.stopped()?;
        landmarks.kernels(rows, block * ROWS, kernels);
        progress.advance(1 + done.fetch_add(1, Ordering::Relaxed), "");
        Ok::<(), Error>(())
    })?;
    drop(compared);
    for first in (0..count).step_by(ROWS) {
        let (head, tail) = matrix.split_at_mut((first + ROWS).min(count) * width);
        let block = &head[first * width..];
        let columns = block.len() / width;
        let below = first + columns;
        tail.par_chunks_mut(ROWS * width)
            .enumerate()
            .for_each(|(i, rows)| {
                let from = below + i * ROWS;
                for (j, row) in rows.chunks_exact_mut(width).enumerate() {
                    for (column, to) in row[first..first + columns].iter_mut().enumerate() {
                        *to = block[column * width + from + j];
                    }
                }
            });
    }
    Ok(matrix)
}

/// The equations of all machines, which share one matrix: each has those of the rows that are not in its part.
struct Systems<'a> {
    /// `[rows, width]`.
    matrix: &'a [f32],
    width: usize,
    level: Level,
    /// The part of each row.
    parts: &'a [u32],
    folds: usize,
}

impl Systems<'_> {
    /// The weights of the rows, `[fold x head][width]`, zero in the fold's own part, with which `(matrix + RIDGE) weights`
    /// are the targets on all other rows: conjugate gradients, the products of all of them at once.
    fn solve(
        &self,
        targets: &[Vec<f32>],
        (small, most): (f64, u64),
        step: impl Fn(u64) -> Result<(), Error>,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let mut solutions: Vec<Solution> = Vec::new();
        for fold in 0..self.folds as u32 {
            for targets in targets {
                let mut left = vec![0.0; self.width];
                for ((left, target), part) in left.iter_mut().zip(targets).zip(self.parts) {
                    if *part != fold {
                        *left = *target;
                    }
                }
                let square = product(&left, &left);
                solutions.push(Solution {
                    fold,
                    weights: vec![0.0; self.width],
                    direction: left.clone(),
                    left,
                    square,
                    end: square * small * small,
                });
            }
        }
        for count in 0..most {
            step(count)?;
            let mut going: Vec<&mut Solution> = solutions
                .iter_mut()
                .filter(|solution| solution.square > solution.end)
                .collect();
            if going.is_empty() {
                break;
            }
            let directions: Vec<&[f32]> = going.iter().map(|s| &s.direction[..]).collect();
            let products = self.product(&directions);
            let pairs = going.par_iter_mut().zip(products);
            pairs.for_each(|(solution, product)| solution.step(product, self.parts));
        }
        Ok(solutions.into_iter().map(|s| s.weights).collect())
    }

    /// The matrix times each of these, which are zero beyond the rows; so is what comes out.
    fn product(&self, vectors: &[&[f32]]) -> Vec<Vec<f32>> {
        let (count, width) = (vectors.len(), self.width);
        let all = vectors.concat();
        let blocks = self.matrix.par_chunks(16 * width.max(1)).map(|rows| {
            let mut sums = vec![0.0; rows.len() / width * count];
            dots(self.level, rows, &all, width, &mut sums, count);
            sums
        });
        let sums: Vec<Vec<f32>> = blocks.collect();
        let mut products = vec![vec![0.0; width]; count];
        let rows = sums.iter().flat_map(|sums| sums.chunks_exact(count.max(1)));
        for (row, sums) in rows.enumerate() {
            for (product, sum) in products.iter_mut().zip(sums) {
                product[row] = *sum;
            }
        }
        products
    }
}

/// One system on its way.
struct Solution {
    fold: u32,
    weights: Vec<f32>,
    /// What the targets are beyond what the weights give.
    left: Vec<f32>,
    direction: Vec<f32>,
    /// The squared length of `left`, and the one that is small enough.
    square: f64,
    end: f64,
}

impl Solution {
    /// A step along the direction, whose product with the matrix is given.
    fn step(&mut self, mut matrix: Vec<f32>, parts: &[u32]) {
        for ((to, along), part) in matrix.iter_mut().zip(&self.direction).zip(parts) {
            *to = match *part == self.fold {
                true => 0.0,
                false => *to + RIDGE * along,
            };
        }
        let curve = product(&self.direction, &matrix);
        if curve <= 0.0 {
            // Nothing but rounding is left.
            self.end = self.square;
            return;
        }
        let length = (self.square / curve) as f32;
        for (weight, along) in self.weights.iter_mut().zip(&self.direction) {
            *weight += length * along;
        }
        for (left, to) in self.left.iter_mut().zip(&matrix) {
            *left -= length * to;
        }
        let square = product(&self.left, &self.left);
        let keep = (square / self.square) as f32;
        for (along, left) in self.direction.iter_mut().zip(&self.left) {
            *along = left + keep * *along;
        }
        self.square = square;
    }
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// tests/oracles/adapt_kernel.py
    #[test]
    fn answers_are_those_of_numpy() {
        let golden: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/kernel.json")).unwrap();
        let read = |key: &str| -> Vec<Vec<Vec<u8>>> {
            let rows: Vec<String> = serde_json::from_value(golden[key].clone()).unwrap();
            rows.into_iter().map(|row| vec![row.into_bytes()]).collect()
        };
        let (rows, others) = (read("sequences"), read("others"));
        let classes: Vec<u32> = serde_json::from_value(golden["labels"].clone()).unwrap();
        let labels: Vec<Label> = classes.into_iter().map(Label::Class).collect();
        let features = Features::new(true, 1).centred(&rows);
        let compared: Vec<Compared> = rows.iter().map(|row| features.of(row)).collect();
        let landmarks = Landmarks::new(features, &compared);
        let width = landmarks.width();
        let mut matrix = vec![0.0; rows.len() * width];
        landmarks.kernels(&compared, 0, &mut matrix);
        // The second machine has seen no row of the first half.
        let parts: Vec<u32> = (0..rows.len())
            .map(|i| if i < rows.len() / 2 { 1 } else { 7 })
            .collect();
        let systems = Systems {
            matrix: &matrix,
            width,
            level: landmarks.level(),
            parts: &parts,
            folds: 2,
        };
        let labels: Vec<&Label> = labels.iter().collect();
        let targets = targets(&labels, 1, &TargetScale::NONE);
        let alphas = systems.solve(&targets, (1e-6, 100), |_| Ok(())).unwrap();
        assert!(alphas[1][..rows.len() / 2].iter().all(|a| *a == 0.0));
        let machine = WordMachine::new(landmarks, rows, [1, 2], alphas, vec![Some(0), Some(1)]);
        for (place, key) in [(0, "answers"), (1, "answers_of_half")] {
            let expected: Vec<f64> = serde_json::from_value(golden[key].clone()).unwrap();
            let asked: Vec<(usize, &[Vec<u8>])> =
                others.iter().map(|row| (place, &row[..])).collect();
            let logits = machine.logits_of_all(&asked).unwrap();
            for (logits, expected) in logits.iter().zip(expected) {
                let found = f64::from(logits[1] - logits[0]);
                assert!((found - expected).abs() < 1e-4, "{key}: {found} {expected}");
            }
        }
    }

    #[test]
    fn rows_are_drawn_in_their_order_and_of_few_all_are_taken() {
        assert_eq!(drawn(4, 4, 1), [0, 1, 2, 3]);
        let some = drawn(100, 10, 1);
        assert!(some.len() == 10 && some.is_sorted());
        assert_ne!(some, drawn(100, 10, 2));
    }

    #[test]
    fn each_kind_of_label_has_its_targets() {
        let of = |labels: [Label; 2], heads| {
            let labels: Vec<&Label> = labels.iter().collect();
            targets(&labels, heads, &TargetScale::NONE)
        };
        assert_eq!(of([Label::Class(1), Label::Class(0)], 1), [[1.0, -1.0]]);
        let three = of([Label::Class(2), Label::Class(0)], 3);
        assert_eq!(three, [[-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]);
        let several = of([Label::Multi(vec![1, 0]), Label::Multi(vec![1, 1])], 2);
        assert_eq!(several, [[1.0, 1.0], [-1.0, 1.0]]);
        assert_eq!(of([Label::Value(2.5), Label::Value(0.0)], 1), [[2.5, 0.0]]);
    }
}
