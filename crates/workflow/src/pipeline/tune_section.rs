//! `tune`: which settings are tried, and how.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use lingo_artifact::bounded::Rate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::named::Named;
use crate::yaml::deserialize::from_node;
use crate::yaml::node::Node;

/// The most trials of a search.
pub const MOST_TRIALS: usize = 1000;

/// What `lingo-pipe tune` searches. `run` does not look at it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TuneSection {
    /// Keys of this file (as after `--set`), each with the values that are tried.
    pub space: Space,
    /// Random draws from the space. Default: every combination of its lists, which a range does not have.
    #[serde(default)]
    pub trials: Option<NonZeroUsize>,
    /// What trials are judged by: the mean of this metric over the dev rows of all cells.
    #[serde(default)]
    pub metric: TuneMetric,
    /// Shares of the epochs after which the worse trials are given up, ascending; the last is 1. Each trial begins anew
    /// at each.
    #[serde(default = "rungs")]
    pub rungs: Vec<Share>,
    /// The share of the trials that goes on to the next rung, at least one.
    #[serde(default = "half")]
    pub keep: Rate,
    /// Seeds the draws.
    #[serde(default)]
    pub seed: u64,
}

/// Keys and the values that are tried, in the order of the file.
#[derive(Clone, Debug)]
pub struct Space(pub Vec<(String, Choices)>);

impl<'de> Deserialize<'de> for Space {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Named(entries) = Named::deserialize(deserializer)?;
        Ok(Self(entries))
    }
}

impl JsonSchema for Space {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Space".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let choices = generator.subschema_for::<Choices>();
        json_schema!({ "type": "object", "minProperties": 1, "additionalProperties": choices })
    }
}

/// The values of one key.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Choices {
    /// Each of these.
    List(#[schemars(with = "Vec<serde_json::Value>", length(min = 1))] Vec<Node>),
    /// Anything between two numbers.
    Range(Range),
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Node::deserialize(deserializer)? {
            Node::List(values) => Ok(Self::List(values)),
            node @ Node::Map(_) => from_node(&node).map(Self::Range).map_err(de::Error::custom),
            other => Err(de::Error::custom(format!(
                "a list of values or a range (`{{ low: 1, high: 2 }}`) is needed here, found {}",
                other.describe()
            ))),
        }
    }
}

/// Numbers from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Whether logarithms are drawn evenly.
    #[serde(default)]
    pub log: bool,
    /// Whether whole numbers are drawn.
    #[serde(default)]
    pub integer: bool,
}

/// A share above 0 and at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize, JsonSchema)]
#[serde(try_from = "f64")]
pub struct Share(#[schemars(extend("exclusiveMinimum" = 0), range(max = 1))] f64);

impl Share {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        match share > 0.0 && share <= 1.0 {
            true => Ok(Self(share)),
            false => Err(format!(
                "a share above 0 and at most 1 is needed here, found {share}"
            )),
        }
    }
}

/// A metric of dev.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TuneMetric {
    /// Matthews correlation coefficient; of values, Pearson's.
    #[default]
    Mcc,
    /// Area under the ROC curve.
    Auroc,
    /// Accuracy.
    Accuracy,
    /// Macro F1.
    F1Macro,
    /// Spearman's rank correlation, of values.
    Spearman,
}

impl TuneMetric {
    /// Its names in `metrics.json`, the first that is there counts.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Mcc => &["mcc", "pearson"],
            Self::Auroc => &["auroc"],
            Self::Accuracy => &["accuracy"],
            Self::F1Macro => &["f1_macro"],
            Self::Spearman => &["spearman"],
        }
    }
}

fn rungs() -> Vec<Share> {
    vec![Share(0.25), Share(1.0)]
}

fn half() -> Rate {
    Rate::try_from(0.5).unwrap_or_else(|_| unreachable!())
}

impl TuneSection {
    /// What is wrong with it, if anything: the key below `tune`, and why.
    pub fn contradiction(&self) -> Option<(&'static str, String)> {
        let empty =
            |choices: &Choices| matches!(choices, Choices::List(values) if values.is_empty());
        if let Some((key, _)) = self.space.0.iter().find(|(_, choices)| empty(choices)) {
            return Some(("space", format!("`{key}` has no value to try")));
        }
        for (key, choices) in &self.space.0 {
            let Choices::Range(range) = choices else {
                continue;
            };
            let ordered = range.low < range.high;
            if !ordered || range.log && range.low <= 0.0 {
                let why = match range.log {
                    true => "needs `low` above 0 and below `high`",
                    false => "needs `low` below `high`",
                };
                return Some(("space", format!("the range of `{key}` {why}")));
            }
            if range.integer && (range.low.fract() != 0.0 || range.high.fract() != 0.0) {
                let why = format!("`{key}` draws whole numbers: `low` and `high` must be whole");
                return Some(("space", why));
            }
            if self.trials.is_none() {
                let why = format!("`{key}` is a range: say how many `trials` are drawn");
                return Some(("space", why));
            }
        }
        if self.space.0.is_empty() {
            return Some(("space", "there is nothing to try".into()));
        }
        if self.trials.is_some_and(|trials| trials.get() > MOST_TRIALS) {
            return Some(("trials", format!("at most {MOST_TRIALS} are drawn")));
        }
        let ascend = self.rungs.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascend || self.rungs.last().map(|share| share.get()) != Some(1.0) {
            return Some((
                "rungs",
                "shares of the epochs ascend, and the last is 1".into(),
            ));
        }
        None
    }
}
