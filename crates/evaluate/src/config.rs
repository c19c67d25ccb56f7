//! What a pipeline file may say about evaluation.

use lingo_artifact::bounded::Rate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How cells are scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateConfig {
    /// Bootstrap resamples of the test rows for the confidence intervals; 0 leaves the intervals out.
    pub resamples: u32,
    /// Share of the resamples that an interval holds.
    pub confidence: Rate,
    /// Which strands are predicted from: the one that is given, or both, their logits averaged (also in `predict`). For
    /// tasks whose sequences have no strand.
    pub strands: Strands,
    /// Above which probability the second of two classes, or a label of several, is predicted, also by `predict`: `half`,
    /// or `dev`, where the Matthews correlation on the dev rows is highest.
    #[serde(skip_serializing_if = "Threshold::is_half")]
    pub threshold: Threshold,
    /// Whether the report shows linear models on the counts of dinucleotides and of 6-mers as floors.
    pub floor: bool,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            resamples: 1000,
            #[expect(clippy::unwrap_used, reason = "a constant in range; a test holds it")]
            confidence: Rate::try_from(0.95).unwrap(),
            strands: Strands::Given,
            threshold: Threshold::Half,
            floor: true,
        }
    }
}

/// Which strands are predicted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strands {
    /// The sequence as it is.
    #[default]
    Given,
    /// The mean of its logits and those of its reverse complement.
    Both,
}

/// How the threshold of a probability is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// 0.5.
    #[default]
    Half,
    /// Where the Matthews correlation on the dev rows is highest; for each of several labels by itself.
    Dev,
}

impl Threshold {
    /// Whether it is 0.5. That is not written into the settings of a cell, as before there was a choice.
    pub fn is_half(&self) -> bool {
        *self == Self::Half
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_default() {
        let config: EvaluateConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, EvaluateConfig::default());
        assert_eq!(config.confidence.get(), 0.95);
    }

    #[test]
    fn bad_values_do_not_parse() {
        for bad in [
            r#"{"confidence": 1}"#,
            r#"{"resamples": -1}"#,
            r#"{"resample": 10}"#,
            r#"{"threshold": "test"}"#,
        ] {
            assert!(
                serde_json::from_str::<EvaluateConfig>(bad).is_err(),
                "{bad}"
            );
        }
    }
}
