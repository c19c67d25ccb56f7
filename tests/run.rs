//! A pipeline is run: what is done is kept, what changed is done again, and nothing depends on threads or jobs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::fs;
use std::path::Path;

use toy::{Toy, contents};

/// The files whose bits must not depend on anything but the pipeline.
const RESULTS: [&str; 2] = ["adapter/", "predictions.parquet"];

#[test]
fn a_run_leaves_cells_a_lock_and_a_report_and_the_next_run_skips_them() {
    let toy = Toy::new();
    let dry = toy.ok(&["run", "toy.yaml", "--device", "cpu", "--dry-run"]);
    assert_eq!(
        dry.stdout.matches("not run yet").count(),
        4,
        "{}",
        dry.stdout
    );
    assert!(!toy.path("runs").exists(), "a dry run writes nothing");

    let first = toy.ok(&["run", "toy.yaml", "--device", "cpu"]);
    assert!(
        first.stderr.contains("4 cells run, 0 finished before"),
        "{}",
        first.stderr
    );
    assert_eq!(first.stdout, "runs/toy/report.html\n");
    // The scores are the last thing that a person sees; data on stdout stays data.
    let row = |task: &str, method: &str| {
        let mut lines = first.stderr.lines();
        lines
            .find(|line| line.split_whitespace().take(3).eq([task, method, "mcc"]))
            .map(ToString::to_string)
    };
    for (task, method) in [
        ("left", "lora"),
        ("left", "ars"),
        ("right", "lora"),
        ("right", "ars"),
    ] {
        let line = row(task, method).unwrap_or_else(|| panic!("{}", first.stderr));
        let metrics: serde_json::Value = serde_json::from_str(
            &toy.read(&format!("runs/toy/{task}/{method}/seed-1/metrics.json")),
        )
        .unwrap();
        let mcc = format!("{:.3}", metrics["test"]["mcc"].as_f64().unwrap());
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(cells[3..], [mcc.as_str(), "-", "1"], "{line}");
    }
    for file in [
        "left/examples.parquet",
        "left/tokens.parquet",
        "left/lora/seed-1/adapter/adapter_config.json",
        "left/lora/seed-1/adapter/adapter_model.safetensors",
        "left/lora/seed-1/adapter/lingo.json",
        "left/ars/seed-1/predictions.parquet",
        "right/lora/seed-1/train.jsonl",
        "right/lora/seed-1/metrics.json",
        "right/lora/seed-1/cell.json",
        "report.html",
        "metrics.csv",
        "metrics.parquet",
        "differences.csv",
        "lingo.lock",
    ] {
        assert!(toy.path("runs/toy").join(file).is_file(), "{file}");
    }
    let rows = toy.read("runs/toy/metrics.csv").lines().count();
    assert_eq!(rows, 1 + 4 * 2, "a header, and dev and test of four cells");
    let metrics: serde_json::Value =
        serde_json::from_str(&toy.read("runs/toy/left/ars/seed-1/metrics.json")).unwrap();
    assert!(metrics["test"]["mcc"].is_number(), "{metrics}");
    assert!(metrics["trainable_parameters"].as_u64() < metrics["total_parameters"].as_u64());

    let cells = toy.cells("runs/toy");
    let again = toy.ok(&["run", "toy.yaml", "--device", "cpu"]);
    assert!(
        again.stderr.contains("0 cells run, 4 finished before"),
        "{}",
        again.stderr
    );
    assert_eq!(toy.cells("runs/toy"), cells);

    let fresh = toy.ok(&[
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--fresh",
        "--only",
        "left",
        "--methods",
        "lora",
    ]);
    assert!(fresh.stderr.contains("1 cells run"), "{}", fresh.stderr);
    let redone = toy.cells("runs/toy");
    let changed: Vec<_> = cells.keys().filter(|c| cells[*c] != redone[*c]).collect();
    assert_eq!(changed, ["left/lora/seed-1"]);
}

#[test]
fn a_plan_ends_with_totals_and_a_long_one_has_a_line_for_each_task() {
    let toy = Toy::new();
    let plan = |seeds: &str| {
        toy.ok(&["plan", "toy.yaml", "--device", "cpu", "--seeds", seeds])
            .stdout
    };
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    let short = plan("1");
    assert_eq!(short.matches("not run yet").count(), 4, "{short}");
    let total: Vec<String> = words(short.lines().last().unwrap());
    assert_eq!(total, ["total", "4", "0", "4", "0", "0"], "{short}");

    let long = plan("1,2,3,4,5,6,7");
    assert_eq!(long.matches("not run yet").count(), 2, "{long}");
    assert!(long.contains("2 tasks x 2 methods x 7 seeds"), "{long}");
    let left = long.lines().find(|line| line.starts_with("left")).unwrap();
    assert_eq!(words(left)[..3], ["left", "lora,ars", "14"], "{long}");
    let lora = long.lines().find(|line| line.starts_with("lora")).unwrap();
    assert_eq!(words(lora), ["lora", "14", "0", "14", "0", "0"], "{long}");
}

#[test]
fn the_command_in_the_report_repeats_the_run() {
    let toy = Toy::new();
    toy.ok(&[
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--out",
        "a run",
        "--set",
        "train.epochs=2",
        "--only",
        "left",
        "--methods",
        "lora",
        "--seeds",
        "5,6",
    ]);
    let report = toy.read("a run/report.html");
    let (_, commands) = report.split_once("<pre>lingo-pipe run ").unwrap();
    let (command, _) = commands.split_once('\n').unwrap();
    let command = command.replace("&#39;", "'").replace("&quot;", "\"");
    let ran = std::process::Command::new("sh")
        .args(["-c", &format!("\"$0\" run {command}")])
        .arg(toy::lingo().get_program())
        .current_dir(toy.path(""))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(
        told.contains("0 cells run, 2 finished before"),
        "{command}: {told}"
    );
}

#[test]
fn one_changed_byte_reruns_exactly_the_cells_that_read_it() {
    let toy = Toy::new();
    toy.ok(&["run", "toy.yaml", "--device", "cpu"]);
    let before = toy.cells("runs/toy");
    let fasta = toy.read("right.fa");
    let at = fasta.find("\nA").unwrap() + 1;
    toy.write(
        "right.fa",
        &format!("{}G{}", &fasta[..at], &fasta[at + 1..]),
    );
    let _ = fs::remove_file(toy.path("right.fa.fai"));

    let dry = toy.ok(&["run", "toy.yaml", "--device", "cpu", "--dry-run"]);
    assert_eq!(dry.stdout.matches("cached").count(), 2, "{}", dry.stdout);
    let names = |line: &&str| line.contains("input changed: ") && line.contains("right.fa");
    assert_eq!(
        dry.stdout.lines().filter(names).count(),
        2,
        "{}",
        dry.stdout
    );

    let ran = toy.ok(&["run", "toy.yaml", "--device", "cpu"]);
    assert!(
        ran.stderr.contains("2 cells run, 2 finished before"),
        "{}",
        ran.stderr
    );
    let after = toy.cells("runs/toy");
    let changed: Vec<_> = before.keys().filter(|c| before[*c] != after[*c]).collect();
    assert_eq!(changed, ["right/ars/seed-1", "right/lora/seed-1"]);
    assert_eq!(toy.lingo(&["verify", "runs/toy"]).code, 0);
}

#[test]
fn results_of_other_settings_are_kept_and_found_again() {
    let toy = Toy::new();
    let run = [
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
    ];
    let with = |more: &[&'static str]| -> Vec<&str> { run.iter().chain(more).copied().collect() };
    toy.ok(&run);
    let result = |file: &str| fs::read(toy.path("runs/toy/left/lora/seed-1").join(file)).unwrap();
    let first = result("predictions.parquet");
    let shorter = with(&["--set", "train.epochs=2"]);
    let mut planned = shorter.clone();
    planned[0] = "plan";
    let told = toy.ok(&planned).stdout;
    assert!(told.contains("train.epochs: 4 -> 2"), "{told}");
    let ran = toy.ok(&shorter);
    assert!(ran.stderr.contains("1 cells run"), "{}", ran.stderr);
    assert_ne!(result("predictions.parquet"), first);
    // Back at the first settings nothing is trained, nor where what is logged or shown changes no result.
    for more in [
        &[][..],
        &["--set", "train.log_every=7"],
        &["--set", "evaluate.floor=false"],
    ] {
        let ran = toy.ok(&with(more));
        assert!(
            ran.stderr.contains("0 cells run, 1 finished before"),
            "{more:?}: {}",
            ran.stderr
        );
        assert_eq!(result("predictions.parquet"), first);
    }
    assert_eq!(toy.lingo(&["verify", "runs/toy"]).code, 0);

    // Only how it is scored: the training stands.
    let log = result("train.jsonl");
    let resampled = with(&["--set", "evaluate.resamples=30"]);
    let metrics = result("metrics.json");
    let ran = toy.ok(&resampled);
    assert!(ran.stderr.contains("1 cells run"), "{}", ran.stderr);
    assert_eq!(result("train.jsonl"), log);
    assert_ne!(result("metrics.json"), metrics);

    // What the store does not have is not overwritten unasked.
    fs::remove_dir_all(toy.path("runs/toy/store")).unwrap();
    let cells = toy.cells("runs/toy");
    let refused = toy.lingo(&shorter);
    assert_eq!(refused.code, 2);
    for part in ["train.epochs: 4 -> 2", "--fresh"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert_eq!(toy.cells("runs/toy"), cells, "nothing was touched");
    toy.ok(&with(&["--set", "train.epochs=2", "--out", "other"]));
    assert!(toy.path("other/left/lora/seed-1/cell.json").is_file());
    toy.ok(&with(&["--set", "train.epochs=2", "--fresh"]));
    assert_ne!(toy.cells("runs/toy"), cells);
}

#[test]
fn altered_files_stop_no_report() {
    let toy = Toy::new();
    let run = ["run", "toy.yaml", "--device", "cpu", "--only", "left"];
    toy.ok(&run);
    let cell = |file: &str| toy.path("runs/toy/left/lora/seed-1").join(file);
    fs::remove_file(cell("metrics.json")).unwrap();
    fs::write(cell("training.json"), "").unwrap();
    let log = toy.read("runs/toy/left/ars/seed-1/train.jsonl");
    toy.write(
        "runs/toy/left/ars/seed-1/train.jsonl",
        &(log + "no event\n"),
    );
    toy.ok(&["report", "runs/toy"]);
    let page = toy.read("runs/toy/report.html");
    for expected in [
        "left/lora/seed-1/metrics.json is gone",
        "left/lora/seed-1/training.json is not what the run wrote",
        "left/ars/seed-1/train.jsonl is not what the run wrote",
        "--only left --methods ars,lora --seeds 1 --fresh</code>",
        "1 of 2 cells finished",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let trace = toy.read("runs/toy/trace.tsv");
    assert_eq!(trace.matches("COMPLETED").count(), 1, "{trace}");
    assert_eq!(trace.matches("FAILED").count(), 1, "{trace}");
    toy.ok(&[&run[..], &["--fresh"]].concat());
    assert!(!toy.read("runs/toy/report.html").contains("Not as the run"));
}

#[test]
fn what_was_made_again_is_explained_and_what_nothing_refers_to_is_removed() {
    let toy = Toy::new();
    let run = [
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
    ];
    let with = |more: &[&'static str]| -> Vec<&str> { run.iter().chain(more).copied().collect() };
    toy.ok(&run);
    let told = toy.ok(&["explain", "runs/toy"]).stdout;
    assert!(told.contains("were made once"), "{told}");
    toy.ok(&with(&["--set", "train.epochs=2"]));
    let bed = toy.read("left.bed");
    toy.write(
        "left.bed",
        &bed.lines()
            .skip(1)
            .fold(String::new(), |all, l| all + l + "\n"),
    );
    toy.ok(&with(&["--set", "train.epochs=2"]));
    let told = toy
        .ok(&["explain", "runs/toy", "--cell", "left/lora/seed-1"])
        .stdout;
    let trainings: Vec<&str> = told
        .lines()
        .filter(|l| l.contains("  training  "))
        .collect();
    assert_eq!(trainings.len(), 3, "{told}");
    assert!(!trainings[0].contains(" -> "), "{told}");
    assert!(trainings[1].ends_with(": train.epochs: 4 -> 2"), "{told}");
    assert!(trainings[2].contains("has another content"), "{told}");
    assert!(told.contains("  examples  "), "{told}");
    let unknown = toy.lingo(&["explain", "runs/toy", "--cell", "left/lora/seed-9"]);
    assert_eq!(unknown.code, 3);
    assert!(
        unknown.stderr.contains("no result of left/lora/seed-9"),
        "{}",
        unknown.stderr
    );
    assert_eq!(toy.lingo(&["explain", "runs/nowhere"]).code, 3);

    // The results of three makings: examples, tokens, floor twice, training and score three times.
    let count = || fs::read_dir(toy.path("runs/toy/store")).unwrap().count();
    assert_eq!(count(), 12);
    let shown = toy.ok(&["clean", "runs/toy", "--dry-run"]).stdout;
    assert!(shown.contains("would remove 7 folders"), "{shown}");
    assert_eq!(count(), 12);
    let removed = toy.ok(&["clean", "runs/toy"]).stdout;
    assert!(
        removed.contains("removed 7 folders") && removed.contains("5 results stay"),
        "{removed}"
    );
    assert_eq!(count(), 5);
    let ran = toy.ok(&with(&["--set", "train.epochs=2"]));
    assert!(
        ran.stderr.contains("0 cells run, 1 finished before"),
        "{}",
        ran.stderr
    );
    assert_eq!(toy.lingo(&["clean", "runs/nowhere"]).code, 3);
}

#[test]
fn a_locked_run_refuses_what_has_drifted() {
    let toy = Toy::new();
    let run = [
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
    ];
    let with = |more: &[&'static str]| -> Vec<&str> { run.iter().chain(more).copied().collect() };
    let early = toy.lingo(&with(&["--locked"]));
    assert_eq!(early.code, 3, "{}", early.stderr);
    toy.ok(&run);
    toy.ok(&with(&["--locked"]));
    toy.ok(&with(&["--locked", "--set", "train.log_every=3"]));
    toy.ok(&with(&["--locked=runs/toy/lingo.lock", "--out", "again"]));
    let refused = |more: &[&'static str], why: &str| {
        let ran = toy.lingo(&with(more));
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    };
    refused(
        &["--locked", "--set", "train.epochs=2"],
        "train.epochs: 4 -> 2",
    );
    refused(
        &["--locked", "--seeds", "5"],
        "left/lora/seed-5 is not in the lock",
    );
    toy.write("left.bed", &(toy.read("left.bed") + "a\t1\t9\tx\t1\n"));
    refused(&["--locked"], "another content");
}

#[test]
fn inputs_that_were_moved_are_verified_where_they_lie() {
    let toy = Toy::new();
    toy.ok(&[
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
    ]);
    fs::create_dir(toy.path("moved")).unwrap();
    for file in ["left.fa", "left.bed"] {
        fs::rename(toy.path(file), toy.path("moved").join(file)).unwrap();
    }
    let gone = toy.lingo(&["verify", "runs/toy"]);
    assert_eq!(gone.code, 1);
    assert!(gone.stderr.contains("--map OLD=NEW"), "{}", gone.stderr);
    let [from, to] = ["left", "moved/left"].map(|name| toy.path(name).display().to_string());
    let maps = ["fa", "bed"].map(|end| format!("{from}.{end}={to}.{end}"));
    toy.ok(&["verify", "runs/toy", "--map", &maps[0], "--map", &maps[1]]);
    assert_eq!(
        toy.lingo(&["verify", "runs/toy", "--map", "nothing"]).code,
        2
    );
    // The pipeline file is compared, too, where it is there.
    toy.write("toy.yaml", &(toy.read("toy.yaml") + "# more\n"));
    let changed = toy.lingo(&["verify", "runs/toy", "--map", &maps[0], "--map", &maps[1]]);
    assert_eq!(changed.code, 1);
    assert!(
        changed.stderr.contains("pipeline toy.yaml differs"),
        "{}",
        changed.stderr
    );
}

#[test]
fn the_bits_depend_neither_on_threads_nor_on_jobs() {
    let toy = Toy::new();
    let mut results = Vec::new();
    for (out, threads, jobs) in [("a", "1", "1"), ("b", "2", "1"), ("c", "2", "2")] {
        let options = [
            "--out",
            out,
            "--threads",
            threads,
            "--jobs",
            jobs,
            "--device",
            "cpu",
        ];
        let arguments: Vec<&str> = ["run", "toy.yaml"].into_iter().chain(options).collect();
        toy.ok(&arguments);
        results.push(contents(&toy.path(out), &RESULTS));
    }
    assert_eq!(
        results[0]
            .keys()
            .filter(|k| k.ends_with("predictions.parquet"))
            .count(),
        4
    );
    for other in &results[1..] {
        assert_eq!(
            results[0].keys().collect::<Vec<_>>(),
            other.keys().collect::<Vec<_>>()
        );
        for (name, bytes) in &results[0] {
            assert!(bytes == &other[name], "{name} differs");
        }
    }
}

#[test]
fn verify_tells_what_differs() {
    let toy = Toy::new();
    toy.ok(&[
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
    ]);
    let fine = toy.ok(&["verify", "runs/toy"]);
    assert!(
        fine.stderr.contains("as lingo.lock says"),
        "{}",
        fine.stderr
    );
    toy.ok(&["report", "runs/toy"]);
    toy.ok(&["verify", "runs/toy"]);

    let predictions = toy.path("runs/toy/left/lora/seed-1/predictions.parquet");
    let mut bytes = fs::read(&predictions).unwrap();
    bytes[10] ^= 1;
    fs::write(&predictions, bytes).unwrap();
    fs::remove_file(toy.path("left.bed")).unwrap();
    let figure = fs::read_dir(toy.path("runs/toy/figures")).unwrap().next();
    fs::write(figure.unwrap().unwrap().path(), "another").unwrap();
    let found = toy.lingo(&["verify", "runs/toy", "--json"]);
    assert_eq!(found.code, 1);
    assert!(
        found.stderr.contains("predictions.parquet differs"),
        "{}",
        found.stderr
    );
    assert!(
        found.stderr.contains("left.bed is gone"),
        "{}",
        found.stderr
    );
    let json: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 3);
}

#[test]
fn a_cell_whose_folder_is_gone_is_laid_there_again_and_a_hole_is_a_hole() {
    let toy = Toy::new();
    toy.ok(&["run", "toy.yaml", "--device", "cpu", "--methods", "lora"]);
    let folder = toy.path("runs/toy/left/lora/seed-1");
    fs::remove_dir_all(&folder).unwrap();
    toy.ok(&["report", "runs/toy"]);
    assert_eq!(toy.read("runs/toy/metrics.csv").lines().count(), 1 + 2);
    let run = || {
        toy.ok(&["run", "toy.yaml", "--device", "cpu", "--methods", "lora"])
            .stderr
    };
    let told = run();
    assert!(told.contains("0 cells run, 2 finished before"), "{told}");
    assert!(folder.join("predictions.parquet").is_file());
    assert_eq!(toy.read("runs/toy/metrics.csv").lines().count(), 1 + 4);
    // Without the store it is trained again.
    fs::remove_dir_all(&folder).unwrap();
    fs::remove_dir_all(toy.path("runs/toy/store")).unwrap();
    let told = run();
    assert!(told.contains("1 cells run, 1 finished before"), "{told}");
}

#[test]
fn a_seed_that_is_given_twice_is_one_cell() {
    let toy = Toy::new();
    let ran = toy.ok(&[
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
        "--seeds",
        "1,1",
        "--jobs",
        "2",
    ]);
    assert!(ran.stderr.contains("1 cells run"), "{}", ran.stderr);
}

#[test]
fn fresh_begins_anew_also_where_a_cell_was_begun() {
    let toy = Toy::new();
    let run = [
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
    ];
    toy.ok(&run);
    let cell = toy.path("runs/toy/left/lora/seed-1");
    let good = fs::read(cell.join("predictions.parquet")).unwrap();
    // As after a kill: the record of a cell at work, and files that it left.
    fs::rename(cell.join("cell.json"), cell.join("started.json")).unwrap();
    fs::write(cell.join("left-behind"), "x").unwrap();
    let fresh: Vec<&str> = run.iter().copied().chain(["--fresh"]).collect();
    toy.ok(&fresh);
    assert!(!cell.join("left-behind").exists());
    assert!(fs::read(cell.join("predictions.parquet")).unwrap() == good);
}

#[test]
fn a_result_that_lost_a_file_is_made_again_and_data_may_move() {
    let toy = Toy::new();
    let run = [
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
    ];
    toy.ok(&run);
    let predictions = toy.path("runs/toy/left/lora/seed-1/predictions.parquet");
    let bytes = fs::read(&predictions).unwrap();
    fs::remove_file(&predictions).unwrap();
    let ran = toy.ok(&run);
    assert!(
        ran.stderr.contains("0 cells run, 1 finished"),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::read(&predictions).unwrap(), bytes);
    // Cut short where it lies, and so in the store, which has the same file.
    let file = fs::File::options().write(true).open(&predictions).unwrap();
    file.set_len(10).unwrap();
    let ran = toy.ok(&run);
    assert!(ran.stderr.contains("1 cells run"), "{}", ran.stderr);
    assert_eq!(fs::read(&predictions).unwrap(), bytes);

    // The same bytes elsewhere are the same input, and the lock names where they lie now.
    fs::create_dir(toy.path("moved")).unwrap();
    for file in ["left.fa", "left.bed"] {
        fs::rename(toy.path(file), toy.path("moved").join(file)).unwrap();
    }
    toy.write(
        "toy.yaml",
        &toy.read("toy.yaml").replace("left.", "moved/left."),
    );
    let ran = toy.ok(&run);
    assert!(
        ran.stderr.contains("0 cells run, 1 finished before"),
        "{}",
        ran.stderr
    );
    assert_eq!(toy.lingo(&["verify", "runs/toy"]).code, 0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_exits_75_and_the_same_command_goes_on() {
    // HUP is what a closed terminal sends.
    for signal in ["-TERM", "-HUP"] {
        interrupt_and_go_on(signal);
    }
}

#[cfg(unix)]
fn interrupt_and_go_on(signal: &str) {
    let toy = Toy::new();
    let run = [
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--only",
        "left",
        "--methods",
        "lora",
        "--set",
        "train.epochs=150",
        "--set",
        "train.log_every=1",
    ];
    toy.ok(&run
        .iter()
        .copied()
        .chain(["--out", "whole"])
        .collect::<Vec<_>>());

    let mut child = toy
        .command(&run)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = || {
        let tries = toy::tries(&toy.path("runs/toy")).into_iter();
        let logs = tries.filter_map(|one| fs::read_to_string(one.join("train.jsonl")).ok());
        logs.map(|text| text.lines().count()).max().unwrap_or(0)
    };
    while lines() <= 2 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it was stopped"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
    let stopped = toy::Ran::of(child.wait_with_output().unwrap());
    assert_eq!(stopped.code, 75, "{signal}: {}", stopped.stderr);
    assert!(
        stopped.stderr.contains("run the same command again"),
        "{}",
        stopped.stderr
    );
    assert!(toy.cells("runs/toy").is_empty());

    let again = toy.ok(&run);
    assert!(again.stderr.contains("1 cells run"), "{}", again.stderr);
    let [whole, resumed] = ["whole", "runs/toy"].map(|run| contents(&toy.path(run), &RESULTS));
    assert!(whole == resumed, "a resumed cell gives the same bits");
}

#[test]
fn a_model_with_a_vocabulary_of_kmers_works_from_validate_to_predict() {
    // DNABERT's layout: vocab.txt and tokenizer_config.json, no tokenizer.json.
    let toy = Toy::new();
    fs::remove_file(toy.path("model/tokenizer.json")).unwrap();
    let mut vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n".to_string();
    for pair in ["A", "C", "G", "T"]
        .iter()
        .flat_map(|a| ["A", "C", "G", "T"].map(|b| format!("{a}{b}\n")))
    {
        vocabulary.push_str(&pair);
    }
    toy.write("model/vocab.txt", &vocabulary);
    toy.write("model/tokenizer_config.json", r#"{"do_lower_case": false}"#);
    let pipeline = toy::PIPELINE.replace("scheme: base", "scheme: model");
    toy.write("kmers.yaml", &pipeline.replace("name: toy", "name: kmers"));
    toy.ok(&["validate", "kmers.yaml"]);
    let run = |more: &[&str]| {
        let mut arguments = vec!["run", "kmers.yaml", "--only", "left", "--methods", "lora"];
        arguments.extend(more);
        toy.ok(&arguments)
    };
    run(&[]);
    let adapter = "runs/kmers/left/lora/seed-1/adapter";
    let predict = [
        "predict",
        "--adapter",
        adapter,
        "--fasta",
        "left.fa",
        "--bed",
        "left.bed",
        "--out",
        "p.tsv",
    ];
    toy.ok(&[&predict[..], &["--model", "model"]].concat());
    assert!(toy.read("p.tsv").lines().count() > 10);
    // What its tokens are made from is part of the cell.
    let record = toy.read("runs/kmers/left/lora/seed-1/cell.json");
    for file in ["model/vocab.txt", "model/tokenizer_config.json"] {
        assert!(record.contains(file), "{file}: {record}");
    }
    assert!(run(&[]).stderr.contains("0 cells run, 1 finished before"));
}

/// A decoder of random weights with a tokenizer of the kind that such models have: bytes, no token behind a text, and one
/// before it under Llama 3.
fn decoder(toy: &Toy, config: &serde_json::Value, tokenizer: &str) {
    let text = config.to_string();
    let config = lingo_lm::ModelConfig::parse(&text, Path::new("config.json")).unwrap();
    let device = lingo_lm::open_device(lingo_lm::DeviceChoice::Cpu).unwrap();
    let model = lingo_lm::Model::random(config, 1, &device).unwrap();
    model.save(&toy.path("model")).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/tokenize/tests/fixtures");
    let file = fixtures.join(tokenizer).join("tokenizer.json");
    fs::copy(file, toy.path("model/tokenizer.json")).unwrap();
}

#[test]
fn decoders_with_tokenizers_of_bytes_work_from_inspect_to_predict() {
    let sizes = |own: serde_json::Value| {
        let mut all = serde_json::json!({
            "vocab_size": 311, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
            "intermediate_size": 24, "max_position_embeddings": 32, "initializer_range": 0.3,
        });
        for (key, value) in own.as_object().unwrap() {
            all[key] = value.clone();
        }
        all
    };
    let llama = sizes(serde_json::json!({"model_type": "llama", "num_key_value_heads": 2}));
    let gpt_neox = sizes(serde_json::json!({"model_type": "gpt_neox", "rotary_pct": 0.5}));
    let gpt2 = serde_json::json!({
        "model_type": "gpt2", "vocab_size": 311, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32,
        "initializer_range": 0.3,
    });
    for (config, tokenizer, targets, turned) in [
        (llama, "llama3", "self_attn.q_proj", false),
        (gpt_neox, "gpt2", "attention.query_key_value", false),
        (gpt2, "gpt2", "attn.c_attn", true),
    ] {
        let toy = Toy::new();
        decoder(&toy, &config, tokenizer);
        let family = config["model_type"].as_str().unwrap();
        let told = toy.ok(&["model", "inspect", "model"]).stdout;
        let row = |start: &str| told.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(row("family").ends_with(family), "{told}");
        assert!(row("read by a head").contains("last by default"), "{told}");
        assert!(row(targets).ends_with("yes"), "{told}");
        let pipeline = toy::PIPELINE.replace("scheme: base", "scheme: model");
        toy.write("toy.yaml", &pipeline);
        toy.ok(&[
            "run",
            "toy.yaml",
            "--only",
            "left",
            "--methods",
            "lora",
            "--device",
            "cpu",
        ]);
        let cell = "runs/toy/left/lora/seed-1";
        let peft: serde_json::Value =
            serde_json::from_str(&toy.read(&format!("{cell}/adapter/adapter_config.json")))
                .unwrap();
        assert_eq!(peft["task_type"], "SEQ_CLS", "{family}");
        assert_eq!(peft["fan_in_fan_out"], turned, "{family}");
        let adapter = format!("{cell}/adapter");
        toy.ok(&[
            "predict",
            "--adapter",
            &adapter,
            "--model",
            "model",
            "--fasta",
            "left.fa",
            "--bed",
            "left.bed",
            "--out",
            "p.tsv",
        ]);
        assert!(toy.read("p.tsv").lines().count() > 10, "{family}");
    }
}

#[test]
fn methods_are_compared_where_they_were_run_alike() {
    let toy = Toy::new();
    toy.ok(&["run", "toy.yaml", "--device", "cpu"]);
    let used = |toy: &Toy| {
        let table = lingo_artifact::table::read(&toy.path("runs/toy/differences.csv")).unwrap();
        assert_eq!(table.strings("method").unwrap(), ["ars"]);
        assert_eq!(table.strings("against").unwrap(), ["lora"]);
        ["pairs", "not_alike", "not_run"].map(|column| table.u64s(column).unwrap()[0])
    };
    assert_eq!(used(&toy), [2, 0, 0]);
    let report = toy.read("runs/toy/report.html");
    assert!(report.contains("<h2>Differences between methods</h2>"));
    assert!(report.contains("<small>2 tasks, 1 seed, 2 of 2 pairs used</small>"));

    // One task is trained anew in one method, for fewer epochs than in the other.
    let shorter = [
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--fresh",
        "--only",
        "left",
        "--methods",
        "lora",
    ];
    toy.ok(&[&shorter[..], &["--set", "train.epochs=2"]].concat());
    assert_eq!(used(&toy), [1, 1, 0]);
    let report = toy.read("runs/toy/report.html");
    assert!(report.contains("1 of 2 pairs used; 1 run under other settings or data</small>"));

    // The lock knows the table: a change of it is told.
    toy.ok(&["verify", "runs/toy"]);
    toy.write("runs/toy/differences.csv", "altered");
    let found = toy.lingo(&["verify", "runs/toy"]);
    assert!(
        found.stderr.contains("differences.csv differs"),
        "{}",
        found.stderr
    );

    fs::remove_dir_all(toy.path("runs/toy/left/lora/seed-1")).unwrap();
    toy.ok(&["report", "runs/toy"]);
    assert_eq!(used(&toy), [1, 0, 1]);
}

#[test]
fn a_report_tells_what_was_altered_behind_the_run_and_what_made_the_cells() {
    let toy = Toy::new();
    toy.ok(&["run", "toy.yaml", "--device", "cpu"]);
    let report = toy.read("runs/toy/report.html");
    for absent in ["Not as the run left it", "Not all cells were made alike"] {
        assert!(!report.contains(absent), "{absent}");
    }
    let training: serde_json::Value =
        serde_json::from_str(&toy.read("runs/toy/left/ars/seed-1/training.json")).unwrap();
    let by = training["computed_by"].as_str().unwrap();
    let kernels = by.strip_prefix("cpu").unwrap().trim();
    let row = match kernels {
        // The kernels are off.
        "" => format!("<td>cpu</td><td>{}", "<span class=\"none\""),
        kernels => format!("<td>cpu</td><td>{kernels}</td>"),
    };
    assert!(report.contains(&row), "{row}");
    assert!(report.contains("toy.yaml") && report.contains("What went in: "));
    let figures = toy.path("runs/toy/figures");
    assert!(figures.join("front.mcc.time.svg").is_file());
    assert!(figures.join("left.rank_steps.ars.tsv").is_file());

    // The same numbers, but not the file that the run wrote.
    let metrics = "runs/toy/right/lora/seed-1/metrics.json";
    let text = toy.read(metrics);
    toy.write(metrics, &format!("{text} "));
    fs::remove_file(toy.path("runs/toy/left/ars/seed-1/predictions.parquet")).unwrap();
    // As a cell of an older program on another machine.
    let label = "runs/toy/left/lora/seed-1/cell.json";
    let record = toy.read(label);
    toy.write(
        label,
        &record.replace("\"device\": \"cpu\"", "\"device\": \"Some GPU\""),
    );
    toy.ok(&["report", "runs/toy"]);
    let report = toy.read("runs/toy/report.html");
    for expected in [
        "2 files of 2 cells are not what the record of the cell says.",
        "<li>left/ars/seed-1/predictions.parquet is gone</li>",
        "<li>right/lora/seed-1/metrics.json is not what the run wrote: sha256 ",
        "<li>The cells were made by several devices: 1 cell by Some GPU, 3 cells by cpu. ",
    ] {
        assert!(report.contains(expected), "{expected}");
    }
    assert_eq!(report.matches("altered</small>").count(), 2);

    toy.write(metrics, &text);
    toy.write(label, &record);
    toy.ok(&[
        "run",
        "toy.yaml",
        "--device",
        "cpu",
        "--fresh",
        "--only",
        "left",
        "--methods",
        "ars",
    ]);
    let report = toy.read("runs/toy/report.html");
    assert!(!report.contains("Not as the run left it"));
    assert!(!report.contains("Not all cells were made alike"));
}

#[test]
fn dna_without_labels_is_learnt_from_first() {
    let toy = Toy::new();
    let natural = |seed: u64| {
        let mut state = seed;
        let mut base = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            b"ACGT"[(state >> 62) as usize] as char
        };
        let bases: String = (0..4000).map(|_| base()).collect();
        format!(">natural\n{bases}\n")
    };
    toy.write("natural.fa", &natural(0));
    let first = "adapt_first={ masked: { fasta: [natural.fa], windows: 150, held_out: 0.2 }, method: { lora: { rank: 2 }, train: \
                 { epochs: 2 } }, seed: 3 }";
    let run = |more: &[&str]| {
        let all = [
            "run",
            "toy.yaml",
            "--device",
            "cpu",
            "--set",
            first,
            "--methods",
            "lora",
        ];
        toy.ok(&[&all[..], more].concat())
    };
    let ran = run(&["--threads", "1"]);
    assert!(ran.stderr.contains("held-out loss"), "{}", ran.stderr);
    let record = |run: &str| -> serde_json::Value {
        serde_json::from_str(&toy.read(&format!("{run}/adapt_first.json"))).unwrap()
    };
    let outcome = &record("runs/toy")["outcome"];
    let number = |key: &str| outcome["dna"][key].as_f64().unwrap();
    let all = number("windows") + number("held_out") + number("left_out");
    assert!(all > 100.0 && all <= 150.0, "{outcome}");
    // Near to what four bases are told at without reading.
    assert!(
        (number("loss_per_base") - 4f64.ln()).abs() < 0.3,
        "{outcome}"
    );
    assert!(
        (number("markov3_loss_per_base") - 4f64.ln()).abs() < 0.3,
        "{outcome}"
    );
    let file = |name: &str| fs::read(toy.path(name)).unwrap();
    let model = "adapt_first/model.safetensors";
    assert_ne!(
        file(&format!("runs/toy/{model}")),
        file("model/model.safetensors")
    );
    let report = toy.read("runs/toy/report.html");
    assert!(report.contains("windows of DNA without labels"));
    let methods = toy.read("runs/toy/methods.md");
    assert!(
        methods.contains("DNA without labels of `natural.fa` by `lora`"),
        "{methods}"
    );
    toy.ok(&["verify", "runs/toy"]);

    // What a task holds out that is not even selected is left out.
    let held = ["ACCATTGACA", "GGATACCATT", "TTGCAGGCTA"];
    let csv = |rows: &[&str]| -> String {
        let rows = rows.iter().zip(0..);
        let lines = rows.map(|(row, i)| format!("{row},{}\n", i % 2));
        format!("sequence,label\n{}", lines.collect::<String>())
    };
    toy.write("other_train.csv", &csv(&["ATATCGATTA", "CCCGATTACG"]));
    toy.write("other_dev.csv", &csv(&held[..1]));
    toy.write("other_test.csv", &csv(&held[1..]));
    toy.write(
        "planted.fa",
        &format!("{}>planted\n{}\n", natural(0), held.concat()),
    );
    let left_out = |fasta: &str, out: &str| {
        let fasta = format!("adapt_first.masked.fasta=[{fasta}]");
        let other = "tasks.other={ingest: {source: {csv: {train: other_train.csv, dev: other_dev.csv, test: other_test.csv}}}}";
        let sets = [
            "--set",
            &fasta,
            "--set",
            "adapt_first.masked.windows=1000",
            "--set",
            other,
        ];
        run(&[&sets[..], &["--only", "left", "--hide-test", "--out", out]].concat());
        record(out)["outcome"]["dna"]["left_out"].as_u64().unwrap()
    };
    let without = left_out("natural.fa", "without");
    assert_eq!(left_out("planted.fa", "with"), without + 3);

    // One task of both begins with the same model, and nothing is done again, wherever the file lies.
    run(&["--only", "right", "--out", "one"]);
    assert_eq!(
        file(&format!("one/{model}")),
        file(&format!("runs/toy/{model}"))
    );
    fs::create_dir(toy.path("elsewhere")).unwrap();
    toy.write("elsewhere/natural.fa", &natural(0));
    let moved = ["--set", "adapt_first.masked.fasta=[elsewhere/natural.fa]"];
    let again = run(&moved);
    assert!(again.stderr.contains("0 cells run"), "{}", again.stderr);
    // Other DNA is another model.
    toy.write("natural.fa", &natural(5));
    let other = run(&["--out", "other"]);
    assert!(other.stderr.contains("2 cells run"), "{}", other.stderr);
    assert_ne!(
        file(&format!("other/{model}")),
        file(&format!("runs/toy/{model}"))
    );

    for (set, parts) in [
        (
            "adapt_first.tasks=[left]",
            vec!["adapt_first.tasks", "leave one of the two out"],
        ),
        (
            "adapt_first.masked.fasta=[]",
            vec!["adapt_first.masked", "names no file"],
        ),
        (
            "adapt_first.masked.fasta=[nope.fa]",
            vec!["1 input file is missing", "nope.fa"],
        ),
        (
            "adapt_first.masked.fasta=[elsewhere]",
            vec!["elsewhere is a folder"],
        ),
        (
            "adapt_first.masked.share=2",
            vec!["adapt_first.masked.share", "0 to 1"],
        ),
        ("adapt_first.masked.windws=5", vec!["windws", "windows"]),
        (
            "adapt_first.masked.length=40",
            vec!["windows of 40 bases", "`length`"],
        ),
    ] {
        let refused = toy.lingo(&[
            "run", "toy.yaml", "--set", first, "--set", set, "--out", "refused",
        ]);
        assert_ne!(refused.code, 0, "{set}");
        for part in parts {
            assert!(refused.stderr.contains(part), "{set}: {}", refused.stderr);
        }
    }
}

#[test]
fn several_tasks_are_learnt_together_first() {
    let toy = Toy::new();
    let first = "adapt_first={ method: { lora: { rank: 2 }, train: { epochs: 2 } }, seed: 3 }";
    let floor = "methods.floor={motif_cnn: {filters: 4, epochs: 2}}";
    let run = |more: &[&str]| {
        let mut all = vec!["run", "toy.yaml", "--device", "cpu", "--set", floor];
        all.extend(more);
        toy.ok(&all)
    };
    run(&["--out", "without"]);
    let ran = run(&["--set", first, "--threads", "1"]);
    for task in ["left", "right"] {
        let told = format!("adapt_first: {task}: 100 rows, 0 left out");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    let file = |name: &str| fs::read(toy.path(name)).unwrap();
    let model = "adapt_first/model.safetensors";
    assert_ne!(
        file(&format!("runs/toy/{model}")),
        file("model/model.safetensors")
    );
    // Cells begin with it, but what reads bases alone is what it was without.
    let lora = "left/lora/seed-1/predictions.parquet";
    let motifs = "left/floor/seed-1/predictions.parquet";
    assert_ne!(
        file(&format!("runs/toy/{lora}")),
        file(&format!("without/{lora}"))
    );
    assert_eq!(
        file(&format!("runs/toy/{motifs}")),
        file(&format!("without/{motifs}"))
    );
    let adapter = toy.read("runs/toy/left/lora/seed-1/adapter/adapter_config.json");
    assert!(
        adapter.contains("\"base_model_name_or_path\": \"adapt_first\""),
        "{adapter}"
    );
    let report = toy.read("runs/toy/report.html");
    assert!(report.contains("adapted first"), "the report tells");

    let trained = |run: &str| -> u64 {
        let training = toy.read(&format!("{run}/left/lora/seed-1/training.json"));
        let training: serde_json::Value = serde_json::from_str(&training).unwrap();
        training["trainable_parameters"].as_u64().unwrap()
    };
    let first_alone: serde_json::Value =
        serde_json::from_str(&toy.read("runs/toy/adapt_first.json")).unwrap();
    let before = first_alone["outcome"]["trainable_parameters"]
        .as_u64()
        .unwrap();
    assert_eq!(trained("runs/toy"), trained("without") + before);

    // One task of both gives the same bits, with the rows of the other, and nothing of that is thrown away as unused.
    let one = [
        "--set",
        first,
        "--only",
        "left",
        "--methods",
        "lora",
        "--out",
        "one",
    ];
    run(&one);
    for name in [model, lora] {
        assert_eq!(
            file(&format!("one/{name}")),
            file(&format!("runs/toy/{name}")),
            "{name}"
        );
    }
    assert!(!toy.path("one/right/lora").exists());
    let again = run(&one);
    assert!(
        again.stderr.contains("0 cells run, 1 finished before"),
        "{}",
        again.stderr
    );
    toy.ok(&["verify", "one"]);
    let unused = toy.ok(&["clean", "one", "--dry-run"]).stdout;
    assert!(unused.contains("would remove 0 folders"), "{unused}");

    // Its adapter finds its model, until another is in its place.
    let examples = "one/left/examples.parquet";
    let predict = [
        "predict",
        "--adapter",
        "one/left/lora/seed-1/adapter",
        "--input",
        examples,
        "--device",
        "cpu",
        "--out",
        "p.parquet",
    ];
    toy.ok(&predict);
    let other = [
        "--set",
        first,
        "--set",
        "adapt_first.seed=4",
        "--only",
        "left",
        "--methods",
        "ars",
        "--out",
        "one",
    ];
    run(&other);
    let refused = toy.lingo(&predict);
    assert_ne!(refused.code, 0);
    assert!(
        refused.stderr.contains("holds other weights"),
        "{}",
        refused.stderr
    );

    // Back at the first settings it stands there again, and nothing that a cell needs is thrown away.
    let back = run(&one);
    assert!(back.stderr.contains("0 cells run"), "{}", back.stderr);
    toy.ok(&predict);
    toy.ok(&["clean", "one"]);
    assert!(run(&one).stderr.contains("0 cells run"));

    // A task that is not learnt from holds its rows out all the same: here the first 30 of chromosome a.
    let bed = toy.read("left.bed");
    let some = bed.lines().enumerate();
    let some = some.filter(|(i, line)| *i < 30 || !line.starts_with("a\t"));
    let some: Vec<&str> = some.map(|(_, line)| line).collect();
    toy.write("other.bed", &(some.join("\n") + "\n"));
    let other = "tasks.other={ingest: {source: {bed: {fasta: left.fa, beds: [other.bed], label: {column: 5}}}, \
                 split: {chromosomes: {dev: [a], test: [c]}}}}";
    let held = ["adapt_first.tasks=[left]", other];
    let held = held.map(|set| ["--set", set]).concat();
    let rest = ["--out", "held", "--methods", "lora", "--only", "left"];
    run(&[&["--set", first][..], &held, &rest].concat());
    let learnt: serde_json::Value =
        serde_json::from_str(&toy.read("held/adapt_first.json")).unwrap();
    let rows = &learnt["outcome"]["tasks"][0];
    assert_eq!(
        (rows["rows"].as_u64(), rows["left_out"].as_u64()),
        (Some(70), Some(30))
    );

    // New rows are trained with the adapter that comes first, and are rows of its model from then on.
    let composed = [
        "--set",
        first,
        "--set",
        "tokenize={scheme: {kmer: {k: 2}}, vocabulary: compose}",
        "--out",
        "composed",
        "--only",
        "left",
        "--methods",
        "lora",
    ];
    run(&composed);
    let predict = predict.map(|word| match word {
        "one/left/lora/seed-1/adapter" => "composed/left/lora/seed-1/adapter",
        other => other,
    });
    toy.ok(&predict);

    for (sets, parts) in [
        (
            vec![first, "adapt_first.tasks=[lift]"],
            vec!["there is no task `lift`", "left, right"],
        ),
        (
            vec!["adapt_first={method: {prompt_tuning: {}}}"],
            vec!["stands beside the model's weights"],
        ),
        (
            vec!["adapt_first={method: {lora: {targets: [nope]}}}"],
            vec!["nope", "adapt_first.method.lora"],
        ),
        (
            vec![
                first,
                "tasks.left.tokenize={scheme: {kmer: {k: 2}}, vocabulary: compose}",
            ],
            vec!["left and right have different tokens"],
        ),
        (
            vec![
                first,
                "adapt_first.tasks=[right]",
                "tasks.left.tokenize={scheme: {kmer: {k: 2}}, vocabulary: compose}",
            ],
            vec!["what left needs is not in the model"],
        ),
        (
            vec![first, "train.quantization=nf4"],
            vec!["would round away what is learnt first"],
        ),
        (
            vec![first, "tasks.left.ingest.label_kind=regression"],
            vec!["the task left has a number as its label"],
        ),
    ] {
        let mut all = vec!["run", "toy.yaml", "--out", "refused", "--device", "cpu"];
        sets.iter().for_each(|set| all.extend(["--set", set]));
        let refused = toy.lingo(&all);
        assert_ne!(refused.code, 0, "{sets:?}");
        for part in parts {
            let told = refused.stderr.replace("\n  │ ", " ");
            assert!(told.contains(part), "{sets:?}: {told}");
        }
    }
}
