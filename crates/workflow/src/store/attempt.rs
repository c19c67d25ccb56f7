//! A try at a result, in a folder of its own until it is whole.
//!
//! On a cluster two copies of one job can be alive at once: a node that is taken for lost goes on, while its job is begun
//! again elsewhere. The first whole result is renamed into the store; a rename onto a folder that holds something fails, on
//! shared file systems too, and the later one is thrown away. Both are the same bits. A new try takes up the checkpoints of
//! the one that came furthest.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;

use super::stored::Stored;
use crate::failure::Error;

/// One try at a result.
pub(crate) struct Attempt {
    run: RunFolder,
    id: Digest,
    folder: PathBuf,
}

impl Attempt {
    /// A new try, with what the furthest one before kept.
    pub fn begin(run: &RunFolder, id: Digest) -> Result<Self, Error> {
        let tries = run.work(&id);
        let before: Vec<PathBuf> = match fs::read_dir(&tries) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => Vec::new(),
        };
        let step = |path: &PathBuf| last_checkpoint(path);
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
            run: run.clone(),
            id,
            folder,
        })
    }

    /// The folder to work in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings a whole result into the store, unless another try was first. Whether it was ours.
    pub fn commit(self, stored: &Stored) -> Result<bool, Error> {
        stored.write(&self.folder)?;
        create(&self.run.store())?;
        let place = self.run.stored(&self.id);
        let is_there = || Stored::read(&self.run, &self.id).is_some();
        let mut taken = fs::rename(&self.folder, &place);
        if taken.is_err() && place.exists() && !is_there() {
            // A result that has lost a file.
            remove(&place)?;
            taken = fs::rename(&self.folder, &place);
        }
        let is_ours = taken.is_ok();
        match taken {
            Err(e) if !is_there() => {
                return Err(lingo_artifact::Error::io("bring a result to", &place)(e).into());
            }
            _ => {}
        }
        // Until here a killed try could go on from its last checkpoint.
        lingo_adapt::forget_checkpoints(&place)?;
        // Who is still at work here finds its folder gone, and the result in its place.
        forget_tries(&self.run, &self.id);
        Ok(is_ours)
    }
}

/// A try that failed leaves nothing, unless a training can go on from it.
impl Drop for Attempt {
    fn drop(&mut self) {
        if last_checkpoint(&self.folder).is_none() {
            let _ = fs::remove_dir_all(&self.folder);
            // The last one out; where others are at work it stays.
            let _ = fs::remove_dir(self.run.work(&self.id));
        }
    }
}

/// Removes what tries left of a result that is in the store.
pub(crate) fn forget_tries(run: &RunFolder, id: &Digest) {
    let _ = fs::remove_dir_all(run.work(id));
}

/// The step of the last checkpoint in the folder of a try: of a training, or of a pretraining.
fn last_checkpoint(folder: &Path) -> Option<u64> {
    let of_cell = lingo_adapt::last_checkpoint(folder);
    let of_model = || lingo_adapt::pretrain::last_checkpoint(&folder.join(RunFolder::MODEL));
    Some(of_cell.or_else(of_model)?.0)
}

pub(super) fn create(folder: &Path) -> Result<(), Error> {
    Ok(fs::create_dir_all(folder).map_err(lingo_artifact::Error::io("create folder", folder))?)
}

/// Removes a folder, if it is there.
pub(super) fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(lingo_artifact::Error::io("remove", folder)(e).into())
        }
        _ => Ok(()),
    }
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
