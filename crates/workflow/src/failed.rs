//! Why a cell or a task failed: `failure.json`, where its result would be.

use std::path::Path;

use lingo_artifact::atomic;
use serde::{Deserialize, Serialize};

use crate::date;
use crate::failure::Error;

/// The last failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed: `task/method/seed-n`, or a task.
    pub label: String,
    /// Why.
    pub error: String,
    /// When, UTC.
    pub date: String,
}

/// Writes it; an interruption is no failure. A folder that cannot be written to has a failure of its own, which is told.
pub(crate) fn keep(path: &Path, label: &str, error: &Error) {
    if matches!(error, Error::Interrupted { .. }) {
        return;
    }
    let failure = Failure {
        label: label.into(),
        error: error.to_string(),
        date: date::now(),
    };
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = atomic::write_json(path, &failure);
}

/// The failure at `path`, if there is one.
pub(crate) fn read(path: &Path) -> Option<Failure> {
    atomic::read_json(path).ok()
}

/// Removes it: what failed is tried again.
pub(crate) fn forget(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(lingo_artifact::Error::io("remove", path)(e).into())
        }
        _ => Ok(()),
    }
}
