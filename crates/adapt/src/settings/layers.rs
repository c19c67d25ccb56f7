//! A choice of blocks: `0-5`, `0,2,4`, `0-3,11`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Blocks of a model, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerRange(Vec<(usize, usize)>);

impl LayerRange {
    /// Whether a block is chosen.
    pub fn contains(&self, layer: usize) -> bool {
        self.0
            .iter()
            .any(|&(first, last)| (first..=last).contains(&layer))
    }

    /// The highest block that is named.
    pub fn highest(&self) -> usize {
        self.0.iter().map(|&(_, last)| last).max().unwrap_or(0)
    }
}

impl FromStr for LayerRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` names no layers: write `0-5` or `0,2,4`");
        let number = |part: &str| part.trim().parse::<usize>().map_err(|_| bad());
        let ranges = text
            .split(',')
            .map(|part| {
                let (first, last) = match part.split_once('-') {
                    Some((first, last)) => (number(first)?, number(last)?),
                    None => (number(part)?, number(part)?),
                };
                if first > last {
                    Err(bad())
                } else {
                    Ok((first, last))
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(ranges))
    }
}

impl TryFrom<String> for LayerRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<LayerRange> for String {
    fn from(layers: LayerRange) -> Self {
        layers.to_string()
    }
}

impl fmt::Display for LayerRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, &(first, last)) in self.0.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl JsonSchema for LayerRange {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LayerRange".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists() {
        fn t(text: &str, expected: &[usize]) {
            let layers: LayerRange = text.parse().unwrap();
            let found: Vec<usize> = (0..20).filter(|&i| layers.contains(i)).collect();
            assert_eq!(found, expected, "{text}");
            assert_eq!(layers.to_string().parse::<LayerRange>().unwrap(), layers);
        }
        t("0-2", &[0, 1, 2]);
        t("1, 3", &[1, 3]);
        t("0-1,11", &[0, 1, 11]);
        for bad in ["", "a", "2-1", "1-", "-1", "1,,2"] {
            assert!(bad.parse::<LayerRange>().is_err(), "{bad}");
        }
    }
}
