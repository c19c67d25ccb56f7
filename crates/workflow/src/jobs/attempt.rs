//! Where a cell is trained until its result is whole.
//!
//! On a cluster two copies of one cell can be alive at once: a node that is taken for lost goes on, while its job is begun
//! again elsewhere. So each try has a folder of its own, `.work/<id>/<try>/`, and the first whole result is renamed to the
//! cell's place; a rename onto a folder that holds something fails, on shared file systems too, and the later one is thrown
//! away. Both are the same bits. A new try takes up the checkpoints of the one that came furthest.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use lingo_artifact::run_folder::{CellFolder, RunFolder};

use crate::cell::CellRecord;
use crate::failure::Error;
use crate::plan::planned::CellPlan;
use crate::run::cells::empty;

/// One try at a cell.
pub(super) struct Attempt {
    /// All tries at the cell.
    tries: PathBuf,
    folder: CellFolder,
}

impl Attempt {
    /// A new try, with what the furthest one before kept.
    pub fn begin(run: &Path, cell: &CellPlan) -> Result<Self, Error> {
        let tries = RunFolder::new(run).work(&cell.label(), &cell.id.short());
        let mut before: Vec<PathBuf> = match fs::read_dir(&tries) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => Vec::new(),
        };
        // A run that was killed trained in the cell's own place.
        let own = CellRecord::read(&cell.folder.started()).is_some_and(|c| c.id == cell.id);
        before.extend(own.then(|| cell.folder.path().to_owned()));
        let step = |path: &PathBuf| lingo_adapt::last_checkpoint(path).map(|(step, _)| step);
        let furthest = before
            .iter()
            .filter(|path| step(path).is_some())
            .max_by_key(|path| step(path));
        let nanoseconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let folder = tries.join(format!("{}-{nanoseconds:x}", std::process::id()));
        create(&folder)?;
        if let Some(furthest) = furthest {
            take_up(furthest, &folder)?;
        }
        Ok(Self {
            tries,
            folder: CellFolder::new(folder),
        })
    }

    /// The folder to train in.
    pub fn folder(&self) -> &CellFolder {
        &self.folder
    }

    /// Brings a whole result to the cell's place, unless another try was first. Whether it was ours.
    pub fn commit(self, cell: &CellPlan) -> Result<bool, Error> {
        let (ours, place) = (self.folder.path(), cell.folder.path());
        if let Some(parent) = place.parent() {
            create(parent)?;
        }
        let mut taken = fs::rename(ours, place);
        if taken.is_err() && place.exists() && !is_finished(cell) {
            // What a try that failed, or another cell, left there.
            empty(&cell.folder)?;
            taken = fs::rename(ours, place);
        }
        let is_ours = taken.is_ok();
        match taken {
            Err(e) if !is_finished(cell) => {
                return Err(lingo_artifact::Error::io("bring a result to", place)(e).into());
            }
            _ => {}
        }
        // Who is still at work here finds its folder gone, and the result in its place.
        let _ = fs::remove_dir_all(&self.tries);
        Ok(is_ours)
    }
}

/// Removes what tries left of a cell whose result is in its place.
pub(super) fn forget_tries(run: &Path, cell: &CellPlan) {
    let _ = fs::remove_dir_all(RunFolder::new(run).work(&cell.label(), &cell.id.short()));
}

/// Whether the cell's result is in its place.
pub(super) fn is_finished(cell: &CellPlan) -> bool {
    CellRecord::read(&cell.folder.finished()).is_some_and(|found| found.id == cell.id)
}

fn create(folder: &Path) -> Result<(), Error> {
    Ok(fs::create_dir_all(folder).map_err(lingo_artifact::Error::io("create folder", folder))?)
}

/// Copies what another try kept. It may be alive, and its checkpoints come and go: what is gone is left out, and what was
/// half there its own hashes tell.
fn take_up(from: &Path, to: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(lingo_artifact::Error::io("read", from)(e).into()),
    };
    for entry in entries.flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            create(&target)?;
            take_up(&source, &target)?;
            continue;
        }
        match fs::copy(&source, &target) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(lingo_artifact::Error::io("copy a checkpoint to", &target)(e).into());
            }
            _ => {}
        }
    }
    Ok(())
}
