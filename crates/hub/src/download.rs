//! One file of a model, from the hub into the cache: gone on with where it broke off, and checked before it is kept.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use lingo_artifact::Error as Artifact;
use lingo_artifact::progress::{Progress, StopFlag};
use ureq::Body;
use ureq::http::Response;

use crate::cache::Cache;
use crate::connection::{About, Connection, Fault, header};
use crate::error::{Error, Result};
use crate::hub_model::HubModel;
use crate::listing::refused;

/// A connection that brought so much before it broke off did not fail in vain.
const WORTH: u64 = 1 << 20;
/// Bytes that are read at a time.
const PIECE: usize = 1 << 18;

/// Who fetches what from where to where.
pub(crate) struct Download<'a> {
    pub connection: &'a Connection,
    pub cache: &'a Cache,
    pub model: &'a HubModel,
    pub commit: &'a str,
    pub progress: &'a dyn Progress,
    pub stop: &'a StopFlag,
}

impl Download<'_> {
    /// Brings a file's content into the cache; how many bytes came over the network.
    pub fn fetch(&self, file: &str, about: &About) -> Result<u64> {
        let blob = self.cache.blob(&about.sum);
        if blob.is_file() {
            return Ok(0);
        }
        let waits = || {
            self.progress
                .say(&format!("{file}: another process fetches it, waiting"));
        };
        let _lock = self.cache.lock(&about.sum, waits, self.stop)?;
        if self.stop.is_raised() {
            return Err(Error::Stopped);
        }
        if blob.is_file() {
            return Ok(0);
        }
        let incomplete = self.cache.incomplete(&about.sum);
        let mut came = 0;
        // What an earlier process left may be what is damaged, so a second time it is fetched from its first byte.
        for _ in 0..2 {
            came += self.bring(file, about, &incomplete)?;
            if about.sum.is_of(&incomplete)? {
                let at = File::open(&incomplete).and_then(|file| file.sync_all());
                at.map_err(Artifact::io("write", &incomplete))?;
                fs::rename(&incomplete, &blob).map_err(Artifact::io("write", &blob))?;
                return Ok(came);
            }
            fs::remove_file(&incomplete).map_err(Artifact::io("remove", &incomplete))?;
        }
        Err(Error::Checksum {
            model: self.model.to_string(),
            file: file.to_string(),
            kind: about.sum.kind(),
            expected: about.sum.hex().to_string(),
        })
    }

    /// Fetches until all of the file is there.
    fn bring(&self, file: &str, about: &About, incomplete: &Path) -> Result<u64> {
        let total = about.bytes;
        let path = format!(
            "{}/resolve/{}/{}",
            self.model.name(),
            self.commit,
            file.replace(' ', "%20")
        );
        // What is there in a moment is not told.
        let is_told = total.is_none_or(|total| total >= WORTH);
        if is_told {
            let total = total.unwrap_or(0) / 1_000_000;
            self.progress.begin(&format!("{file} (MB)"), total);
        }
        let (begin, mut came, mut failures) = (Instant::now(), 0u64, 0);
        loop {
            let mut kept = length(incomplete);
            if total.is_some_and(|total| kept > total) {
                // No beginning of this file: it is begun anew.
                fs::remove_file(incomplete).map_err(Artifact::io("remove", incomplete))?;
                kept = 0;
            }
            if total == Some(kept) && kept > 0 {
                break;
            }
            let before = came;
            let tell = |came: u64, at: u64| {
                let rate = came as f64 / 1e6 / begin.elapsed().as_secs_f64().max(1e-3);
                if is_told {
                    self.progress
                        .advance(at / 1_000_000, &format!("{rate:.1} MB/s"));
                }
            };
            let fault = match self.connection.get(&path, kept) {
                Ok(response) => {
                    let broken = self.save(response, kept, incomplete, &mut came, &tell)?;
                    broken.map(|problem| (problem, None))
                }
                // Nothing is left behind the byte that was asked for, and that was not known before.
                Err(Fault::Refused(refusal)) if refusal.status == 416 => {
                    if total.is_none() {
                        break;
                    }
                    fs::remove_file(incomplete).map_err(Artifact::io("remove", incomplete))?;
                    Some(("status 416".to_string(), None))
                }
                Err(Fault::Refused(refusal)) => {
                    return Err(refused(self.connection, self.model, &refusal));
                }
                Err(Fault::Final(e)) => return Err(e),
                Err(Fault::Passing(problem, wait)) => Some((problem, wait)),
            };
            let kept = length(incomplete);
            let (problem, wait) = match (fault, total) {
                (None, None) => break,
                (None, Some(total)) if kept >= total => break,
                (None, Some(_)) => ("the connection was closed before the end".to_string(), None),
                (Some(fault), _) => fault,
            };
            failures = if came - before >= WORTH {
                1
            } else {
                failures + 1
            };
            if failures < self.connection.tries {
                self.progress.say(&format!("{file}: {problem}; going on"));
            }
            if !self.connection.waits(failures, wait, self.stop) {
                return Err(Error::Connection {
                    what: format!("{file} of `{}`", self.model),
                    host: self.connection.host(),
                    problem,
                    kept,
                });
            }
        }
        if is_told {
            let megabytes = came as f64 / 1e6;
            let rate = megabytes / begin.elapsed().as_secs_f64().max(1e-3);
            self.progress
                .end(&format!("{megabytes:.1} MB came, {rate:.1} MB/s"));
        }
        Ok(came)
    }

    /// Appends what comes to what is kept; what broke it off, if anything did.
    fn save(
        &self,
        mut response: Response<Body>,
        kept: u64,
        incomplete: &Path,
        came: &mut u64,
        tell: &dyn Fn(u64, u64),
    ) -> Result<Option<String>> {
        let io = |e| Error::from(Artifact::io("write", incomplete)(e));
        if let Some(folder) = incomplete.parent() {
            fs::create_dir_all(folder).map_err(Artifact::io("create folder", folder))?;
        }
        // A server that knows no ranges, or answers with another, begins at the first byte.
        let goes_on = kept > 0
            && response.status().as_u16() == 206
            && header(&response, "content-range")
                .is_some_and(|range| range.starts_with(&format!("bytes {kept}-")));
        if kept > 0 && response.status().as_u16() == 206 && !goes_on {
            return Ok(Some("it sent another part than was asked for".into()));
        }
        let mut file = File::options()
            .create(true)
            .write(true)
            .append(goes_on)
            .truncate(!goes_on)
            .open(incomplete)
            .map_err(io)?;
        let mut at = if goes_on { kept } else { 0 };
        // A body has no limit of its own here: weights have many gigabytes.
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut piece = vec![0u8; PIECE];
        loop {
            if self.stop.is_raised() {
                return Err(Error::Stopped);
            }
            match body.read(&mut piece) {
                Ok(0) => return Ok(None),
                Ok(n) => {
                    file.write_all(&piece[..n]).map_err(io)?;
                    at += n as u64;
                    *came += n as u64;
                    tell(*came, at);
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Ok(Some(e.to_string())),
            }
        }
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}
