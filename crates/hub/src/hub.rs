//! A model from a hub: found out about, or fetched.

use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_artifact::progress::{Progress, StopFlag};

use crate::cache::Cache;
use crate::connection::{About, Connection, Fault};
use crate::download::Download;
use crate::error::{Error, Result};
use crate::hub_model::HubModel;
use crate::listing::{Listing, list, refused};
use crate::needed::{CONFIG, Weights, beside_weights, is_index, shards, weights_of};
use crate::settings::Settings;

/// How much of a model is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Config and tokenizer; of the weights no more than the hub tells.
    WithoutWeights,
    /// Everything that is read.
    Whole,
}

/// A model in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit.
    pub commit: String,
    /// The model folder.
    pub folder: PathBuf,
    /// How its weights are stored.
    pub weights: Weights,
    /// Its files that are there, by their names below the folder.
    pub files: Vec<String>,
    /// Its weights that are not there yet.
    pub left: Vec<LeftFile>,
    /// Bytes that came over the network.
    pub bytes: u64,
    /// Why the cache was taken although the hub was to be asked.
    pub unasked: Option<String>,
}

/// A file that is not fetched yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftFile {
    /// Where it will lie.
    pub path: PathBuf,
    /// Its sha256, as the hub tells it.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// A hub with a cache.
pub struct Hub {
    settings: Settings,
    connection: Connection,
}

impl Hub {
    /// The hub that the environment names.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn from_environment() -> Result<Self> {
        Self::new(Settings::from_environment()?)
    }

    /// A hub.
    ///
    /// # Errors
    /// [`Error::Setting`] for an address that is none.
    pub fn new(settings: Settings) -> Result<Self> {
        let connection = Connection::new(&settings)?;
        Ok(Self {
            settings,
            connection,
        })
    }

    /// A model, as far as `depth` says, in the cache. A commit that is there is not asked for; a branch or a tag is, and
    /// where the hub cannot be reached, what the cache last knew of it is taken.
    ///
    /// # Errors
    /// All of [`Error`].
    pub fn fetch(
        &self,
        model: &HubModel,
        depth: Depth,
        progress: &dyn Progress,
        stop: &StopFlag,
    ) -> Result<Snapshot> {
        let found = self.found(model, depth, progress, stop);
        match found {
            // Whatever failed then did so because of it.
            Err(_) if stop.is_raised() => Err(Error::Stopped),
            found => found,
        }
    }

    fn found(
        &self,
        model: &HubModel,
        depth: Depth,
        progress: &dyn Progress,
        stop: &StopFlag,
    ) -> Result<Snapshot> {
        let cache = Cache::new(&self.settings.cache, model);
        let known = match model.commit() {
            Some(commit) => Some(commit.to_string()),
            None => cache.commit_of(model.revision()),
        };
        if self.settings.offline {
            return self.offline(model, &cache, known.as_deref());
        }
        if let Some(commit) = model.commit().filter(|commit| cache.is_whole(commit)) {
            return cached(&cache, commit, None);
        }
        let usable = known.filter(|commit| cache.lacks(commit).is_none());
        // Where there is no network at all that is to be told soon, and at once where the cache will do.
        let tries = match usable {
            Some(_) => 1,
            None => self.connection.tries.min(3),
        };
        let listing = match (list(&self.connection, model, tries, stop), usable) {
            (Ok(listing), _) => listing,
            (Err(e @ Error::Connection { .. }), Some(commit)) => {
                return cached(&cache, &commit, Some(e.to_string()));
            }
            (Err(e), _) => return Err(e),
        };
        let work = Work {
            connection: &self.connection,
            cache: &cache,
            model,
            listing: &listing,
            download: Download {
                connection: &self.connection,
                cache: &cache,
                model,
                commit: &listing.commit,
                progress,
                stop,
            },
        };
        work.snapshot(depth)
    }

    /// The folder of a commit in the cache, where it can be used; nobody is asked.
    pub fn cached(&self, model: &HubModel) -> Option<PathBuf> {
        let cache = Cache::new(&self.settings.cache, model);
        let commit = model
            .commit()
            .filter(|commit| cache.lacks(commit).is_none())?;
        Some(cache.snapshot(commit))
    }

    fn offline(&self, model: &HubModel, cache: &Cache, known: Option<&str>) -> Result<Snapshot> {
        let problem = match known {
            Some(commit) => cache.lacks(commit),
            None => Some("is not".to_string()),
        };
        match (known, problem) {
            (Some(commit), None) => cached(cache, commit, None),
            (_, problem) => Err(Error::Offline {
                model: model.to_string(),
                problem: problem.unwrap_or_default(),
                cache: self.settings.cache.clone(),
            }),
        }
    }
}

/// What the cache holds of a commit that can be used.
fn cached(cache: &Cache, commit: &str, unasked: Option<String>) -> Result<Snapshot> {
    let folder = cache.snapshot(commit);
    let has = |file: &str| folder.join(file).is_file();
    // The caller has seen that there are weights.
    let (weights, file) = weights_of(&has).unwrap_or((Weights::Safetensors, CONFIG));
    let mut files: Vec<String> = beside_weights()
        .filter(|f| has(f))
        .map(String::from)
        .collect();
    files.extend(files_of_weights(&folder, file));
    Ok(Snapshot {
        commit: commit.to_string(),
        folder,
        weights,
        files,
        left: Vec::new(),
        bytes: 0,
        unasked,
    })
}

/// The file of the weights, or the index and the shards that it lists.
fn files_of_weights(folder: &Path, file: &str) -> Vec<String> {
    let mut files = vec![file.to_string()];
    if is_index(file) {
        files.extend(shards(&folder.join(file)).unwrap_or_default());
    }
    files
}

/// One model at one commit, being fetched.
struct Work<'a> {
    connection: &'a Connection,
    cache: &'a Cache,
    model: &'a HubModel,
    listing: &'a Listing,
    download: Download<'a>,
}

impl Work<'_> {
    fn snapshot(&self, depth: Depth) -> Result<Snapshot> {
        let listing = self.listing;
        let commit = &listing.commit;
        let has = |file: &str| listing.files.contains_key(file);
        let unfit = |problem: &str| Error::Unfit {
            model: self.model.name().to_string(),
            commit: commit[..12].to_string(),
            problem: problem.to_string(),
        };
        if !has(CONFIG) {
            return Err(unfit(
                "has no config.json: it is not the folder of a language model",
            ));
        }
        let (weights, file) = weights_of(&has).ok_or_else(|| {
            unfit(
                "has no weights that can be read: neither model.safetensors nor pytorch_model.bin",
            )
        })?;
        let (mut files, mut bytes) = (Vec::new(), 0);
        for name in beside_weights() {
            match has(name) {
                true => {
                    bytes += self.bring(name, &self.about(name)?)?;
                    files.push(name.to_string());
                }
                false => self.cache.remember_absent(commit, name),
            }
        }
        let folder = self.cache.snapshot(commit);
        if is_index(file) {
            bytes += self.bring(file, &self.about(file)?)?;
            if shards(&folder.join(file)).is_none() {
                return Err(unfit(&format!(
                    "has a {file} that lists no shards beside it"
                )));
            }
        }
        let mut left = Vec::new();
        for name in files_of_weights(&folder, file) {
            if !has(&name) {
                return Err(unfit(&format!(
                    "lists {name} in {file} and does not have it"
                )));
            }
            let path = folder.join(&name);
            if !path.is_file() {
                let about = self.about(&name)?;
                // Only a sha256 says as much of a file as the file itself; without it the file is fetched.
                if let (Depth::WithoutWeights, Some(sha256), Some(bytes)) =
                    (depth, about.sum.sha256(), about.bytes)
                    && !self.cache.blob(&about.sum).is_file()
                {
                    left.push(LeftFile {
                        path,
                        sha256,
                        bytes,
                    });
                    continue;
                }
                bytes += self.bring(&name, &about)?;
            }
            files.push(name);
        }
        self.cache.remember(self.model.revision(), commit)?;
        Ok(Snapshot {
            commit: commit.clone(),
            folder,
            weights,
            files,
            left,
            bytes,
            unasked: None,
        })
    }

    /// Fetches a file unless it is there; how many bytes came.
    fn bring(&self, file: &str, about: &About) -> Result<u64> {
        let commit = &self.listing.commit;
        if self.cache.snapshot(commit).join(file).is_file() {
            return Ok(0);
        }
        let bytes = self.download.fetch(file, about)?;
        self.cache.link(commit, file, &about.sum)?;
        Ok(bytes)
    }

    /// What the hub knows of a file: of its list, or asked for.
    fn about(&self, file: &str) -> Result<About> {
        if let Some(about) = self.listing.files.get(file).and_then(Option::as_ref) {
            return Ok(about.clone());
        }
        let path = format!(
            "{}/resolve/{}/{file}",
            self.model.name(),
            self.listing.commit
        );
        let mut failures = 0;
        loop {
            let (problem, wait) = match self.connection.about(&path) {
                Ok(about) => return Ok(about),
                Err(Fault::Final(e)) => return Err(e),
                Err(Fault::Refused(refusal)) => {
                    return Err(refused(self.connection, self.model, &refusal));
                }
                Err(Fault::Passing(problem, wait)) => (problem, wait),
            };
            failures += 1;
            if !self.connection.waits(failures, wait, self.download.stop) {
                return Err(Error::Connection {
                    what: format!("{file} of `{}`", self.model),
                    host: self.connection.host(),
                    problem,
                    kept: 0,
                });
            }
        }
    }
}
