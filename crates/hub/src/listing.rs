//! What a hub says of a model at a revision: the commit, its files, their checksums.

use std::collections::BTreeMap;

use lingo_artifact::progress::StopFlag;
use serde::Deserialize;

use crate::checksum::Checksum;
use crate::connection::{About, Connection, Fault, Refusal};
use crate::error::{Error, Result};
use crate::hub_model::{HubModel, is_commit};

/// The most that is read of an answer: the list of some thousand files has about a megabyte.
const LONGEST: u64 = 64 << 20;
/// So many revisions are named where one is wrong.
const NAMED: usize = 8;

/// A model at a commit.
#[derive(Debug)]
pub(crate) struct Listing {
    pub commit: String,
    /// Its files, and what the hub told of each.
    pub files: BTreeMap<String, Option<About>>,
}

#[derive(Deserialize)]
struct Told {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    blob_id: Option<String>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Sibling {
    fn about(&self) -> Option<About> {
        match &self.lfs {
            Some(lfs) => Some(About {
                sum: Checksum::of_etag(&lfs.sha256).filter(|sum| sum.sha256().is_some())?,
                bytes: Some(lfs.size),
            }),
            None => Some(About {
                sum: Checksum::of_etag(self.blob_id.as_ref()?)?,
                bytes: self.size,
            }),
        }
    }
}

#[derive(Default, Deserialize)]
struct Refs {
    #[serde(default)]
    branches: Vec<Ref>,
    #[serde(default)]
    tags: Vec<Ref>,
}

#[derive(Deserialize)]
struct Ref {
    name: String,
}

/// Asks a hub for a model at its revision, `tries` times.
pub(crate) fn list(
    connection: &Connection,
    model: &HubModel,
    tries: u32,
    stop: &StopFlag,
) -> Result<Listing> {
    let revision = model.revision().replace('/', "%2F");
    let path = format!("api/models/{}/revision/{revision}?blobs=true", model.name());
    let told: Told = match ask(connection, &path, tries, &model.to_string(), stop) {
        Ok(told) => told,
        Err(Fault::Refused(refusal)) => return Err(refused(connection, model, &refusal)),
        Err(Fault::Final(e)) => return Err(e),
        Err(Fault::Passing(problem, _)) => {
            return Err(Error::Connection {
                what: format!("`{model}`"),
                host: connection.host(),
                problem,
                kept: 0,
            });
        }
    };
    if !is_commit(&told.sha) {
        return Err(Error::Answer {
            host: connection.host(),
            what: format!("`{model}`"),
            problem: "it names no commit".into(),
        });
    }
    let files = told.siblings.iter();
    Ok(Listing {
        commit: told.sha.clone(),
        files: files
            .map(|file| (file.rfilename.clone(), file.about()))
            .collect(),
    })
}

fn ask<T: serde::de::DeserializeOwned>(
    connection: &Connection,
    path: &str,
    tries: u32,
    what: &str,
    stop: &StopFlag,
) -> std::result::Result<T, Fault> {
    let mut failures = 0;
    loop {
        let text = connection.get(path, 0).and_then(|mut response| {
            let body = response.body_mut().with_config().limit(LONGEST);
            body.read_to_vec()
                .map_err(|e| Fault::Passing(e.to_string(), None))
        });
        match text {
            Ok(text) => {
                return serde_json::from_slice(&text).map_err(|e| {
                    Fault::Final(Error::Answer {
                        host: connection.host(),
                        what: format!("`{what}`"),
                        problem: format!("it is no JSON of a model ({e})"),
                    })
                });
            }
            Err(Fault::Passing(problem, wait)) => {
                failures += 1;
                if failures >= tries || !connection.waits(failures, wait, stop) {
                    return Err(Fault::Passing(problem, wait));
                }
            }
            Err(other) => return Err(other),
        }
    }
}

/// A refusal in words.
pub(crate) fn refused(connection: &Connection, model: &HubModel, refusal: &Refusal) -> Error {
    let endpoint = connection.endpoint().to_string();
    let (name, token) = (model.name().to_string(), connection.has_token());
    match (refusal.status, refusal.code.as_str()) {
        (_, "GatedRepo") | (403, _) => Error::Gated {
            endpoint,
            model: name,
            token,
        },
        (_, "RevisionNotFound") => no_revision(connection, model),
        // The hub hides from strangers whether a model is private or is not there.
        (_, "RepoNotFound") => Error::NoModel {
            endpoint,
            model: name,
            token,
        },
        (401, _) if token => Error::BadToken { endpoint },
        (404, _) => match known_revisions(connection, model) {
            Some(known) if !known.iter().any(|r| r == model.revision()) => nearest(model, known),
            _ => Error::NoModel {
                endpoint,
                model: name,
                token,
            },
        },
        (401, _) => Error::NoModel {
            endpoint,
            model: name,
            token,
        },
        (status, code) => Error::Answer {
            host: connection.host(),
            what: format!("`{model}`"),
            problem: format!("status {status} {code}").trim_end().to_string(),
        },
    }
}

fn no_revision(connection: &Connection, model: &HubModel) -> Error {
    nearest(
        model,
        known_revisions(connection, model).unwrap_or_default(),
    )
}

/// The branches and tags of a model.
fn known_revisions(connection: &Connection, model: &HubModel) -> Option<Vec<String>> {
    let path = format!("api/models/{}/refs", model.name());
    let refs: Refs = ask(connection, &path, 1, model.name(), &StopFlag::default()).ok()?;
    let all = refs.branches.into_iter().chain(refs.tags);
    Some(all.map(|r| r.name).collect())
}

/// The same with those first that begin as the wanted one does.
fn nearest(model: &HubModel, mut known: Vec<String>) -> Error {
    let wanted = model.revision();
    let alike = |name: &String| {
        let common = name
            .chars()
            .zip(wanted.chars())
            .take_while(|(a, b)| a.eq_ignore_ascii_case(b));
        std::cmp::Reverse(common.count())
    };
    known.sort_by_key(alike);
    known.truncate(NAMED);
    Error::NoRevision {
        model: model.name().to_string(),
        revision: wanted.to_string(),
        known,
    }
}
