//! What is to be done with a cell: the rule that the module above states.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::CellFolder;
use serde::Serialize;
use serde_json::Value;

use crate::cell::{CellRecord, differences};
use crate::failure::Difference;

/// What is to be done with a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its result is there.
    Cached,
    /// It is to be run, and why.
    Run(String),
    /// Its folder holds the result of another cell.
    Refused(Vec<Difference>),
    /// Its input files are missing.
    Missing(Vec<PathBuf>),
}

/// What is to be done with the cell `id` whose folder is `folder`.
pub(super) fn state_of(
    folder: &CellFolder,
    id: &Digest,
    parameters: &Value,
    inputs: &BTreeMap<String, Digest>,
    fresh: bool,
) -> State {
    let run = |why: &str| State::Run(why.to_string());
    let Some(found) = CellRecord::read(&folder.finished()) else {
        return match CellRecord::read(&folder.started()) {
            Some(started) if started.id == *id => run("was begun and not finished"),
            Some(_) => run("another cell was begun here and not finished"),
            None => run("not run yet"),
        };
    };
    if fresh {
        return run("--fresh");
    }
    if found.id == *id {
        let changed = found.outputs.iter().find(|(name, hash)| {
            let file = std::fs::metadata(folder.path().join(name));
            file.map_or(true, |file| file.len() != hash.bytes)
        });
        return match changed {
            None => State::Cached,
            Some((name, _)) => State::Run(format!("{name} is gone or has another size")),
        };
    }
    let different = differences(&found.parameters, parameters);
    if !different.is_empty() {
        return State::Refused(different);
    }
    let changed: Vec<&str> = inputs
        .iter()
        .filter(|(role, digest)| found.inputs.get(*role) != Some(digest))
        .map(|(role, _)| role.as_str())
        .collect();
    State::Run(format!("input changed: {}", changed.join(", ")))
}
