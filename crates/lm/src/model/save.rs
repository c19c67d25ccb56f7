//! Writing a model folder that `transformers` reads back.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;

use crate::config::family::Family;
use crate::error::Error;
use crate::model::loaded::Model;
use crate::model::mlm::MlmHead;
use crate::weights::parameters::Parameters;

impl Model {
    /// The bare model's class in `transformers`.
    pub fn architecture(&self) -> &'static str {
        self.config().family.architecture()
    }

    /// Writes `model.safetensors` and `config.json` of the bare model into `folder`, which is
    /// made if need be. Each file is whole or absent.
    ///
    /// # Errors
    /// [`Error::Io`], naming the file.
    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        let config = format!("{:#}\n", self.config().to_json(self.architecture()));
        write(folder, &config, named(self.parameters(), "")?)
    }

    /// Writes `model.safetensors` with `prefix` before each name of the bare model's tensors and `others` beside them (name, shape and
    /// values as they go into the file), and `config` as `config.json`: a folder for a class of `transformers` that holds the bare model.
    ///
    /// # Errors
    /// [`Error::Io`], naming the file.
    pub fn save_within(
        &self,
        prefix: &str,
        others: &[(String, Vec<usize>, Vec<f32>)],
        config: &Value,
        folder: &Path,
    ) -> Result<(), Error> {
        let mut tensors = named(self.parameters(), prefix)?;
        let of = |values: &[f32]| {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        tensors.extend(
            (others.iter()).map(|(name, shape, values)| (name.clone(), shape.clone(), of(values))),
        );
        write(folder, &format!("{config:#}\n"), tensors)
    }

    /// As [`Model::save`], with a masked-language-modelling head: a folder for
    /// `transformers.BertForMaskedLM`. The head's decoder is the word embedding and is not
    /// written again.
    ///
    /// # Errors
    /// [`Error::Io`], naming the file.
    pub fn save_with_head(&self, head: &MlmHead, folder: &Path) -> Result<(), Error> {
        let mut tensors = named(self.parameters(), &Family::Bert.prefix())?;
        tensors.extend(named(head.parameters(), "")?);
        let config = format!("{:#}\n", self.config().to_json("BertForMaskedLM"));
        write(folder, &config, tensors)
    }
}

fn write(folder: &Path, config: &str, tensors: Vec<Named>) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| Error::Io {
        path: folder.to_owned(),
        source,
    })?;
    let path = folder.join("model.safetensors");
    let fail = |tensor: &str, problem: String| Error::Tensor {
        path: path.clone(),
        tensor: tensor.to_owned(),
        problem,
    };
    let mut views = Vec::with_capacity(tensors.len());
    for (name, shape, bytes) in &tensors {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
            .map_err(|error| fail(name, error.to_string()))?;
        views.push((name.as_str(), view));
    }
    // transformers refuses a file that does not say which framework's layout it has.
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|error| fail("", error.to_string()))?;
    write_atomically(&path, &bytes)?;
    write_atomically(&folder.join("config.json"), config.as_bytes())
}

/// Name, shape and little-endian values.
type Named = (String, Vec<usize>, Vec<u8>);

fn named(parameters: &Parameters, prefix: &str) -> Result<Vec<Named>, Error> {
    parameters
        .tensors()
        .into_iter()
        .map(|(name, shape)| {
            let values = parameters.values_for_file(&name)?;
            let bytes = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            Ok((format!("{prefix}{name}"), shape, bytes))
        })
        .collect()
}

/// Writes to a temporary name beside `path`, flushes it to the disk and renames it.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = renamed {
        // What is left of a failed write is of no use to anyone.
        let _ = fs::remove_file(&temporary);
        return Err(io(source));
    }
    // The rename itself reaches the disk with the folder.
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        folder.sync_all().map_err(io)?;
    }
    Ok(())
}
