//! The error type of this crate, and the exit code that each failure has.

pub(crate) mod kept;

use std::fmt;
use std::path::PathBuf;

use crate::yaml::mistakes::Mistakes;

/// What kind of failure it was: the program's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something went wrong while working: NaN, a full disk, a hash that does not verify.
    Failed,
    /// The command line or the pipeline file.
    Usage,
    /// Bad or missing input data.
    Input,
    /// Interrupted, with a checkpoint: running again goes on.
    Checkpointed,
    /// Interrupted without a checkpoint.
    Interrupted,
}

impl Kind {
    /// The exit code, as `lingo-pipe --help` documents it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::Checkpointed => 75,
            Self::Interrupted => 130,
        }
    }
}

/// Why a pipeline could not be run, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Mistakes in the pipeline file, or in `--set`.
    #[error(transparent)]
    Pipeline(#[from] Box<Mistakes>),
    /// A stage failed.
    #[error("{message}")]
    Stage {
        /// What kind of failure.
        kind: Kind,
        /// The stage's own words.
        message: String,
    },
    /// Input files that are not there, all of them.
    #[error("{}", missing_message(files, variables))]
    Missing {
        /// Whether tasks whose files are missing were to be left out: none is left.
        skipped: bool,
        /// Those whose path holds no variable.
        files: Vec<MissingFile>,
        /// The others, by variable.
        variables: Vec<MissingVariable>,
    },
    /// Folders of the run that hold results of other settings.
    #[error("{}", refused_message(.0))]
    Refused(Vec<Refusal>),
    /// Some cells failed.
    #[error("{failed} of {total} cells failed")]
    Cells {
        /// How many failed.
        failed: usize,
        /// How many were to be run.
        total: usize,
        /// The kind of the failures: [`Kind::Input`] only when all are.
        kind: Kind,
    },
    /// The user stopped the run.
    #[error("interrupted; {}", if *checkpoint { "a checkpoint is written: run the same command again to go on" } else { "nothing of the cell at work is kept" })]
    Interrupted {
        /// Whether there is a checkpoint to go on from.
        checkpoint: bool,
    },
}

/// An input file that is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingFile {
    /// The task that needs it; empty when all do.
    pub task: String,
    /// The file.
    pub path: PathBuf,
}

/// A variable in whose paths files are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingVariable {
    /// Its name.
    pub name: String,
    /// Its value, where it is set.
    pub value: Option<String>,
    /// Where the first of the paths stands: `pipelines/gue.yaml:15`.
    pub place: String,
    /// How many files are missing.
    pub files: usize,
    /// The first of them.
    pub first: PathBuf,
}

/// A folder that holds a result of other settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The folder.
    pub folder: PathBuf,
    /// What differs: key, value there, value now.
    pub differences: Vec<Difference>,
}

/// One setting that differs.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Difference {
    /// The setting, dotted.
    pub key: String,
    /// What the folder's result was made with.
    pub was: String,
    /// What is asked for now.
    pub now: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.key, self.was, self.now)
    }
}

fn missing_message(files: &[MissingFile], variables: &[MissingVariable]) -> String {
    let count = files.len() + variables.iter().map(|v| v.files).sum::<usize>();
    let mut text = match count {
        1 => "1 input file is missing:".to_string(),
        n => format!("{n} input files are missing:"),
    };
    for variable in variables {
        let state = match &variable.value {
            Some(value) => format!("is `{value}`"),
            None => "is not set".to_string(),
        };
        text.push_str(&format!(
            "\n  ${} {state} ({}): {} missing, the first is {}",
            variable.name,
            variable.place,
            variable.files,
            variable.first.display()
        ));
    }
    for file in files {
        text.push_str(&format!("\n  {}", file.path.display()));
        if file.path.is_dir() {
            text.push_str(" is a folder");
        }
        if !file.task.is_empty() {
            text.push_str(&format!(" (task {})", file.task));
        }
    }
    text
}

fn refused_message(refusals: &[Refusal]) -> String {
    let folders = match refusals {
        [one] => format!("{} holds a result of other settings", one.folder.display()),
        many => format!("{} folders hold results of other settings", many.len()),
    };
    let mut text = format!("{folders}; nothing was changed");
    // Cells of one run mostly differ in the same settings: each set of differences is told once.
    let mut told: Vec<(&[Difference], Vec<&Refusal>)> = Vec::new();
    for refusal in refusals {
        match told
            .iter_mut()
            .find(|(d, _)| *d == refusal.differences.as_slice())
        {
            Some((_, same)) => same.push(refusal),
            None => told.push((&refusal.differences, vec![refusal])),
        }
    }
    for (differences, same) in told {
        for refusal in same.iter().take(3) {
            text.push_str(&format!("\n  {}", refusal.folder.display()));
        }
        if same.len() > 3 {
            text.push_str(&format!("\n  and {} more", same.len() - 3));
        }
        for difference in differences {
            text.push_str(&format!("\n    {difference}"));
        }
    }
    text
}

impl Error {
    /// A failure of this kind.
    pub fn stage(kind: Kind, message: impl Into<String>) -> Self {
        Self::Stage {
            kind,
            message: message.into(),
        }
    }

    /// The failure, with the place of the last good checkpoint where work was lost and there is one.
    #[must_use]
    pub fn with_checkpoint(self, kept: impl FnOnce() -> Option<(u64, PathBuf)>) -> Self {
        match self {
            Self::Stage {
                kind: kind @ Kind::Failed,
                message,
            } => {
                let kept = kept().map_or_else(String::new, |(step, folder)| {
                    let folder = folder.display();
                    format!("; the last good checkpoint, of step {step}, is kept in {folder}")
                });
                Self::stage(kind, message + &kept)
            }
            other => other,
        }
    }

    /// One failure as it is; several as one whose message is all of theirs. An interruption alone is passed on.
    pub fn all_of(mut failures: Vec<Self>) -> Self {
        let interrupted = |e: &Self| matches!(e, Self::Interrupted { .. });
        if let Some(i) = failures.iter().position(interrupted) {
            return failures.swap_remove(i);
        }
        if failures.len() == 1 {
            return failures.swap_remove(0);
        }
        let kind = failures.iter().map(Self::kind).min();
        let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
        Self::stage(kind.unwrap_or(Kind::Failed), told.join("\n"))
    }

    /// The kind: the exit code.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Pipeline(_) | Self::Refused(_) => Kind::Usage,
            Self::Stage { kind, .. } | Self::Cells { kind, .. } => *kind,
            Self::Missing { .. } => Kind::Input,
            Self::Interrupted { checkpoint: true } => Kind::Checkpointed,
            Self::Interrupted { checkpoint: false } => Kind::Interrupted,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { skipped: true, .. } => Some(
                "--skip-missing leaves tasks out whose files are missing, and without these no task is left: check the paths",
            ),
            Self::Missing { variables, .. } if !variables.is_empty() => Some(
                "set the variables to the folders of the data (`export NAME=FOLDER`), or run what is there with --skip-missing",
            ),
            Self::Missing { .. } => Some(
                "check the paths (they are relative to the pipeline file), or run what is there with --skip-missing",
            ),
            Self::Refused(_) => {
                Some("keep the old results with another --out, or replace them with --fresh")
            }
            _ => None,
        }
    }

    /// The same failure, with where it happened in front.
    #[must_use]
    pub fn during(self, what: &str) -> Self {
        match self {
            Self::Stage { kind, message } => Self::Stage {
                kind,
                message: format!("{what}: {message}"),
            },
            other => other,
        }
    }
}

impl From<Mistakes> for Error {
    fn from(mistakes: Mistakes) -> Self {
        Self::Pipeline(Box::new(mistakes))
    }
}

impl From<lingo_artifact::Error> for Error {
    fn from(e: lingo_artifact::Error) -> Self {
        let kind = if e.is_write_failure() {
            Kind::Failed
        } else {
            Kind::Input
        };
        Self::stage(kind, e.to_string())
    }
}

impl From<lingo_ingest::Error> for Error {
    fn from(e: lingo_ingest::Error) -> Self {
        let kind = match () {
            () if e.is_write_failure() => Kind::Failed,
            () if e.is_config() => Kind::Usage,
            () => Kind::Input,
        };
        Self::stage(kind, e.to_string())
    }
}

impl From<lingo_tokenize::Error> for Error {
    fn from(e: lingo_tokenize::Error) -> Self {
        let kind = match () {
            () if e.is_write_failure() => Kind::Failed,
            () if e.is_configuration() => Kind::Usage,
            () => Kind::Input,
        };
        Self::stage(kind, e.to_string())
    }
}

impl From<lingo_lm::Error> for Error {
    fn from(e: lingo_lm::Error) -> Self {
        let kind = match e {
            lingo_lm::Error::Device { .. } => Kind::Usage,
            _ => Kind::Input,
        };
        Self::stage(kind, e.to_string())
    }
}

impl From<lingo_hub::Error> for Error {
    fn from(e: lingo_hub::Error) -> Self {
        let kind = match e {
            // What came is kept.
            lingo_hub::Error::Stopped => return Self::Interrupted { checkpoint: true },
            _ if e.is_usage() => Kind::Usage,
            _ if e.is_failure() => Kind::Failed,
            _ => Kind::Input,
        };
        Self::stage(kind, e.to_string())
    }
}

impl From<lingo_evaluate::Error> for Error {
    fn from(e: lingo_evaluate::Error) -> Self {
        let kind = match e {
            // What is scored was trained: its last checkpoint is there until the cell is finished.
            lingo_evaluate::Error::Stopped => return Self::Interrupted { checkpoint: true },
            lingo_evaluate::Error::NoThreshold { .. } => Kind::Usage,
            _ if e.is_write_failure() => Kind::Failed,
            _ => Kind::Input,
        };
        Self::stage(kind, e.to_string())
    }
}

impl From<lingo_design::Error> for Error {
    fn from(e: lingo_design::Error) -> Self {
        match e {
            lingo_design::Error::Stopped => Self::Interrupted { checkpoint: false },
            lingo_design::Error::Artifact(e) => e.into(),
            lingo_design::Error::Model(e) => e.into(),
            _ if e.is_settings() => Self::stage(Kind::Usage, e.to_string()),
            _ => Self::stage(Kind::Input, e.to_string()),
        }
    }
}

impl From<lingo_adapt::Error> for Error {
    fn from(e: lingo_adapt::Error) -> Self {
        use lingo_adapt::error::Kind as Adapt;
        if matches!(e, lingo_adapt::Error::Stopped) {
            return Self::Interrupted { checkpoint: false };
        }
        let kind = match e.kind() {
            Adapt::Interrupted => return Self::Interrupted { checkpoint: true },
            Adapt::Config => Kind::Usage,
            Adapt::Input => Kind::Input,
            Adapt::Failed => Kind::Failed,
        };
        Self::stage(kind, e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_failures_are_told_together_under_the_gravest_kind() {
        let of = |kind, what: &str| Error::stage(kind, what);
        let input = || of(Kind::Input, "bad data");
        assert_eq!(Error::all_of(vec![input()]).kind(), Kind::Input);
        let both = Error::all_of(vec![input(), of(Kind::Usage, "bad file")]);
        assert_eq!(
            (both.kind(), both.to_string().as_str()),
            (Kind::Usage, "bad data\nbad file")
        );
        let stopped = Error::Interrupted { checkpoint: false };
        assert_eq!(
            Error::all_of(vec![input(), stopped]).kind(),
            Kind::Interrupted
        );
    }
}
