//! How often a training writes a checkpoint.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

/// How often a training writes a checkpoint. No result depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointEvery {
    /// After so many optimizer steps.
    Steps(NonZeroU64),
    /// After the step at which so much time has passed.
    Time(Duration),
}

impl Default for CheckpointEvery {
    /// Five minutes.
    fn default() -> Self {
        Self::Time(Duration::from_mins(5))
    }
}

impl CheckpointEvery {
    /// Whether one is due, `steps` steps and `time` after the last.
    pub(crate) fn is_due(self, steps: u64, time: Duration) -> bool {
        match self {
            Self::Steps(every) => steps >= every.get(),
            Self::Time(every) => steps > 0 && time >= every,
        }
    }
}

impl FromStr for CheckpointEvery {
    type Err = String;

    /// `200` (steps), `30s`, `5m`, `2h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let seconds = match &text[digits.len()..] {
            "" => None,
            "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3600),
            _ => return Err(wrong(text)),
        };
        let count: NonZeroU64 = digits.parse().map_err(|_| wrong(text))?;
        Ok(match seconds {
            None => Self::Steps(count),
            Some(each) => Self::Time(Duration::from_secs(count.get().saturating_mul(each))),
        })
    }
}

fn wrong(text: &str) -> String {
    format!("`{text}` is neither a number of steps (200) nor a time (30s, 5m, 2h)")
}

impl fmt::Display for CheckpointEvery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(every) => write!(f, "{every}"),
            Self::Time(every) => match every.as_secs() {
                s if s.is_multiple_of(3600) => write!(f, "{}h", s / 3600),
                s if s.is_multiple_of(60) => write!(f, "{}m", s / 60),
                s => write!(f, "{s}s"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_times_are_read_and_written() {
        for text in ["200", "30s", "5m", "2h", "90s"] {
            let read: CheckpointEvery = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        let default: CheckpointEvery = "5m".parse().unwrap();
        assert_eq!(default, CheckpointEvery::default());
        for text in ["", "0", "0m", "m", "5 m", "-1", "5d", "1.5h", "5mm", "é"] {
            let message = text.parse::<CheckpointEvery>().unwrap_err();
            assert!(message.contains("a number of steps"), "{message}");
        }
    }

    #[test]
    fn one_is_due_after_steps_or_a_time() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        let steps: CheckpointEvery = "3".parse().unwrap();
        assert!(!steps.is_due(2, minute) && steps.is_due(3, second));
        let time: CheckpointEvery = "1m".parse().unwrap();
        assert!(!time.is_due(9, second) && time.is_due(1, minute) && !time.is_due(0, minute));
    }
}
