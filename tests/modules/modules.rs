//! The modules of one crate, and which file imports which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::graph::Graph;
use crate::source;

/// One crate: its files by module path (`""` is `lib.rs` or `main.rs`, `"rows::row"` is `rows/row.rs`).
pub struct Modules {
    /// The crate's folder: `ingest`, `cli`.
    pub name: String,
    files: BTreeMap<String, PathBuf>,
    /// Which module imports which.
    pub imports: Graph,
    /// The crates of this workspace that it names, without `lingo_`.
    pub crates: BTreeSet<String>,
}

impl Modules {
    /// Reads the crate whose sources lie in `folder` (`crates/ingest/src`, `crates/cli`).
    pub fn read(name: &str, folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        collect(folder, "", &mut files);
        let mut modules = Self {
            name: name.into(),
            files,
            imports: Graph::new(),
            crates: BTreeSet::new(),
        };
        for (module, file) in &modules.files {
            let text = fs::read_to_string(file).unwrap();
            let mut imports = BTreeSet::new();
            for path in source::paths(&text) {
                if let Some(other) = path[0].strip_prefix("lingo_") {
                    modules.crates.insert(other.into());
                } else if let Some(target) = modules.resolve(module, &path)
                    && target != *module
                {
                    imports.insert(target);
                }
            }
            modules.imports.insert(module.clone(), imports);
        }
        modules.crates.remove("pipe");
        modules
    }

    /// The file that `path`, written in `module`, leads to; none if it leads out of the crate.
    fn resolve(&self, module: &str, path: &[String]) -> Option<String> {
        let mut segments = path.iter().map(String::as_str).peekable();
        let mut at: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
        match *segments.peek()? {
            "crate" => {
                at.clear();
                segments.next();
            }
            "self" => {
                segments.next();
            }
            "super" => {
                while segments.next_if_eq(&"super").is_some() {
                    at.pop()?;
                }
            }
            // A child of this module, or something of another crate.
            child => {
                let mut below = at.clone();
                below.push(child);
                if !self.files.contains_key(&below.join("::")) {
                    return None;
                }
            }
        }
        for segment in segments {
            at.push(segment);
            if !self.files.contains_key(&at.join("::")) {
                at.pop();
                break;
            }
        }
        Some(at.join("::"))
    }

    /// The graph of what stands directly below `module`: each child with all that is below it, and the module's own
    /// file under the name `mod`.
    pub fn rooms_of(&self, module: &str) -> Graph {
        let room = |other: &str| -> Option<String> {
            if other == module {
                return Some("mod".into());
            }
            let below = match module {
                "" => other,
                _ => other.strip_prefix(module)?.strip_prefix("::")?,
            };
            below.split("::").next().map(str::to_string)
        };
        let mut rooms = Graph::new();
        for (from, to) in &self.imports {
            let Some(from) = room(from) else { continue };
            let edges = rooms.entry(from.clone()).or_default();
            edges.extend(to.iter().filter_map(|to| room(to)).filter(|to| *to != from));
        }
        rooms
    }

    /// Every module that has others below it; `""` first.
    pub fn folders(&self) -> BTreeSet<String> {
        let mut folders = BTreeSet::from([String::new()]);
        for module in self.files.keys() {
            if let Some((above, _)) = module.rsplit_once("::") {
                folders.insert(above.into());
            }
        }
        folders
    }
}

fn collect(folder: &Path, module: &str, files: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_string();
        let below = |name: &str| match module {
            "" => name.to_string(),
            _ => format!("{module}::{name}"),
        };
        if stem == "tests" {
            continue; // `#[cfg(test)] mod tests;`
        } else if path.is_dir() {
            collect(&path, &below(&stem), files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = match stem.as_str() {
                "lib" | "main" if module.is_empty() => String::new(),
                "mod" => module.to_string(),
                _ => below(&stem),
            };
            files.insert(name, path);
        }
    }
}
