//! New embedding rows: their initial values, and the sums that make them.

use burn::tensor::{Device, Int, Tensor, TensorData};
use lingo_artifact::random::Stream;
use lingo_artifact::vocabulary::NewRows;
use lingo_lm::Model;

use crate::error::Error;

/// Initial values of the trained vectors, `[trained, width]`: normal draws, so that each new row has
/// in every column the mean and the standard deviation of the model's own embedding (what a row is
/// the sum of shares mean and variance evenly).
pub(crate) fn initial(model: &Model, new: &NewRows, seed: u64) -> Result<Vec<f32>, Error> {
    let name = model.config().family.word_embedding();
    let width = model.config().embedding_size();
    let (means, deviations) = column_moments(&model.tensor(name)?, width);
    let parts = new
        .composition
        .iter()
        .map(Vec::len)
        .max()
        .unwrap_or(1)
        .max(1) as f64;
    let mut stream = Stream::new(seed, "initial values of the new rows");
    Ok((0..new.trained as usize)
        .flat_map(|_| 0..width)
        .map(|column| {
            (means[column] / parts + stream.normal() * deviations[column] / parts.sqrt()) as f32
        })
        .collect())
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

/// The rows `[new, width]`: each the sum of its vectors.
pub(crate) fn compose(vectors: Tensor<2>, composition: &[Vec<u32>], device: &Device) -> Tensor<2> {
    let [trained, _] = vectors.dims();
    if composition
        .iter()
        .enumerate()
        .all(|(i, parts)| *parts == [i as u32])
        && trained == composition.len()
    {
        return vectors;
    }
    if composition.iter().all(|parts| parts.len() == 1) {
        let indices: Vec<i32> = composition.iter().map(|parts| parts[0] as i32).collect();
        let n = indices.len();
        return vectors.select(
            0,
            Tensor::<1, Int>::from_data(TensorData::new(indices, [n]), device),
        );
    }
    let mut counts = vec![0.0f32; composition.len() * trained];
    for (row, parts) in counts.chunks_mut(trained).zip(composition) {
        parts.iter().for_each(|&part| row[part as usize] += 1.0);
    }
    let data = TensorData::new(counts, [composition.len(), trained]);
    Tensor::<2>::from_data(data, device).matmul(vectors)
}

/// [`compose`] on the host.
pub(crate) fn composed(vectors: &[f32], width: usize, composition: &[Vec<u32>]) -> Vec<f32> {
    let mut rows = vec![0.0f32; composition.len() * width];
    for (row, parts) in rows.chunks_mut(width).zip(composition) {
        for &part in parts {
            let vector = &vectors[part as usize * width..(part as usize + 1) * width];
            row.iter_mut().zip(vector).for_each(|(r, v)| *r += v);
        }
    }
    rows
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
        let t = |composition: &[Vec<u32>], expected: &[f32]| {
            assert_eq!(composed(&vectors, 2, composition), expected);
            let tensor = Tensor::<2>::from_data(TensorData::new(vectors.to_vec(), [3, 2]), &device);
            let rows = compose(tensor, composition, &device);
            assert_eq!(crate::network::store::download(rows).unwrap(), expected);
        };
        t(&[vec![0], vec![1], vec![2]], &vectors);
        t(&[vec![2], vec![0]], &[500.0, 600.0, 1.0, 2.0]);
        t(&[vec![0, 1], vec![2, 2]], &[31.0, 42.0, 1000.0, 1200.0]);
    }
}
