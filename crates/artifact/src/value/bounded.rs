//! Numbers that cannot hold a bad value: a pipeline file with one does not parse.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident, $holds:expr, $rule:literal, $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// The number.
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = String;

            fn try_from(value: f64) -> Result<Self, String> {
                let holds: fn(f64) -> bool = $holds;
                if holds(value) {
                    Ok(Self(value))
                } else {
                    Err(format!("{value} is out of range: {}", $rule))
                }
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

bounded!(
    /// A probability or a fraction: 0 to 1.
    Probability,
    |v| (0.0..=1.0).contains(&v),
    "a number from 0 to 1 is needed",
    { "type": "number", "minimum": 0, "maximum": 1 }
);
impl Probability {
    /// Of a percentage: what a default is written with; more than 100 counts as 100.
    pub const fn of_percent(percent: u8) -> Self {
        let percent = if percent > 100 { 100 } else { percent };
        Self(percent as f64 / 100.0)
    }
}

bounded!(
    /// A dropout rate or a decay: 0 to 1, 1 not included.
    Rate,
    |v| (0.0..1.0).contains(&v),
    "a number from 0 to 1, 1 not included, is needed",
    { "type": "number", "minimum": 0, "exclusiveMaximum": 1 }
);
bounded!(
    /// A finite number above 0.
    Positive,
    |v| v > 0.0 && v.is_finite(),
    "a number above 0 is needed",
    { "type": "number", "exclusiveMinimum": 0 }
);
bounded!(
    /// A finite number, 0 or more.
    NonNegative,
    |v| v >= 0.0 && v.is_finite(),
    "a number of 0 or more is needed",
    { "type": "number", "minimum": 0 }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_does_not_parse() {
        fn t<T: serde::de::DeserializeOwned>(good: &[&str], bad: &[&str]) {
            for text in good {
                assert!(serde_json::from_str::<T>(text).is_ok(), "{text}");
            }
            for text in bad {
                assert!(serde_json::from_str::<T>(text).is_err(), "{text}");
            }
        }
        t::<Probability>(&["0", "0.5", "1"], &["-0.1", "1.1", "\"x\""]);
        t::<Rate>(&["0", "0.99"], &["1", "-1"]);
        t::<Positive>(&["1e-9", "3"], &["0", "-1"]);
        t::<NonNegative>(&["0", "3"], &["-1"]);
    }
}
