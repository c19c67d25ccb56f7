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

/// The places deeper in the file that say the same setting for one task or one method. What is given on the command
/// line must hold there as well: `train.epochs` also at `tasks.H3.train.epochs`, `train.learning_rate` also in a
/// method with a learning rate of its own.
pub(super) fn same_setting(root: &Node, path: &[Step]) -> Vec<Path> {
    let [Step::Key(section), Step::Key(key), ..] = path else {
        return Vec::new();
    };
    let mut places = Vec::new();
    if ["train", "tokenize", "evaluate"].contains(&section.as_str()) {
        for (task, node) in entries(root.get("tasks")) {
            if node.get(section).and_then(|own| own.get(key)).is_some() {
                let above = [Step::Key("tasks".into()), Step::Key(task.clone())];
                places.push(above.into_iter().chain(path.iter().cloned()).collect());
            }
        }
    }
    if section == "train" {
        for (name, method) in entries(root.get("methods")) {
            if method.get(section).and_then(|own| own.get(key)).is_some() {
                let above = ["methods", name.as_str()].map(|step| Step::Key(step.to_string()));
                places.push(above.into_iter().chain(path.iter().cloned()).collect());
            }
        }
    }
    // The other keys that `train` and methods share by name (`warmup_steps`) mean different things.
    if section == "train" && key == "learning_rate" {
        for (name, method) in entries(root.get("methods")) {
            for (variant, node) in entries(Some(method)) {
                if variant != "train" && node.get(key).is_some() {
                    let above = ["methods", name.as_str(), variant.as_str()];
                    let above = above.map(|step| Step::Key(step.to_string()));
                    places.push(above.into_iter().chain(path[1..].iter().cloned()).collect());
                }
            }
        }
    }
    places
}

fn entries(node: Option<&Node>) -> &[(String, Node)] {
    match node {
        Some(Node::Map(entries)) => entries,
        _ => &[],
    }
}
