//! The weights of a model folder: `model.safetensors`, or shards named by an index.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::error::Error;
use crate::weights::safetensors_file::SafetensorsFile;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The tensors of a model folder, under the names of the bare model (`encoder.layer.0...`,
/// `decoder.layers.0...`), whatever prefix the files give them.
pub struct Checkpoint {
    folder: PathBuf,
    files: Vec<SafetensorsFile>,
    /// Bare name to file and the name inside it.
    names: BTreeMap<String, (usize, String)>,
}

impl Checkpoint {
    /// Opens the weights of a folder; `prefix` (`bert.`, `model.`) is dropped from names.
    ///
    /// # Errors
    /// A missing file, a header that cannot be trusted, or a tensor held twice.
    pub fn open(folder: &Path, prefix: &str) -> Result<Self, Error> {
        let single = folder.join(WEIGHTS);
        let index = folder.join(INDEX);
        let files = if single.is_file() {
            vec![SafetensorsFile::open(&single)?]
        } else if index.is_file() {
            shards(folder, &index)?
                .iter()
                .map(|file| SafetensorsFile::open(file))
                .collect::<Result<_, _>>()?
        } else {
            let pickled = folder.join("pytorch_model.bin").is_file()
                || folder.join("pytorch_model.bin.index.json").is_file();
            return Err(Error::MissingFile {
                folder: folder.to_owned(),
                file: WEIGHTS,
                hint: if pickled {
                    ", only pytorch_model.bin: `lingo-pipe model import FOLDER` makes the one of the other, and runs nothing that stands in it"
                } else {
                    ""
                },
            });
        };
        let mut names = BTreeMap::new();
        for (number, file) in files.iter().enumerate() {
            for name in file.names() {
                let bare = bare_name(name, prefix);
                let entry = (number, name.to_owned());
                if let Some((_, other)) = names.insert(bare, entry) {
                    return Err(Error::Tensor {
                        path: file.path().to_owned(),
                        tensor: name.to_owned(),
                        problem: format!("is there twice (also as `{other}`)"),
                    });
                }
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            files,
            names,
        })
    }

    /// The tensors' bare names and shapes, by name; nothing is read but headers.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.names.iter().filter_map(|(bare, (file, name))| {
            Some((bare.as_str(), self.files[*file].shape(name)?))
        })
    }

    /// Bare names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Whether a tensor is there.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// A tensor's values, if its shape is `shape`.
    ///
    /// # Errors
    /// [`Error::Tensor`], naming file and tensor.
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        match self.names.get(name) {
            Some((file, inside)) => self.files[*file].read(inside, shape),
            None => Err(self.fault(name, "is missing".to_owned())),
        }
    }

    /// Whether a tensor could be read with this shape.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn check(&self, name: &str, shape: &[usize]) -> Result<(), Error> {
        match self.names.get(name) {
            Some((file, inside)) => self.files[*file].check(inside, shape).map(drop),
            None => Err(self.fault(name, "is missing".to_owned())),
        }
    }

    /// An error about one tensor, naming the file that holds it, or the one that should.
    pub fn fault(&self, name: &str, problem: String) -> Error {
        let (path, tensor) = match self.names.get(name) {
            Some((file, inside)) => (self.files[*file].path().to_owned(), inside.clone()),
            None if self.files.len() == 1 => (self.files[0].path().to_owned(), name.to_owned()),
            None => (self.folder.clone(), name.to_owned()),
        };
        Error::Tensor {
            path,
            tensor,
            problem,
        }
    }
}

/// The name without the prefix, and with today's names for layer norms: BERT's first
/// checkpoints, converted from TensorFlow, say gamma and beta.
fn bare_name(name: &str, prefix: &str) -> String {
    let bare = name.strip_prefix(prefix).unwrap_or(name);
    if let Some(stem) = bare.strip_suffix("LayerNorm.gamma") {
        format!("{stem}LayerNorm.weight")
    } else if let Some(stem) = bare.strip_suffix("LayerNorm.beta") {
        format!("{stem}LayerNorm.bias")
    } else {
        bare.to_owned()
    }
}

/// Every file that an index of shards names, beside it.
///
/// # Errors
/// The index cannot be read, or names what is no file name.
pub(crate) fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, Error> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let text = std::fs::read_to_string(index).map_err(|source| Error::Io {
        path: index.to_owned(),
        source,
    })?;
    let json = |message: String| Error::Json {
        path: index.to_owned(),
        message,
    };
    let parsed: Index = serde_json::from_str(&text).map_err(|error| json(error.to_string()))?;
    let files: BTreeSet<&String> = parsed.weight_map.values().collect();
    files
        .into_iter()
        .map(|file| {
            // A shard is a neighbour of its index: no path may lead out of the folder.
            if file.contains(['/', '\\']) || file == ".." {
                return Err(json(format!("`{file}` is not a file name")));
            }
            Ok(folder.join(file))
        })
        .collect()
}
