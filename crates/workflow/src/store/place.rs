//! The files that a user sees: hard links to those of the store.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::{CellFolder, RunFolder};

use super::attempt::{create, remove};
use super::stored::Stored;
use crate::cell::CellRecord;
use crate::failure::Error;

/// What a folder in `.work` is called that is on its way to its place.
const PLACING: &str = "placing-";

/// Whether the cell of this id is in its place, with all of its files.
pub(crate) fn is_placed(folder: &CellFolder, id: &Digest) -> bool {
    let record = CellRecord::read(&folder.finished()).filter(|found| found.id == *id);
    record.is_some_and(|record| {
        record.outputs.iter().all(|(name, hash)| {
            let file = fs::metadata(folder.path().join(name));
            file.is_ok_and(|file| file.len() == hash.bytes)
        })
    })
}

/// Lays the files of results at a cell's place, with its record; what was there makes room.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn place_cell(
    run: &RunFolder,
    folder: &CellFolder,
    record: &CellRecord,
    results: &[&Stored],
) -> Result<(), Error> {
    if is_placed(folder, &record.id) {
        return Ok(());
    }
    let ready = own_folder(run);
    create(&ready)?;
    for stored in results {
        let from = run.stored(&stored.id);
        let outputs = stored.outputs.keys().map(String::as_str);
        let beside = CellFolder::BESIDE.into_iter();
        let beside = beside.filter(|name| from.join(name).is_file());
        for name in outputs.chain(beside) {
            let (from, to) = (from.join(name), ready.join(name));
            if let Some(parent) = to.parent() {
                create(parent)?;
            }
            link(&from, &to)?;
        }
    }
    record.write(&CellFolder::new(&ready).finished())?;
    let place = folder.path();
    if let Some(parent) = place.parent() {
        create(parent)?;
    }
    // Another process may bring the same in between; it never takes more than one step to see that.
    let mut tries = 0;
    loop {
        match fs::rename(&ready, place) {
            Ok(()) => return Ok(()),
            Err(_) if is_placed(folder, &record.id) => return remove(&ready),
            Err(_) if place.exists() && tries < 100 => {
                // Aside at once, so that half a removal never looks like a result.
                let old = own_folder(run);
                if fs::rename(place, &old).is_ok() {
                    remove(&old)?;
                }
                tries += 1;
            }
            Err(e) => return Err(lingo_artifact::Error::io("bring a result to", place)(e).into()),
        }
    }
}

/// Lays a file of the store at its place; what was there makes room.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn place_file(from: &Path, to: &Path) -> Result<(), Error> {
    if same_file(from, to) {
        return Ok(());
    }
    let Some((folder, name)) = to.parent().zip(to.file_name()) else {
        return Ok(());
    };
    create(folder)?;
    // Named as half-written files are: what is left of it is removed by the next run.
    let number = next() % 1_000_000;
    let half = folder.join(format!(".{}.{number:06}", name.to_string_lossy()));
    let _ = fs::remove_file(&half);
    link(from, &half)?;
    fs::rename(&half, to).map_err(lingo_artifact::Error::io("write", to))?;
    Ok(())
}

/// Removes what processes left that were killed while they laid results at their places; none must be at work.
pub(crate) fn remove_half_placed(run: &RunFolder) {
    for entry in fs::read_dir(run.works()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PLACING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn own_folder(run: &RunFolder) -> PathBuf {
    run.works()
        .join(format!("{PLACING}{}-{}", std::process::id(), next()))
}

/// A number that is used once in this process, and seldom in two.
fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = u64::from(std::process::id()).wrapping_mul(7919);
    process.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))
}

fn link(from: &Path, to: &Path) -> Result<(), Error> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            Err(lingo_artifact::Error::io("read", from)(e).into())
        }
        // Some file systems know no links.
        Err(_) => {
            fs::copy(from, to).map_err(lingo_artifact::Error::io("write", to))?;
            Ok(())
        }
    }
}

#[cfg(unix)]
fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    of(a).is_some() && of(a) == of(b)
}

#[cfg(not(unix))]
fn same_file(_: &Path, _: &Path) -> bool {
    false
}
