//! The house in order: imports go down only, between crates and inside them, and no folder is a heap.
//!
//! `just modules` writes the drawing that these tests hold ARCHITECTURE.md against.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod graph;
mod modules;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use graph::{circles, from_the_top};
use modules::Modules;

/// What each crate may import, as ARCHITECTURE.md has it.
const FLOORS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "workflow", "hub", "ingest", "tokenize", "adapt", "design", "evaluate", "lm",
            "artifact",
        ],
    ),
    (
        "workflow",
        &[
            "hub", "ingest", "tokenize", "adapt", "design", "evaluate", "lm", "artifact",
        ],
    ),
    ("hub", &["artifact"]),
    ("ingest", &["artifact"]),
    ("tokenize", &["artifact"]),
    ("evaluate", &["artifact"]),
    ("adapt", &["lm", "kernels", "artifact"]),
    ("design", &["lm", "artifact"]),
    ("lm", &["kernels"]),
    ("kernels", &[]),
    ("artifact", &[]),
];

/// A folder with more entries than this is a heap.
const ENTRIES: usize = 20;

const BEGIN: &str = "<!-- modules: begin (made by `just modules`) -->\n";
const END: &str = "<!-- modules: end -->\n";

fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").unwrap().into()
}

fn house() -> Vec<Modules> {
    FLOORS
        .iter()
        .map(|(name, _)| {
            let folder = root().join("crates").join(name);
            let sources = folder.join("src");
            Modules::read(name, if sources.is_dir() { &sources } else { &folder })
        })
        .collect()
}

/// Each crate with its rooms, those that import above those that are imported.
fn drawing(house: &[Modules]) -> String {
    let mut text = String::from("```\n");
    for modules in house {
        let crates: Vec<&str> = modules.crates.iter().map(String::as_str).collect();
        let above = if crates.is_empty() {
            String::new()
        } else {
            format!(" -> {}", crates.join(" "))
        };
        text += &format!("{}{above}\n", modules.name);
        let mut rooms = modules.rooms_of("");
        rooms.remove("mod"); // lib.rs names every room
        for room in from_the_top(&rooms) {
            let to: Vec<&str> = rooms[&room].iter().map(String::as_str).collect();
            text += format!("    {room:<18} {}", to.join(" ")).trim_end();
            text += "\n";
        }
    }
    text + "```\n"
}

#[test]
fn every_crate_of_the_workspace_has_its_floor() {
    let mut found: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut known: Vec<&str> = FLOORS.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(found, known);
}

#[test]
fn crates_import_downwards_only() {
    for (modules, (name, below)) in house().iter().zip(FLOORS) {
        for other in &modules.crates {
            assert!(
                below.contains(&other.as_str()),
                "{name} imports {other}, which is not below it"
            );
        }
    }
}

#[test]
fn no_files_of_a_crate_import_one_another_in_a_circle() {
    let mut faults = String::new();
    for modules in house() {
        for circle in circles(&modules.imports) {
            faults += &format!("{}: {}\n", modules.name, circle.join(", "));
        }
    }
    assert!(faults.is_empty(), "circles between files:\n{faults}");
}

#[test]
fn no_rooms_of_a_folder_import_one_another_in_a_circle() {
    let mut faults = String::new();
    for modules in house() {
        for folder in modules.folders() {
            for circle in circles(&modules.rooms_of(&folder)) {
                faults += &format!("{}/{folder}: {}\n", modules.name, circle.join(", "));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "circles between modules with all that is below them:\n{faults}"
    );
}

#[test]
fn no_folder_is_a_heap() {
    fn look(folder: &Path, faults: &mut String) {
        let entries: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        if entries.len() > ENTRIES {
            *faults += &format!("{}: {} entries\n", folder.display(), entries.len());
        }
        for entry in entries.iter().filter(|entry| entry.is_dir()) {
            look(entry, faults);
        }
    }
    let mut faults = String::new();
    look(&root().join("crates"), &mut faults);
    assert!(faults.is_empty(), "more than {ENTRIES} entries:\n{faults}");
}

#[test]
fn the_drawing_of_the_modules_is_true() {
    let file = root().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&file).unwrap();
    let begin = text.find(BEGIN).unwrap() + BEGIN.len();
    let end = text.find(END).unwrap();
    let drawing = drawing(&house());
    if std::env::var_os("LINGO_DRAW_MODULES").is_some() {
        fs::write(
            &file,
            format!("{}{drawing}{}", &text[..begin], &text[end..]),
        )
        .unwrap();
        println!("{drawing}");
    } else {
        assert!(
            text[begin..end] == drawing,
            "ARCHITECTURE.md draws other modules than there are: `just modules` draws them anew\n{drawing}"
        );
    }
}
