//! Rows that lie over one another: what the audit counts, what splits keep together. Counts are held against bedtools
//! (tests/oracles/ingest_overlaps.py), shares of many labels against the package iterative-stratification.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use lingo_artifact::example::Examples;
use lingo_artifact::progress::Silent;
use lingo_artifact::random::Stream;
use lingo_artifact::{Label, Split};
use lingo_ingest::{Audit, IngestConfig, ingest};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/overlaps")
        .join(name)
}

fn config(value: Value) -> IngestConfig {
    serde_json::from_value(value).unwrap()
}

fn audit(examples: &Examples) -> Audit {
    serde_json::from_value(examples.metadata.audit.clone()).unwrap()
}

fn told(audit: &Audit) -> Vec<String> {
    let findings = audit.findings(|n| n.to_string());
    findings.iter().map(|finding| finding.line()).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A genome of random bases.
fn genome(folder: &Path, chromosomes: &[(&str, usize)]) -> PathBuf {
    let mut stream = Stream::new(1, "overlaps test");
    let mut text = String::new();
    for (name, length) in chromosomes {
        text.push_str(&format!(">{name}\n"));
        text.extend((0..*length).map(|_| char::from(b"ACGT"[stream.below(4)])));
        text.push('\n');
    }
    write(folder, "g.fa", &text)
}

/// The intervals of the fixture with the splits that it gives them.
fn given_splits(folder: &Path) -> Value {
    let fasta = genome(folder, &[("I", 20_000), ("II", 20_000), ("III", 20_000)]);
    let mut tables = Vec::new();
    for split in Split::ALL {
        let bed = std::fs::read_to_string(fixture(&format!("{split}.bed"))).unwrap();
        for class in ["a", "b"] {
            let mut text = String::from("id,region,start,end,strand\n");
            for line in bed.lines() {
                let f: Vec<&str> = line.split('\t').collect();
                if f[4] == class {
                    text.push_str(&format!("{},{},{},{},{}\n", f[3], f[0], f[1], f[2], f[5]));
                }
            }
            let file = write(folder, &format!("{split}-{class}.csv"), &text);
            tables.push(json!({ "file": file, "class": class, "split": split }));
        }
    }
    json!({ "source": { "interval_csv": { "fasta": fasta, "tables": tables } } })
}

#[test]
fn overlaps_between_splits_are_those_of_bedtools() {
    let folder = tempfile::tempdir().unwrap();
    let audit = audit(&ingest(&config(given_splits(folder.path())), &Silent).unwrap());
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(fixture("bedtools.json")).unwrap()).unwrap();
    assert_eq!(audit.overlaps.len(), 3);
    for overlap in &audit.overlaps {
        let expected = &golden[format!("{} in {}", overlap.split, overlap.found_in)];
        let counts = json!({
            "any": overlap.any, "half": overlap.half, "whole": overlap.whole, "inside": overlap.inside,
        });
        assert_eq!(&counts, &expected["rows"], "{overlap:?}");
        assert!(overlap.any > overlap.half && overlap.whole > overlap.inside && overlap.inside > 0);
        let example = overlap.example.as_ref().unwrap();
        let pairs = expected["pairs"].as_object().unwrap();
        let pair = format!("{} {}", example.row, example.other);
        assert_eq!(pairs[&pair].as_u64(), Some(example.bases), "{pair}");
        assert_eq!(overlap.leaking, overlap.any);
    }
    let lines = told(&audit);
    let test = lines
        .iter()
        .find(|l| l.contains("of test") && l.contains("over rows of train"));
    let expected = &golden["test in train"]["rows"];
    let beginning = format!("leakage: {} rows of test", expected["any"]);
    assert!(
        test.is_some_and(|line| line.starts_with(&beginning)),
        "{lines:?}"
    );
}

#[test]
fn what_is_done_about_overlaps_follows_their_share() {
    let folder = tempfile::tempdir().unwrap();
    let given = given_splits(folder.path());
    let run = |on_leak: &str, leakage: Value| {
        let mut given = given.clone();
        given["on_leak"] = json!(on_leak);
        given["leakage"] = leakage;
        ingest(&config(given), &Silent)
    };
    let near = |overlap: f64| json!({ "near": { "overlap": overlap } });
    let whole = audit(&run("warn", near(0.0)).unwrap());
    let message = run("error", near(0.0)).unwrap_err().to_string();
    assert!(
        message.contains("lie over rows of train in the genome"),
        "{message}"
    );
    let mut kept = Vec::new();
    for share in [0.0, 0.5, 1.0] {
        let after = audit(&run("drop", near(share)).unwrap());
        assert!(after.overlaps.iter().all(|o| o.leaking == 0), "{after:?}");
        if share == 0.0 {
            assert!(after.overlaps.iter().all(|o| o.any == 0), "{after:?}");
        }
        assert_eq!(after.splits[2].rows, whole.splits[2].rows);
        assert_eq!(
            after.dropped_train + after.splits[0].rows,
            whole.splits[0].rows
        );
        assert_eq!(
            after.dropped_dev + after.splits[1].rows,
            whole.splits[1].rows
        );
        kept.push(after.splits[0].rows);
    }
    assert!(kept.is_sorted() && kept[0] < kept[2], "{kept:?}");
    // Without likeness, places are told and left alone.
    let exact = audit(&run("drop", json!("exact")).unwrap());
    assert!(
        exact.overlaps.iter().all(|o| o.leaking == 0 && o.any > 0),
        "{exact:?}"
    );
}

/// 500 bases every 250, of two classes, in stretches of so many windows.
fn windows(folder: &Path, stretches: usize, windows: usize) -> Value {
    let length = 250 * (windows + 1);
    let fasta = genome(folder, &[("I", stretches * (length + 100))]);
    let bed: String = (0..stretches * windows)
        .map(|i| {
            let start = i / windows * (length + 100) + i % windows * 250;
            let strand = ["+", "-"][i % 2];
            format!(
                "I\t{start}\t{}\tr{i}\t{}\t{strand}\n",
                start + 500,
                i * 7 % 3 % 2
            )
        })
        .collect();
    let bed = write(folder, "w.bed", &bed);
    json!({ "bed": { "fasta": fasta, "beds": [bed], "label": { "column": 5 } } })
}

#[test]
fn random_splits_never_part_overlapping_rows() {
    let folder = tempfile::tempdir().unwrap();
    let source = windows(folder.path(), 60, 12);
    let shares = |more: Value| {
        let mut plan = json!({ "train": 0.8, "dev": 0.1, "test": 0.1 });
        for (key, value) in more.as_object().unwrap() {
            plan[key] = value.clone();
        }
        plan
    };
    let run = |split: Value| {
        ingest(
            &config(json!({ "source": source, "split": split, "on_leak": "warn" })),
            &Silent,
        )
        .unwrap()
    };
    for split in [
        json!({ "ratios": shares(json!({})) }),
        json!({ "clusters": shares(json!({})) }),
        json!({ "folds": { "k": 10, "fold": 3 } }),
    ] {
        let examples = run(split.clone());
        let audit = audit(&examples);
        assert!(
            audit
                .overlaps
                .iter()
                .all(|o| o.any == 0 && o.example.is_none()),
            "{audit:?}"
        );
        let linked = audit.linked.as_ref().unwrap();
        assert_eq!((linked.rows, linked.groups, linked.largest), (720, 60, 12));
        assert!(
            told(&audit).contains(&"720 rows share bases with others of the genome and were kept together: 60 groups, the largest with 12 rows".to_string()),
            "{:?}", told(&audit)
        );
        for (split, share) in audit.splits.iter().zip([0.8, 0.1, 0.1]) {
            assert_eq!(split.rows, (720.0 * share) as u64, "{audit:?}");
            let class = split.classes[0].share;
            let all: u64 = audit.splits.iter().map(|s| s.classes[0].rows).sum();
            assert!((class - all as f64 / 720.0).abs() < 0.02, "{audit:?}");
        }
        assert_eq!(run(split).rows, examples.rows);
    }
    // Switched off, rows are dealt one by one, and the audit says what that does.
    let parted = audit(&run(
        json!({ "ratios": shares(json!({ "keep_overlaps_together": false })) }),
    ));
    assert!(parted.linked.is_none());
    let test = &parted.overlaps[1];
    assert!(test.half > 60 && test.whole < test.half, "{test:?}");
}

#[test]
fn a_group_that_is_too_large_goes_to_train_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // One stretch of 300 windows and three that lie alone.
    let source = windows(folder.path(), 1, 300);
    let fasta = source["bed"]["fasta"].clone();
    let lone: String = (0..3)
        .map(|i| {
            format!(
                "I\t{}\t{}\tx{i}\t{}\t+\n",
                75_250 + 20 * i,
                75_260 + 20 * i,
                i % 2
            )
        })
        .collect();
    let lone = write(folder.path(), "lone.bed", &lone);
    let with = |beds: Value| {
        json!({
            "source": { "bed": { "fasta": fasta, "beds": beds, "label": { "column": 5 } } },
            "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } },
        })
    };
    let audit = audit(
        &ingest(
            &config(with(json!([folder.path().join("w.bed"), lone]))),
            &Silent,
        )
        .unwrap(),
    );
    let rows: Vec<u64> = audit.splits.iter().map(|s| s.rows).collect();
    assert!(rows[0] >= 300 && rows[1] >= 1 && rows[2] >= 1, "{rows:?}");
    let lines = told(&audit);
    let missed = lines
        .iter()
        .find(|l| l.starts_with("train has 99.0 % of the rows instead of 80.0 %, dev has 0.7 %"));
    assert!(
        missed.is_some_and(
            |l| l.contains("the largest group has 300 rows, 99.0 % of all")
                && l.contains("folds: { k: 5, by: chromosome }")
        ),
        "{lines:?}"
    );
    let message = ingest(&config(with(json!([folder.path().join("w.bed")]))), &Silent)
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "dev has no row (300 rows in all); split in another way; 300 of the 300 rows are linked by overlaps and stay together: split by `chromosomes` or with `folds: { k: 5, by: chromosome }`, or say `keep_overlaps_together: false`"
    );
}

#[test]
fn dev_from_train_keeps_overlapping_rows_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut given = given_splits(folder.path());
    let source = &mut given["source"]["interval_csv"];
    let tables = source["tables"].as_array().unwrap().clone();
    let of = |split: &str| {
        tables
            .iter()
            .filter(|t| t["split"] == split)
            .cloned()
            .collect::<Vec<_>>()
    };
    source["tables"] = json!([of("train"), of("test")].concat());
    source["dev_from_train"] = json!({ "share": 0.2 });
    let kept = audit(&ingest(&config(given.clone()), &Silent).unwrap());
    assert_eq!(kept.overlaps[0].any, 0);
    assert!(kept.splits[1].rows > 0);
    given["source"]["interval_csv"]["dev_from_train"]["keep_overlaps_together"] = json!(false);
    let parted = audit(&ingest(&config(given), &Silent).unwrap());
    assert!(parted.overlaps[0].any > 0);
}

#[test]
fn many_labels_are_dealt_out_as_iterative_stratification_does() {
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(fixture("labels.json")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, golden) in golden.as_object().unwrap() {
        let lists: Vec<&str> = golden["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap())
            .collect();
        let labels = lists[0].len();
        let mut stream = Stream::new(3, "sequences");
        let mut text = String::from("sequence,label\n");
        for list in &lists {
            let bases: String = (0..40)
                .map(|_| char::from(b"ACGT"[stream.below(4)]))
                .collect();
            let list: Vec<String> = list.chars().map(String::from).collect();
            text.push_str(&format!("{bases},{}\n", list.join(" ")));
        }
        let file = write(folder.path(), "labels.csv", &text);
        let classes: Vec<String> = (0..labels).map(|i| format!("l{i}")).collect();
        let examples = ingest(
            &config(json!({
                "source": { "csv": { "file": file } }, "label_kind": "multilabel", "classes": classes,
                "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } },
            })),
            &Silent,
        )
        .unwrap();
        let mut rows = [0u64; 3];
        let mut of_label: BTreeMap<usize, [u64; 3]> = BTreeMap::new();
        for row in &examples.rows {
            rows[row.split as usize] += 1;
            let Label::Multi(list) = &row.label else {
                panic!("{row:?}")
            };
            for label in (0..labels).filter(|l| list[*l] == 1) {
                of_label.entry(label).or_default()[row.split as usize] += 1;
            }
        }
        let wanted = [0.8, 0.1, 0.1];
        let off = |counts: &[u64; 3]| {
            let all = counts.iter().sum::<u64>() as f64;
            let off = counts
                .iter()
                .zip(wanted)
                .map(|(n, share)| (*n as f64 / all - share).abs());
            off.fold(0.0, f64::max)
        };
        assert!(off(&rows) < 0.01, "{name}: {rows:?}");
        let mut ours = 0.0;
        for (label, counts) in &of_label {
            let all: u64 = counts.iter().sum();
            assert!(
                off(counts) <= 0.01f64.max(2.01 / all as f64),
                "{name} {label}: {counts:?}"
            );
            assert!(
                all < 5 || counts.iter().all(|n| *n > 0),
                "{name} {label}: {counts:?}"
            );
            ours += off(counts) / of_label.len() as f64;
        }
        // On average no further from the shares than the package.
        let theirs = golden["mean_deviation"].as_f64().unwrap();
        assert!(ours <= theirs + 1e-3, "{name}: {ours} {theirs}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let source = windows(folder.path(), 40, 9);
    let config = config(json!({
        "source": source,
        "split": { "ratios": { "train": 0.7, "dev": 0.15, "test": 0.15, "keep_overlaps_together": false } },
    }));
    let pool = |n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
    };
    let [one, many] = [1, 5].map(|n| pool(n).install(|| ingest(&config, &Silent).unwrap()));
    assert_eq!(one.rows, many.rows);
    assert_eq!(one.metadata.audit, many.metadata.audit);
    let ids: HashMap<&str, Split> = one.rows.iter().map(|e| (e.id.as_str(), e.split)).collect();
    assert_eq!(ids.len(), 360);
}
