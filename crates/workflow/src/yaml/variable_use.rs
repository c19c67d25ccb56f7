//! Which variables the values of a file are written with: a missing file is told with the variable that led to it.

use super::fault::{Path, Step};
use super::node::Node;

/// A variable in a text value of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VariableUse {
    /// Its name.
    pub(crate) name: String,
    /// Its value, where it is set.
    pub(crate) value: Option<String>,
    /// Where the text stands.
    pub(crate) place: Path,
}

impl VariableUse {
    /// The text, as it stands in a tree of the same shape.
    pub(super) fn in_tree<'a>(&self, root: &'a Node) -> Option<&'a str> {
        let found = self.place.iter().try_fold(root, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Item(i) => match node {
                Node::List(items) => items.get(*i),
                _ => None,
            },
        })?;
        match found {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The first variable of every text value, in the order of the file; `node` is the tree before expansion.
pub(super) fn uses(node: &Node, lookup: &dyn Fn(&str) -> Option<String>) -> Vec<VariableUse> {
    let mut found = Vec::new();
    walk(node, &mut Path::new(), lookup, &mut found);
    found
}

fn walk(
    node: &Node,
    place: &mut Path,
    lookup: &dyn Fn(&str) -> Option<String>,
    found: &mut Vec<VariableUse>,
) {
    match node {
        Node::Text(text) => {
            if let Some(name) = first_variable(text) {
                found.push(VariableUse {
                    name: name.to_string(),
                    value: lookup(name).filter(|value| !value.is_empty()),
                    place: place.clone(),
                });
            }
        }
        Node::List(items) => {
            for (i, item) in items.iter().enumerate() {
                place.push(Step::Item(i));
                walk(item, place, lookup, found);
                place.pop();
            }
        }
        Node::Map(entries) => {
            for (key, value) in entries {
                place.push(Step::Key(key.clone()));
                walk(value, place, lookup, found);
                place.pop();
            }
        }
        _ => {}
    }
}

/// `GUE` of `${GUE:-../data/GUE}/EMP`; `$${` is no variable.
fn first_variable(text: &str) -> Option<&str> {
    let starts = text.match_indices("${").map(|(at, _)| at);
    let mut variables = starts.filter(|at| !text[..*at].ends_with('$'));
    let inside = &text[variables.next()? + 2..];
    let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    Some(&inside[..end]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_of_a_text_is_found() {
        for (text, want) in [
            ("${GUE:-../data/GUE}/EMP", Some("GUE")),
            ("a/${A}/${B}", Some("A")),
            ("$${A}/${B}", Some("B")),
            ("$${A}", None),
            ("plain", None),
            ("${", None),
        ] {
            assert_eq!(first_variable(text), want, "{text}");
        }
    }
}
