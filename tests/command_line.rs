//! The command line: help, exit codes, completions.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use toy::{Ran, lingo};

fn run(arguments: &[&str]) -> Ran {
    Ran::of(lingo().args(arguments).output().unwrap())
}

#[test]
fn the_short_help_of_ingest_fits_and_is_grouped_by_source() {
    let ran = run(&["ingest", "-h"]);
    assert_eq!(ran.code, 0);
    let mut places = Vec::new();
    for heading in [
        "Genome:",
        "BED intervals:",
        "Tables of sequences:",
        "Variants (VCF):",
        "Annotation (GFF3, GTF):",
        "Tables of intervals:",
        "Peaks, a label for each file:",
        "FASTA with labels:",
        "Split:",
        "Leakage:",
        "Negatives:",
        "Output:",
    ] {
        assert_eq!(
            ran.stdout.matches(heading).count(),
            1,
            "{heading}: {}",
            ran.stdout
        );
        places.push(ran.stdout.find(heading));
    }
    assert!(places.is_sorted(), "{}", ran.stdout);
    let option = |line: &&str| line.trim_start().starts_with("--");
    let options = ran.stdout.lines().filter(option).count();
    assert!(options >= 45, "every option is there: {options}");
    assert!(
        !ran.stdout.contains("lingo-pipe ingest --fasta"),
        "examples are for --help"
    );
    insta::assert_snapshot!("ingest_short_help", ran.stdout);
}

#[test]
fn a_bad_command_line_exits_2() {
    for arguments in [
        &["frobnicate"][..],
        &["run", "--jobs", "0"],
        &["run", "--seeds", "x"],
        &[
            "tokenize",
            "encode",
            "--input",
            "e.parquet",
            "--out",
            "t.parquet",
        ],
        &["ingest", "--out", "e.parquet"],
        &[],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty());
    }
}

#[test]
fn files_that_are_not_there() {
    for (arguments, code) in [
        (&["run", "nowhere.yaml"][..], 2),
        (&["report", "nowhere"], 3),
        (&["verify", "nowhere"], 3),
        (&["evaluate", "--predictions", "nowhere.parquet"], 3),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("nowhere"), "{}", ran.stderr);
    }
}

#[test]
fn completions_and_the_man_page_know_the_commands() {
    for arguments in [
        &["completions", "bash"][..],
        &["completions", "zsh"],
        &["man"],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("verify"), "{arguments:?}");
    }
}

#[test]
fn a_machine_without_a_display_hears_nothing_of_it() {
    // Where OpenGL is installed and no card is there, asking it for adapters would complain on stderr.
    let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/demo.yaml");
    for command in ["plan", "validate"] {
        let ran = Ran::of(
            lingo()
                .args([command, demo.to_str().unwrap()])
                .env_remove("XDG_RUNTIME_DIR")
                .output()
                .unwrap(),
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!ran.stderr.contains("XDG_RUNTIME_DIR"), "{}", ran.stderr);
    }
}
