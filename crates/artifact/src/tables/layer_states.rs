//! The states of a model's layers for one sequence, for comparing with another implementation.

use std::path::Path;

use polars::prelude::{Column, DataFrame};

use crate::error::{Error, Result};
use crate::tables::table::list_column::f32_list_column;
use crate::tables::table::{read, write};

/// The states of every layer at every place of one sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerStates {
    /// The token ids.
    pub tokens: Vec<u32>,
    /// Of each layer the states, `[length, width]`, row-major; layer 0 is what goes into the first block. The last
    /// may be of another width.
    pub layers: Vec<Vec<f32>>,
}

impl LayerStates {
    /// Writes `.parquet`, `.csv` or `.tsv` atomically: a row for each layer and place, with the columns `layer`,
    /// `position`, `token` and `values`.
    ///
    /// # Errors
    /// [`Error::Ending`], [`Error::Io`]; [`Error::Invalid`] where a layer has no whole number of values for each token.
    pub fn write(&self, path: &Path) -> Result<()> {
        let length = self.tokens.len().max(1);
        if let Some(layer) = self.layers.iter().position(|l| l.len() % length != 0) {
            let problem = format!("layer {layer} has no whole number of values for each token");
            return Err(Error::invalid(path, problem));
        }
        let rows =
            || (0..self.layers.len()).flat_map(|layer| (0..length).map(move |at| (layer, at)));
        let column = |name: &str, value: &dyn Fn((usize, usize)) -> u32| {
            Column::new(name.into(), rows().map(value).collect::<Vec<_>>())
        };
        let values: Vec<&[f32]> = rows()
            .map(|(layer, at)| {
                let width = self.layers[layer].len() / length;
                &self.layers[layer][at * width..(at + 1) * width]
            })
            .collect();
        let mut frame = DataFrame::new_infer_height(vec![
            column("layer", &|(layer, _)| layer as u32),
            column("position", &|(_, at)| at as u32),
            column("token", &|(_, at)| self.tokens[at]),
            f32_list_column("values", values.into_iter()),
        ])
        .map_err(|e| Error::invalid(path, e.to_string()))?;
        write::write(path, &mut frame, "{}")
    }

    /// Reads what [`LayerStates::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`], [`Error::Column`]; [`Error::Invalid`] where rows are missing or out of order.
    pub fn read(path: &Path) -> Result<Self> {
        let table = read::read(path)?;
        let (layers, positions) = (table.u64s("layer")?, table.u64s("position")?);
        let tokens = table.u64s("token")?;
        let values = table.f32_lists("values")?;
        let length = layers.iter().take_while(|layer| **layer == 0).count();
        let mut read = Self {
            tokens: tokens[..length].iter().map(|id| *id as u32).collect(),
            layers: Vec::new(),
        };
        for (row, values) in values.iter().enumerate() {
            let place = (row / length.max(1), row % length.max(1));
            if (layers[row] as usize, positions[row] as usize) != place {
                let problem = format!(
                    "row {} is not of layer {}, position {}",
                    row + 1,
                    place.0,
                    place.1
                );
                return Err(Error::invalid(path, problem));
            }
            match place.1 {
                0 => read.layers.push(values.clone()),
                _ => read.layers[place.0].extend(values),
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let states = LayerStates {
            tokens: vec![2, 7],
            layers: vec![vec![0.5, 1.0, -2.0, 3.0], vec![0.25, 4.0]],
        };
        for ending in ["parquet", "csv"] {
            let path = folder.path().join(format!("states.{ending}"));
            states.write(&path).unwrap();
            assert_eq!(LayerStates::read(&path).unwrap(), states, "{ending}");
        }
        let bad = LayerStates {
            layers: vec![vec![0.5]],
            ..states
        };
        assert!(bad.write(&folder.path().join("x.parquet")).is_err());
    }
}
