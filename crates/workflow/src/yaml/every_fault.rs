//! All mistakes of a tree at once, although a parser stops at the first that it meets.

use super::fault::{Fault, Path, Step};
use super::node::Node;

/// So many mistakes are told at once.
const MOST: usize = 50;

/// Reads a tree; after a mistake it is read again without the value at fault, until there is no other.
///
/// What is only missing because it was taken out is no mistake of the writer, and not told.
///
/// # Errors
/// Every [`Fault`] that was met.
pub(crate) fn every_fault<T>(
    node: &Node,
    read: impl Fn(&Node) -> Result<T, Fault>,
) -> Result<T, Vec<Fault>> {
    let mut node = node.clone();
    let mut faults: Vec<Fault> = Vec::new();
    let mut taken: Vec<Path> = Vec::new();
    loop {
        let fault = match read(&node) {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => return Err(faults),
            Err(fault) => fault,
        };
        // An item that is taken out would shift those behind it: the whole list goes.
        let whole = fault.path.iter().take_while(|s| matches!(s, Step::Key(_)));
        let path: Path = whole.cloned().collect();
        if !ours(&fault, &taken) && !misspelt(&fault, &faults) {
            faults.push(fault);
        }
        if faults.len() == MOST || !take_out(&mut node, &path) {
            return Err(faults);
        }
        taken.push(path);
    }
}

/// Whether a fault says no more than that something below it was taken out.
fn ours(fault: &Fault, taken: &[Path]) -> bool {
    let mut below = taken.iter().filter_map(|path| match path.split_last() {
        Some((Step::Key(key), above)) if above == fault.path.as_slice() => Some(key),
        _ => None,
    });
    below.any(|key| {
        fault.message == format!("the key `{key}` is missing")
            || fault.message == "exactly one key is needed here, found 0"
    })
}

/// Whether a key is missing where a key that nobody knows stood, or below: it may be the one, misspelt.
fn misspelt(fault: &Fault, told: &[Fault]) -> bool {
    let missing = fault.message.starts_with("the key `") && fault.message.ends_with("` is missing");
    let unknown = |told: &Fault| {
        let above = told.path.split_last().map(|(_, above)| above);
        told.at_key && above.is_some_and(|above| fault.path.starts_with(above))
    };
    missing && told.iter().any(unknown)
}

/// Takes out what stands at a path; whether there was anything.
fn take_out(node: &mut Node, path: &[Step]) -> bool {
    let (Some((Step::Key(key), below)), Node::Map(entries)) = (path.split_first(), node) else {
        return false;
    };
    let Some(at) = entries.iter().position(|(name, _)| name == key) else {
        return false;
    };
    if below.is_empty() {
        entries.remove(at);
        return true;
    }
    take_out(&mut entries[at].1, below)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;

    use serde::Deserialize;

    use super::*;
    use crate::yaml::deserialize::from_node;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read for its faults")]
    struct File {
        parts: BTreeMap<String, Part>,
        #[serde(default)]
        numbers: Vec<u32>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "snake_case")]
    #[allow(dead_code, reason = "only read for its faults")]
    enum Part {
        Kmer { k: NonZeroU32 },
    }

    #[test]
    fn all_faults_are_told_and_none_that_was_made_on_the_way() {
        fn t(text: &str, want: &[&str]) {
            let node = Node::parse(text).unwrap();
            let faults = every_fault(&node, |node| from_node::<File>(node)).unwrap_err();
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            assert_eq!(told, want, "{text}");
        }
        t(
            "parts: {a: {kmer: {k: 0}}, b: {kmer: {k: 3, q: 1}}, c: {kmr: {k: 3}}}\nnumbers: [1, x, y]\nmore: 1",
            &[
                "parts.a.kmer.k: a whole number above 0 is needed here, found the number `0`",
                "parts.b.kmer.q: unknown key `q`",
                "parts.c.kmr: unknown name `kmr`",
                "numbers[1]: a whole number is needed here, found the text `x`",
                "more: unknown key `more`",
            ],
        );
        // The one key that is missing is the other, misspelt.
        t("part: {}", &["part: unknown key `part`"]);
        t("numbers: [1]", &[": the key `parts` is missing"]);
        t(
            "parts: {a: {}}",
            &["parts.a: exactly one key is needed here, found 0"],
        );
    }
}
