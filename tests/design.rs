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

/// The files of a run's cells that are its result, and the table over them.
fn results(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn look(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>, run: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let kept = [
                "designs.fasta",
                "designs.tsv",
                "steps.tsv",
                "metrics.json",
                "metrics.csv",
            ];
            if path.is_dir() && name != "store" {
                look(&path, found, run);
            } else if kept.contains(&name.as_str()) {
                let name = path.strip_prefix(run).unwrap().to_path_buf();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    look(run, &mut found, run);
    found
}

fn told(ran: &Ran, expected: &str) {
    let both = format!("{}{}", ran.stdout, ran.stderr);
    assert!(both.contains(expected), "{expected}: {both}");
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
    let first = results(&folder);
    // Three files a cell, the steps of three of them, and the table.
    assert_eq!(first.len(), 36 + 3 + 1);
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
    let set = ["--set", "methods.ridge.ridge.lambda=2"];
    let one = ["run", DEMO, "--methods", "ridge", "--seeds", "1"];
    let other = run(shelf.path(), &[&one[..], &set].concat());
    told(&other, "1 cells run, 0 finished before");
    told(&other, "runs/design-demo/report.html");
    // The result of before is in the store.
    let back = run(shelf.path(), &one);
    told(&back, "0 cells run, 1 finished before");
    assert!(results(&folder) == first);
    let explained = run(
        shelf.path(),
        &[
            "explain",
            "runs/design-demo",
            "--cell",
            "motif/ridge/seed-1",
        ],
    );
    told(&explained, "method.ridge.lambda:");
}

#[test]
fn steps_are_told() {
    let shelf = shelf();
    let ran = run(
        shelf.path(),
        &["design", DEMO, "--methods", "bib", "--seeds", "1"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let cell = shelf.path().join("runs/design-demo/motif/bib/seed-1");
    let steps = fs::read_to_string(cell.join("steps.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = steps
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(rows.len(), 101);
    let column = |name: &str| rows[0].iter().position(|c| *c == name).unwrap();
    let number = |row: usize, name: &str| rows[row][column(name)].parse::<f64>().unwrap();
    assert!(number(100, "predicted") > number(1, "predicted"));
    let loss = |row| 0.5 * (number(row, "forward") + number(row, "backward"));
    assert!(loss(100) < loss(1));
    assert_eq!((number(50, "gamma"), number(50, "rate_most")), (0.5, 0.1));
}

#[test]
fn a_run_of_designs_is_a_run_like_any_other() {
    let shelf = shelf();
    let folder = "runs/design-demo";
    let lingo = |words: &[&str]| run(shelf.path(), words);
    told(
        &lingo(&["validate", DEMO]),
        "1 tasks x 4 methods x 3 seeds = 12 cells",
    );
    told(&lingo(&["plan", DEMO]), "12 cells: 12 to run, 0 cached");
    assert_eq!(lingo(&["plan", DEMO, "--out", folder]).code, 2);
    let other = lingo(&["graph", DEMO]);
    assert_eq!(other.code, 2);
    told(&other, "those of a design file");
    assert_eq!(lingo(&["run", DEMO, "--methods", "ridge,random"]).code, 0);
    told(
        &lingo(&["run", DEMO, "--dry-run"]),
        "12 cells: 6 to run, 6 cached",
    );
    told(&lingo(&["verify", folder]), "files are as lingo.lock says");
    told(
        &lingo(&["run", DEMO, "--locked"]),
        "motif/bib/seed-1 is not in the lock",
    );
    let locked = ["run", DEMO, "--methods", "ridge,random", "--locked"];
    told(&lingo(&locked), "0 cells run, 6 finished before");
    let page = || fs::read_to_string(shelf.path().join(folder).join("report.html")).unwrap();
    let whole = page();
    for part in [
        "Median measured score",
        "score against distance",
        "Sequence logo",
        "class=\"base b",
        "data/demo/landscape.tsv",
    ] {
        assert!(whole.contains(part), "{part}");
    }
    assert!(!whole.contains("http") && !whole.contains("<script"));
    // Another kind of run has no place here.
    let pipeline = ["run", "--out", folder];
    let refused = lingo(&pipeline);
    assert_eq!(refused.code, 2);
    told(&refused, "holds a run of a design file");
    // What is changed by hand is found.
    let designs = shelf
        .path()
        .join(folder)
        .join("motif/ridge/seed-1/designs.tsv");
    let text = fs::read_to_string(&designs).unwrap();
    // The store's own copy stays as it was.
    fs::remove_file(&designs).unwrap();
    fs::write(&designs, text.replace('A', "C")).unwrap();
    let verified = lingo(&["verify", folder]);
    assert_eq!(verified.code, 1);
    told(&verified, "motif/ridge/seed-1/designs.tsv differs");
    assert_eq!(lingo(&["report", folder]).code, 0);
    assert!(page().contains("Not as the run left it"));
    told(&lingo(&["clean", folder, "--dry-run"]), "6 results stay");
    assert_eq!(
        lingo(&["run", DEMO, "--methods", "ridge", "--fresh"]).code,
        0
    );
    told(&lingo(&["verify", folder]), "files are as lingo.lock says");
    assert!(!page().contains("Not as the run left it"));
}

#[test]
fn results_without_their_store_are_results() {
    let shelf = shelf();
    let folder = shelf.path().join("runs/design-demo");
    let words = ["run", DEMO, "--methods", "ridge,genetic"];
    assert_eq!(run(shelf.path(), &words).code, 0);
    let before = results(&folder);
    fs::remove_dir_all(folder.join("store")).unwrap();
    told(&run(shelf.path(), &words), "0 cells run, 6 finished before");
    // Nothing but --fresh or another folder replaces what is nowhere else.
    let set = ["--set", "methods.ridge.ridge.lambda=2"];
    let other = [&words[..], &set].concat();
    let refused = run(shelf.path(), &other);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    told(&refused, "method.ridge.lambda: 1.0 -> 2.0");
    told(
        &run(shelf.path(), &[&other[..], &["--dry-run"]].concat()),
        "refused",
    );
    assert!(results(&folder) == before);
    told(
        &run(shelf.path(), &[&other[..], &["--fresh"]].concat()),
        "6 cells run",
    );
    assert!(results(&folder) != before);
}

#[test]
fn a_bad_table_stops_its_own_task() {
    let shelf = shelf();
    let good = fs::read_to_string(shelf.path().join(DEMO)).unwrap();
    let text = good.replace(
        "tasks:\n",
        "tasks:\n  bad: { data: ../data/demo/bad.tsv }\n",
    );
    fs::write(shelf.path().join("pipelines/two.yaml"), text).unwrap();
    let bad = shelf.path().join("data/demo/bad.tsv");
    fs::write(&bad, "sequence\tscore\nACGT\t1\nACG\t2\n").unwrap();
    let words = [
        "run",
        "pipelines/two.yaml",
        "--methods",
        "ridge",
        "--seeds",
        "1",
    ];
    let ran = run(shelf.path(), &words);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    told(&ran, "1 of 2 cells failed");
    told(&ran, "bad.tsv:3");
    let page = fs::read_to_string(shelf.path().join("runs/design-demo/report.html")).unwrap();
    assert!(page.contains("bad.tsv:3") && page.contains("1 of 2 cells finished"));
    assert!(
        shelf
            .path()
            .join("runs/design-demo/motif/ridge/seed-1/cell.json")
            .is_file()
    );
    // The failure is told until it is mended.
    let rows: String = (0..64).map(|i| format!("{}\t{i}\n", code(i))).collect();
    fs::write(&bad, format!("sequence\tscore\n{rows}")).unwrap();
    let ran = run(shelf.path(), &words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    told(&ran, "1 cells run, 1 finished before");
}

/// The sequence of three bases that a number is, with an A before it.
fn code(number: usize) -> String {
    let base = |at: usize| b"ACGT"[number >> (2 * at) & 3] as char;
    format!("A{}{}{}", base(2), base(1), base(0))
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
        results(&shelf.path().join(threads))
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
    t("  motif:", "  store:", 2, "the name `store` is taken");
    t("designs: 32", "length: 9", 3, "no sequence has the 9 bases");
    t(
        "kmers: {}",
        "together: [ { kmers: {} } ]",
        2,
        "name two or more",
    );
    t(
        "kmers: {}",
        "kmers: { k: 7 }",
        2,
        "do not fit into sequences of 6",
    );
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

/// A table of several lengths teaches, and designs have the one that is asked for.
#[test]
fn sequences_of_several_lengths_are_learnt_from() {
    let shelf = shelf();
    let table = shelf.path().join("data/demo/landscape.tsv");
    let mut text = fs::read_to_string(&table).unwrap();
    text += "ACCGGTA\t-2.5\nACCGG\t-1.5\n";
    fs::write(&table, text).unwrap();
    let refused = run(shelf.path(), &["run", DEMO]);
    assert_eq!(refused.code, 3);
    told(&refused, "`ACCGGTA` has 7 bases");
    told(&refused, "`length: 6` of the task");
    let set = ["--set", "tasks.motif.length=6"];
    let ran = run(shelf.path(), &[&["run", DEMO][..], &set].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let folder = shelf.path().join("runs/design-demo/motif/bib/seed-1");
    let designs = fs::read_to_string(folder.join("designs.tsv")).unwrap();
    for row in designs.lines().skip(1) {
        assert_eq!(row.split('\t').nth(1).unwrap().len(), 6);
    }
    let places = [
        "--set",
        "methods.bib.bib.features={one_hot: {}}",
        "--methods",
        "bib",
    ];
    let words = [&["run", DEMO][..], &set, &places].concat();
    let refused = run(shelf.path(), &words);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    told(&refused, "motif/bib: its features count places");
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
