//! `pytorch_model.bin`, one or in shards, becomes `model.safetensors`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use safetensors::{Dtype, View};

use crate::error::Error;
use crate::pickled::pickle::{Element, Tensor};
use crate::pickled::torch_file::TorchFile;
use crate::weights::checkpoint::shards;

const PICKLED: &str = "pytorch_model.bin";
const INDEX: &str = "pytorch_model.bin.index.json";
const WEIGHTS: &str = "model.safetensors";

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// The file that was written.
    pub weights: PathBuf,
    /// Tensors in it.
    pub tensors: usize,
    /// Bytes of their values.
    pub bytes: u64,
}

/// Writes `model.safetensors` of the folder's `pytorch_model.bin`, or of its shards, into `out`, whole or not at all. Types, shapes and
/// names stay as they are. Nothing that stands in the pickles is run; files are mapped, and no more than one tensor is held.
///
/// # Errors
/// There is no `pytorch_model.bin`; it holds more than tensors, or less than it says; `model.safetensors` is there already; it cannot be
/// written.
pub fn import(folder: &Path, out: &Path) -> Result<Imported, Error> {
    let weights = out.join(WEIGHTS);
    if weights.exists() {
        return Err(Error::Pickle {
            path: weights,
            problem: "is there already: nothing is to be imported".into(),
        });
    }
    let files: Vec<TorchFile> = files(folder)?
        .iter()
        .map(|path| TorchFile::open(path))
        .collect::<Result<_, _>>()?;
    let mut views = BTreeMap::new();
    for file in &files {
        for (name, tensor) in file.tensors() {
            if views
                .insert(name.clone(), Stored { file, tensor })
                .is_some()
            {
                return Err(Error::Tensor {
                    path: file.path().to_owned(),
                    tensor: name.clone(),
                    problem: "is there twice".into(),
                });
            }
        }
    }
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    fs::create_dir_all(out).map_err(io(out))?;
    let temporary = weights.with_extension(format!("{}.tmp", std::process::id()));
    let (tensors, bytes) = (
        views.len(),
        views.values().map(View::data_len).sum::<usize>(),
    );
    // transformers refuses a file that does not say which framework's layout it has.
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let written = safetensors::serialize_to_file(views, Some(metadata), &temporary)
        .map_err(|e| Error::Pickle {
            path: temporary.clone(),
            problem: format!("cannot be written: {e}"),
        })
        .and_then(|()| {
            let synced = File::open(&temporary).and_then(|file| file.sync_all());
            synced.map_err(io(&temporary))
        })
        .and_then(|()| fs::rename(&temporary, &weights).map_err(io(&weights)));
    if let Err(error) = written {
        // What is left of a failed write is of no use to anyone.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(Imported {
        files: files.iter().map(|file| file.path().to_owned()).collect(),
        weights,
        tensors,
        bytes: bytes as u64,
    })
}

/// The files that hold the weights.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let single = folder.join(PICKLED);
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = folder.join(INDEX);
    if !index.is_file() {
        return Err(Error::MissingFile {
            folder: folder.to_owned(),
            file: PICKLED,
            hint: "",
        });
    }
    shards(folder, &index)
}

/// A tensor where it lies.
#[derive(Clone, Copy)]
struct Stored<'a> {
    file: &'a TorchFile,
    tensor: &'a Tensor,
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self.tensor.storage.kind {
            Element::F64 => Dtype::F64,
            Element::F32 => Dtype::F32,
            Element::F16 => Dtype::F16,
            Element::Bf16 => Dtype::BF16,
            Element::I64 => Dtype::I64,
            Element::I32 => Dtype::I32,
            Element::I16 => Dtype::I16,
            Element::I8 => Dtype::I8,
            Element::U8 => Dtype::U8,
            Element::Bool => Dtype::BOOL,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.file.in_order(self.tensor) {
            Some(bytes) => Cow::Borrowed(bytes),
            None => Cow::Owned(self.file.values(self.tensor)),
        }
    }

    fn data_len(&self) -> usize {
        let values: usize = self.tensor.shape.iter().product();
        values * self.tensor.storage.kind.bytes()
    }
}
