//! `thresholds.json` in the folder of an adapter: above which probabilities it calls something positive.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::files::atomic;

/// The file's name.
const FILE: &str = "thresholds.json";

/// What `schema` says.
const SCHEMA: &str = "lingo-pipe/thresholds/1";

/// Chosen on dev, of the second of two classes or of each label; empty where nothing was chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    schema: String,
    /// By the names of classes or labels.
    pub thresholds: BTreeMap<String, f64>,
}

impl Thresholds {
    /// Of names and what was chosen for them.
    pub fn new(thresholds: BTreeMap<String, f64>) -> Self {
        Self {
            schema: SCHEMA.to_string(),
            thresholds,
        }
    }

    /// Those in the folder of an adapter; none where there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(adapter: &Path) -> Result<Self> {
        let path = adapter.join(FILE);
        match path.exists() {
            true => atomic::read_json(&path),
            false => Ok(Self::default()),
        }
    }

    /// Writes them into the folder of an adapter.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, adapter: &Path) -> Result<()> {
        atomic::write_json(&adapter.join(FILE), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            Thresholds::read(folder.path()).unwrap(),
            Thresholds::default()
        );
        let thresholds = Thresholds::new(BTreeMap::from([("bound".to_string(), 0.25)]));
        thresholds.write(folder.path()).unwrap();
        assert_eq!(Thresholds::read(folder.path()).unwrap(), thresholds);
    }
}
