//! The error type: every variant names the model and says what to do. No variant holds a token, or an address that a
//! storage signed.

use std::path::PathBuf;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a model could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name or a revision that no hub can have.
    #[error("`{text}` is not the name of a model on a hub: {problem}")]
    Name {
        /// What was given.
        text: String,
        /// Which rule it breaks.
        problem: String,
    },
    /// An environment variable with a value that cannot be used.
    #[error("{name}: {problem}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The hub has no such model, or does not show it.
    #[error("{endpoint} shows no model `{model}`: check the name (small and capital letters differ); {}", if *token { "if it is private, the token that was sent may not read it" } else { "if it is private, set HF_TOKEN to a token that may read it" })]
    NoModel {
        /// Where it was asked for.
        endpoint: String,
        /// The model.
        model: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// The model's owner wants terms to be accepted.
    #[error("`{model}` is gated: accept its terms on {endpoint}/{model}, {}", if *token { "logged in as the owner of the token that was sent, and wait until access is granted" } else { "then set HF_TOKEN to a token of that account" })]
    Gated {
        /// Where it was asked for.
        endpoint: String,
        /// The model.
        model: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// The token is not one, or not one any more.
    #[error(
        "{endpoint} does not take the token that was sent: make a new one, and set HF_TOKEN to it or write it into $HF_HOME/token"
    )]
    BadToken {
        /// Where it was sent.
        endpoint: String,
    },
    /// The model has no such revision.
    #[error("`{model}` has no revision `{revision}`{}", known_revisions(.known))]
    NoRevision {
        /// The model.
        model: String,
        /// The revision.
        revision: String,
        /// Those it has, the nearest first; empty when they are not known.
        known: Vec<String>,
    },
    /// The model lacks a file that is needed.
    #[error("`{model}` at {commit} {problem}")]
    Unfit {
        /// The model.
        model: String,
        /// The commit.
        commit: String,
        /// What it lacks.
        problem: String,
    },
    /// No network is to be used, and the cache does not have it.
    #[error("`{model}`: {problem} in the cache {}, and HF_HUB_OFFLINE forbids to fetch it: run `lingo-pipe model fetch {model}` where there is a network, with the same HF_HOME", cache.display())]
    Offline {
        /// The model with its revision, as `model fetch` takes it.
        model: String,
        /// What is not there.
        problem: String,
        /// The cache.
        cache: PathBuf,
    },
    /// What came is not what the hub promised.
    #[error(
        "`{model}`: {file} came damaged twice: its {kind} is not {expected}, as the hub says; nothing of it was kept"
    )]
    Checksum {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// "sha256" or "git hash".
        kind: &'static str,
        /// The checksum that it should have.
        expected: String,
    },
    /// The hub could not be reached, or broke off again and again.
    #[error("could not fetch {what} from {host}: {problem}{}", if *kept > 0 { format!("; the {:.1} MB that came are kept, and the same command goes on from there", *kept as f64 / 1e6) } else { String::new() })]
    Connection {
        /// The model, or a file of it.
        what: String,
        /// The host that was asked.
        host: String,
        /// What happened.
        problem: String,
        /// Bytes that are kept.
        kept: u64,
    },
    /// An answer that is none of a hub.
    #[error("{host} answered for {what} as no hub does: {problem}; is HF_ENDPOINT right?")]
    Answer {
        /// The host.
        host: String,
        /// What was asked for.
        what: String,
        /// What is wrong.
        problem: String,
    },
    /// It was asked to stop; what came is kept.
    #[error("stopped; what came is kept, and the same command goes on from there")]
    Stopped,
    /// The cache could not be read or written.
    #[error(transparent)]
    Artifact(#[from] lingo_artifact::Error),
}

fn known_revisions(known: &[String]) -> String {
    match known {
        [] => "; `main` is the default".into(),
        known => {
            let named: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("; it has {}", named.join(", "))
        }
    }
}

impl Error {
    /// Whether the command line or the pipeline file is at fault.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Name { .. } | Self::Setting { .. })
    }

    /// Whether the machine or the network is at fault: the same may succeed later.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Checksum { .. } | Self::Connection { .. } | Self::Answer { .. } => true,
            Self::Artifact(e) => e.is_write_failure(),
            _ => false,
        }
    }
}
