//! The cache, laid out as Python's huggingface_hub does: contents by checksum in `blobs`, the files of a commit in
//! `snapshots` as links to them, the commit of a branch in `refs`, files that a commit has not in `.no_exist`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use lingo_artifact::progress::StopFlag;
use lingo_artifact::{Error, atomic};

use crate::checksum::Checksum;
use crate::connection::LOOK;
use crate::hub_model::{HubModel, is_commit};
use crate::needed::{beside_weights, is_index, shards, weights_of};

/// One model's folder in the cache.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    name: String,
}

impl Cache {
    pub fn new(root: &Path, model: &HubModel) -> Self {
        Self {
            root: root.to_path_buf(),
            name: format!("models--{}", model.name().replace('/', "--")),
        }
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// The folder of a commit.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder().join("snapshots").join(commit)
    }

    /// Where a content lies, or will.
    pub fn blob(&self, sum: &Checksum) -> PathBuf {
        self.folder().join("blobs").join(sum.hex())
    }

    /// Where what came of a content is kept until all of it is there.
    pub fn incomplete(&self, sum: &Checksum) -> PathBuf {
        self.folder()
            .join("blobs")
            .join(format!("{}.incomplete", sum.hex()))
    }

    /// The commit of a branch or a tag when it was last asked for.
    pub fn commit_of(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder().join("refs").join(revision)).ok()?;
        let commit = text.trim();
        is_commit(commit).then(|| commit.to_string())
    }

    /// Remembers the commit of a branch or a tag.
    pub fn remember(&self, revision: &str, commit: &str) -> Result<(), Error> {
        if is_commit(revision) || self.commit_of(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        atomic::write_bytes(
            &self.folder().join("refs").join(revision),
            commit.as_bytes(),
        )
    }

    /// Remembers that a commit has no such file. A cache that cannot be written to does without.
    pub fn remember_absent(&self, commit: &str, file: &str) {
        let path = self.absent(commit, file);
        if !path.exists() {
            let _ = atomic::write_bytes(&path, b"");
        }
    }

    fn absent(&self, commit: &str, file: &str) -> PathBuf {
        self.folder().join(".no_exist").join(commit).join(file)
    }

    /// Whether all that would be fetched of a commit is there, as far as the cache alone can tell.
    pub fn is_whole(&self, commit: &str) -> bool {
        let snapshot = self.snapshot(commit);
        let known =
            |file: &str| snapshot.join(file).is_file() || self.absent(commit, file).is_file();
        self.lacks(commit).is_none() && beside_weights().all(known)
    }

    /// What of a commit's config and weights is not there; nothing where the model can be used.
    pub fn lacks(&self, commit: &str) -> Option<String> {
        let snapshot = self.snapshot(commit);
        let has = |file: &str| snapshot.join(file).is_file();
        if !has(crate::needed::CONFIG) {
            return Some("is not".into());
        }
        let Some((_, weights)) = weights_of(&has) else {
            return Some("has no weights".into());
        };
        if is_index(weights) {
            let Some(shards) = shards(&snapshot.join(weights)) else {
                return Some(format!("has a {weights} that lists no shards"));
            };
            let absent = shards.iter().find(|shard| !has(shard))?;
            return Some(format!("has no {absent}"));
        }
        None
    }

    /// Makes a file of a commit a link to its content.
    pub fn link(&self, commit: &str, file: &str, sum: &Checksum) -> Result<(), Error> {
        let path = self.snapshot(commit).join(file);
        if path.exists() {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(Error::io("create folder", folder))?;
        // One `..` for the commit, one for `snapshots`, and one for each folder that the file lies in.
        let up = "../".repeat(2 + file.matches('/').count());
        let target = PathBuf::from(format!("{up}blobs/{}", sum.hex()));
        let made = link(&target, &self.blob(sum), &path);
        match made {
            // Another process was faster, or a link whose content was deleted stands there.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if path.exists() {
                    return Ok(());
                }
                fs::remove_file(&path).map_err(Error::io("replace", &path))?;
                link(&target, &self.blob(sum), &path).map_err(Error::io("write", &path))
            }
            made => made.map_err(Error::io("write", &path)),
        }
    }

    /// Holds a content's lock, the same that Python takes, until what is returned is dropped. Where another holds it,
    /// `waits` is called first; a stop ends the waiting without it. Some network file systems have no locks: then there is none.
    pub fn lock(
        &self,
        sum: &Checksum,
        waits: impl FnOnce(),
        stop: &StopFlag,
    ) -> Result<Option<File>, Error> {
        let folder = self.root.join(".locks").join(&self.name);
        fs::create_dir_all(&folder).map_err(Error::io("create folder", &folder))?;
        let path = folder.join(format!("{}.lock", sum.hex()));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("write", &path))?;
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => waits(),
            Err(fs::TryLockError::Error(_)) => return Ok(None),
        }
        while !stop.is_raised() {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOOK),
                Err(fs::TryLockError::Error(_)) => break,
            }
        }
        Ok(None)
    }
}

#[cfg(unix)]
fn link(target: &Path, _: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Links need a right of their own elsewhere, so it is a copy, as Python makes it then.
#[cfg(not(unix))]
fn link(_: &Path, blob: &Path, path: &Path) -> io::Result<()> {
    fs::copy(blob, path).map(|_| ())
}
