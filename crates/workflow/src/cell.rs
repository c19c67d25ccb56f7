//! The record of a finished cell: `cell.json`, written last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::CellFolder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Difference, Error};
use crate::inputs::FileHash;

/// What `schema` says in every `cell.json` of this version.
pub const SCHEMA: &str = "lingo-pipe/cell/1";

/// One (task, method, seed), and everything that its result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// [`SCHEMA`].
    pub schema: String,
    /// sha256 over everything that can change the result.
    pub id: Digest,
    /// The id of its training, which other cells may share that are scored in another way; none in results of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Digest>,
    /// The task.
    pub task: String,
    /// The method.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// Every setting, as it was resolved.
    pub parameters: Value,
    /// sha256 of every input, by its role.
    pub inputs: BTreeMap<String, Digest>,
    /// The files of the result, by path below the cell's folder.
    pub outputs: BTreeMap<String, FileHash>,
    /// What trained it.
    #[serde(default)]
    pub made_by: MadeBy,
    /// When it was finished, UTC.
    pub finished: String,
}

/// What made a result: none of it is in an id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MadeBy {
    /// The program's version.
    pub version: String,
    /// The commit that the program was built from, where that was known.
    pub commit: Option<String>,
    /// The device's name.
    pub device: String,
    /// The instructions that its kernels use, such as `avx2`: sums differ in their last digits between them.
    pub kernels: String,
}

impl CellRecord {
    /// The record at `path` ([`CellFolder::finished`] or [`CellFolder::started`]); nothing where there is none that
    /// can be read: then the cell is run again.
    pub fn read(path: &Path) -> Option<Self> {
        let record: Self = atomic::read_json(path).ok()?;
        (record.schema == SCHEMA).then_some(record)
    }

    /// Writes the record.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        Ok(atomic::write_json(path, self)?)
    }
}

/// The settings that differ between two resolved parameter trees, dotted, in order.
pub fn differences(was: &Value, now: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk("", Some(was), Some(now), &mut found);
    found
}

fn walk(key: &str, was: Option<&Value>, now: Option<&Value>, found: &mut Vec<Difference>) {
    match (was, now) {
        (Some(was), Some(now)) if was == now => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let below = |name: &str| {
                if key.is_empty() {
                    name.to_string()
                } else {
                    format!("{key}.{name}")
                }
            };
            for (name, value) in a {
                walk(&below(name), Some(value), b.get(name), found);
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                walk(&below(name), None, Some(value), found);
            }
        }
        (was, now) => {
            let text = |v: Option<&Value>| v.map_or_else(|| "(not set)".into(), Value::to_string);
            let (was, now) = (text(was), text(now));
            if was != now {
                found.push(Difference {
                    key: key.to_string(),
                    was,
                    now,
                });
            }
        }
    }
}

/// Hashes of all files below the folder of a cell, but for the records themselves, and what is there for the training alone.
///
/// # Errors
/// A file cannot be read.
pub fn hash_outputs(folder: &Path) -> Result<BTreeMap<String, FileHash>, Error> {
    let mut outputs = BTreeMap::new();
    for path in files_below(folder)? {
        let name = relative(folder, &path);
        let of_work = |work: &&str| name.split('/').next() == Some(work);
        if !CellFolder::RECORDS.contains(&name.as_str()) && !CellFolder::WORK.iter().any(of_work) {
            let (sha256, bytes) = Digest::of_file(&path)?;
            outputs.insert(name, FileHash { sha256, bytes });
        }
    }
    Ok(outputs)
}

fn relative(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = inside.iter().map(|p| p.to_string_lossy()).collect();
    parts.join("/")
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let io = |e| Error::from(lingo_artifact::Error::io("read", folder)(e));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_by_their_dotted_names() {
        let was = json!({ "train": { "epochs": 3, "batch": 32 }, "seed": 1, "gone": true });
        let now = json!({ "train": { "epochs": 1, "batch": 32 }, "seed": 1, "new": [1] });
        let told: Vec<String> = differences(&was, &now)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "train.epochs: 3 -> 1",
                "gone: true -> (not set)",
                "new: (not set) -> [1]"
            ]
        );
        assert!(differences(&was, &was).is_empty());
    }

    #[test]
    fn outputs_are_all_files_but_the_records() {
        let folder = tempfile::tempdir().unwrap();
        let cell = CellFolder::new(folder.path());
        for folder in [cell.adapter(), cell.checkpoints(), cell.stem()] {
            std::fs::create_dir(folder).unwrap();
        }
        for path in [
            cell.adapter().join("lingo.json"),
            cell.train_log(),
            cell.finished(),
            cell.started(),
            cell.checkpoints().join("step-00000001.json"),
            cell.stem().join("fold-1"),
        ] {
            std::fs::write(path, "eleven byte").unwrap();
        }
        let outputs = hash_outputs(folder.path()).unwrap();
        assert_eq!(
            outputs.keys().collect::<Vec<_>>(),
            ["adapter/lingo.json", "train.jsonl"]
        );
        assert_eq!(outputs["train.jsonl"].bytes, 11);
    }
}
