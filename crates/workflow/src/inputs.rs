//! sha256 of input files. Hashing a genome takes seconds, so what was hashed is remembered by path, size and time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;
use serde::{Deserialize, Serialize};

use crate::failure::Error;

/// A file that was modified this shortly before it was hashed may change once more within the clock's tick:
/// it is hashed again the next time.
const SETTLED: Duration = Duration::from_secs(2);

/// The hash of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileHash {
    /// Its sha256.
    pub sha256: Digest,
    /// Its size in bytes.
    pub bytes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Remembered {
    hash: FileHash,
    /// Nanoseconds since 1970.
    modified: u64,
}

/// Hashes files, each once.
pub struct Hashes {
    kept_in: PathBuf,
    known: Mutex<BTreeMap<PathBuf, Remembered>>,
}

impl Hashes {
    /// With what an earlier run in the folder `run` remembered.
    pub fn of_run(run: &Path) -> Self {
        let kept_in = RunFolder::new(run).digests();
        // A cache that cannot be read is no cache: everything is hashed again.
        let known = atomic::read_json(&kept_in).unwrap_or_default();
        Self {
            kept_in,
            known: Mutex::new(known),
        }
    }

    /// The hash of a file as it is now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_file(&self, path: &Path) -> Result<FileHash, Error> {
        let io = |e| Error::from(lingo_artifact::Error::io("read", path)(e));
        let metadata = std::fs::metadata(path).map_err(io)?;
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let stamp = modified
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos() as u64;
        let key = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key).cloned();
        if let Some(known) = known
            && known.modified == stamp
            && known.hash.bytes == metadata.len()
        {
            return Ok(known.hash);
        }
        let (sha256, bytes) = Digest::of_file(path)?;
        let hash = FileHash { sha256, bytes };
        let settled = SystemTime::now()
            .duration_since(modified)
            .is_ok_and(|age| age > SETTLED);
        if settled {
            let hash = hash.clone();
            lock().insert(
                key,
                Remembered {
                    hash,
                    modified: stamp,
                },
            );
        }
        Ok(hash)
    }

    /// Remembers everything for the next run.
    ///
    /// # Errors
    /// The run's folder cannot be written to.
    pub fn keep(&self) -> Result<(), Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(atomic::write_json(&self.kept_in, &*known)?)
    }
}

/// The id of something: the sha256 of everything that can change it, as JSON.
pub fn id_of(value: &serde_json::Value) -> Digest {
    Digest::of_bytes(value.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_changes_the_hash_although_size_and_name_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        let hashes = Hashes::of_run(folder.path());
        std::fs::write(&path, ">a\nACGT\n").unwrap();
        let first = hashes.of_file(&path).unwrap();
        assert_eq!(first, hashes.of_file(&path).unwrap());
        std::fs::write(&path, ">a\nACGA\n").unwrap();
        assert_ne!(first, hashes.of_file(&path).unwrap());
    }

    #[test]
    fn what_was_hashed_is_remembered_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        std::fs::write(&path, "x").unwrap();
        let old = SystemTime::now() - Duration::from_secs(3600);
        let touch = |time| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(time).unwrap();
        };
        touch(old);
        let hashes = Hashes::of_run(folder.path());
        let first = hashes.of_file(&path).unwrap();
        hashes.keep().unwrap();
        // Another content under the same size and time is not looked at: so it was remembered.
        std::fs::write(&path, "y").unwrap();
        touch(old);
        let again = Hashes::of_run(folder.path());
        assert_eq!(again.of_file(&path).unwrap(), first);
        touch(old + Duration::from_secs(1));
        assert_ne!(again.of_file(&path).unwrap(), first);
    }
}
