//! The name of a model on a hub, and the revision of it that is wanted.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The revision that is taken where none is named.
pub const MAIN: &str = "main";

/// A model on a hub: `org/name@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    name: String,
    revision: String,
}

impl HubModel {
    /// A model by its name (`org/name`, or `name` alone as some old models have it) and a branch, tag or commit.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn new(name: &str, revision: &str) -> Result<Self, Error> {
        let fail = |text: &str, problem: &str| Error::Name {
            text: text.to_string(),
            problem: problem.to_string(),
        };
        let parts: Vec<&str> = name.split('/').collect();
        if parts.len() > 2 {
            return Err(fail(name, "it is `org/name`, with one slash"));
        }
        // Both become names of folders and parts of addresses.
        if !parts.iter().all(|part| is_plain(part)) {
            let rule = "it is `org/name` of letters, digits, `-`, `_` and `.`, and begins with none of these three";
            return Err(fail(name, rule));
        }
        if !revision.split('/').all(is_plain) {
            let rule = "a revision is a branch, a tag or a commit, of letters, digits, `-`, `_`, `.` and `/`";
            return Err(fail(revision, rule));
        }
        Ok(Self {
            name: name.to_string(),
            revision: revision.to_string(),
        })
    }

    /// `org/name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A branch, a tag or a commit.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The commit, where the revision is one.
    pub fn commit(&self) -> Option<&str> {
        is_commit(&self.revision).then_some(self.revision.as_str())
    }
}

/// Whether it is the full name of a commit.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

/// Whether these are small hexadecimal digits.
pub(crate) fn is_hex(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.bytes().all(digit)
}

fn is_plain(part: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = part
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    begins && part.len() <= 96 && part.chars().all(known) && !part.contains("..")
}

impl FromStr for HubModel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, revision) = text.split_once('@').unwrap_or((text, MAIN));
        Self::new(name, revision)
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision.as_str() {
            MAIN => write!(f, "{}", self.name),
            revision => write!(f, "{}@{revision}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_what_would_leave_the_cache_is_refused() {
        let t = |text: &str, name: &str, revision: &str| {
            let model: HubModel = text.parse().unwrap();
            assert_eq!((model.name(), model.revision()), (name, revision));
            assert_eq!(model.to_string().parse::<HubModel>().unwrap(), model);
        };
        t(
            "zhihan1996/DNABERT-2-117M",
            "zhihan1996/DNABERT-2-117M",
            "main",
        );
        t("bert-base-uncased", "bert-base-uncased", "main");
        t("org/name@refs/pr/1", "org/name", "refs/pr/1");
        t("org/name@v1.0", "org/name", "v1.0");
        for bad in [
            "",
            "/name",
            "org/",
            "a/b/c",
            "../etc",
            "org/..",
            "org/a..b",
            "org/na me",
            "org/n?x=1",
            "org/name@",
            "org/name@../../x",
            "org/name@/x",
            "org/name@-x",
            "org/name@a//b",
        ] {
            assert!(bad.parse::<HubModel>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_commit_is_forty_hexadecimal_digits() {
        let of = |revision: &str| HubModel::new("o/n", revision).unwrap().commit().is_some();
        assert!(of(&"a1".repeat(20)));
        assert!(!of("main") && !of("a1b2c3d") && !of(&"A1".repeat(20)));
    }
}
