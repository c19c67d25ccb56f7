//! Why training or predicting stopped.

use std::path::PathBuf;

/// An error of this crate; [`Error::kind`] says what a caller should make of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stop flag was raised; the checkpoint brings the run back to this very step.
    #[error("interrupted after step {step}; the checkpoint is in {}; run again to go on", checkpoint.display())]
    Interrupted {
        /// Optimizer steps done.
        step: u64,
        /// The folder of the checkpoints.
        checkpoint: PathBuf,
    },
    /// The stop flag was raised where there is no checkpoint.
    #[error("interrupted")]
    Stopped,
    /// A checkpoint that another device or instruction set computed: the same bits would not come of it.
    #[error("the checkpoint of step {step} in {} was computed by `{was}`, here computes `{now}`: going on would give the bits of neither; \
        run again where it was begun (`--device` and LINGO_KERNELS say what computes), or remove that folder to begin anew", folder.display())]
    OtherDevice {
        /// Optimizer steps done.
        step: u64,
        /// The folder of the checkpoints.
        folder: PathBuf,
        /// What computed it.
        was: String,
        /// What computes now.
        now: String,
    },
    /// A loss or a gradient that is infinite or not a number.
    #[error(
        "the {what} is {value} at step {step} (learning rate {learning_rate:e}): training stopped"
    )]
    NotFinite {
        /// "loss", "gradient norm" or "dev loss".
        what: &'static str,
        /// Its value.
        value: f64,
        /// The optimizer step, counted from 1.
        step: u64,
        /// The learning rate of that step.
        learning_rate: f64,
    },
    /// A setting that cannot work, with what to change.
    #[error("{0}")]
    Config(String),
    /// Tokens or labels that cannot be trained on.
    #[error("{0}")]
    Data(String),
    /// An adapter folder that cannot be read.
    #[error("{}: {problem}", path.display())]
    Adapter {
        /// The file at fault.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A model folder or a device.
    #[error(transparent)]
    Model(#[from] lingo_lm::Error),
    /// A model folder could not be written.
    #[error("could not write a model folder: {0}")]
    WriteModel(lingo_lm::Error),
    /// An artifact could not be read or written.
    #[error(transparent)]
    Artifact(#[from] lingo_artifact::Error),
}

/// What an [`Error`] means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Stopped on request, to be continued.
    Interrupted,
    /// A setting is at fault.
    Config,
    /// Input data, a model folder or an adapter folder is at fault.
    Input,
    /// Training failed, or the machine did (full disk, read-only folder).
    Failed,
}

impl Error {
    /// What the error means for the run.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Interrupted { .. } | Self::Stopped => Kind::Interrupted,
            Self::Config(_) | Self::OtherDevice { .. } => Kind::Config,
            Self::Model(lingo_lm::Error::Device { .. }) => Kind::Config,
            Self::NotFinite { .. } | Self::WriteModel(_) => Kind::Failed,
            Self::Artifact(e) if e.is_write_failure() => Kind::Failed,
            Self::Data(_) | Self::Adapter { .. } | Self::Model(_) | Self::Artifact(_) => {
                Kind::Input
            }
        }
    }
}
