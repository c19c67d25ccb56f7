//! The removal of what nothing refers to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;

use super::attempt::remove;
use super::place::remove_half_placed;
use super::stored::{Stored, record_in};
use crate::failure::Error;

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Folders, with what each was for, and the bytes that its removal frees.
    pub folders: Vec<(PathBuf, String, u64)>,
    /// Results that stay.
    pub kept: usize,
}

/// Removes results that are not among `wanted`, and tries at results; with `only_show`, nothing is removed. No process may
/// be at work in the run.
///
/// # Errors
/// A folder cannot be read or removed.
pub fn clean(
    run: &RunFolder,
    wanted: &BTreeSet<Digest>,
    only_show: bool,
) -> Result<Cleaned, Error> {
    let mut cleaned = Cleaned::default();
    for folder in folders_in(&run.store())? {
        let id = id_of(&folder);
        if id.is_some_and(|id| wanted.contains(&id)) {
            cleaned.kept += 1;
            continue;
        }
        let stored: Option<Stored> = lingo_artifact::atomic::read_json(&record_in(&folder)).ok();
        let what = stored.map_or_else(
            || "unknown".into(),
            |stored| format!("{} {} of {}", stored.stage, stored.label, stored.finished),
        );
        let bytes = bytes_freed(&folder)?;
        cleaned.folders.push((folder, what, bytes));
    }
    for folder in folders_in(&run.works())? {
        let bytes = bytes_freed(&folder)?;
        cleaned.folders.push((folder, "unfinished".into(), bytes));
    }
    if !only_show {
        for (folder, _, _) in &cleaned.folders {
            remove(folder)?;
        }
        remove_half_placed(run);
    }
    Ok(cleaned)
}

fn id_of(folder: &Path) -> Option<Digest> {
    folder.file_name()?.to_str()?.parse().ok()
}

fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(lingo_artifact::Error::io("read", folder)(e).into()),
    };
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    Ok(folders)
}

/// The bytes of files that no other name holds on to.
fn bytes_freed(folder: &Path) -> Result<u64, Error> {
    let io = |e| Error::from(lingo_artifact::Error::io("read", folder)(e));
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            bytes += bytes_freed(&path)?;
        } else if let Ok(file) = fs::metadata(&path) {
            bytes += if is_held(&file) { 0 } else { file.len() };
        }
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_held(file: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.nlink() > 1
}

#[cfg(not(unix))]
fn is_held(_: &fs::Metadata) -> bool {
    false
}
