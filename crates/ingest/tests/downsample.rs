//! Fewer rows of classes that have many, in train only.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::Path;

use lingo_artifact::Split;
use lingo_artifact::example::Examples;
use lingo_artifact::progress::Silent;
use lingo_ingest::{Audit, Error, IngestConfig, ingest};
use serde_json::{Value, json};

/// 40 rows of the class 0 and 200 of the class 1, of which a tenth each is dev and test.
fn table(folder: &Path) -> Value {
    let mut text = "sequence,label\n".to_string();
    for i in 0..240 {
        let sequence = format!("{i:020b}").replace('0', "AC").replace('1', "GT");
        writeln!(text, "{sequence},{}", u32::from(i >= 40)).unwrap();
    }
    let path = folder.join("a.csv");
    std::fs::write(&path, text).unwrap();
    json!({
        "source": { "csv": { "file": path } },
        "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } },
        "leakage": "exact",
    })
}

fn made(mut config: Value, more: Value) -> Result<Examples, Error> {
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    ingest(
        &serde_json::from_value::<IngestConfig>(config).unwrap(),
        &Silent,
    )
}

/// Rows of the classes in train, dev and test.
fn counts(examples: &Examples) -> [[usize; 2]; 3] {
    Split::ALL.map(|split| {
        [0, 1].map(|class| {
            let of = |e: &&lingo_artifact::example::Example| {
                e.split == split && e.label == lingo_artifact::Label::Class(class)
            };
            examples.rows.iter().filter(of).count()
        })
    })
}

#[test]
fn train_alone_is_thinned_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let config = table(folder.path());
    let rest = [[4, 20], [4, 20]];
    for (plan, train, left_out) in [
        (json!({ "ratio": 3 }), [32, 96], 64),
        (json!({ "ratio": 1.5, "seed": 7 }), [32, 48], 112),
        (json!({ "ratio": 9 }), [32, 160], 0),
        (json!({ "most_per_class": 20 }), [20, 20], 152),
        (json!({ "most_per_class": 100 }), [32, 100], 60),
    ] {
        let made = made(config.clone(), json!({ "downsample": plan })).unwrap();
        assert_eq!(counts(&made), [train, rest[0], rest[1]], "{plan}");
        let audit: Audit = serde_json::from_value(made.metadata.audit.clone()).unwrap();
        assert_eq!(audit.left_out["downsampled"], left_out, "{plan}");
        // The audit is of what is left.
        assert_eq!(audit.rows, made.rows.len() as u64);
        assert_eq!(audit.splits[0].rows, (train[0] + train[1]) as u64);
        let told = audit.findings(|n| n.to_string());
        let told = told
            .iter()
            .any(|f| f.text.contains("more than `downsample` lets"));
        assert_eq!(told, left_out > 0, "{plan}");
    }
}

#[test]
fn without_an_audit_it_is_done_all_the_same_and_the_seed_decides() {
    let folder = tempfile::tempdir().unwrap();
    let config = table(folder.path());
    let of = |seed: u64| {
        let plan = json!({ "downsample": { "ratio": 1, "seed": seed }, "leakage": "unexamined" });
        made(config.clone(), plan).unwrap()
    };
    assert_eq!(counts(&of(0))[0], [32, 32]);
    assert_eq!(of(1).rows, of(1).rows);
    assert_ne!(of(0).rows, of(1).rows);
    // Those that are left are rows that were there, in their order.
    let all = made(config.clone(), json!({})).unwrap().rows;
    let mut rest = all.iter();
    assert!(of(0).rows.iter().all(|row| rest.any(|other| other == row)));
}

#[test]
fn leaks_are_dropped_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "sequence,label\n".to_string();
    for i in 0..300 {
        // Each sequence of the class 0 stands there twice.
        let number = if i < 100 { i / 2 } else { i };
        let sequence = format!("{number:020b}")
            .replace('0', "AC")
            .replace('1', "GT");
        writeln!(text, "{sequence},{}", u32::from(i >= 100)).unwrap();
    }
    let mut config = table(folder.path());
    config["source"]["csv"]["file"] = json!(folder.path().join("b.csv"));
    std::fs::write(folder.path().join("b.csv"), text).unwrap();
    let plan = json!({ "downsample": { "ratio": 1 }, "on_leak": "drop" });
    let made = made(config, plan).unwrap();
    let [train, ..] = counts(&made);
    let audit: Audit = serde_json::from_value(made.metadata.audit).unwrap();
    assert!(audit.dropped_train > 0 && !audit.leaks());
    assert_eq!(train, [80 - audit.dropped_train as usize; 2]);
}

#[test]
fn values_and_several_labels_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = table(folder.path());
    let told = |more: Value| made(config.clone(), more).unwrap_err().to_string();
    let plan = json!({ "ratio": 2 });
    assert!(
        told(json!({ "downsample": plan, "label_kind": "regression" }))
            .contains("`downsample` needs classes, and the labels are values")
    );
    assert!(
        told(json!({ "downsample": plan, "label_kind": "multilabel" }))
            .contains("rows have several labels at once")
    );
    for (plan, expected) in [
        (json!({}), "`downsample` needs `most_per_class` or `ratio`"),
        (
            json!({ "ratio": 0.5 }),
            "`downsample.ratio` is 0.5; it is a number from 1 on",
        ),
        (
            json!({ "ratio": 2, "most_per_class": 3 }),
            "say one of them",
        ),
    ] {
        let message = told(json!({ "downsample": plan }));
        assert!(message.contains(expected), "{message}");
    }
}
