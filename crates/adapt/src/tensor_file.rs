//! Named `f32` tensors in a `safetensors` file.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use lingo_artifact::atomic;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::error::Error;

/// Tensors by name, and one line of text beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TensorFile {
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    /// Key and value.
    pub note: (String, String),
}

impl TensorFile {
    /// Tensors with the note that `transformers` and PEFT want: the framework whose layout they have.
    pub fn for_peft() -> Self {
        Self {
            tensors: BTreeMap::new(),
            note: ("format".into(), "pt".into()),
        }
    }

    pub fn add(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) {
        self.tensors.insert(name.into(), (shape.to_vec(), values));
    }

    /// A vector's values, taken out.
    ///
    /// # Errors
    /// The problem, if there is no such tensor.
    pub fn take(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
        self.tensors
            .remove(name)
            .ok_or_else(|| format!("the tensor `{name}` is missing"))
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        Ok(atomic::write_bytes(path, &self.to_bytes(path)?)?)
    }

    /// The bytes of the file that `path` is to be.
    ///
    /// # Errors
    /// A shape that is not that of its values.
    pub fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let fail =
            |e: safetensors::SafeTensorError| lingo_artifact::Error::invalid(path, e.to_string());
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, (shape, values))| {
                (
                    name,
                    shape,
                    values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                )
            })
            .collect();
        let mut views = Vec::with_capacity(bytes.len());
        for (name, shape, bytes) in &bytes {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(fail)?;
            views.push((name.as_str(), view));
        }
        let note = HashMap::from([self.note.clone()]);
        Ok(safetensors::serialize(views, Some(note)).map_err(fail)?)
    }

    /// Reads a file of `f32` tensors; of its notes, `key` is kept.
    ///
    /// # Errors
    /// [`Error::Adapter`] naming the file and what is wrong.
    pub fn read(path: &Path, key: &str) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(lingo_artifact::Error::io("read", path))?;
        Self::of_bytes(&bytes, key).map_err(|problem| Error::Adapter {
            path: path.to_owned(),
            problem,
        })
    }

    /// The tensors of a file's bytes; of its notes, `key` is kept.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of_bytes(bytes: &[u8], key: &str) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let mut read = Self::default();
        if let Some(value) = header.metadata().as_ref().and_then(|notes| notes.get(key)) {
            read.note = (key.to_owned(), value.clone());
        }
        for (name, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(format!(
                    "the tensor `{name}` has type {:?}, not F32",
                    view.dtype()
                ));
            }
            let values = view
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&b| f32::from_le_bytes(b))
                .collect();
            read.tensors
                .insert(name.to_owned(), (view.shape().to_vec(), values));
        }
        Ok(read)
    }
}

/// `[rows, columns]` to `[columns, rows]`.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|column| (0..rows).map(move |row| values[row * columns + column]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        let mut file = TensorFile::for_peft();
        file.add("b", &[2, 1], vec![1.5, -0.0]);
        file.add("a", &[0, 3], vec![]);
        file.write(&path).unwrap();
        assert_eq!(TensorFile::read(&path, "format").unwrap(), file);
        std::fs::write(&path, b"\xff\xff\xff\xff\xff\xff\xff\xffxxxx").unwrap();
        let message = TensorFile::read(&path, "format").unwrap_err().to_string();
        assert!(message.contains("t.safetensors"), "{message}");
    }

    #[test]
    fn transposing_twice_is_nothing() {
        assert_eq!(
            transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
    }
}
