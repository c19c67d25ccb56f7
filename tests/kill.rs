//! A run that is killed at any moment goes on to the same bits, and `verify` and `report` say what is true of it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod toy;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lingo_artifact::random::Stream;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_artifact::train_log::{self, TrainEvent};
use toy::{Toy, contents};

/// What must be the same bits.
const RESULTS: [&str; 4] = ["adapter/", "predictions.parquet", "metrics.json", "model/"];

/// A model that is pretrained, then cells with a rank schedule, a stem, and an average over steps.
const PIPELINE: &str = "\
lingo: 1
name: kill
model:
  pretrain:
    { fasta: left.fa, scheme: base, hidden: 16, layers: 1, heads: 2, feed_forward: 32, window: 16, batch: 8, steps: 60,
      held_out: 0.1 }
tasks:
  left:
    ingest:
      source: { bed: { fasta: left.fa, beds: [left.bed], label: { column: 5 } } }
      split: { chromosomes: { dev: [b], test: [c] } }
tokenize: { scheme: base }
methods:
  adalora: { adalora: { initial_rank: 4, target_rank: 2, every: 1 } }
  gated:
    adaptive_rank_sampling: { variant: gated, initial_rank: 4, target_rank: 2, every: 2, probability: 0.5 }
  stem:
    train:
      stem: { filters: 4, width: 5, folds: 2, epochs: 3 }
      average: { ema: { decay: 0.9 } }
    lora: { rank: 2 }
train: { epochs: 12, batch: 8, learning_rate: 0.01, log_every: 1, evaluate_every: 7, augment: { reverse_complement: 0.5 } }
evaluate: { resamples: 2000 }
seeds: [1]
";

const RUN: [&str; 6] = [
    "run",
    "kill.yaml",
    "--device",
    "cpu",
    "--checkpoint-every",
    "3",
];

/// `LINGO_KILLS=200 cargo test --workspace --test kill -- --nocapture` kills as often as that, and prints where.
#[test]
fn no_kill_changes_a_bit() {
    let kills = std::env::var("LINGO_KILLS");
    kill_and_go_on(kills.map_or(20, |kills| kills.parse().unwrap()));
}

/// Runs the pipeline again and again, each time killed after a random while, until so many kills have fallen; a run that
/// comes to its end is compared with one that was never killed, and the next begins anew.
fn kill_and_go_on(kills: usize) {
    let toy = Toy::new();
    toy.write("kill.yaml", PIPELINE);
    let begin = Instant::now();
    fn arguments(out: &str) -> Vec<&str> {
        [&RUN[..], &["--out", out]].concat()
    }
    toy.ok(&arguments("whole"));
    let whole = begin.elapsed();
    let expected = results(&toy.path("whole"));
    assert_eq!(losses(&toy.path("whole")).len(), 3);

    let mut moments = Stream::new(7, "kills");
    let mut fell: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut done, mut ends, mut run) = (0, 0, 0);
    while done < kills || ends == 0 {
        let out = format!("broken-{run}");
        let mut child = toy
            .command(&arguments(&out))
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Short enough that a run is killed several times before it ends.
        let wait = match done < kills {
            true => whole.mul_f64(0.02 + 0.5 * moments.uniform()),
            false => 20 * whole,
        };
        let until = Instant::now() + wait;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() > until => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        match status {
            None => {
                done += 1;
                *fell.entry(moment(&toy.path(&out))).or_default() += 1;
                says_what_is_true(&toy, &out);
            }
            Some(status) => {
                assert!(status.success(), "{out}: {status}");
                assert!(results(&toy.path(&out)) == expected, "{out}");
                assert_eq!(losses(&toy.path(&out)), losses(&toy.path("whole")));
                toy.ok(&["verify", &out]);
                fs::remove_dir_all(toy.path(&out)).unwrap();
                ends += 1;
                run += 1;
            }
        }
    }
    println!("{done} kills in {run} runs, which all ended in the same bits; they fell: {fell:?}");
}

/// Every file of the results; nothing else may be left in the cells.
fn results(run: &Path) -> BTreeMap<String, Vec<u8>> {
    for (label, cell) in cells(run) {
        let mut names: Vec<String> = fs::read_dir(cell.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [
            "adapter",
            "cell.json",
            "metrics.json",
            "predictions.parquet",
            "resources.json",
            "train.jsonl",
            "training.json",
        ];
        assert_eq!(names, expected, "{label}");
    }
    let mut found = contents(run, &RESULTS);
    // Times and speeds stand in it.
    found.remove("model/train.jsonl");
    found
}

fn cells(run: &Path) -> Vec<(String, CellFolder)> {
    let methods = ["adalora", "gated", "stem"];
    let run = RunFolder::new(run);
    let cells = methods.map(|m| (CellFolder::label("left", m, 1), run.cell("left", m, 1)));
    cells.into_iter().collect()
}

/// What train.jsonl says, but for times.
fn losses(run: &Path) -> Vec<Vec<TrainEvent>> {
    let strip = |event: TrainEvent| TrainEvent {
        seconds: None,
        tokens_per_second: None,
        peak_memory_bytes: None,
        ..event
    };
    let of = |(_, cell): (String, CellFolder)| {
        let events = train_log::read(&cell.train_log()).unwrap();
        events.into_iter().map(strip).collect()
    };
    cells(run).into_iter().map(of).collect()
}

/// Where a kill fell, by what lies in the folder.
fn moment(run: &Path) -> &'static str {
    let folder = RunFolder::new(run);
    if !folder.model_record().is_file() {
        let is_begun = toy::tries(run)
            .iter()
            .any(|one| !one.join("examples.parquet").is_file());
        return if is_begun {
            "pretraining"
        } else {
            "before the model"
        };
    }
    let open = cells(run)
        .into_iter()
        .find(|(_, cell)| !cell.finished().is_file());
    let Some((_, cell)) = open else {
        return "lock and report";
    };
    let begun = fs::read_to_string(cell.started()).unwrap_or_default();
    let begun: serde_json::Value = serde_json::from_str(&begun).unwrap_or_default();
    let training = begun["training"].as_str().unwrap_or_default();
    let stored = run.join("store").join(training).join("result.json");
    if !training.is_empty() && stored.is_file() {
        return "scoring";
    }
    let tries = toy::tries(run).into_iter();
    let ours = tries.filter(|one| one.parent().is_some_and(|id| id.ends_with(training)));
    let Some(cell) = ours.map(CellFolder::new).next() else {
        return match training {
            "" => "between cells",
            _ => "a cell's beginning",
        };
    };
    let half = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.any(|name| name.starts_with('.') && !CellFolder::WORK.contains(&name.as_str()))
    };
    match () {
        () if half(&cell.checkpoints()) => "within a checkpoint",
        () if half(cell.path()) => "within a result",
        () if cell.predictions().is_file() => "behind predicting",
        () if cell.adapter().is_dir() => "predicting",
        () if cell.checkpoints().is_dir() => "training, with a checkpoint",
        () if cell.stem().is_dir() => "in the stem",
        () => "a cell's beginning",
    }
}

/// No file is accused that is as it was written, no finished cell is forgotten, none is invented.
fn says_what_is_true(toy: &Toy, out: &str) {
    let run = toy.path(out);
    if !RunFolder::new(&run).lock().is_file() {
        return;
    }
    let finished = cells(&run)
        .iter()
        .filter(|(_, cell)| cell.finished().is_file())
        .count();
    let found = toy.lingo(&["verify", out, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 0, "{json}");
    assert_eq!(found.code, 0, "{}", found.stderr);
    let unfinished = json["unfinished"].as_array().unwrap().len();
    assert_eq!(unfinished, 3 - finished, "{json}");
    toy.ok(&["report", out]);
    let metrics = toy.read(&format!("{out}/metrics.csv"));
    // A header, dev and test of each cell.
    assert_eq!(metrics.lines().count(), 1 + 2 * finished, "{metrics}");
    let page = toy.read(&format!("{out}/report.html"));
    assert!(!page.contains("before its input changed"), "{out}");
    // The report takes in what was finished.
    let again = toy.lingo(&["verify", out, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        json["finished_since"].as_array().unwrap().len(),
        0,
        "{json}"
    );
}
