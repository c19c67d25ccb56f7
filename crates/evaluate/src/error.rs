//! The error type: every variant says which row, which value, and what would do.

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something could not be evaluated or reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Artifact(#[from] lingo_artifact::Error),
    /// A logit that is not a number: nothing can be ranked or averaged with it.
    #[error("the prediction of `{id}` ({split}) holds {value}; finite numbers are needed")]
    NotFinite {
        /// The example.
        id: String,
        /// Its split.
        split: lingo_artifact::Split,
        /// The value at fault.
        value: f32,
    },
    /// A row whose label or logits do not fit the kind of the table's labels.
    #[error("`{id}`: {problem}")]
    Row {
        /// The example.
        id: String,
        /// What does not fit.
        problem: String,
    },
    /// The floor has nothing to learn from.
    #[error("logistic regression on dinucleotides needs training examples; there are none")]
    NothingToLearn,
    /// The stop flag was raised: nothing was scored.
    #[error("scoring was stopped")]
    Stopped,
    /// A threshold that cannot be chosen.
    #[error(
        "`evaluate.threshold: dev` chooses how probable the second of two classes, or each of several labels, must be; {labels} has no such threshold: leave `threshold` out"
    )]
    NoThreshold {
        /// What is predicted.
        labels: lingo_artifact::LabelKind,
    },
    /// A table could not be built.
    #[error("the table of metrics: {0}")]
    Table(#[from] polars::error::PolarsError),
}

impl Error {
    /// True when the cause is the machine (full disk, read-only folder), not the data.
    pub fn is_write_failure(&self) -> bool {
        matches!(self, Self::Artifact(e) if e.is_write_failure())
    }
}
