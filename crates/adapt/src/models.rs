//! Loaded models, shared by the cells of one process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Device;
use lingo_artifact::digest::Digest;
use lingo_lm::{Model, Packing};

use crate::Error;

/// Frozen models by what they were loaded from. Cells that are trained side by side, or one after
/// another, hold one copy of the weights.
#[derive(Default)]
pub struct Models(Mutex<Vec<(Key, Arc<Model>)>>);

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
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, model)) = loaded.iter().find(|(key, _)| key.serves(&wanted)) {
            return Ok(model.clone());
        }
        loaded.retain(|(_, model)| Arc::strong_count(model) > 1);
        let mut model = Model::load(folder, device)?;
        model.pack(packing)?;
        let model = Arc::new(model);
        loaded.push((wanted, model.clone()));
        Ok(model)
    }
}
