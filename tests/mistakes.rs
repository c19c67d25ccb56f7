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
fn all_mistakes_in_the_file_are_told_at_once() {
    let toy = Toy::new();
    let text = toy::PIPELINE
        .replace("epochs: 4", "epoch: 4")
        .replace("lora: { rank: 2 }", "lora: { rank: 0 }")
        .replace("scheme: base", "scheme: bass")
        .replace("target_rank: 2", "target_rank: two");
    toy.write("bad.yaml", &text);
    let ran = toy.lingo(&["validate", "bad.yaml"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    for told in [
        "unknown key `epoch`",
        "a whole number above 0 is needed here, found the number `0`",
        "unknown name `bass`",
        "found the text `two`",
    ] {
        assert_eq!(
            ran.stderr.matches(told).count(),
            1,
            "{told}: {}",
            ran.stderr
        );
    }
    assert!(!ran.stderr.contains("is missing"), "{}", ran.stderr);
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
fn missing_files_are_told_by_the_variable_of_their_paths() {
    let gue = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/gue.yaml");
    let toy = Toy::new();
    let model = toy.path("model");
    for (value, state) in [
        (None, "$GUE is not set"),
        (Some("/nowhere"), "$GUE is `/nowhere`"),
    ] {
        // Whatever lies beside this checkout, this default holds nothing.
        let copy = toy.path("pipelines");
        fs::create_dir_all(&copy).unwrap();
        let text = fs::read_to_string(gue).unwrap();
        fs::write(
            copy.join("gue.yaml"),
            text.replace("published: ../data/published/gue.csv\n", ""),
        )
        .unwrap();
        let mut command = toy.command(&["validate", "pipelines/gue.yaml"]);
        command.env("MINILM", &model).env_remove("NATURAL");
        if let Some(value) = value {
            command.env("GUE", value);
        }
        let ran = toy::Ran::of(command.output().unwrap());
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        for told in [
            "89 input files are missing",
            state,
            "(pipelines/gue.yaml:25): 84 missing, the first is ",
            // The five mouse tasks' natural DNA.
            "$NATURAL is not set (pipelines/gue.yaml:131): 5 missing",
            "/EMP/H3/train.csv",
            "export NAME=FOLDER",
        ] {
            assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
        }
        assert!(ran.stderr.lines().count() < 7, "{}", ran.stderr);
    }
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
fn bad_data_is_told_with_file_and_line_and_the_other_tasks_run() {
    let toy = Toy::new();
    let run = ["run", "toy.yaml", "--device", "cpu", "--methods", "lora"];
    toy.ok(&run);
    let right = toy.cells("runs/toy")["right/lora/seed-1"];
    for (name, at) in [("left", "a\t10\t20"), ("right", "a\t20\t30")] {
        let bed = toy.read(&format!("{name}.bed"));
        let wrong = at.rsplit_once('\t').unwrap().0.to_string() + "\t1";
        toy.write(&format!("{name}.bed"), &bed.replacen(at, &wrong, 1));
    }
    // Nothing is left to run: the mistakes are the message.
    let both = toy.lingo(&run);
    assert_eq!(both.code, 3, "{}", both.stderr);
    for place in ["task left: left.bed:2:", "task right: right.bed:3:"] {
        assert_eq!(both.stderr.matches(place).count(), 1, "{}", both.stderr);
    }

    let bed = toy
        .read("right.bed")
        .replacen("a\t20\t1\t", "a\t20\t29\t", 1);
    toy.write("right.bed", &bed);
    let ran = toy.lingo(&run);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    for told in ["failed: task left: left.bed:2:", "1 of 2 cells failed"] {
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    let cells = toy.cells("runs/toy");
    assert_ne!(cells["right/lora/seed-1"], right, "the other task was run");

    // The old result of the bad task is not passed off as one of the data that lies there now.
    let lock: serde_json::Value = serde_json::from_str(&toy.read("runs/toy/lingo.lock")).unwrap();
    let locked: Vec<&String> = lock["cells"].as_object().unwrap().keys().collect();
    assert_eq!(locked, ["right/lora/seed-1"]);
    let report = toy.read("runs/toy/report.html");
    let warning = "left/lora/seed-1: this result was made before its input changed";
    assert!(report.contains(warning));
    assert_eq!(toy.lingo(&["verify", "runs/toy"]).code, 0);
}

#[test]
fn a_model_without_weights_is_told_before_anything_is_written() {
    let toy = Toy::new();
    fs::remove_file(toy.path("model/model.safetensors")).unwrap();
    let ran = toy.lingo(&["run", "toy.yaml", "--device", "cpu"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("model/model.safetensors"),
        "{}",
        ran.stderr
    );
    assert!(!toy.path("runs").exists());
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

/// A limit on the size of files stands for a full disk: at some point a write fails in the midst.
#[cfg(unix)]
#[test]
fn a_write_that_fails_is_told_with_its_path_and_leaves_nothing_half_written() {
    let toy = Toy::new();
    let whole = toy.ok(&["run", "toy.yaml", "--device", "cpu", "--out", "whole"]);
    assert_eq!(whole.code, 0);
    for kibibytes in [1, 4, 16] {
        let out = format!("full-{kibibytes}");
        let run = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
        let lingo = toy::lingo();
        let ran = std::process::Command::new("bash")
            .args(["-c", &run])
            .arg(lingo.get_program())
            .args(["run", "toy.yaml", "--device", "cpu", "--out", &out])
            .env("NO_COLOR", "1")
            .current_dir(toy.path(""))
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{kibibytes}: {error}");
        assert!(error.contains("File too large"), "{kibibytes}: {error}");
        assert!(error.contains(&out), "{kibibytes}: {error}");
        // What is there is whole: the same bytes as without the limit, but for what carries times.
        let mut checked = 0;
        for name in ["left/examples.parquet", "left/tokens.parquet"] {
            if let Ok(bytes) = fs::read(toy.path(&out).join(name)) {
                assert_eq!(bytes, fs::read(toy.path("whole").join(name)).unwrap());
                checked += 1;
            }
        }
        assert!(checked < 2 || kibibytes > 1);
        let left = temporary_files(&toy.path(&out));
        assert_eq!(left, Vec::<String>::new(), "{kibibytes}");
    }
}

/// What was being written and did not get its name: files and folders called `.NAME.XXXXXX`.
#[cfg(unix)]
fn temporary_files(folder: &std::path::Path) -> Vec<String> {
    let stays = [".running", ".locks", ".digests.json", ".states"];
    toy::contents(folder, &[""])
        .into_keys()
        .filter(|path| {
            let mut names = path.split('/');
            names.any(|name| name.starts_with('.') && !stays.contains(&name))
        })
        .collect()
}

#[cfg(unix)]
#[test]
fn temporary_files_are_found_by_the_name_that_they_have() {
    let toy = Toy::new();
    let folder = toy.path("run/left");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("task.json"), "").unwrap();
    let path = folder.join("tokens.parquet");
    let mut seen = Vec::new();
    lingo_artifact::atomic::write(&path, |_| {
        seen = temporary_files(&toy.path("run"));
        Ok::<(), lingo_artifact::Error>(())
    })
    .unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].starts_with("left/.tokens.parquet."), "{seen:?}");
    assert!(temporary_files(&toy.path("run")).is_empty());
}

#[test]
fn what_would_be_refused_after_hours_is_told_by_validate_and_before_the_run() {
    let toy = Toy::new();
    let text = toy::PIPELINE
        .replace("lora: { rank: 2 }", "lora: { rank: 2, targets: [qeury] }")
        .replace(
            "[left.bed], label: { column: 5 }",
            "[left.bed], label: { column: 17 }",
        )
        .replace("scheme: base", "scheme: base, max_length: 2");
    let (before, right) = text.split_once("  right:").unwrap();
    let right = right.replace("test: [c]", "test: [z]");
    toy.write("bad.yaml", &format!("{before}  right:{right}"));
    for command in ["validate", "run"] {
        let ran = toy.lingo(&[command, "bad.yaml"]);
        assert_ne!(ran.code, 0, "{command}");
        for told in [
            "methods.lora.lora: the target `qeury` matches no module of the model; did you mean `query`?",
            "task left: ",
            "left.bed:1: ",
            "17",
            "task right: ",
            "`z`",
            "leaves no room for DNA under the limit of 2",
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
