//! What a hub promises of a file: the sha256 of what lies in its large-file storage, git's own hash of the rest.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use lingo_artifact::Error;
use lingo_artifact::digest::Digest;

use crate::hub_model::is_hex;

/// The checksum of a file; the cache names the file's content by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// Of large files.
    Sha256(String),
    /// Of the others: sha1 over `blob <size>\0` and the content.
    GitBlob(String),
}

impl Checksum {
    /// Of the header `etag` or `x-linked-etag`, or as an answer of the API names it.
    pub fn of_etag(etag: &str) -> Option<Self> {
        let etag = etag.trim().trim_start_matches("W/").trim_matches('"');
        match (etag.len(), is_hex(etag)) {
            (64, true) => Some(Self::Sha256(etag.to_string())),
            (40, true) => Some(Self::GitBlob(etag.to_string())),
            _ => None,
        }
    }

    /// The name of the content in the cache.
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::GitBlob(hex) => hex,
        }
    }

    /// What it is called.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::GitBlob(_) => "git hash",
        }
    }

    /// The sha256, where it is one.
    pub fn sha256(&self) -> Option<Digest> {
        match self {
            Self::Sha256(hex) => hex.parse().ok(),
            Self::GitBlob(_) => None,
        }
    }

    /// Whether a file has it.
    pub fn is_of(&self, path: &Path) -> Result<bool, Error> {
        match self {
            Self::Sha256(hex) => Ok(Digest::of_file(path)?.0.to_string() == *hex),
            Self::GitBlob(hex) => Ok(git_hash(path)? == *hex),
        }
    }
}

fn git_hash(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let size = file.metadata().map_err(Error::io("read", path))?.len();
    let mut sha1 = sha1_smol::Sha1::from(format!("blob {size}\0"));
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if n == 0 {
            return Ok(sha1.digest().to_string());
        }
        sha1.update(&buffer[..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_what_git_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        // `printf 'hello\n' | git hash-object --stdin`, and of an empty file.
        for (text, hash) in [
            ("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
            ("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        ] {
            std::fs::write(&path, text).unwrap();
            let sum = Checksum::of_etag(&format!("W/\"{hash}\"")).unwrap();
            assert_eq!(sum, Checksum::GitBlob(hash.into()));
            assert!(sum.is_of(&path).unwrap());
            std::fs::write(&path, "other").unwrap();
            assert!(!sum.is_of(&path).unwrap());
        }
    }

    #[test]
    fn an_etag_that_is_no_checksum_is_none() {
        for etag in [
            "",
            "\"abc\"",
            &"g".repeat(40),
            &"../".repeat(20),
            &"A".repeat(64),
        ] {
            assert_eq!(Checksum::of_etag(etag), None, "{etag}");
        }
    }
}
