//! What the trainer asks of a network, whatever it reads.

use lingo_lm::DropoutSource;

use crate::error::Error;
use crate::network::store::ParameterStore;
use crate::rank::triplets::Triplets;
use crate::reading::Input;

/// From the logits of a batch to the loss's slope by each of them; `None` where the loss is not finite, so that nothing
/// can be learnt from it.
pub(crate) type SlopeOf<'a> = &'a mut dyn FnMut(&[f32]) -> Option<Vec<f32>>;

/// A network whose trained values are in a [`ParameterStore`].
pub(crate) trait Net {
    /// The store's values where the network computes.
    type Uploaded;

    /// Logits of a row.
    fn outputs(&self) -> usize;

    /// Brings the store's values to where the network computes; `tracked` ones gather gradients. `live` masks triplets.
    ///
    /// # Errors
    /// The device failed.
    fn upload(
        &mut self,
        store: &ParameterStore,
        live: Option<&[bool]>,
        tracked: bool,
    ) -> Result<Self::Uploaded, Error>;

    /// Forward and backward pass of one batch; adds to `gradients`, a vector as long as the store.
    ///
    /// # Errors
    /// An id or a length that the network cannot take; the device failed.
    fn learn(
        &self,
        store: &ParameterStore,
        uploaded: &Self::Uploaded,
        inputs: &[Input],
        dropout: &mut dyn DropoutSource,
        slope_of: SlopeOf,
        gradients: &mut [f32],
    ) -> Result<(), Error>;

    /// Logits of a batch, row by row, without dropout.
    ///
    /// # Errors
    /// As [`Net::learn`].
    fn predict(
        &self,
        store: &ParameterStore,
        uploaded: &Self::Uploaded,
        inputs: &[Input],
    ) -> Result<Vec<f32>, Error>;

    /// Triplets (ranks, where there is no lambda) of all deltas.
    fn triplet_count(&self) -> usize {
        0
    }

    /// The same values with deltas that weigh so many times as much.
    fn weighted(&self, uploaded: Self::Uploaded, _weight: f64) -> Self::Uploaded {
        uploaded
    }

    /// Where the triplets stand in the store (rank adaptation only).
    fn triplets(&self, _store: &ParameterStore) -> Vec<Triplets> {
        Vec::new()
    }

    /// What computes: device and instruction set. Others give other last digits.
    fn computed_by(&self) -> String;

    /// What the device's allocator holds, where that is known.
    fn device_memory(&self) -> Option<u64> {
        None
    }
}
