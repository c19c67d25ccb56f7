//! How a user splits data, guards against leakage and makes negatives, from the pipeline file and from the command line.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::collections::BTreeSet;

use toy::Toy;

/// The toy pipeline with its first task cross-validated, few steps and no second task.
fn cross_validated(toy: &Toy) {
    let text = toy::PIPELINE.replacen(
        "split: { chromosomes: { dev: [b], test: [c] } }",
        "split: { folds: { k: 3, by: chromosome, seed: 1 } }",
        1,
    );
    let right = text.find("  right:").unwrap();
    let rest = text.find("tokenize:").unwrap();
    let text = format!("{}{}", &text[..right], &text[rest..]).replace("epochs: 4", "epochs: 1");
    toy.write("folds.yaml", &text);
}

#[test]
fn a_cross_validated_task_becomes_one_task_for_each_fold() {
    let toy = Toy::new();
    cross_validated(&toy);
    let plan = toy.ok(&["run", "folds.yaml", "--dry-run"]);
    for fold in 1..=3 {
        let name = format!("left.fold-{fold}");
        assert!(
            format!("{}{}", plan.stdout, plan.stderr).contains(&name),
            "{name}"
        );
    }
    toy.ok(&["run", "folds.yaml", "--only", "left", "--methods", "lora"]);
    let run = toy.path("runs/toy");
    let mut tested = Vec::new();
    for fold in 1..=3 {
        let folder = run.join(format!("left.fold-{fold}"));
        assert!(folder.join("lora/seed-1/metrics.json").is_file());
        let examples =
            lingo_artifact::example::Examples::read(&folder.join("examples.parquet")).unwrap();
        let test = examples
            .rows
            .iter()
            .filter(|e| e.split == lingo_artifact::Split::Test);
        let chroms: BTreeSet<String> = test.map(|e| e.interval.clone().unwrap().chrom).collect();
        tested.push(chroms.into_iter().collect::<Vec<_>>());
    }
    tested.sort();
    assert_eq!(tested, [["a"], ["b"], ["c"]]);
    let report = toy.read("runs/toy/report.html");
    assert!(
        report.contains("Cross-validation of left: <strong>lora</strong>"),
        "{report}"
    );
    assert!(report.contains("over 3 of 3 folds."));
    assert!(report.contains("standard deviation over 3 folds"));
}

#[test]
fn what_is_wrong_with_folds_is_told_once_and_where_it_stands() {
    let toy = Toy::new();
    cross_validated(&toy);
    let folds = toy.read("folds.yaml");
    toy.write("two.yaml", &folds.replace("{ k: 3", "{ k: 2"));
    let ran = toy.lingo(&["validate", "two.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("2 folds: from 3 to 100 are needed"),
        "{}",
        ran.stderr
    );
    toy.write("fourth.yaml", &folds.replace("{ k: 3", "{ k: 3, fold: 4"));
    let ran = toy.lingo(&["validate", "fourth.yaml"]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.stderr.matches("`folds.fold` is 4").count(),
        1,
        "{}",
        ran.stderr
    );
}

#[test]
fn the_command_line_splits_guards_and_makes_negatives() {
    let toy = Toy::new();
    let ingest = |more: &[&str]| {
        let base = ["ingest", "--fasta", "left.fa", "--bed", "left.bed"];
        toy.lingo(&base.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let ran = ingest(&["--negatives", "shuffle", "--out", "shuffled.tsv", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let made = said["audit"]["negatives"].as_u64().unwrap();
    assert_eq!(said["audit"]["rows"].as_u64(), Some(2 * made));
    assert_eq!(
        said["labels"]["classes"],
        serde_json::json!(["left", "negative"])
    );
    // Files where chromosomes were meant, and what can have no effect.
    for (mistake, told) in [
        (&["--dev", "left.bed"][..], "--dev"),
        (
            &["--negatives", "shuffle", "--exclude", "left.bed"],
            "--exclude",
        ),
        (&["--skip-contigs", "unknown,chrM"], "--skip-contigs"),
    ] {
        let ran = ingest(&[mistake, &["--out", "none.tsv"]].concat());
        assert_eq!(ran.code, 2, "{mistake:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert!(!toy.path("none.tsv").exists());
    }
    let ran = ingest(&[
        "--label-column",
        "5",
        "--folds",
        "3",
        "--fold",
        "2",
        "--by-chromosome",
        "--out",
        "-",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("id\tsplit\tsequence\tlabel\tchrom"),
        "{}",
        &ran.stdout[..60]
    );
    let ran = ingest(&[
        "--label-column",
        "5",
        "--clusters",
        "--on-leak",
        "error",
        "--out",
        "e.parquet",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("cluster"), "{}", ran.stderr);
    for (more, code, told) in [
        (
            vec!["--folds", "2", "--fold", "1", "--out", "x.tsv"],
            2,
            "--folds: 2 folds: from 3 to 100",
        ),
        (vec!["--folds", "3", "--out", "x.tsv"], 2, "--fold <I>"),
        (
            vec!["--max-memory", "2 gigs", "--out", "x.tsv"],
            2,
            "not an amount of memory",
        ),
        (
            vec!["--jaccard", "2", "--out", "x.tsv"],
            2,
            "--jaccard: 2 is out of range",
        ),
        (
            vec![
                "--leakage",
                "unexamined",
                "--on-leak",
                "drop",
                "--label-column",
                "5",
                "--out",
                "x.tsv",
            ],
            2,
            "`on_leak` needs `leakage: exact` or `near`",
        ),
    ] {
        let ran = ingest(&more);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}
