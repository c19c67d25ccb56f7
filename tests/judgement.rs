//! From numbers to a judgement: thresholds that dev chose, two runs against each other, a scoring that is stopped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what helps a test fails it as the test itself does"
)]

mod toy;

use std::time::{Duration, Instant};

use serde_json::Value;
use toy::Toy;

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn json(toy: &Toy, path: &str) -> Value {
    serde_json::from_str(&toy.read(path)).unwrap()
}

#[test]
fn a_threshold_of_dev_is_scored_with_and_predicted_with() {
    let toy = Toy::new();
    toy.ok(&words(
        "run toy.yaml --device cpu --only left --methods lora --set evaluate.threshold=dev",
    ));
    let cell = "runs/toy/left/lora/seed-1";
    let metrics = json(&toy, &format!("{cell}/metrics.json"));
    let threshold = metrics["thresholds"]["1"].as_f64().unwrap();
    let kept = json(&toy, &format!("{cell}/adapter/thresholds.json"));
    assert_eq!(kept["thresholds"], metrics["thresholds"]);
    assert_eq!(
        json(&toy, "runs/toy/left/task.json")["floors_threshold"],
        "dev"
    );

    // The same from the predictions alone, and at 0.5 where nothing is said.
    let evaluate = |more: &str| -> Value {
        let line = format!(
            "evaluate --predictions {cell}/predictions.parquet --resamples 0 --json {more}"
        );
        serde_json::from_str(&toy.ok(&words(&line)).stdout).unwrap()
    };
    let dev = evaluate("--threshold dev");
    assert_eq!(dev["thresholds"], metrics["thresholds"]);
    assert_eq!(dev["test"], metrics["test"]);
    let half = evaluate("");
    assert_eq!(half.get("thresholds"), None);
    let mcc = |of: &Value| of["dev"]["mcc"].as_f64().unwrap();
    assert!(mcc(&dev) >= mcc(&half), "{dev} {half}");

    // One rule: whatever threshold stands beside the adapter, above it is yes.
    for threshold in [threshold, 0.02, 0.98] {
        let text =
            format!(r#"{{"schema":"lingo-pipe/thresholds/1","thresholds":{{"1":{threshold}}}}}"#);
        toy.write(&format!("{cell}/adapter/thresholds.json"), &text);
        let line = format!(
            "predict --adapter {cell}/adapter --model model --device cpu --fasta left.fa --bed left.bed --out p.tsv"
        );
        toy.ok(&words(&line));
        let table = toy.read("p.tsv");
        let mut lines = table.lines();
        let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
        let place = |name: &str| header.iter().position(|h| *h == name).unwrap();
        let (said, p) = (place("prediction"), place("p_1"));
        let mut rows = 0;
        for row in lines {
            let cells: Vec<&str> = row.split('\t').collect();
            let above = cells[p].parse::<f64>().unwrap() > threshold;
            assert_eq!(cells[said], if above { "1" } else { "0" }, "{row}");
            rows += 1;
        }
        assert!(rows > 20, "{rows}");
    }
}

#[test]
fn two_runs_are_compared_on_the_same_rows_only() {
    let toy = Toy::new();
    let run = |more: &str| toy.ok(&words(&format!("run toy.yaml --device cpu {more}")));
    run("--out one");
    run("--out two --set train.epochs=5");
    let table = toy.ok(&words("compare one two")).stdout;
    let row = |method: &str| table.lines().find(|line| line.starts_with(method)).unwrap();
    assert!(table.starts_with("method"), "{table}");
    for method in ["lora", "ars"] {
        assert!(row(method).contains("mcc"), "{table}");
        assert!(row(method).contains("2 pairs of runs"), "{table}");
    }
    // By hand from the numbers of the cells.
    let mcc = |run: &str, task: &str| {
        json(&toy, &format!("{run}/{task}/lora/seed-1/metrics.json"))["test"]["mcc"]
            .as_f64()
            .unwrap()
    };
    let difference = |task: &str| mcc("two", task) - mcc("one", task);
    let tsv = toy.ok(&words("compare one two --tsv")).stdout;
    let lines: Vec<Vec<&str>> = tsv.lines().map(|line| line.split('\t').collect()).collect();
    assert!(
        lines.iter().all(|line| line.len() == lines[0].len()),
        "{tsv}"
    );
    assert_eq!(lines.len(), 1 + 2 * 3);
    let column = lines[0]
        .iter()
        .position(|name| *name == "difference")
        .unwrap();
    let of = |task: &str| {
        let line = lines
            .iter()
            .find(|line| line[0] == "lora" && line[2] == task)
            .unwrap();
        line[column].parse::<f64>().unwrap()
    };
    assert!((of("left") - difference("left")).abs() < 1e-12);
    assert!((of("") - (difference("left") + difference("right")) / 2.0).abs() < 1e-12);
    let same = toy.ok(&words("compare one one")).stdout;
    assert!(
        same.contains("0/2/0") && same.contains("no interval"),
        "{same}"
    );
    assert!(same.contains("the same settings and inputs"), "{same}");
    // What is between them is told, and nothing else.
    let (_, told) = table
        .split_once("The second run differs from the first in:\n")
        .unwrap_or_else(|| panic!("{table}"));
    assert_eq!(told, "  train.epochs: 4 -> 5\n", "{table}");

    // The chromosomes of dev and test change places: other rows.
    let other = toy::PIPELINE.replace("dev: [b], test: [c]", "dev: [c], test: [b]");
    toy.write("other.yaml", &other);
    toy.ok(&words(
        "run other.yaml --device cpu --only left --methods lora --out other",
    ));
    let refused = toy.lingo(&words("compare one other"));
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("left/lora/seed-1: the test rows of the two runs differ"),
        "{}",
        refused.stderr
    );

    toy.ok(&words(
        "run toy.yaml --device cpu --only left --methods lora --seeds 2 --out seed",
    ));
    let nothing = toy.lingo(&words("compare one seed"));
    assert_eq!(nothing.code, 3, "{}", nothing.stderr);
    assert!(
        nothing.stderr.contains("share no finished cell"),
        "{}",
        nothing.stderr
    );
    let nowhere = toy.lingo(&words("compare one nowhere"));
    assert!(
        nowhere.stderr.contains("nowhere holds no lingo.lock"),
        "{}",
        nowhere.stderr
    );
}

#[test]
fn a_threshold_that_cannot_be_is_refused_before_training() {
    let toy = Toy::new();
    let ran = toy.lingo(&words(
        "run toy.yaml --device cpu --only left --methods lora --set evaluate.threshold=dev --set tasks.left.ingest.label_kind=regression",
    ));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("leave `threshold` out"),
        "{}",
        ran.stderr
    );
    assert!(!toy.path("runs/toy/left/lora/seed-1/train.jsonl").exists());
}

#[cfg(unix)]
#[test]
fn a_scoring_that_is_stopped_ends_soon_and_costs_no_training() {
    let toy = Toy::new();
    let run = words(
        "run toy.yaml --device cpu --only left --methods lora --set evaluate.resamples=3000000 --set evaluate.floor=false",
    );
    let mut child = toy
        .command(&run)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let cell = toy.path("runs/toy/left/lora/seed-1");
    // Trained: its result is in the store, and no longer where it was made.
    let stored = || -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(toy.path("runs/toy/store"));
        let entries = entries.into_iter().flatten().flatten();
        let trained = entries.filter(|entry| entry.path().join("predictions.parquet").exists());
        trained.map(|entry| entry.path()).collect()
    };
    while stored().is_empty() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it was stopped"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        !cell.join("metrics.json").exists(),
        "it had scored before it was stopped"
    );
    let pid = child.id().to_string();
    let stopped = Instant::now();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(killed.unwrap().success());
    let ran = toy::Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 75, "{}", ran.stderr);
    assert!(
        stopped.elapsed() < Duration::from_secs(20),
        "{:?}",
        stopped.elapsed()
    );
    assert!(!cell.join("metrics.json").exists());
    let log = std::fs::read_to_string(stored()[0].join("train.jsonl")).unwrap();

    toy.ok(&run);
    assert_eq!(
        std::fs::read_to_string(cell.join("train.jsonl")).unwrap(),
        log
    );
    assert!(cell.join("metrics.json").exists());
}

#[test]
fn hidden_test_rows_are_in_no_file_and_the_scores_are_those_of_dev() {
    let toy = Toy::new();
    let run = "run toy.yaml --device cpu --only left --methods lora";
    let seen = toy.ok(&words(&format!("{run} --out seen"))).stderr;
    let hidden = toy.ok(&words(&format!("{run} --hide-test")));
    assert!(hidden.stdout.is_empty(), "{}", hidden.stdout);
    assert!(hidden.stderr.contains("test was not looked at"));
    assert!(!toy.path("runs/toy-dev/report.html").exists());
    let metrics = |run: &str| json(&toy, &format!("{run}/left/lora/seed-1/metrics.json"));
    let (of_seen, of_hidden) = (metrics("seen"), metrics("runs/toy-dev"));
    assert_eq!(of_seen["dev"], of_hidden["dev"]);
    assert!(of_seen["test"]["mcc"].is_number() && of_hidden["test"]["mcc"].is_null());
    let predictions = toy.path("runs/toy-dev/left/lora/seed-1/predictions.parquet");
    let predictions = lingo_artifact::prediction::Predictions::read(&predictions).unwrap();
    assert!(
        predictions
            .rows
            .iter()
            .all(|row| row.split == lingo_artifact::Split::Dev)
    );
    let score = |told: &str| -> String {
        let line = told.lines().find(|line| line.starts_with("left  lora"));
        words(line.unwrap())[3].to_string()
    };
    let expected =
        |metrics: &Value, split: &str| format!("{:.3}", metrics[split]["mcc"].as_f64().unwrap());
    assert_eq!(score(&hidden.stderr), expected(&of_hidden, "dev"));
    assert_eq!(score(&seen), expected(&of_seen, "test"));
    // Without it the test rows are scored, by cells of their own.
    let ran = toy.ok(&words(run));
    assert!(ran.stderr.contains("1 cells run"), "{}", ran.stderr);
    assert_eq!(metrics("runs/toy")["test"], of_seen["test"]);
    assert_eq!(metrics("runs/toy-dev"), of_hidden);
}
