//! Where `--set a.b.c=value` goes in the tree.

use super::fault::{Path, Step};
use super::node::Node;

/// Splits a dotted key. Names may hold dots themselves, so the longest key that exists is taken first.
pub(super) fn split_key(root: &Node, key: &str) -> Path {
    let parts: Vec<&str> = key.split('.').collect();
    let mut path = Path::new();
    let mut node = Some(root);
    let mut at = 0;
    while at < parts.len() {
        let longest = (at + 1..=parts.len()).rev().find_map(|end| {
            let name = parts[at..end].join(".");
            node.and_then(|n| n.get(&name))
                .map(|below| (name, below, end))
        });
        match (longest, node, parts[at].parse::<usize>()) {
            (Some((name, below, end)), _, _) => {
                path.push(Step::Key(name));
                node = Some(below);
                at = end;
            }
            (None, Some(Node::List(items)), Ok(index)) => {
                path.push(Step::Item(index));
                node = items.get(index);
                at += 1;
            }
            _ => {
                path.push(Step::Key(parts[at].to_string()));
                node = None;
                at += 1;
            }
        }
    }
    path
}

/// Puts a value at a path; mappings on the way are made.
pub(super) fn put(node: &mut Node, path: &[Step], value: Node) -> Result<(), String> {
    let Some((step, below)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    match (step, node) {
        (Step::Key(key), node) => {
            // A bare name (`scheme: base`, `a: lora`) stays the variant when a setting is put below it.
            let mut child = node.get(key).cloned().unwrap_or_default();
            put(&mut child, below, value)?;
            match node {
                Node::Map(_) | Node::Null => node.set(key, child),
                Node::Text(name) if name == key => {
                    *node = Node::Map(vec![(key.clone(), child)]);
                }
                other => return Err(format!("`{key}` cannot be set inside {}", other.describe())),
            }
            Ok(())
        }
        (Step::Item(i), Node::List(items)) => {
            let count = items.len();
            let item = items.get_mut(*i).ok_or_else(|| {
                format!("there is no item {i} (counted from 0) in a list of {count}")
            })?;
            put(item, below, value)
        }
        (Step::Item(i), _) => Err(format!("`{i}` needs a list")),
    }
}
