//! Networks of motifs, each trained without one part of the training rows: by themselves, or as the stem beside a
//! language model.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lingo_artifact::bases::reverse_complement;
use lingo_artifact::digest::Digest;
use lingo_kernels::Level;
use rayon::prelude::*;

use crate::error::Error;
use crate::network::kernel::WordMachine;
use crate::network::motif_net::{Filters, MotifNet};
use crate::network::net::Net;
use crate::network::store::ParameterStore;
use crate::network::words::Words;
use crate::reading::{Beside, Input};
use crate::settings::motif_cnn::MotifSettings;

/// `logits = scale x` those of the one network that was trained without a row, or the mean of all networks' for a row
/// that none was trained on; where there are words or a kernel machine, theirs are added.
pub(crate) struct Stem {
    folds: Vec<Fold>,
    /// The linear model on words beside the networks.
    pub words: Option<Words>,
    /// The kernel machine on words beside both.
    pub kernel: Option<WordMachine>,
    /// What logits are multiplied with: a network that has learnt its rows by heart is too sure of others.
    pub scale: f32,
    /// The network that was trained without a row, by the row's place in the table.
    without: Vec<Option<u32>>,
}

struct Fold {
    network: MotifNet,
    store: ParameterStore,
    motifs: Filters,
}

impl Stem {
    /// A stem of these stores, which [`MotifNet::build`] made for the same settings.
    ///
    /// # Errors
    /// None that is known.
    pub fn new(
        settings: MotifSettings,
        sequences: usize,
        outputs: usize,
        stores: Vec<ParameterStore>,
        without: Vec<Option<u32>>,
    ) -> Result<Self, Error> {
        let fold = |store: ParameterStore| -> Result<Fold, Error> {
            let level = Level::detect();
            let (mut network, _) = MotifNet::build(settings, sequences, outputs, level, 0);
            let motifs = network.upload(&store, None, false)?;
            Ok(Fold {
                network,
                store,
                motifs,
            })
        };
        Ok(Self {
            folds: stores.into_iter().map(fold).collect::<Result<_, _>>()?,
            words: None,
            kernel: None,
            scale: 1.0,
            without,
        })
    }

    /// The networks' values.
    pub fn stores(&self) -> impl Iterator<Item = &ParameterStore> {
        self.folds.iter().map(|fold| &fold.store)
    }

    /// Trained values, without the scale, which is worked out.
    pub fn parameters(&self) -> u64 {
        let networks: u64 = self.stores().map(|store| store.len() as u64).sum();
        let words = self.words.as_ref().map_or(0, |words| words.mean().0.len());
        let kernel = self
            .kernel
            .as_ref()
            .map_or(0, |kernel| kernel.landmarks().count() * kernel.heads());
        networks + (words + kernel) as u64
    }

    /// The logits of the networks and of the words.
    fn without_kernel(&self, place: usize, bases: &[Vec<u8>]) -> Result<Vec<f32>, Error> {
        let input = Input {
            ids: Cow::Borrowed(&[]),
            bases: bases.to_vec(),
            kept: None,
            beside: Vec::new(),
            asked: Vec::new(),
        };
        let of = |fold: &Fold| {
            let inputs = std::slice::from_ref(&input);
            fold.network.predict(&fold.store, &fold.motifs, inputs)
        };
        let mut factor = self.scale;
        let mut logits = match self.without.get(place) {
            Some(Some(fold)) => of(&self.folds[*fold as usize])?,
            _ => {
                let mut sum = Vec::new();
                for fold in &self.folds {
                    let logits = of(fold)?;
                    sum.resize(logits.len(), 0.0f32);
                    sum.iter_mut().zip(logits).for_each(|(s, l)| *s += l);
                }
                factor /= self.folds.len() as f32;
                sum
            }
        };
        logits.iter_mut().for_each(|l| *l *= factor);
        if let Some(words) = &self.words {
            let of_words = words.logits(place, bases)?;
            logits.iter_mut().zip(of_words).for_each(|(l, w)| *l += w);
        }
        Ok(logits)
    }
}

impl Beside for Stem {
    fn logits(&self, place: usize, bases: &[Vec<u8>]) -> Result<Vec<f32>, Error> {
        Ok(self.logits_of_all(&[(place, bases)])?.concat())
    }

    fn logits_of_all(&self, rows: &[(usize, &[Vec<u8>])]) -> Result<Vec<Vec<f32>>, Error> {
        let each = rows.par_iter();
        let each = each.map(|(place, bases)| self.without_kernel(*place, bases));
        let mut logits: Vec<Vec<f32>> = each.collect::<Result<_, Error>>()?;
        if let Some(kernel) = &self.kernel {
            let of_kernel = kernel.logits_of_all(rows)?;
            let pairs = logits.iter_mut().flatten();
            pairs
                .zip(of_kernel.iter().flatten())
                .for_each(|(l, k)| *l += k);
        }
        Ok(logits)
    }
}

/// The fold of each row, from 0: rows with the same sequences, on either strand, are in one fold, and the folds hold
/// equally many different sequences. Nothing where there are fewer of these than folds.
pub(crate) fn folds_of<'a>(
    rows: impl Iterator<Item = Vec<Cow<'a, [u8]>>>,
    folds: usize,
    seed: u64,
) -> Option<Vec<u32>> {
    let keys: Vec<Digest> = rows.map(|row| key(&row, seed)).collect();
    let mut distinct: BTreeMap<[u8; 32], u32> = keys.iter().map(|key| (*key.bytes(), 0)).collect();
    if distinct.len() < folds {
        return None;
    }
    for (i, fold) in distinct.values_mut().enumerate() {
        *fold = (i % folds) as u32;
    }
    Some(keys.iter().map(|key| distinct[key.bytes()]).collect())
}

/// A hash of the sequences of a row that is the same on the other strand.
fn key(sequences: &[Cow<'_, [u8]>], seed: u64) -> Digest {
    let mut text = seed.to_le_bytes().to_vec();
    for bases in sequences {
        let other = reverse_complement(bases);
        text.extend_from_slice((&**bases).min(&other));
        text.push(0);
    }
    Digest::of_bytes(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_and_its_other_strand_are_in_one_fold_and_folds_are_even() {
        let letters = |mut i: usize| {
            let mut bases = vec![b'A'];
            while i > 0 {
                bases.push(b"ACGT"[i % 4]);
                i /= 4;
            }
            bases
        };
        let mut rows: Vec<Vec<u8>> = (0..60).map(letters).collect();
        let turned: Vec<Vec<u8>> = rows.iter().map(|row| reverse_complement(row)).collect();
        rows.extend(turned);
        let each = rows.iter().map(|row| vec![Cow::Borrowed(&row[..])]);
        let folds = folds_of(each, 4, 1).unwrap();
        assert_eq!(folds[..60], folds[60..]);
        for fold in 0..4 {
            let count = folds.iter().filter(|f| **f == fold).count();
            assert!((26..=34).contains(&count), "fold {fold}: {count} of 120");
        }
        let again = rows.iter().map(|row| vec![Cow::Borrowed(&row[..])]);
        assert_ne!(folds_of(again, 4, 2).unwrap(), folds, "another seed");
        let few = rows[..3].iter().map(|row| vec![Cow::Borrowed(&row[..])]);
        assert_eq!(folds_of(few, 4, 1), None);
    }
}
