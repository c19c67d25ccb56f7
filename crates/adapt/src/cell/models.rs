//! Loaded models, what is known of their folders, and states of frozen blocks, shared by the cells of one process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Device;
use lingo_artifact::digest::Digest;
use lingo_lm::{Model, Packing};

use crate::error::Error;
use crate::plan::model_shape::{ModelShape, digest_of_weights};
use crate::train::states::FrozenStates;

/// Frozen models by what they were loaded from. Cells that are trained side by side, or one after
/// another, hold one copy of the weights, and compute the states of frozen blocks once.
#[derive(Default)]
pub struct Models {
    loaded: Mutex<Vec<(Key, Arc<Model>)>>,
    states: Mutex<BTreeMap<PathBuf, Arc<Mutex<Slot>>>>,
    known: Mutex<BTreeMap<PathBuf, Arc<KnownModel>>>,
    /// By path: the sha256 of files that somebody has hashed before.
    hashed: BTreeMap<PathBuf, Digest>,
}

/// What cells need of a model folder before they load it.
pub(crate) struct KnownModel {
    pub shape: ModelShape,
    /// What identifies the weights.
    pub digest: Digest,
}

/// A file of states.
#[derive(Default)]
enum Slot {
    #[default]
    Untried,
    Open(Arc<FrozenStates>),
    /// It could not be written; the next cell need not try again.
    Refused,
}

#[derive(Clone, PartialEq)]
struct Key {
    folder: PathBuf,
    digest: Digest,
    device: String,
    packing: Packing,
}

impl Key {
    /// Whether a model loaded for `self` does for `wanted` too.
    fn serves(&self, wanted: &Self) -> bool {
        let packing = Packing {
            gradients: wanted.packing.gradients,
            ..self.packing
        };
        (self.packing.gradients || !wanted.packing.gradients)
            && *wanted
                == Self {
                    packing,
                    ..self.clone()
                }
    }
}

impl Models {
    /// No model is loaded yet; `hashed` has the sha256 of files by path, so that no cell makes them again.
    pub fn knowing(hashed: BTreeMap<PathBuf, Digest>) -> Self {
        Self {
            hashed,
            ..Self::default()
        }
    }

    /// The shape of a model folder and the hash of its weights, found out by the first cell that asks.
    ///
    /// # Errors
    /// The model folder's.
    pub(crate) fn known(&self, folder: &Path) -> Result<Arc<KnownModel>, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = known.get(folder) {
            return Ok(model.clone());
        }
        let model = Arc::new(KnownModel {
            shape: ModelShape::read(folder)?,
            digest: digest_of_weights(folder, |file| match self.hashed.get(file) {
                Some(digest) => Ok(*digest),
                None => Ok(Digest::of_file(file)?.0),
            })?,
        });
        known.insert(folder.to_owned(), model.clone());
        Ok(model)
    }

    /// The model of `folder`, whose weights have this digest: frozen, and packed on the CPU. It is
    /// loaded where no cell has it; who asks at the same time waits. What no cell uses any more
    /// is let go then.
    ///
    /// # Errors
    /// The model folder's.
    pub(crate) fn get(
        &self,
        folder: &Path,
        digest: Digest,
        device: &Device,
        packing: Packing,
    ) -> Result<Arc<Model>, Error> {
        let wanted = Key {
            folder: folder.to_owned(),
            digest,
            device: format!("{device:?}"),
            packing,
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, model)) = loaded.iter().find(|(key, _)| key.serves(&wanted)) {
            return Ok(model.clone());
        }
        loaded.retain(|(_, model)| Arc::strong_count(model) > 1);
        // Another model's buffers have other sizes.
        lingo_lm::release_memory();
        let model = Arc::new(Model::load_packed(folder, device, packing)?);
        loaded.push((wanted, model.clone()));
        Ok(model)
    }

    /// The states in the file `path`: `make` opens or computes them where no cell has them; who
    /// asks at the same time waits. `None` where they cannot be kept, which `told` hears once.
    ///
    /// # Errors
    /// What `make` says, unless it is that the file cannot be written: training can do without.
    pub(crate) fn states(
        &self,
        path: &Path,
        make: impl FnOnce() -> Result<FrozenStates, Error>,
        told: impl FnOnce(&Error),
    ) -> Result<Option<Arc<FrozenStates>>, Error> {
        let mut slots = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(path.to_owned()).or_default().clone();
        // Cells that need other files need not wait for this one.
        drop(slots);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*slot, Slot::Untried) {
            *slot = match make() {
                Ok(states) => Slot::Open(Arc::new(states)),
                Err(Error::Artifact(e)) if e.is_write_failure() => {
                    told(&e.into());
                    Slot::Refused
                }
                Err(e) => return Err(e),
            };
        }
        Ok(match &*slot {
            Slot::Open(states) => Some(states.clone()),
            _ => None,
        })
    }

    /// Removes a folder of [`crate::AdaptRequest::states`] that no cell needs any more.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub fn remove_states(&self, folder: &Path) -> Result<(), Error> {
        let mut slots = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        // An open file would keep its space on the disk.
        slots.retain(|path, _| !path.starts_with(folder));
        if folder.is_dir() {
            std::fs::remove_dir_all(folder).map_err(lingo_artifact::Error::io("remove", folder))?;
        }
        Ok(())
    }
}
