//! What a cell was run under besides its method.

use std::collections::BTreeMap;

use lingo_artifact::digest::Digest;
use serde::{Deserialize, Serialize};

/// Two methods are compared only where these are [alike](Self::alike).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// Over every setting and input that can change the result of any method.
    pub settings: Digest,
    /// What not every method reads, by a name of it: a method that does not stands beside those of any.
    pub read: BTreeMap<String, Digest>,
}

impl Conditions {
    /// Whether nothing but the method is between two cells.
    pub fn alike(&self, other: &Self) -> bool {
        self.settings == other.settings && self.read_otherwise(other).is_none()
    }

    /// What both read, and not the same of it.
    pub fn read_otherwise<'a>(&'a self, other: &Self) -> Option<&'a str> {
        let mut read = self.read.iter();
        let other = |name: &String| other.read.get(name);
        let unlike = read.find(|(name, is)| other(name).is_some_and(|other| other != *is))?;
        Some(unlike.0)
    }
}
