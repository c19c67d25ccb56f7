//! New embedding rows: their initial values, and the sums that make them.

use std::borrow::Cow;

use burn::tensor::{Device, Int, Tensor, TensorData};
use lingo_artifact::random::Stream;
use lingo_artifact::vocabulary::NewRows;
use lingo_lm::{Batch, Model};

use crate::error::Error;
use crate::network::store::ParameterStore;

/// New embedding rows of a network: each the sum of trained vectors and, perhaps, a fixed part of its own.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// Store entry of the trained vectors, `[trained, width]`.
    pub entry: usize,
    /// For each row, the vectors that it is the sum of.
    pub composition: Vec<Vec<u32>>,
    /// `[rows, width]`: what is added to the sums, and never trained.
    fixed: Option<Vec<f32>>,
    /// The same on the device.
    fixed_on_device: Option<Tensor<2>>,
    /// `[rows, trained]`: how often each vector counts in each row; `None` where the vectors are the rows.
    sums: Option<Tensor<2>>,
}

/// Adds the trained vectors to the store, with their initial values: normal draws, so that each new row has in every column
/// the mean and the standard deviation of the model's own embedding. What a row is the sum of shares both evenly; a fixed
/// part has half of the variance, and none of the mean.
pub(crate) fn add(
    store: &mut ParameterStore,
    model: &Model,
    new: &NewRows,
    seed: u64,
    device: &Device,
) -> Result<Rows, Error> {
    let name = model.config().family.word_embedding();
    let embedding = model.tensor(name)?;
    let [trained, width] = [new.trained as usize, model.config().embedding_size()];
    let (means, deviations) = column_moments(&embedding, width);
    let parts = new.composition.iter().map(Vec::len).max();
    let parts = parts.unwrap_or(1).max(1) as f64;
    let halves = if new.like_rows_from.is_some() {
        2.0
    } else {
        1.0
    };
    let spread = (parts * halves).sqrt();
    let mut stream = Stream::new(seed, "initial values of the new rows");
    let values = (0..trained)
        .flat_map(|_| means.iter().zip(&deviations))
        .map(|(mean, deviation)| (mean / parts + stream.normal() * deviation / spread) as f32)
        .collect();
    let entry = store.add("new_rows", &[trained, width], values);
    let fixed = match new.like_rows_from {
        Some(from) => {
            let known = embedding.get(from as usize * width..).unwrap_or_default();
            if known.is_empty() {
                return Err(Error::Data(format!(
                    "the tokens' new rows are to be like the model's from row {from} on, but it has {}",
                    embedding.len() / width
                )));
            }
            let rows = known.chunks_exact(width).cycle();
            let rows = rows.take(new.composition.len());
            let half =
                |(value, mean): (&f32, &f64)| ((f64::from(*value) - mean) * 0.5f64.sqrt()) as f32;
            Some(
                rows.flat_map(|row| row.iter().zip(&means))
                    .map(half)
                    .collect(),
            )
        }
        None => None,
    };
    let composition = new.composition.clone();
    let shape = [trained, width];
    Ok(Rows::new(entry, composition, fixed, shape, device))
}

/// Adds the vectors of a prompt to the store, with normal draws that have in every column the mean and the standard
/// deviation of the model's own embedding.
pub(crate) fn add_prompt(
    store: &mut ParameterStore,
    model: &Model,
    count: usize,
    seed: u64,
) -> Result<usize, Error> {
    let width = model.config().embedding_size();
    let embedding = model.tensor(model.config().family.word_embedding())?;
    let (means, deviations) = column_moments(&embedding, width);
    let mut stream = Stream::new(seed, "initial values of the prompt");
    let values = (0..count)
        .flat_map(|_| means.iter().zip(&deviations))
        .map(|(mean, deviation)| (mean + stream.normal() * deviation) as f32)
        .collect();
    Ok(store.add("prompt", &[count, width], values))
}

fn column_moments(values: &[f32], width: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (values.len() / width).max(1) as f64;
    let (mut means, mut squares) = (vec![0.0; width], vec![0.0; width]);
    for row in values.chunks_exact(width) {
        for (column, &value) in row.iter().enumerate() {
            let value = f64::from(value);
            means[column] += value / n;
            squares[column] += value * value / n;
        }
    }
    let deviations = squares
        .iter()
        .zip(&means)
        .map(|(square, mean)| (square - mean * mean).max(0.0).sqrt())
        .collect();
    (means, deviations)
}

impl Rows {
    fn new(
        entry: usize,
        composition: Vec<Vec<u32>>,
        fixed: Option<Vec<f32>>,
        [trained, width]: [usize; 2],
        device: &Device,
    ) -> Self {
        let rows = composition.len();
        let themselves = trained == rows
            && composition
                .iter()
                .enumerate()
                .all(|(i, parts)| *parts == [i as u32]);
        let sums = (!themselves).then(|| {
            let mut counts = vec![0.0f32; rows * trained];
            for (row, parts) in counts.chunks_mut(trained).zip(&composition) {
                parts.iter().for_each(|&part| row[part as usize] += 1.0);
            }
            Tensor::from_data(TensorData::new(counts, [rows, trained]), device)
        });
        let fixed_on_device = fixed
            .as_ref()
            .map(|fixed| Tensor::from_data(TensorData::new(fixed.clone(), [rows, width]), device));
        Self {
            entry,
            composition,
            fixed,
            fixed_on_device,
            sums,
        }
    }

    /// The rows that a batch needs, of these vectors `[trained, width]`, and the batch with its ids from `first` on, which are
    /// new rows and what stands behind them, renumbered. Of sums only those are made that the batch has: of longer
    /// overlapping k-mers a batch has few, and all of them would be a table of 4^k rows in every step.
    pub(crate) fn compose<'a>(
        &self,
        vectors: Tensor<2>,
        batch: &'a Batch,
        first: usize,
    ) -> (Tensor<2>, Cow<'a, Batch>) {
        let Some(counts) = &self.sums else {
            return (vectors, Cow::Borrowed(batch));
        };
        let end = first + self.composition.len();
        let place = |id: u32| (id as usize).checked_sub(first);
        let mut present = vec![false; self.composition.len()];
        for place in batch.ids.iter().filter_map(|&id| place(id)) {
            present.get_mut(place).into_iter().for_each(|p| *p = true);
        }
        // One is needed where a batch has none, or there would be no rows to stand behind.
        let mut which: Vec<u32> = (0u32..)
            .zip(&present)
            .filter(|(_, p)| **p)
            .map(|(row, _)| row)
            .collect();
        if which.is_empty() {
            which.push(0);
        }
        let mut new_ids = vec![0; self.composition.len()];
        for (id, &row) in (first as u32..).zip(&which) {
            new_ids[row as usize] = id;
        }
        let behind = (end - first - which.len()) as u32;
        let renumbered = batch.ids.iter().map(|&id| match place(id) {
            None => id,
            Some(place) => new_ids.get(place).copied().unwrap_or_else(|| id - behind),
        });
        let batch = Batch {
            ids: renumbered.collect(),
            ..batch.clone()
        };
        let chosen: Vec<i32> = which.iter().map(|&row| row as i32).collect();
        let n = chosen.len();
        let chosen = Tensor::<1, Int>::from_data(TensorData::new(chosen, [n]), &counts.device());
        let sums = counts.clone().select(0, chosen.clone()).matmul(vectors);
        let rows = match &self.fixed_on_device {
            Some(fixed) => sums + fixed.clone().select(0, chosen),
            None => sums,
        };
        (rows, Cow::Owned(batch))
    }

    /// All rows `[new, width]`, on the host.
    pub(crate) fn composed(&self, vectors: &[f32], width: usize) -> Vec<f32> {
        let mut rows = match &self.fixed {
            Some(fixed) => fixed.clone(),
            None => vec![0.0f32; self.composition.len() * width],
        };
        for (row, parts) in rows.chunks_mut(width).zip(&self.composition) {
            for &part in parts {
                let vector = &vectors[part as usize * width..(part as usize + 1) * width];
                row.iter_mut().zip(vector).for_each(|(r, v)| *r += v);
            }
        }
        rows
    }
}

/// Whether every part of every row is one of the trained vectors, and every row has a part.
pub(crate) fn check(new: &NewRows) -> Result<(), Error> {
    for (row, parts) in new.composition.iter().enumerate() {
        if parts.is_empty() || parts.iter().any(|&p| p >= new.trained) {
            return Err(Error::Data(format!(
                "the tokens' new row {row} is the sum of {parts:?}, but {} vectors are trained",
                new.trained
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lingo_lm::{DeviceChoice, open_device};

    use super::*;

    #[test]
    fn rows_are_sums_of_their_vectors_on_host_and_device() {
        let device = open_device(DeviceChoice::Cpu).unwrap();
        let vectors = [1.0f32, 2.0, 30.0, 40.0, 500.0, 600.0];
        let t = |composition: &[Vec<u32>], fixed: Option<&[f32]>, expected: &[f32]| {
            let fixed = fixed.map(<[f32]>::to_vec);
            let rows = Rows::new(0, composition.to_vec(), fixed, [3, 2], &device);
            assert_eq!(rows.composed(&vectors, 2), expected);
            let tensor = Tensor::<2>::from_data(TensorData::new(vectors.to_vec(), [3, 2]), &device);
            // Two ids of the model, two rows of a prompt behind the new ones.
            let (first, count) = (5, composition.len() as u32);
            for ids in [
                vec![0, 4],
                vec![5, 4, 4 + count, 5 + count, 6 + count],
                vec![4 + count],
            ] {
                let batch = Batch {
                    lengths: vec![ids.len() as u32],
                    batch: 1,
                    length: ids.len(),
                    ids,
                };
                let (made, renumbered) = rows.compose(tensor.clone(), &batch, first);
                let made = crate::network::store::download(made).unwrap();
                let behind = (first + made.len() / 2) as u32;
                for (&before, &now) in batch.ids.iter().zip(&renumbered.ids) {
                    match before {
                        0..5 => assert_eq!(now, before),
                        new if new < 5 + count => {
                            let row = |table: &[f32], id: u32| {
                                table[2 * (id as usize - first)..][..2].to_vec()
                            };
                            assert_eq!(row(&made, now), row(expected, before));
                        }
                        prompt => assert_eq!(now - behind, prompt - 5 - count),
                    }
                }
            }
        };
        t(&[vec![0], vec![1], vec![2]], None, &vectors);
        t(&[vec![2], vec![0]], None, &[500.0, 600.0, 1.0, 2.0]);
        t(
            &[vec![0, 1], vec![2, 2]],
            None,
            &[31.0, 42.0, 1000.0, 1200.0],
        );
        t(&[vec![0, 1]], Some(&[0.5, -1.0]), &[31.5, 41.0]);
    }
}
