//! What is looked for in more than one split, and what happens when it is found.

use lingo_artifact::bounded::Probability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is looked for in more than one split, on either strand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leakage {
    /// Nothing is looked at: no audit, and the sequences are read once only.
    Unexamined,
    /// The same sequences. Rows that lie over one another in the genome are told, but `on_leak` leaves them alone.
    Exact,
    /// The same sequences, those that are nearly the same, and rows that lie over one another in the genome.
    Near(NearLeakage),
}

impl Default for Leakage {
    fn default() -> Self {
        Self::Near(NearLeakage::default())
    }
}

/// What is nearly the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NearLeakage {
    /// The least Jaccard index of the 15-mers. Estimated from 32 hashes of each sequence. Default: 0.5, about 97 % identity.
    #[serde(default = "half")]
    pub jaccard: Probability,
    /// Where rows have places in a genome: which share of the bases of a dev or test row must lie in rows of another split before `on_leak`
    /// acts on it. All overlaps are told in any case. Default: 0, any base.
    #[serde(default = "any")]
    pub overlap: Probability,
}

impl Default for NearLeakage {
    fn default() -> Self {
        Self {
            jaccard: half(),
            overlap: any(),
        }
    }
}

fn any() -> Probability {
    Probability::of_percent(0)
}

fn half() -> Probability {
    Probability::of_percent(50)
}

/// What happens when a sequence is found in more than one split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLeak {
    /// It is told, here and in the report.
    #[default]
    Warn,
    /// Its rows are taken out of train, or out of dev when they are in dev and test: what the report shows stays whole.
    Drop,
    /// It is an error.
    Error,
}
