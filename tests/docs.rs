//! The documentation is true: its links lead somewhere, its examples run, its pipelines are read, its tables of keys
//! are the program's, and the reference is what the program says of itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod pages;
#[path = "../crates/hub/tests/server/mod.rs"]
mod server;
mod toy;

use std::fs;

use pages::{links, pages, root};

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_of_it() {
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut anchors = text.lines().filter_map(anchor);
                let is_there = anchors.any(|anchor| anchor == heading);
                assert!(is_there, "{}: no heading {link}", page.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked} links");
}

/// What a heading is called in a link, as GitHub makes it: small letters, digits and hyphens, a hyphen for each space.
fn anchor(line: &str) -> Option<String> {
    let heading = line.trim_start_matches('#').strip_prefix(' ')?;
    if heading.len() + 1 == line.len() {
        return None;
    }
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || "-_".contains(c) => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    Some(kept.collect())
}

#[test]
fn the_index_of_the_documentation_names_every_page_of_it() {
    let folder = root().join("docs");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let linked: Vec<&str> = links(&index).collect();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "README.md" {
            assert!(linked.contains(&name.as_str()), "docs/README.md: {name}");
        }
    }
    assert!(linked.contains(&"reference/README.md"));
}

#[test]
fn the_readme_is_a_short_way_in() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() < 150);
    for part in [
        "cargo run -- run pipelines/demo.yaml",
        "cargo test --workspace",
        "](docs/README.md)",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(root().join("docs/report.png").is_file());
}
