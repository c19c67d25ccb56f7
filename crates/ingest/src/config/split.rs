//! How rows are split.

use std::num::NonZeroU32;

use lingo_artifact::bounded::Probability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How rows are split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SplitPlan {
    /// By chromosome: no two splits share a piece of the genome.
    Chromosomes(ChromosomeSplit),
    /// At random, so that every split has the same share of each class; rows that lie over one another in the genome stay together.
    Ratios(RatioSplit),
    /// Cross-validation: the rows in k parts, each of them test once.
    Folds(FoldSplit),
    /// At random, whole clusters of similar sequences and of rows that lie over one another at a time, so that none has a part in two
    /// splits.
    Clusters(ClusterSplit),
}

/// Cross-validation. Of fold i, part i is test, the next part (after the last the first) dev, and the others train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FoldSplit {
    /// How many parts.
    pub k: Folds,
    /// What stays together.
    #[serde(default)]
    pub by: FoldsBy,
    /// The same seed gives the same parts. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// Which fold, from 1 to k. A task of a pipeline file without it becomes k tasks, `name.fold-1` to `name.fold-k`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<NonZeroU32>,
    /// Rows that lie over one another in the genome stay together, and so do those that they are linked to. Chromosomes keep them in
    /// any case. Default: true.
    #[serde(default = "yes")]
    pub keep_overlaps_together: bool,
}

/// A number of folds: 3 to 100, because test, dev and train are three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Folds(u32);

impl Folds {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Folds {
    type Error = String;

    fn try_from(k: u32) -> std::result::Result<Self, String> {
        if (3..=100).contains(&k) {
            Ok(Self(k))
        } else {
            Err(format!(
                "{k} folds: from 3 to 100 are needed, one part for test, one for dev, the others for train"
            ))
        }
    }
}

impl From<Folds> for u32 {
    fn from(k: Folds) -> Self {
        k.0
    }
}

impl JsonSchema for Folds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Folds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 3, "maximum": 100 })
    }
}

/// What stays together in cross-validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoldsBy {
    /// Rows that lie over one another, and no others; every part has the same share of each class.
    #[default]
    Class,
    /// Chromosomes; the parts are as even as they allow.
    Chromosome,
}

/// Shares of the splits, which are filled with whole clusters; one that is larger than the share of its split goes to train, so that
/// shares may be missed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSplit {
    /// Share of train; the three shares add up to 1.
    pub train: Probability,
    /// Share of dev.
    pub dev: Probability,
    /// Share of test.
    pub test: Probability,
    /// Sequences whose 15-mers have at least this Jaccard index are of one cluster, too, as those are that are nearly the same: of which 90 % of the
    /// bases are the same over 80 % of the shorter, on whichever strand. Estimated from 32 hashes. Default: it is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jaccard: Option<Probability>,
    /// The same seed gives the same splits. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// Rows that lie over one another in the genome stay together, and so do those that they are linked to. Default: true.
    #[serde(default = "yes")]
    pub keep_overlaps_together: bool,
}

/// Which chromosomes go where; all others are for training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChromosomeSplit {
    /// Chromosomes of dev.
    pub dev: Vec<String>,
    /// Chromosomes of test.
    pub test: Vec<String>,
}

/// Shares of the splits, and the seed that says which row goes where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatioSplit {
    /// Share of train; the three shares add up to 1.
    pub train: Probability,
    /// Share of dev.
    pub dev: Probability,
    /// Share of test.
    pub test: Probability,
    /// The same seed gives the same splits. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// Rows that lie over one another in the genome stay together, and so do those that they are linked to. Default: true.
    #[serde(default = "yes")]
    pub keep_overlaps_together: bool,
}

fn yes() -> bool {
    true
}
