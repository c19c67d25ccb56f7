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

/// What is nearly the same: one stretch of both sequences, on either strand, with 90 % of its bases the same, that takes 80 % of the shorter
/// sequence, and at least 30 bases. Of pairs both sequences, in either order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NearLeakage {
    /// Sequences whose 15-mers have at least this Jaccard index count, too; it is estimated from 32 hashes of each. Default: they are not
    /// looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jaccard: Option<Probability>,
    /// Where rows have places in a genome: which share of the bases of a dev or test row must lie in rows of another split before `on_leak`
    /// acts on it. All overlaps are told in any case. Default: 0, any base.
    #[serde(default = "any")]
    pub overlap: Probability,
}

impl Default for NearLeakage {
    fn default() -> Self {
        Self {
            jaccard: None,
            overlap: any(),
        }
    }
}

fn any() -> Probability {
    Probability::of_percent(0)
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
