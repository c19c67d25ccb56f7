//! A result of the store, and its record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cell::{MadeBy, hash_outputs};
use crate::date;
use crate::failure::Error;
use crate::inputs::FileHash;

const SCHEMA: &str = "lingo-pipe/result/1";

/// `store/<id>/result.json`: which result stands beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// Its format.
    pub schema: String,
    /// The stage that made it.
    pub stage: String,
    /// The sha256 over all that can change it.
    pub id: Digest,
    /// What it was first made for: a task, or `task/method/seed-n`.
    pub label: String,
    /// The settings that it was made with.
    pub parameters: Value,
    /// sha256 of every input, by its role.
    pub inputs: BTreeMap<String, Digest>,
    /// Its files, by path below its folder.
    pub outputs: BTreeMap<String, FileHash>,
    /// What was found while it was made.
    pub facts: Value,
    /// What made it.
    pub made_by: MadeBy,
    /// When it was finished, UTC; to the second in results of earlier versions.
    pub finished: String,
}

impl Stored {
    /// The record of what stands in `folder`; its files are hashed.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn of(
        folder: &Path,
        (stage, label): (&str, &str),
        id: Digest,
        (parameters, inputs): (Value, BTreeMap<String, Digest>),
        facts: Value,
        made_by: MadeBy,
    ) -> Result<Self, Error> {
        Ok(Self {
            schema: SCHEMA.into(),
            stage: stage.into(),
            id,
            label: label.into(),
            parameters,
            inputs,
            outputs: hash_outputs(folder)?,
            facts,
            made_by,
            // Two small results can be finished in one second, and `explain` tells which was first.
            finished: date::now_to_the_millisecond(),
        })
    }

    /// The result of this id; nothing where there is none, or one of its files is gone or has another size.
    pub fn read(run: &RunFolder, id: &Digest) -> Option<Self> {
        let folder = run.stored(id);
        let stored: Self = atomic::read_json(&record_in(&folder)).ok()?;
        let is_there = |(name, hash): (&String, &FileHash)| {
            std::fs::metadata(folder.join(name)).is_ok_and(|file| file.len() == hash.bytes)
        };
        let is_it = stored.schema == SCHEMA && stored.id == *id;
        (is_it && stored.outputs.iter().all(is_there)).then_some(stored)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        Ok(atomic::write_json(&record_in(folder), self)?)
    }
}

pub(super) fn record_in(folder: &Path) -> PathBuf {
    folder.join(RunFolder::RESULT)
}
