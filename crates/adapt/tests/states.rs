//! The output of frozen blocks, kept on disk: the same cells with it and without it.

// The functions that tests share may unwrap as the tests do: a failure there is a failed test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lingo_adapt::{AdaptRequest, Error, Method, Models, TrainConfig, adapt};
use lingo_artifact::Split;
use lingo_artifact::prediction::Predictions;
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::tokens::Tokens;
use lingo_artifact::train_log::{self, TrainEvent};
use lingo_artifact::training::Training;
use lingo_artifact::vocabulary::NewRows;
use lingo_lm::DeviceChoice;
use serde_json::{Map, Value};
use tempfile::TempDir;

mod support;

const HEAD: &str = r#"{"head": {}}"#;
const UPPER: &str = r#"{"lora": {"rank": 2, "layers": "1-1"}}"#;
const ALL: &str = r#"{"lora": {"rank": 2}}"#;
const RANKS: &str = r#"{"adaptive_rank_sampling": {"initial_rank": 6, "target_rank": 3, "every": 1, "layers": "1"}}"#;

/// The settings of every cell here, but for what it says itself.
const TRAIN: &str =
    r#"{"epochs": 3, "batch": 8, "learning_rate": 0.01, "log_every": 1, "base_dropout": false}"#;

fn tokens() -> Tokens {
    let split = |i| [Split::Train, Split::Test, Split::Dev][i % 3];
    support::tokens(240, split, &support::classes(), None)
}

/// What was said, and how often frozen blocks were computed.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn computed(&self) -> usize {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|l| *l == "frozen layers").count()
    }

    fn has(&self, part: &str) -> bool {
        self.0.lock().unwrap().iter().any(|l| l.contains(part))
    }
}

impl Progress for Heard {
    fn begin(&self, what: &str, _: u64) {
        self.say(what);
    }
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
    fn say(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// Cells that share a process and a folder for states.
struct Cells {
    folder: TempDir,
    states: PathBuf,
    models: Models,
    heard: Heard,
    stop: StopFlag,
    tokens: Tokens,
}

impl Cells {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            states: folder.path().join("states"),
            folder,
            models: Models::default(),
            heard: Heard::default(),
            stop: StopFlag::default(),
            tokens: tokens(),
        }
    }

    fn try_run(
        &self,
        cell: &str,
        method: &str,
        model: &str,
        more: &str,
    ) -> Result<Training, Error> {
        let mut train: Map<String, Value> = serde_json::from_str(TRAIN).unwrap();
        train.extend(serde_json::from_str::<Map<String, Value>>(&format!("{{{more}}}")).unwrap());
        adapt(&AdaptRequest {
            readings: None,
            natural: None,
            heads: &[],
            masking: None,
            trained_before: 0,
            both_strands: false,
            model: &Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../lm/tests/fixtures")
                .join(model),
            tokens: &self.tokens,
            method: &serde_json::from_str::<Method>(method).unwrap(),
            train: &serde_json::from_value::<TrainConfig>(train.into()).unwrap(),
            seed: 1,
            device: DeviceChoice::Cpu,
            out: &self.folder.path().join(cell),
            states: Some(&self.states),
            models: &self.models,
            checkpoint_every: Default::default(),
            progress: &self.heard,
            stop: &self.stop,
        })
    }

    /// All that a cell leaves, but for the time that it took.
    fn run(&self, cell: &str, method: &str, model: &str, more: &str) -> Left {
        let mut outcome = self.try_run(cell, method, model, more).unwrap();
        outcome.seconds = 0.0;
        outcome.peak_memory_bytes = None;
        let out = self.folder.path().join(cell);
        let log = train_log::read(&out.join("train.jsonl")).unwrap();
        let log = log.into_iter().map(|e| TrainEvent {
            seconds: None,
            tokens_per_second: None,
            peak_memory_bytes: None,
            ..e
        });
        Left {
            outcome,
            log: log.collect(),
            adapter: fs::read(out.join("adapter/adapter_model.safetensors")).unwrap(),
            predictions: Predictions::read(&out.join("predictions.parquet")).unwrap(),
        }
    }

    /// The files of states.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.states).into_iter().flatten();
        entries.map(|e| e.unwrap().path()).collect()
    }
}

#[derive(Debug, PartialEq)]
struct Left {
    outcome: Training,
    log: Vec<TrainEvent>,
    adapter: Vec<u8>,
    predictions: Predictions,
}

#[test]
fn states_that_are_kept_change_no_bit() {
    for model in ["bert", "opt", "opt_post_norm"] {
        for method in [HEAD, UPPER, RANKS] {
            for more in ["", r#""pooling": "mean", "batch_tokens": 60,"#] {
                let cells = Cells::new();
                let on = format!(r#"{more} "cache_states": true"#);
                let kept = cells.run("kept", method, model, &on);
                let off = format!(r#"{more} "cache_states": false"#);
                let computed = cells.run("computed", method, model, &off);
                assert!(kept == computed, "{model} {method} {more}");
                assert_eq!(cells.heard.computed(), 1, "{model} {method}");
                assert_eq!(cells.files().len(), 1);
                cells.models.remove_states(&cells.states).unwrap();
                assert!(!cells.states.exists());
            }
        }
    }
}

#[test]
fn states_in_sixteen_bits_train_as_well() {
    let cells = Cells::new();
    let half = r#""precision": "bf16", "pooling": "mean""#;
    let kept = cells.run("kept", UPPER, "bert", half);
    let off = format!(r#"{half}, "cache_states": false"#);
    let computed = cells.run("computed", UPPER, "bert", &off);
    assert_eq!((cells.heard.computed(), cells.files().len()), (1, 1));
    // Rounding shows that they are read.
    assert!(kept.adapter != computed.adapter);
    for (one, other) in kept.log.iter().zip(&computed.log) {
        if let (Some(one), Some(other)) = (one.loss, other.loss) {
            assert!((one - other).abs() < 0.02, "{one} {other}");
        }
    }
}

#[test]
fn cells_of_one_process_compute_them_once() {
    let cells = Cells::new();
    let other = r#"{"lora": {"rank": 3, "layers": "1", "targets": ["query"]}}"#;
    std::thread::scope(|s| {
        let (a, b) = (
            s.spawn(|| cells.run("a", UPPER, "bert", "")),
            s.spawn(|| cells.run("b", other, "bert", "")),
        );
        let (a, b) = (a.join().unwrap(), b.join().unwrap());
        assert!(a != b);
        assert!(a == cells.run("again", UPPER, "bert", ""));
    });
    assert_eq!((cells.heard.computed(), cells.files().len()), (1, 1));
    // The head reads what is behind the last block: other states.
    cells.run("head", HEAD, "bert", "");
    assert_eq!((cells.heard.computed(), cells.files().len()), (2, 2));
}

#[test]
fn a_file_of_an_earlier_process_is_taken_up_only_if_it_is_whole_and_the_same() {
    let first = Cells::new();
    let expected = first.run("cell", UPPER, "bert", "");
    let file = &first.files()[0];
    let bytes = fs::read(file).unwrap();

    let t = |content: &[u8], computed: usize| {
        let cells = Cells::new();
        fs::create_dir(&cells.states).unwrap();
        let path = cells.states.join(file.file_name().unwrap());
        fs::write(&path, content).unwrap();
        assert!(cells.run("cell", UPPER, "bert", "") == expected);
        assert_eq!(cells.heard.computed(), computed);
        assert!(fs::read(&path).unwrap() == bytes);
    };
    t(&bytes, 0);
    t(b"", 1);
    t(&bytes[..bytes.len() - 1], 1);
    t(&[&bytes[..], &[0]].concat(), 1);
    // A bit of the magic, of the key, of the width, of a state, of the sum.
    for place in [0, 20, 44, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        t(&changed, 1);
    }
}

#[test]
fn other_tokens_have_other_states() {
    let mut cells = Cells::new();
    cells.run("one", UPPER, "bert", "");
    cells.tokens.rows[5].input_ids[3] = 9;
    cells.run("other", UPPER, "bert", "");
    assert_eq!((cells.heard.computed(), cells.files().len()), (2, 2));
}

#[test]
fn they_are_kept_only_where_nothing_below_changes() {
    let t = |method: &str, model: &str, more: &str, new_rows: Option<NewRows>| {
        let mut cells = Cells::new();
        cells.tokens.metadata.encoding.new_rows = new_rows;
        cells.run("cell", method, model, more);
        assert!(cells.files().is_empty(), "{method} {more}");
        assert_eq!(cells.heard.computed(), 0);
    };
    for method in [HEAD, UPPER] {
        t(method, "bert", r#""base_dropout": true"#, None);
    }
    t(ALL, "bert", "", None);
    t(r#"{"full": {}}"#, "bert", "", None);
    let rows = NewRows {
        trained: 2,
        composition: vec![vec![0], vec![1]],
        like_rows_from: None,
    };
    t(UPPER, "bert", "", Some(rows));
    t(
        r#"{"lora": {"rank": 2, "targets": ["project_in"]}}"#,
        "opt_post_norm",
        "",
        None,
    );
}

#[test]
fn a_model_without_dropouts_needs_no_setting() {
    let cells = Cells::new();
    let model = cells.folder.path().join("model");
    fs::create_dir(&model).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures/bert");
    let mut config: Map<String, Value> =
        serde_json::from_slice(&fs::read(fixture.join("config.json")).unwrap()).unwrap();
    for key in ["hidden_dropout_prob", "attention_probs_dropout_prob"] {
        config[key] = 0.0.into();
    }
    fs::write(
        model.join("config.json"),
        serde_json::to_vec(&config).unwrap(),
    )
    .unwrap();
    fs::copy(
        fixture.join("model.safetensors"),
        model.join("model.safetensors"),
    )
    .unwrap();
    cells.run(
        "cell",
        UPPER,
        model.to_str().unwrap(),
        r#""base_dropout": true"#,
    );
    assert_eq!(cells.heard.computed(), 1);
}

#[test]
fn what_exceeds_the_limit_is_not_kept() {
    // 240 rows of 10 tokens by 16 values take 150 KiB: rows enough for more than a MiB.
    let mut cells = Cells::new();
    let rows = cells.tokens.rows.clone();
    cells.tokens.rows = rows.iter().cycle().take(240 * 9).cloned().collect();
    for (i, row) in cells.tokens.rows.iter_mut().enumerate() {
        row.id = format!("row {i}");
    }
    cells.run("cell", HEAD, "bert", r#""epochs": 1, "cache_limit_mib": 1"#);
    assert!(cells.files().is_empty() && cells.heard.computed() == 0);
    assert!(
        cells
            .heard
            .has("would take 2 MiB, more than `cache_limit_mib` (1)")
    );
}

#[test]
fn a_folder_that_takes_no_file_is_told_once_and_done_without() {
    let cells = Cells::new();
    fs::write(&cells.states, "a file where the folder should be").unwrap();
    let expected = Cells::new().run("cell", HEAD, "bert", "");
    for cell in ["a", "b"] {
        assert!(cells.run(cell, HEAD, "bert", "") == expected);
    }
    assert!(
        cells
            .heard
            .has("cannot be kept, so it is computed in every pass: ")
    );
    let lines = cells.heard.0.lock().unwrap();
    assert_eq!(
        lines
            .iter()
            .filter(|l| l.contains("cannot be kept"))
            .count(),
        1
    );
}

#[test]
fn a_stop_on_the_way_can_be_gone_on_with() {
    let mut cells = Cells::new();
    cells.stop.raise();
    let error = cells.try_run("cell", UPPER, "bert", "").unwrap_err();
    assert!(
        matches!(error, Error::Interrupted { step: 0, .. }),
        "{error}"
    );
    assert!(cells.files().is_empty());
    cells.stop = StopFlag::default();
    let gone_on = cells.run("cell", UPPER, "bert", "");
    assert!(gone_on == cells.run("whole", UPPER, "bert", ""));
}
