//! A signal over windows as pyBigWig reads it: `tests/oracles/ingest_tracks.py`.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use lingo_artifact::progress::Silent;
use lingo_artifact::{Label, LabelKind};
use lingo_ingest::{Error, ingest};
use serde_json::{Value, json};

const EXPECTED: &str = include_str!("fixtures/tracks/expected.tsv");

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/tracks")
        .join(name)
}

struct Expected {
    place: String,
    mean: f64,
    max: f64,
    sum: f64,
}

fn expected() -> Vec<Expected> {
    let number = |text: &str| text.parse().unwrap();
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        Expected {
            place: columns[0].into(),
            mean: number(columns[1]),
            max: number(columns[2]),
            sum: number(columns[3]),
        }
    };
    EXPECTED.lines().map(row).collect()
}

const LENGTHS: [(&str, usize); 3] = [("chr1", 60_000), ("chr2", 20_000), ("chr3", 5_000)];

/// The target of each window of the oracle.
fn targets(
    lengths: &[(&str, usize)],
    track: &Path,
    more: Value,
    contigs: Value,
) -> Result<Vec<f32>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let sequence = |(name, length): &(&str, usize)| format!(">{name}\n{}\n", "A".repeat(*length));
    let genome: String = lengths.iter().map(sequence).collect();
    std::fs::write(folder.path().join("g.fa"), genome).unwrap();
    let row = |e: &Expected| e.place.replace([':', '-'], "\t") + "\n";
    let bed: String = expected().iter().map(row).collect();
    std::fs::write(folder.path().join("w.bed"), bed).unwrap();
    let mut label = json!({ "file": track });
    for (key, value) in more.as_object().unwrap() {
        label[key] = value.clone();
    }
    let config = json!({
        "source": { "bed": {
            "fasta": folder.path().join("g.fa"), "beds": [folder.path().join("w.bed")], "label": { "track": label },
        } },
        "contigs": contigs,
        "split": { "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } },
        "leakage": "unexamined",
    });
    let made = ingest(&serde_json::from_value(config).unwrap(), &Silent)?;
    assert_eq!(made.metadata.labels, LabelKind::Regression);
    let value = |label: &Label| match label {
        Label::Value(value) => *value,
        other => panic!("{other:?}"),
    };
    Ok(made.rows.iter().map(|e| value(&e.label)).collect())
}

fn close(seen: &[f32], expected: impl Iterator<Item = f64>) {
    let mut rows = 0;
    for (i, (seen, expected)) in seen.iter().zip(expected).enumerate() {
        // Sums of up to 700 values in another order, and then 24 bits.
        let bound = 1e-6 * expected.abs().max(1e-3);
        assert!(
            (f64::from(*seen) - expected).abs() <= bound,
            "row {i}: {seen} and {expected}"
        );
        rows += 1;
    }
    assert_eq!(rows, seen.len());
    assert!(rows > 250);
}

#[test]
fn windows_have_the_signal_that_pybigwig_gives() {
    for file in ["signal.bw", "signal.bedgraph.gz"] {
        let of = |statistic: &str| {
            let more = json!({ "statistic": statistic });
            targets(&LENGTHS, &fixture(file), more, json!({})).unwrap()
        };
        close(&of("mean"), expected().iter().map(|e| e.mean));
        close(&of("max"), expected().iter().map(|e| e.max));
        close(&of("sum"), expected().iter().map(|e| e.sum));
        let log = json!({ "statistic": "max", "log1p": true });
        let log = targets(&LENGTHS, &fixture(file), log, json!({})).unwrap();
        close(&log, expected().iter().map(|e| (1.0 + e.max).ln()));
    }
}

#[test]
fn a_track_of_another_genome_is_told() {
    let shorter = [("chr1", 60_000), ("chr2", 20_001), ("chr3", 5_000)];
    let told = |file: &str, lengths: &[(&str, usize)]| {
        targets(lengths, &fixture(file), json!({}), json!({}))
            .unwrap_err()
            .to_string()
    };
    let message = told("signal.bw", &shorter);
    assert!(
        message.contains("`chr2` has 20000 bases here and 20001 in"),
        "{message}"
    );
}

#[test]
fn a_broken_bigwig_is_told_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.bw");
    let whole = std::fs::read(fixture("signal.bw")).unwrap();
    for cut in [4, 20, 63, 64, 200, 400, whole.len() / 4] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let message = targets(&LENGTHS, &path, json!({}), json!({}))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("b.bw: this bigWig cannot be read"),
            "{cut}: {message}"
        );
    }
    // Any byte may be another: it is told, or there are other values, but nothing panics or takes for ever.
    let places = (0..64).chain((64..whole.len()).step_by(whole.len() / 60));
    for at in places {
        let mut other = whole.clone();
        other[at] ^= 0xff;
        std::fs::write(&path, &other).unwrap();
        if let Err(e) = targets(&LENGTHS, &path, json!({}), json!({})) {
            assert!(e.to_string().contains("b.bw"), "{at}: {e}");
        }
    }
}

#[test]
fn a_bedgraph_has_a_value_for_a_base() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.bedgraph");
    let told = |text: &str| {
        std::fs::write(&path, text).unwrap();
        targets(&LENGTHS, &path, json!({}), json!({}))
            .unwrap_err()
            .to_string()
    };
    let t = |text: &str, expected: &str| {
        let message = told(text);
        assert!(message.contains(expected), "{message}");
    };
    t(
        "chr1\t0\t5\t1\nchr1\t4\t6\t1\n",
        "two intervals overlap, chr1:0-5 and chr1:4-6",
    );
    t(
        "chr1\t0\t5\n",
        "b.bedgraph:1: 3 columns where a bedGraph has 4",
    );
    t(
        "chr1\t0\t5\tnan\n",
        "b.bedgraph:1: column 4 (value) is `nan`",
    );
    t("1\t0\t5\t1\n", "there is no sequence `1`");
    t("#x\n", "the file holds no interval with a value");
}
