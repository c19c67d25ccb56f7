//! `lingo-pipe design`: cells, their files, what is skipped, and mistakes with their places.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toy::{Ran, lingo};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with the demo's design file and its table.
fn shelf() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["pipelines/design-demo.yaml", "data/demo/landscape.tsv"] {
        let to = folder.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(root().join(name), to).unwrap();
    }
    folder
}

fn run(folder: &Path, words: &[&str]) -> Ran {
    let mut command = lingo();
    command.current_dir(folder).args(words);
    Ran::of(command.output().unwrap())
}

const DEMO: &str = "pipelines/design-demo.yaml";

/// The files of a run's cells.
fn cells(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn look(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>, run: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, found, run);
            } else if !path.file_name().unwrap().to_string_lossy().starts_with('.') {
                let name = path.strip_prefix(run).unwrap().to_path_buf();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    look(run, &mut found, run);
    found
}

#[test]
fn cells_have_their_files_and_finished_ones_are_skipped() {
    let shelf = shelf();
    let ran = run(shelf.path(), &["design", DEMO]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("12 cells run, 0 finished before"),
        "{}",
        ran.stderr
    );
    let folder = shelf.path().join("runs/design-demo");
    let first = cells(&folder);
    assert_eq!(first.len(), 36, "three files a cell");
    let cell = folder.join("motif/bib/seed-1");
    let metrics: Value =
        serde_json::from_slice(&fs::read(cell.join("metrics.json")).unwrap()).unwrap();
    assert_eq!(metrics["designs"], 32);
    for key in [
        "max_32",
        "median_32",
        "mean_32",
        "unique_32",
        "max_8",
        "max_1",
    ] {
        assert!(metrics[key].is_number(), "{key}");
    }
    let fasta = fs::read_to_string(cell.join("designs.fasta")).unwrap();
    assert_eq!(fasta.matches('>').count(), 32);
    let table = fs::read_to_string(cell.join("designs.tsv")).unwrap();
    for row in table.lines().skip(1) {
        let bases = row.split('\t').nth(1).unwrap();
        for motif in ["GGATCC", "AAA", "TTT"] {
            assert!(!bases.contains(motif), "{bases}");
        }
    }
    // What was measured is worse than what was designed: the methods see the lower half alone.
    assert!(metrics["median_32"].as_f64().unwrap() > 0.6, "{metrics}");

    let again = run(shelf.path(), &["design", DEMO]);
    assert!(
        again.stderr.contains("0 cells run, 12 finished before"),
        "{}",
        again.stderr
    );
    assert_eq!(again.stdout, ran.stdout);
    let set = [
        "design",
        DEMO,
        "--methods",
        "ridge",
        "--seeds",
        "1",
        "--set",
        "methods.ridge.ridge.lambda=2",
    ];
    let other = run(shelf.path(), &set);
    assert!(
        other.stderr.contains("1 cells run, 0 finished before"),
        "{}",
        other.stderr
    );
}

#[test]
fn threads_change_no_bit() {
    let shelf = shelf();
    let of = |threads: &str| {
        let ran = run(
            shelf.path(),
            &["design", DEMO, "--threads", threads, "--out", threads],
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        cells(&shelf.path().join(threads))
    };
    assert!(of("1") == of("3"));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let shelf = shelf();
    let good = fs::read_to_string(shelf.path().join(DEMO)).unwrap();
    let t = |old: &str, new: &str, code: i32, expected: &str| {
        let text = good.replace(old, new);
        assert_ne!(text, good, "{old}");
        fs::write(shelf.path().join("pipelines/bad.yaml"), text).unwrap();
        let ran = run(shelf.path(), &["design", "pipelines/bad.yaml"]);
        assert_eq!(ran.code, code, "{new}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{new}: {}", ran.stderr);
    };
    t("designs: 32", "design: 32", 2, "pipelines/bad.yaml:10");
    t("designs: 32", "design: 32", 2, "designs");
    t(
        "lowest_share: 0.5",
        "lowest_share: 1.5",
        2,
        "1.5 is more than all rows",
    );
    t(
        "kmers: {}",
        "kmers: { k: 9 }",
        2,
        "k-mers of 1 to 8 bases are counted",
    );
    t(
        "features: { kmers: {} }",
        "features: { language_model: {} }",
        2,
        "the file names none",
    );
    t("gc: [0.2, 0.8]", "gc: [0.8, 0.2]", 2, "constraints.gc");
    t("landscape.tsv", "elsewhere.tsv", 3, "elsewhere.tsv");
    fs::write(
        shelf.path().join("data/demo/bad.tsv"),
        "sequence\tscore\nACGT\t1\nACGN\t2\n",
    )
    .unwrap();
    t(
        "landscape.tsv",
        "bad.tsv",
        3,
        "bad.tsv:3: `N` in `ACGN` is none of A, C, G, T",
    );
}

/// A model whose tokenizer merges bases has no soft tokens.
#[test]
fn merged_tokens_are_refused_with_the_reason() {
    let shelf = shelf();
    let model = shelf.path().join("model");
    fs::create_dir_all(&model).unwrap();
    let fixture = root().join("crates/design/tests/fixtures/dnabert_tiny");
    for name in ["config.json", "model.safetensors"] {
        fs::copy(fixture.join(name), model.join(name)).unwrap();
    }
    let merged = r#"{"model": {"type": "BPE", "vocab": {"A": 0, "C": 1, "G": 2, "T": 3, "AC": 4}, "merges": ["A C"]}}"#;
    fs::write(model.join("tokenizer.json"), merged).unwrap();
    let text = fs::read_to_string(shelf.path().join(DEMO)).unwrap();
    let text = text
        .replace("tasks:", "model: { path: ../model }\ntasks:")
        .replace(
            "features: { kmers: {} }",
            "features: { language_model: {} }",
        );
    fs::write(shelf.path().join("pipelines/merged.yaml"), text).unwrap();
    let ran = run(
        shelf.path(),
        &["design", "pipelines/merged.yaml", "--methods", "bib"],
    );
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("merged tokens (BPE)"), "{}", ran.stderr);
}

/// A model in DNABERT's layout designs, the same alone and with other seeds around.
#[test]
fn a_model_of_overlapping_kmers_designs() {
    let shelf = shelf();
    let text = fs::read_to_string(shelf.path().join(DEMO)).unwrap();
    let model = root().join("crates/design/tests/fixtures/dnabert_tiny");
    let text = text
        .replace("tasks:", &format!("model: {{ path: '{}' }}\ntasks:", model.display()))
        .replace(
            "features: { kmers: {} }",
            "features: { language_model: { both_strands: true } }, adaptive_gamma: true, adaptive_rate: true, steps: 20",
        );
    fs::write(shelf.path().join("pipelines/model.yaml"), text).unwrap();
    let words = ["design", "pipelines/model.yaml", "--methods", "bib"];
    let ran = run(shelf.path(), &words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let alone = run(
        shelf.path(),
        &[&words[..], &["--seeds", "2", "--out", "alone"]].concat(),
    );
    assert_eq!(alone.code, 0, "{}", alone.stderr);
    let read = |run: &str| fs::read(shelf.path().join(run).join("motif/bib/seed-2/designs.tsv"));
    assert!(read("runs/design-demo").unwrap() == read("alone").unwrap());
}
