//! The pages that people read, and what is held true in them.
//!
//! | module | what it holds |
//! |---|---|
//! | `reference` | `docs/reference` is what the program says of itself |
//! | `examples` | every command in the pages and in the help runs on stand-in files |
//! | `command` | a command as a page prints it |
//! | `shelf` | the stand-in files, under the names that the pages use |
//! | `model` | a small BERT and its tokenizer, standing in for all-MiniLM-L6-v2 |
//! | `pieces` | every pipeline, and every piece of one, is read |
//! | `keys` | tables of keys and defaults are those of the JSON Schema |

mod command;
mod examples;
mod keys;
mod model;
mod pieces;
mod reference;
mod shelf;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page that people read.
pub fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in [
        ".",
        "benches",
        "packaging",
        "pipelines",
        "data/demo",
        "fuzz",
    ] {
        pages.extend(files(&root().join(folder)));
    }
    pages.extend(files_below(&root().join("docs")));
    pages.retain(|path| path.extension().is_some_and(|e| e == "md"));
    assert!(pages.len() >= 30, "{pages:?}");
    pages
}

/// The pages whose examples are of this version: neither made from the program nor its history.
fn written() -> Vec<PathBuf> {
    let mut pages = pages();
    pages.retain(|page| {
        !page.starts_with(root().join("docs/reference")) && !page.ends_with("CHANGELOG.md")
    });
    pages
}

/// The entries of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

/// All files of a folder and of the folders in it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = files(folder).into_iter();
    entries
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![path],
        })
        .collect()
}

/// What stands in parentheses behind `](`.
pub fn links(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("](").skip(1);
    behind
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
}

/// The blocks in a language: ```` ```yaml ````.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    let behind = text.split(begin.as_str()).skip(1);
    behind
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// What stands between single backticks, outside blocks.
fn spans(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside
        .flat_map(|part| part.lines())
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}
