//! What is to be done with a cell: the rule that the module above states.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use serde::Serialize;
use serde_json::Value;

use super::cell_id::is_quiet;
use crate::cell::{CellRecord, differences};
use crate::failure::Difference;
use crate::store::{Stored, is_placed};

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

/// A cell as it is planned.
pub(crate) struct Wanted<'a> {
    pub(crate) training: Digest,
    pub(crate) id: Digest,
    pub(crate) parameters: &'a Value,
    pub(crate) inputs: &'a BTreeMap<String, Digest>,
    /// Where inputs lie, by their role, as far as they have a place.
    pub(crate) paths: &'a BTreeMap<String, PathBuf>,
}

/// What is to be done with a cell whose folder is `folder`.
pub(crate) fn state_of(
    run: &RunFolder,
    folder: &CellFolder,
    wanted: &Wanted<'_>,
    fresh: bool,
) -> State {
    let to_run = |why: &str| State::Run(why.to_string());
    let found = CellRecord::read(&folder.finished());
    if fresh && found.is_some() {
        return to_run("--fresh");
    }
    if is_placed(folder, &wanted.id) {
        return State::Cached;
    }
    let is_stored = |id: &Digest| Stored::read(run, id).is_some();
    let trained = !fresh && is_stored(&wanted.training);
    let scored = trained && is_stored(&wanted.id);
    let Some(found) = found else {
        return match CellRecord::read(&folder.started()) {
            _ if scored => State::Cached,
            _ if trained => to_run("trained, to be scored"),
            Some(started) if started.id == wanted.id => to_run("was begun and not finished"),
            Some(_) => to_run("another cell was begun here and not finished"),
            None => to_run("not run yet"),
        };
    };
    if found.id == wanted.id {
        let changed = found.outputs.iter().find(|(name, hash)| {
            let file = std::fs::metadata(folder.path().join(name));
            file.map_or(true, |file| file.len() != hash.bytes)
        });
        return match changed {
            _ if scored => State::Cached,
            None => State::Cached,
            Some((name, _)) => to_run(&format!("{name} is gone or has another size")),
        };
    }
    let different: Vec<Difference> = differences(&found.parameters, wanted.parameters)
        .into_iter()
        .filter(|difference| !is_quiet(&difference.key))
        .collect();
    // What the store keeps is not lost when its place is taken.
    let is_kept = is_stored(&found.id) && found.training.is_none_or(|id| is_stored(&id));
    if !different.is_empty() && !is_kept && !scored {
        return State::Refused(different);
    }
    if scored {
        return State::Cached;
    }
    let shown = |role: &String| match wanted.paths.get(role) {
        Some(path) => path.display().to_string(),
        None => role.clone(),
    };
    let changed: Vec<String> = wanted
        .inputs
        .iter()
        .filter(|(role, digest)| found.inputs.get(*role) != Some(digest))
        .map(|(role, _)| shown(role))
        .collect();
    let mut why: Vec<String> = different.iter().map(ToString::to_string).collect();
    if !changed.is_empty() {
        why.push(format!("input changed: {}", changed.join(", ")));
    }
    if trained {
        why.push("trained, to be scored".into());
    }
    State::Run(why.join("; "))
}
