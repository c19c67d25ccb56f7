//! The strand of an interval.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The strand of an interval; BED's `.` is [`Strand::Unknown`] and is read as forward.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Strand {
    /// `+`
    #[serde(rename = "+")]
    Forward,
    /// `-`
    #[serde(rename = "-")]
    Reverse,
    /// `.`
    #[default]
    #[serde(rename = ".")]
    Unknown,
}

impl Strand {
    /// `+`, `-` or `.`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "+",
            Self::Reverse => "-",
            Self::Unknown => ".",
        }
    }
}

impl fmt::Display for Strand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Strand {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "+" => Ok(Self::Forward),
            "-" => Ok(Self::Reverse),
            "." => Ok(Self::Unknown),
            _ => Err(format!("`{s}` is not a strand; use +, - or .")),
        }
    }
}
