//! DNA without labels that an adapter learns from.

use std::num::NonZeroU32;
use std::path::PathBuf;

use lingo_artifact::bounded::Probability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// DNA without labels that the adapter learns from, by what stands in it: an encoder is asked for tokens that are hidden from it
/// (Devlin et al. 2019), a decoder for the next one. A window that shares 32 bases with a row of dev or test of any task of the
/// file, on either strand, is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskedDna {
    /// The files that it stands in: genomes, or other sequences.
    pub fasta: Vec<PathBuf>,
    /// Windows that are drawn from it at most. Default: 30000.
    #[serde(default = "windows")]
    pub windows: NonZeroU32,
    /// Bases of a window. Default: as many as the longest row of any task has, but no more than the longest sequence of the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<NonZeroU32>,
    /// Share of a window's tokens that an encoder is asked for: of these 80 % are masked, 10 % replaced at random, 10 % left.
    /// Default: 0.15.
    #[serde(default = "share")]
    pub share: Probability,
    /// Share of the windows that are not learnt from: by their loss the best step is chosen. Default: 0.05.
    #[serde(default = "held_out")]
    pub held_out: Probability,
}

fn windows() -> NonZeroU32 {
    NonZeroU32::new(30_000).unwrap_or(NonZeroU32::MIN)
}

fn share() -> Probability {
    Probability::of_percent(15)
}

fn held_out() -> Probability {
    Probability::of_percent(5)
}

impl MaskedDna {
    /// Why nothing can be learnt with these settings; nothing, if something can.
    pub fn contradiction(&self) -> Option<&'static str> {
        if self.fasta.is_empty() {
            return Some("`fasta` names no file");
        }
        if self.share.get() <= 0.0 {
            return Some("a `share` of 0 asks for nothing");
        }
        let held_out = self.held_out.get();
        (held_out <= 0.0 || held_out >= 1.0)
            .then_some("`held_out` must be more than 0 and less than 1")
    }
}
