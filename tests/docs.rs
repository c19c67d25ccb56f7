//! The documentation is true: its links lead somewhere, and its pipelines are read.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::fs;
use std::path::{Path, PathBuf};

use toy::{Ran, lingo};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in [
        ".",
        "docs",
        "benches",
        "packaging",
        "pipelines",
        "data",
        "fuzz",
    ] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() >= 8, "{pages:?}");
    pages
}

/// What stands in parentheses behind `](`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("](").skip(1);
    behind
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap();
            let target = page.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link}", page.display());
            checked += 1;
        }
    }
    assert!(checked > 8, "{checked} links");
}

/// The blocks in a language: ```` ```yaml ````.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    let behind = text.split(begin.as_str()).skip(1);
    behind
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn every_pipeline_in_the_pages_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for block in blocks(&text, "yaml")
            .iter()
            .filter(|b| b.starts_with("lingo:"))
        {
            let file = folder.path().join("page.yaml");
            fs::write(&file, block).unwrap();
            let ran = Ran::of(lingo().arg("validate").arg(&file).output().unwrap());
            // Nothing is wrong with it but that its files are elsewhere.
            let place = page.display();
            assert_eq!(ran.code, 3, "{place}: {}", ran.stderr);
            assert!(ran.stderr.contains("missing"), "{place}: {}", ran.stderr);
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn the_readme_is_a_short_way_in() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() < 150);
    for commands in [
        "cargo run -- run pipelines/demo.yaml",
        "cargo test --workspace",
    ] {
        assert!(text.contains(commands), "{commands}");
    }
    assert!(Path::new(&root().join("docs/report.png")).is_file());
}
