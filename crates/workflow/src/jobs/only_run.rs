//! One run at a time in a folder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::RunFolder;

use crate::failure::{Error, Kind};

/// Two runs in one folder would overwrite each other's files: the second is refused.
pub(crate) fn only_run(run: &Path) -> Result<File, Error> {
    let path = RunFolder::new(run).running();
    let file = File::create(&path).map_err(lingo_artifact::Error::io("write", &path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::stage(
            Kind::Failed,
            format!("another lingo-pipe is running in {}", run.display()),
        )),
        // Some file systems know no locks; there the user has to take care.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// One of several processes at work on jobs of a plan: a run in the same folder is refused, and refuses them.
pub(crate) fn one_of_many(run: &Path) -> Result<File, Error> {
    let path = RunFolder::new(run).running();
    let open = File::options().create(true).append(true).open(&path);
    let file = open.map_err(lingo_artifact::Error::io("write", &path))?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(Error::stage(
            Kind::Failed,
            format!(
                "a lingo-pipe run is at work in {}: wait for its end",
                run.display()
            ),
        )),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// One process at a time makes something that cells share; another waits, and finds it made. A process that is killed
/// lets go. On file systems that know no locks two would write the same.
pub(crate) fn one_at_a_time(path: &Path, stop: &StopFlag) -> Result<File, Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(lingo_artifact::Error::io("create folder", folder))?;
    }
    let open = File::options().create(true).append(true).open(path);
    let file = open.map_err(lingo_artifact::Error::io("write", path))?;
    while let Err(TryLockError::WouldBlock) = file.try_lock() {
        if stop.is_raised() {
            return Err(Error::Interrupted { checkpoint: false });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = only_run(folder.path()).unwrap();
        assert!(only_run(folder.path()).is_err());
        assert!(one_of_many(folder.path()).is_err());
        drop(first);
        assert!(only_run(folder.path()).is_ok());
        let many = [(); 2].map(|()| one_of_many(folder.path()).unwrap());
        assert!(only_run(folder.path()).is_err());
        drop(many);
        assert!(only_run(folder.path()).is_ok());
    }
}
