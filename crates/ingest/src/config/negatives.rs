//! How negatives are made.

use std::num::NonZeroU32;

use lingo_artifact::bounded::Probability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::genomes::GenomeFile;

/// How negatives are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NegativesPlan {
    /// Random windows of the genome, of the length and about the GC and the share of repeats of a positive, away from all positives (the windows, and the
    /// intervals of BED files and tables as they stand), from gaps (no N), from `exclude` and from one another, on a random strand;
    /// of several genomes in the positive's, in a split by chromosomes on those of its split, in folds by chromosome on its own, so that each keeps its share.
    Genomic(GenomicNegatives),
    /// The positives with their bases shuffled so that every dinucleotide stays (Altschul and Erickson 1985).
    Shuffle(ShuffledNegatives),
}

impl NegativesPlan {
    /// How many for each positive.
    pub(crate) fn per_positive(&self) -> u32 {
        match self {
            Self::Genomic(plan) => plan.per_positive.get(),
            Self::Shuffle(plan) => plan.per_positive.get(),
        }
    }
}

/// Random windows of the genome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenomicNegatives {
    /// How many for each positive. Default: 1.
    #[serde(default = "one")]
    pub per_positive: NonZeroU32,
    /// By how much the share of G and C may differ from the positive's. Default: 0.02.
    #[serde(default = "two_percent")]
    pub gc_tolerance: Probability,
    /// By how much the share of repeats may differ from the positive's, where the FASTA marks them in lower case; 1 lets them differ at
    /// will. Default: 0.1.
    #[serde(default = "ten_percent")]
    pub repeat_tolerance: Probability,
    /// So many bases lie at least between a negative and a positive. Default: 0.
    #[serde(default)]
    pub margin: u64,
    /// BED files of places where none may lie, such as a blacklist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<GenomeFile>,
    /// The label of negatives. Default: negative.
    #[serde(default = "negative")]
    pub label: String,
    /// The same seed gives the same windows. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

/// Shuffled positives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShuffledNegatives {
    /// How many for each positive. Default: 1.
    #[serde(default = "one")]
    pub per_positive: NonZeroU32,
    /// The label of negatives. Default: negative.
    #[serde(default = "negative")]
    pub label: String,
    /// The same seed gives the same sequences. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn two_percent() -> Probability {
    Probability::of_percent(2)
}

fn ten_percent() -> Probability {
    Probability::of_percent(10)
}

fn negative() -> String {
    "negative".into()
}
