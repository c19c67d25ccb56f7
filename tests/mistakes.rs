//! Users' mistakes: told before anything runs, with the exit code that the help promises.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::fs;

use toy::Toy;

#[test]
fn a_mistake_in_the_file_is_shown_where_it_stands() {
    let toy = Toy::new();
    toy.write("bad.yaml", &toy::PIPELINE.replace("epochs: 4", "epoch: 4"));
    for command in ["run", "validate", "plan", "graph"] {
        let ran = toy.lingo(&[command, "bad.yaml"]);
        assert_eq!(ran.code, 2, "{command}");
        for told in [
            "unknown key `epoch`",
            "bad.yaml:18:10",
            "did you mean `epochs`?",
        ] {
            assert!(
                ran.stderr.contains(told),
                "{command}: {told}: {}",
                ran.stderr
            );
        }
    }
    assert!(!toy.path("runs").exists());
}

#[test]
fn missing_files_are_told_all_at_once() {
    let toy = Toy::new();
    fs::remove_file(toy.path("left.fa")).unwrap();
    fs::remove_file(toy.path("right.bed")).unwrap();
    for command in ["run", "validate"] {
        let ran = toy.lingo(&[command, "toy.yaml"]);
        assert_eq!(ran.code, 3, "{command}");
        assert!(
            ran.stderr.contains("2 input files are missing"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("left.fa (task left)"), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("right.bed (task right)"),
            "{}",
            ran.stderr
        );
    }
    assert!(!toy.path("runs").exists());
}

#[test]
fn tasks_without_their_files_are_skipped_on_request() {
    let toy = Toy::new();
    fs::remove_file(toy.path("left.fa")).unwrap();
    let ran = toy.ok(&[
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--methods",
        "lora",
        "--skip-missing",
    ]);
    assert!(ran.stderr.contains("skipping left"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 cells run"), "{}", ran.stderr);
    fs::remove_file(toy.path("right.fa")).unwrap();
    assert_eq!(
        toy.lingo(&["run", "toy.yaml", "--skip-missing"]).code,
        3,
        "nothing is left"
    );
}

#[test]
fn names_on_the_command_line_are_checked() {
    let toy = Toy::new();
    for (option, name, told) in [
        (
            "--only",
            "lefd",
            "the pipeline has no task `lefd`; did you mean `left`?",
        ),
        (
            "--methods",
            "lorra",
            "the pipeline has no method `lorra`; did you mean `lora`?",
        ),
        ("--device", "gpu", "device `gpu`"),
        ("--set", "trian.epochs=1", "unknown key `trian`"),
    ] {
        let ran = toy.lingo(&["run", "toy.yaml", option, name]);
        assert_eq!(ran.code, 2, "{option}");
        assert!(ran.stderr.contains(told), "{option}: {}", ran.stderr);
    }
}

#[test]
fn bad_data_is_told_with_file_and_line_and_nothing_is_trained() {
    let toy = Toy::new();
    let bed = toy.read("left.bed").replacen("a\t10\t20", "a\t20\t10", 1);
    toy.write("left.bed", &bed);
    let ran = toy.lingo(&["run", "toy.yaml", "--device", "cpu"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("left.bed:2:"), "{}", ran.stderr);
    assert!(toy.cells("runs/toy").is_empty());
}

#[test]
fn a_target_that_matches_nothing_is_told_before_training() {
    let toy = Toy::new();
    let ran = toy.lingo(&[
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--set",
        "methods.lora.lora.targets=[qeury]",
    ]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("qeury"), "{}", ran.stderr);
    assert!(toy.cells("runs/toy").is_empty());
}

#[test]
fn a_broken_model_folder_is_bad_input() {
    let toy = Toy::new();
    fs::remove_file(toy.path("model/config.json")).unwrap();
    let ran = toy.lingo(&["run", "toy.yaml", "--device", "cpu"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("config.json"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_a_failure() {
    let toy = Toy::new();
    toy.write("file", "");
    let ran = toy.lingo(&["run", "toy.yaml", "--device", "cpu", "--out", "file/run"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("file/run"), "{}", ran.stderr);
}
