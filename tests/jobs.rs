//! The jobs of a plan, done by processes of their own: the same bits as a run, whoever does them, how often, and however
//! they are stopped.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod toy;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use toy::{Toy, contents};

const RESULTS: [&str; 4] = ["adapter/", "predictions.parquet", "metrics.json", "model/"];

const PIPELINE: &str = "\
lingo: 1
name: jobs
model:
  pretrain:
    { fasta: left.fa, scheme: base, hidden: 16, layers: 1, heads: 2, feed_forward: 32, window: 16, batch: 8, steps: 20,
      held_out: 0.1 }
tasks:
  left:
    ingest:
      source: { bed: { fasta: \"${JOBS_FASTA:-left.fa}\", beds: [left.bed], label: { column: 5 } } }
      split: { chromosomes: { dev: [b], test: [c] } }
tokenize: { scheme: base }
methods:
  lora: { lora: { rank: 2 } }
  head: { head: {} }
train: { epochs: 3, batch: 8, learning_rate: 0.01 }
evaluate: { resamples: 200 }
seeds: [1, 2]
";

/// A toy with a plan of these jobs: 0 model, 1 examples, 2 tokens, 3 floor, 4 to 7 trainings, 8 to 11 scores,
/// 12 report.
fn planned(sets: &[&str]) -> Toy {
    let toy = Toy::new();
    toy.write("jobs.yaml", PIPELINE);
    let mut arguments = vec!["plan", "jobs.yaml", "--out", "plan", "--device", "cpu"];
    sets.iter().for_each(|set| arguments.extend(["--set", set]));
    toy.ok(&arguments);
    toy
}

fn job(toy: &Toy, index: usize) -> Command {
    let index = index.to_string();
    let mut command = toy.command(&["run-cell", "--plan", "plan", "--index", &index]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn code(mut child: Child) -> Option<i32> {
    child.wait().unwrap().code()
}

fn states(toy: &Toy) -> Vec<String> {
    let status: Value =
        serde_json::from_str(&toy.ok(&["status", "plan", "--json"]).stdout).unwrap();
    let jobs = status["jobs"].as_array().unwrap();
    jobs.iter()
        .map(|job| job["state"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn two_processes_at_every_job_make_the_run() {
    let toy = planned(&[]);
    toy.ok(&["run", "jobs.yaml", "--out", "run", "--device", "cpu"]);
    let drawn = toy.ok(&["graph", "plan"]).stdout;
    assert!(drawn.contains("[\"adapt left x 4\"]"), "{drawn}");
    let table = fs::read_to_string(toy.path("plan/jobs.tsv")).unwrap();
    assert_eq!(table.lines().count(), 14, "{table}");
    for index in 0..13 {
        let twins = [(); 2].map(|()| job(&toy, index).spawn().unwrap());
        for twin in twins {
            assert_eq!(code(twin), Some(0), "job {index}");
        }
        let expected = |i: usize| if i <= index { "done" } else { "ready" };
        let states = states(&toy);
        assert!(
            (0..=index).all(|i| states[i] == expected(i)),
            "{index}: {states:?}"
        );
    }
    let [one, other] = ["plan", "run"].map(|run| {
        let mut found = contents(&toy.path(run), &RESULTS);
        // Times and speeds stand in it.
        found.remove("model/train.jsonl");
        found
    });
    let names = |found: &BTreeMap<String, Vec<u8>>| found.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for (name, bytes) in &one {
        assert!(*bytes == other[name], "{name}");
    }
    // Nothing of the tries is left, and a run takes the results for its own.
    assert!(
        fs::read_dir(toy.path("plan/.work"))
            .unwrap()
            .next()
            .is_none()
    );
    toy.ok(&["verify", "plan"]);
    let again = toy
        .command(&["run", "jobs.yaml", "--out", "plan", "--device", "cpu"])
        .output();
    let told = String::from_utf8(again.unwrap().stderr).unwrap();
    assert!(told.contains("0 cells run, 4 finished before"), "{told}");
}

#[test]
fn what_comes_first_is_a_job_that_goes_on_where_it_was_killed() {
    let first = "adapt_first={ method: { lora: { rank: 2 }, train: { epochs: 150 } } }";
    let toy = planned(&[first]);
    let table = fs::read_to_string(toy.path("plan/jobs.tsv")).unwrap();
    let jobs: Vec<Vec<&str>> = table.lines().map(|l| l.split('\t').collect()).collect();
    assert_eq!(
        (jobs[5][1], jobs[5][4], jobs[6][4]),
        ("adapt_first", "2", "2,4"),
        "{table}"
    );
    // A training that needs it says so.
    (0..4).for_each(|index| assert!(job(&toy, index).status().unwrap().success()));
    assert!(!job(&toy, 5).status().unwrap().success());
    let mut killed = job(&toy, 4).spawn().unwrap();
    wait_for("a checkpoint", || {
        let tries = toy::tries(&toy.path("plan"));
        tries.iter().any(|folder| toy::has_checkpoint(folder))
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(states(&toy)[4], "begun");
    let going_on = job(&toy, 4).stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8(going_on.stderr).unwrap();
    assert!(
        going_on.status.success() && told.contains("going on from"),
        "{told}"
    );
    (5..14).for_each(|index| assert!(job(&toy, index).status().unwrap().success()));
    toy.ok(&[
        "run",
        "jobs.yaml",
        "--set",
        first,
        "--out",
        "run",
        "--device",
        "cpu",
    ]);
    for name in [
        "adapt_first/model.safetensors",
        "left/lora/seed-2/predictions.parquet",
    ] {
        let [one, other] = ["plan", "run"].map(|run| fs::read(toy.path(run).join(name)).unwrap());
        assert!(one == other, "{name}");
    }
}

#[test]
fn cells_of_one_id_are_done_side_by_side() {
    // The same settings under another name.
    let toy = planned(&["methods.again={head: {}}", "train.epochs=60"]);
    (0..3).for_each(|index| assert!(job(&toy, index).status().unwrap().success()));
    for cells in [[6, 7, 8, 9], [12, 13, 14, 15]] {
        let cells = cells.map(|index| job(&toy, index).spawn().unwrap());
        for cell in cells {
            assert_eq!(code(cell), Some(0));
        }
    }
    for range in [6..10, 12..16] {
        assert_eq!(states(&toy)[range], ["done"; 4]);
    }
    let [one, other] = ["head", "again"].map(|method| {
        let cell = toy.path("plan/left").join(method).join("seed-2");
        contents(&cell, &["predictions.parquet"])
    });
    assert!(!one.is_empty() && one == other);
}

#[test]
fn a_job_that_is_stopped_or_killed_goes_on_to_the_same_bits() {
    let sets = ["train.epochs=300", "train.log_every=1"];
    let toy = planned(&sets);
    (0..3).for_each(|index| assert!(job(&toy, index).status().unwrap().success()));
    let mut command = vec![
        "run",
        "jobs.yaml",
        "--out",
        "run",
        "--device",
        "cpu",
        "--methods",
        "lora",
    ];
    command.extend(["--seeds", "1", "--set", sets[0], "--set", sets[1]]);
    toy.ok(&command);
    let index = "4";
    let begin = |every: &str| {
        let arguments = [
            "run-cell",
            "--plan",
            "plan",
            "--index",
            index,
            "--checkpoint-every",
            every,
        ];
        let mut command = toy.command(&arguments);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    // Two signals: a scheduler's notice, and a kill without one.
    for (signal, expected) in [("USR1", Some(75)), ("KILL", None)] {
        let child = begin("20");
        wait_for("a checkpoint", || {
            let tries = toy::tries(&toy.path("plan")).into_iter();
            tries.filter(|one| toy::has_checkpoint(one)).count() > usize::from(signal == "KILL")
        });
        let signalled = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(signalled.unwrap().success());
        assert_eq!(code(child), expected, "{signal}");
        assert_eq!(states(&toy)[4], "begun");
    }
    assert_eq!(code(begin("5m")), Some(0));
    assert!(job(&toy, 8).status().unwrap().success());
    let cell = "left/lora/seed-1";
    let [one, other] =
        ["plan", "run"].map(|run| contents(&toy.path(run).join(cell), &RESULTS[..3]));
    assert!(!one.is_empty() && one == other);
}

#[test]
fn what_has_changed_since_the_plan_is_refused() {
    let toy = planned(&[]);
    let refused = |index: usize| {
        let index = index.to_string();
        let output = toy
            .command(&["run-cell", "--plan", "plan", "--index", &index])
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    // The variables of the plan count, not those of the node.
    let mut on_node = job(&toy, 1);
    on_node.env("JOBS_FASTA", "/nowhere.fa");
    assert!(on_node.status().unwrap().success());
    let (code, told) = refused(13);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("13 jobs, from 0 to 12"), "{told}");
    let bed = fs::read_to_string(toy.path("left.bed")).unwrap();
    toy.write(
        "left.bed",
        &bed.lines()
            .skip(1)
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    );
    let (code, told) = refused(2);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("left.bed has changed since"), "{told}");
}

#[test]
fn what_fails_is_told_and_leaves_the_others_alone() {
    let toy = planned(&["methods.lora.train.learning_rate=1e30"]);
    (0..4).for_each(|index| assert!(job(&toy, index).status().unwrap().success()));
    assert!(!job(&toy, 4).status().unwrap().success());
    assert!(!job(&toy, 8).status().unwrap().success());
    (6..=10)
        .step_by(4)
        .for_each(|index| assert!(job(&toy, index).status().unwrap().success()));
    assert_eq!(states(&toy)[4..8], ["failed", "ready", "done", "ready"]);
    assert_eq!(states(&toy)[8..12], ["waits", "waits", "done", "waits"]);
    let status = toy.ok(&["status", "plan"]).stdout;
    assert!(
        status.contains("failed: 4, adapt left/lora/seed-1: "),
        "{status}"
    );
    // The report is made of what is there.
    assert!(job(&toy, 12).status().unwrap().success());
    assert!(toy.path("plan/report.html").is_file());
    let failure = fs::read_to_string(toy.path("plan/left/lora/seed-1/failure.json")).unwrap();
    assert!(
        failure.contains("\"label\": \"left/lora/seed-1\""),
        "{failure}"
    );
}

#[test]
fn a_job_that_comes_too_early_is_no_failure_of_what_it_waits_for() {
    let toy = planned(&[]);
    assert!(!job(&toy, 4).status().unwrap().success());
    assert_eq!(states(&toy)[4], "waits");
    (0..4).for_each(|index| assert!(job(&toy, index).status().unwrap().success()));
    assert!(!job(&toy, 8).status().unwrap().success());
    assert_eq!(states(&toy)[4..8], ["ready"; 4]);
    assert_eq!(states(&toy)[8..12], ["waits"; 4]);
}

#[test]
fn a_cluster_is_asked_for_what_is_not_done() {
    let toy = planned(&[]);
    toy.write(
        "site.yaml",
        "partition: main\nthrottle: 3\nresources: { adapt: { time: '01:00:00', cpus: 2 } }\n",
    );
    let print = || {
        toy.ok(&["submit", "plan", "--profile", "site.yaml", "--print"])
            .stdout
    };
    let text = print();
    let commands: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("=$(sbatch "))
        .collect();
    assert_eq!(commands.len(), 6, "{text}");
    let [model, examples, tokens, floor, adapt, report] = commands[..] else {
        unreachable!()
    };
    assert!(model.starts_with("MODEL_0=") && examples.starts_with("EXAMPLES_0="));
    assert!(
        tokens.contains("--dependency=afterok:$MODEL_0,aftercorr:$EXAMPLES_0 "),
        "{tokens}"
    );
    assert!(
        floor.contains("--dependency=aftercorr:$EXAMPLES_0 "),
        "{floor}"
    );
    // A cell is scored by the job that trained it.
    let both = "--index $((4 + SLURM_ARRAY_TASK_ID)) --index $((8 + SLURM_ARRAY_TASK_ID))";
    assert!(text.contains(both), "{text}");
    assert!(
        adapt.contains("--dependency=afterany:$TOKENS_0 ") && adapt.contains("--array=0-3%3 "),
        "{adapt}"
    );
    assert!(
        report.contains("afterany:$FLOOR_0") && report.contains("afterany:$ADAPT_0"),
        "{report}"
    );
    for line in [
        "#SBATCH --partition=main",
        "#SBATCH --time=01:00:00",
        "#SBATCH --cpus-per-task=2",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    assert!(!toy.path("plan/slurm").exists());
    (0..4).for_each(|index| assert!(job(&toy, index).status().unwrap().success()));
    for index in [5, 9] {
        assert!(job(&toy, index).status().unwrap().success());
    }
    let text = print();
    let commands: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("=$(sbatch "))
        .collect();
    assert_eq!(commands.len(), 2, "{text}");
    assert!(
        commands[0].contains("--array=0,2-3%3 ") && !commands[0].contains("--dependency"),
        "{text}"
    );
    // Cells that may take more are an array of their own.
    toy.write(
        "site.yaml",
        "resources: { adapt: { time: '01:00:00', memory: 2G } }\n\
         classes: [{ methods: [lora], resources: { memory: 9G } }]\n",
    );
    let classes = print();
    for part in [
        "--array=0 ",
        "--array=2-3 ",
        "adapt-class-0.sh",
        "adapt-class-1.sh",
        "#SBATCH --mem=9G",
        "#SBATCH --mem=2G",
    ] {
        assert!(classes.contains(part), "{part}: {classes}");
    }
    assert_eq!(
        classes.matches("#SBATCH --time=01:00:00").count(),
        2,
        "{classes}"
    );
    toy.write(
        "wrong.yaml",
        "classes: [{ methods: [lorra], resources: { memory: 9G } }]\n",
    );
    let wrong = toy.lingo(&["submit", "plan", "--profile", "wrong.yaml", "--print"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("fits no job") && wrong.stderr.contains("lorra"),
        "{}",
        wrong.stderr
    );
    // Of the method of which a seed is done, time and memory are known.
    toy.write("site.yaml", "estimate: 2\n");
    let estimated = print();
    let scripts: Vec<&str> = estimated.split("#!/bin/bash").collect();
    let of_class = |n: usize| {
        let is_it = |script: &&&str| script.contains("lingo-adapt");
        *scripts.iter().filter(is_it).nth(n).unwrap()
    };
    assert_eq!(
        of_class(0).matches("#SBATCH --time=15").count(),
        1,
        "{estimated}"
    );
    assert!(of_class(0).contains("#SBATCH --mem="), "{estimated}");
    assert!(!of_class(1).contains("--time"), "{estimated}");
    toy.write("wrong.yaml", "estimate: 0.5\n");
    let wrong = toy.lingo(&["submit", "plan", "--profile", "wrong.yaml", "--print"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("at least 1"), "{}", wrong.stderr);
    // Every script is one that a shell can read.
    let checked = Command::new("bash")
        .args(["-n", "-c", &text])
        .status()
        .unwrap();
    assert!(checked.success());
}

/// Snakemake does the same jobs to the same bits: the program that `LINGO_SNAKEMAKE` names, or the one that is found.
#[test]
fn snakemake_makes_the_run() {
    let program = std::env::var("LINGO_SNAKEMAKE").unwrap_or_else(|_| "snakemake".into());
    if Command::new(&program).arg("--version").output().is_err() {
        let told = "LEFT OUT: snakemake is not found; LINGO_SNAKEMAKE names it\n";
        std::io::stderr().write_all(told.as_bytes()).unwrap();
        return;
    }
    let toy = planned(&[]);
    toy.ok(&["run", "jobs.yaml", "--out", "run", "--device", "cpu"]);
    toy.ok(&["export", "snakemake", "plan", "--out", "workflow"]);
    let ours = Path::new(env!("CARGO_BIN_EXE_lingo-pipe"));
    let config = toy.read("workflow/config.yaml");
    let config = config.replace(
        "program: lingo-pipe",
        &format!("program: {}", ours.display()),
    );
    toy.write("workflow/config.yaml", &config);
    let output = Command::new(&program)
        .args(["--cores", "2", "--quiet"])
        .current_dir(toy.path("workflow"))
        .env("XDG_CACHE_HOME", toy.path("cache"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(states(&toy).iter().all(|state| state == "done"), "{told}");
    let [one, other] = ["plan/left", "run/left"].map(|run| contents(&toy.path(run), &RESULTS[..3]));
    assert!(!one.is_empty() && one == other);
}

/// What Slurm's queue has forgotten its accounting may know.
#[test]
fn status_tells_what_slurm_says_of_a_job() {
    let toy = planned(&[]);
    let bin = toy.path("bin");
    fs::create_dir(&bin).unwrap();
    let program = |name: &str, says: &str| {
        let path = bin.join(name);
        fs::write(&path, format!("#!/bin/sh\nprintf '{says}'\n")).unwrap();
        let status = Command::new("chmod").arg("+x").arg(&path).status();
        assert!(status.unwrap().success());
    };
    program("squeue", "12 1 PENDING Resources\\n");
    program(
        "sacct",
        "12_0|OUT_OF_MEMORY|0:125\\n12_1|PENDING|0:0\\n12_3|CANCELLED by 0|0:0\\n",
    );
    fs::create_dir(toy.path("plan/slurm")).unwrap();
    toy.write(
        "plan/slurm/submitted.json",
        r#"[{ "stage": "adapt", "first": 4, "array": "0-3", "job": "12", "command": [] }]"#,
    );
    let mut command = toy.command(&["status", "plan", "--json"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", bin.display()));
    let output = command.output().unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let queue = |index: usize| status["jobs"][index]["queue"].clone();
    assert_eq!(queue(4), "out_of_memory exit 0:125");
    assert_eq!(queue(5), "pending resources");
    assert_eq!(queue(6), Value::Null);
    assert_eq!(queue(7), "cancelled");
}

fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !is_there() {
        assert!(Instant::now() < until, "no {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
