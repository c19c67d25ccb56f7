//! Whether everything is as the lock of a run says.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::CellFolder;
use serde::Serialize;

use super::lock::{Lock, LockedCell, finished_cells, planned};
use crate::cell::CellRecord;
use crate::failure::Error;
use crate::inputs::FileHash;

/// What verifying a run found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Files that were hashed.
    pub files: usize,
    /// What differs from the lock, in sentences.
    pub differences: Vec<String>,
    /// Cells that were finished after the lock was written, because their run was killed. Their files are compared with
    /// their own `cell.json`.
    pub finished_since: Vec<String>,
    /// Planned cells that are not finished.
    pub unfinished: Vec<String>,
}

/// Where inputs lie now that lay elsewhere when the lock was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The beginning of a path in the lock.
    pub from: PathBuf,
    /// What stands for it now.
    pub to: PathBuf,
}

impl FromStr for Moved {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok(Self {
                from: from.into(),
                to: to.into(),
            }),
            _ => Err(format!(
                "`{text}` is not OLD=NEW, such as /data/2024=/archive/2024"
            )),
        }
    }
}

/// Hashes everything that the lock of a run names, and compares. Inputs and the pipeline file are looked for where `moved`
/// says, the first that fits.
///
/// # Errors
/// There is no lock, or it cannot be read.
pub fn verify(run: &Path, moved: &[Moved]) -> Result<Verification, Error> {
    let lock = Lock::read(run)?;
    let mut found = Verification::default();
    let now = |path: &Path| -> PathBuf {
        let fits = moved.iter().find_map(|moved| {
            let rest = path.strip_prefix(&moved.from).ok()?;
            // Joined to nothing it would end with a slash.
            let is_whole = rest.as_os_str().is_empty();
            Some(if is_whole {
                moved.to.clone()
            } else {
                moved.to.join(rest)
            })
        });
        fits.unwrap_or_else(|| path.to_path_buf())
    };
    for (path, hash) in &lock.inputs {
        compare(&mut found, "input", &now(path), hash);
    }
    pipeline(&mut found, &lock, &now(Path::new(&lock.pipeline)));
    for (label, cell) in &lock.cells {
        let folder = CellFolder::new(run.join(label));
        let begun = CellRecord::read(&folder.started()).is_some();
        match CellRecord::read(&folder.finished()) {
            Some(record) if record.id == cell.id => {}
            Some(_) => found.differences.push(format!(
                "{label}: its cell.json has another id than the lock says"
            )),
            None if begun => {
                let problem = "was begun again and is not finished: run the pipeline again";
                found.differences.push(format!("{label}: {problem}"));
                continue;
            }
            None => found
                .differences
                .push(format!("{label}: its cell.json is gone or cannot be read")),
        }
        compare_outputs(&mut found, &folder, cell);
    }
    let planned = planned([].into_iter(), Some(&lock));
    let now = finished_cells(&planned, run);
    for (label, cell) in now.iter().filter(|(l, _)| !lock.cells.contains_key(*l)) {
        compare_outputs(&mut found, &CellFolder::new(run.join(label)), cell);
        found.finished_since.push(label.clone());
    }
    let known = |label: &&String| now.contains_key(*label) || lock.cells.contains_key(*label);
    found.unfinished = planned.into_keys().filter(|l| !known(&l)).collect();
    for (name, hash) in &lock.artifacts {
        compare(&mut found, "artifact", &run.join(name), hash);
    }
    Ok(found)
}

fn compare_outputs(found: &mut Verification, folder: &CellFolder, cell: &LockedCell) {
    for (name, hash) in &cell.outputs {
        compare(found, "result", &folder.path().join(name), hash);
    }
}

fn compare(found: &mut Verification, what: &str, path: &Path, want: &FileHash) {
    found.files += 1;
    let shown = path.display();
    match Digest::of_file(path) {
        Ok((sha256, _)) if sha256 == want.sha256 => {}
        Ok((sha256, bytes)) => found.differences.push(format!(
            "{what} {shown} differs: {} ({} bytes) in the lock, {} ({bytes} bytes) now",
            want.sha256.short(),
            want.bytes,
            sha256.short()
        )),
        Err(_) if !path.exists() => found.differences.push(match what {
            "input" => {
                format!("{what} {shown} is gone (where it lies elsewhere, `--map OLD=NEW` says so)")
            }
            _ => format!("{what} {shown} is gone"),
        }),
        Err(e) => found.differences.push(format!("{what}: {e}")),
    }
}

/// The pipeline file, where it is still there, has the text that was run; the lock has it, too.
fn pipeline(found: &mut Verification, lock: &Lock, path: &Path) {
    if !path.is_file() {
        return;
    }
    found.files += 1;
    let want = lock.pipeline_sha256;
    let shown = path.display();
    match Digest::of_file(path) {
        Ok((sha256, _)) if sha256 == want => {}
        Ok((sha256, _)) => found.differences.push(format!(
            "pipeline {shown} differs: {} in the lock, {} now",
            want.short(),
            sha256.short()
        )),
        Err(e) => found.differences.push(format!("pipeline: {e}")),
    }
}
