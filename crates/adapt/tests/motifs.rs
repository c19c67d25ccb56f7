//! Cells that read bases: the motif floor; augmentation and both strands, for it and for a language model.

// The functions that tests share may unwrap as the tests do: a failure there is a failed test.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use lingo_adapt::{
    AdaptRequest, Description, Error, Kind, Method, Models, PredictRequest, TrainConfig, adapt,
    predict,
};
use lingo_artifact::bases::reverse_complement;
use lingo_artifact::prediction::Predictions;
use lingo_artifact::progress::{Progress, Silent, StopFlag};
use lingo_artifact::random::Stream;
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::tokens::{TokenRow, Tokens};
use lingo_artifact::training::Training;
use lingo_artifact::{Label, Split};
use lingo_lm::DeviceChoice;

mod support;

use support::{classes, model};

const MOTIF: &[u8] = b"TGACTCA";

/// Sequences of 40 bases; those of class 1 have the motif somewhere, on either strand.
struct Planted {
    sequences: Vec<Vec<u8>>,
}

fn ids(bases: &[u8]) -> Vec<u32> {
    let id = |b: &u8| b"ACGTN".iter().position(|x| x == b).unwrap() as u32 + 5;
    [vec![2], bases.iter().step_by(4).map(id).collect()].concat()
}

impl Readings for Planted {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        Ok(vec![Cow::Borrowed(&self.sequences[row])])
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        Ok(ids(&sequences[0]))
    }
}

fn planted(n: usize) -> (Tokens, Planted) {
    let split = |i| [Split::Train, Split::Train, Split::Dev, Split::Test][i % 4];
    let mut tokens = support::tokens(n, split, &classes(), None);
    let mut stream = Stream::new(7, "planted");
    let mut sequences = Vec::new();
    for (i, row) in tokens.rows.iter_mut().enumerate() {
        let mut bases: Vec<u8> = (0..40).map(|_| b"ACGT"[stream.below(4)]).collect();
        let yes = (i / 4) % 2 == 1;
        if yes {
            let at = stream.below(40 - MOTIF.len());
            bases[at..at + MOTIF.len()].copy_from_slice(MOTIF);
            if stream.below(2) == 1 {
                bases = reverse_complement(&bases);
            }
        }
        row.label = Label::Class(u32::from(yes));
        row.input_ids = ids(&bases);
        sequences.push(bases);
    }
    (tokens, Planted { sequences })
}

const FLOOR: &str = r#"{"motif_cnn": {"filters": 24, "width": 9, "learning_rate": 0.01}}"#;
const LORA: &str = r#"{"lora": {"rank": 2}}"#;

struct Cell<'a> {
    tokens: &'a Tokens,
    readings: Option<&'a dyn Readings>,
    both_strands: bool,
    method: &'a str,
    train: &'a str,
}

impl Cell<'_> {
    fn run(&self, out: &Path, progress: &dyn Progress, stop: &StopFlag) -> Result<Training, Error> {
        self.run_with(None, out, progress, stop)
    }

    fn run_with(
        &self,
        natural: Option<&dyn SequenceSource>,
        out: &Path,
        progress: &dyn Progress,
        stop: &StopFlag,
    ) -> Result<Training, Error> {
        adapt(&AdaptRequest {
            natural,
            model: &model("bert"),
            tokens: self.tokens,
            readings: self.readings,
            heads: &[],
            masking: None,
            trained_before: 0,
            both_strands: self.both_strands,
            method: &serde_json::from_str::<Method>(self.method).unwrap(),
            train: &serde_json::from_str::<TrainConfig>(self.train).unwrap(),
            seed: 3,
            device: DeviceChoice::Cpu,
            out,
            states: None,
            models: &Models::default(),
            checkpoint_every: Default::default(),
            progress,
            stop,
        })
    }

    fn predictions(&self, out: &Path) -> Predictions {
        self.run(out, &Silent, &StopFlag::default()).unwrap();
        Predictions::read(&out.join("predictions.parquet")).unwrap()
    }
}

fn right(predictions: &Predictions) -> f64 {
    let rows = &predictions.rows;
    let right = rows
        .iter()
        .filter(|r| r.label == Label::Class(u32::from(r.logits[1] > r.logits[0])));
    right.count() as f64 / rows.len() as f64
}

#[test]
fn the_floor_finds_a_motif_on_either_strand_and_predicts_it_again() {
    let (tokens, readings) = planted(1200);
    let cell = Cell {
        tokens: &tokens,
        readings: Some(&readings),
        both_strands: true,
        method: FLOOR,
        train: r#"{"epochs": 25, "batch": 16, "augment": {"reverse_complement": 0.5, "shift": 2}}"#,
    };
    let out = tempfile::tempdir().unwrap();
    let found = cell.predictions(out.path());
    assert_eq!(found.rows.len(), 600);
    assert!(right(&found) > 0.95, "{}", right(&found));

    // The folder alone, on the rows in the order of the predictions, gives the same bits.
    let adapter = out.path().join("adapter");
    let description = Description::read(&adapter).unwrap();
    assert!(description.base_model.is_none() && description.both_strands);
    assert_eq!(
        description.trainable_parameters,
        9 * 4 * 24 + 24 + 24 * 2 + 2
    );
    let places: Vec<usize> = [Split::Dev, Split::Test]
        .iter()
        .flat_map(|s| (0..tokens.rows.len()).filter(|&i| tokens.rows[i].split == *s))
        .collect();
    let rows: Vec<TokenRow> = places.iter().map(|&i| tokens.rows[i].clone()).collect();
    let behind = Planted {
        sequences: places
            .iter()
            .map(|&i| readings.sequences[i].clone())
            .collect(),
    };
    let mut request = PredictRequest {
        adapter: &adapter,
        model: None,
        rows: &rows,
        readings: Some(&behind),
        device: DeviceChoice::Cpu,
        merge: false,
        progress: &Silent,
    };
    assert_eq!(predict(&request).unwrap().rows, found.rows);
    request.readings = None;
    assert_eq!(predict(&request).unwrap_err().kind(), Kind::Config);
}

#[test]
fn both_strands_give_a_sequence_and_its_reverse_complement_the_same_logits() {
    for method in [FLOOR, LORA] {
        let (tokens, readings) = planted(80);
        let turned = Planted {
            sequences: readings
                .sequences
                .iter()
                .map(|s| reverse_complement(s))
                .collect(),
        };
        let cell = Cell {
            tokens: &tokens,
            readings: Some(&readings),
            both_strands: true,
            method,
            train: r#"{"epochs": 2, "batch": 8, "pooling": "mean_max"}"#,
        };
        let out = tempfile::tempdir().unwrap();
        let found = cell.predictions(out.path());
        let places: Vec<usize> = [Split::Dev, Split::Test]
            .iter()
            .flat_map(|s| (0..tokens.rows.len()).filter(|&i| tokens.rows[i].split == *s))
            .collect();
        let rows: Vec<TokenRow> = places
            .iter()
            .map(|&i| TokenRow {
                input_ids: ids(&turned.sequences[i]),
                ..tokens.rows[i].clone()
            })
            .collect();
        let behind = Planted {
            sequences: places
                .iter()
                .map(|&i| turned.sequences[i].clone())
                .collect(),
        };
        let again = predict(&PredictRequest {
            adapter: &out.path().join("adapter"),
            model: Some(&model("bert")),
            rows: &rows,
            readings: Some(&behind),
            device: DeviceChoice::Cpu,
            merge: false,
            progress: &Silent,
        })
        .unwrap();
        for (a, b) in again.rows.iter().zip(&found.rows) {
            for (a, b) in a.logits.iter().zip(&b.logits) {
                assert!((a - b).abs() < 1e-5, "{method}: {a} {b}");
            }
        }
    }
}

#[test]
fn bins_tell_where_a_motif_stands() {
    let (mut tokens, mut readings) = planted(1200);
    let mut stream = Stream::new(8, "places");
    for (row, bases) in tokens.rows.iter_mut().zip(&mut readings.sequences) {
        // All have the motif: those of class 1 in the second half.
        let second = stream.below(2);
        *bases = (0..40).map(|_| b"ACGT"[stream.below(4)]).collect();
        let at = 20 * second + stream.below(20 - MOTIF.len());
        bases[at..at + MOTIF.len()].copy_from_slice(MOTIF);
        row.label = Label::Class(second as u32);
        row.input_ids = ids(bases);
    }
    let found = |bins: u32| {
        let method = format!(
            r#"{{"motif_cnn": {{"filters": 24, "width": 9, "learning_rate": 0.01, "bins": {bins}}}}}"#
        );
        let cell = Cell {
            tokens: &tokens,
            readings: Some(&readings),
            both_strands: false,
            method: &method,
            train: r#"{"epochs": 20, "batch": 16}"#,
        };
        let out = tempfile::tempdir().unwrap();
        let found = cell.predictions(out.path());
        assert_eq!(
            again(out.path(), &tokens, &readings, false).rows,
            found.rows
        );
        right(&found)
    };
    let (one, four) = (found(1), found(4));
    assert!(one < 0.75 && four > 0.95, "{one} {four}");
}

#[test]
fn a_second_convolution_tells_what_stands_beside_what() {
    let (mut tokens, mut readings) = planted(1600);
    let mut stream = Stream::new(9, "neighbours");
    let (one, other) = (b"TGACTCA", b"GGCATTC");
    for (row, bases) in tokens.rows.iter_mut().zip(&mut readings.sequences) {
        // All have both motifs, somewhere: those of class 1 this one before the other.
        let class = stream.below(2);
        *bases = (0..40).map(|_| b"ACGT"[stream.below(4)]).collect();
        let at = stream.below(40 - 23);
        let (first, last) = if class == 1 {
            (one, other)
        } else {
            (other, one)
        };
        bases[at..at + 7].copy_from_slice(first);
        // Further apart than a filter sees.
        bases[at + 16..at + 23].copy_from_slice(last);
        row.label = Label::Class(class as u32);
        row.input_ids = ids(bases);
    }
    let found = |second: &str| {
        let method = format!(
            r#"{{"motif_cnn": {{"filters": 24, "width": 9, "learning_rate": 0.01{second}}}}}"#
        );
        let cell = Cell {
            tokens: &tokens,
            readings: Some(&readings),
            both_strands: false,
            method: &method,
            train: r#"{"epochs": 20, "batch": 16}"#,
        };
        let out = tempfile::tempdir().unwrap();
        let found = cell.predictions(out.path());
        assert_eq!(
            again(out.path(), &tokens, &readings, false).rows,
            found.rows
        );
        let description = Description::read(&out.path().join("adapter")).unwrap();
        (right(&found), description.trainable_parameters)
    };
    let (without, _) = found("");
    let (with, parameters) = found(r#", "second": {"filters": 16, "width": 9}"#);
    assert_eq!(
        parameters,
        9 * 4 * 24 + 24 + 16 * (9 * 24 + 1) + (24 + 16) * 2 + 2
    );
    assert!(without < 0.8 && with > 0.95, "{without} {with}");
    let (with, parameters) = found(r#", "residual": {"filters": 16, "width": 3, "layers": 2}"#);
    assert_eq!(
        parameters,
        9 * 4 * 24 + 24 + (24 + 1) * 16 + 2 * 16 * (3 * 16 + 1) + (24 + 16) * 2 + 2
    );
    assert!(with > 0.95, "{with}");
}

const STEM: &str = r#"{"filters": 16, "width": 9, "learning_rate": 0.01, "folds": 3, "epochs": 8}"#;

/// The predictions of the adapter in `out` on dev and test again, from its folder alone.
fn again(out: &Path, tokens: &Tokens, readings: &Planted, with_model: bool) -> Predictions {
    let places: Vec<usize> = [Split::Dev, Split::Test]
        .iter()
        .flat_map(|s| (0..tokens.rows.len()).filter(|&i| tokens.rows[i].split == *s))
        .collect();
    let rows: Vec<TokenRow> = places.iter().map(|&i| tokens.rows[i].clone()).collect();
    let sequences = places.iter().map(|&i| readings.sequences[i].clone());
    let behind = Planted {
        sequences: sequences.collect(),
    };
    predict(&PredictRequest {
        adapter: &out.join("adapter"),
        model: with_model.then(|| model("bert")).as_deref(),
        rows: &rows,
        readings: Some(&behind),
        device: DeviceChoice::Cpu,
        merge: false,
        progress: &Silent,
    })
    .unwrap()
}

#[test]
fn a_language_model_is_added_to_its_stem() {
    let (tokens, readings) = planted(600);
    let train = |rest: &str| format!(r#"{{"batch": 16, "epochs": 3, "stem": {STEM}, {rest}}}"#);
    let (still, moving) = (
        train(r#""learning_rate": 1e-12, "weight_decay": 0"#),
        train(r#""learning_rate": 1e-2"#),
    );
    let alone = format!(r#"{{"motif_cnn": {STEM}}}"#);
    let cell = |method: &'static str, train: &str| {
        let out = tempfile::tempdir().unwrap();
        let method = if method == "alone" { &alone } else { method };
        let cell = Cell {
            tokens: &tokens,
            readings: Some(&readings),
            both_strands: true,
            method,
            train,
        };
        let found = cell.predictions(out.path());
        lingo_adapt::forget_checkpoints(out.path()).unwrap();
        assert!(!out.path().join(".stem").exists(), "removed at the end");
        (out, found)
    };
    let (out, stem) = cell("alone", r#"{"batch": 16, "epochs": 3, "weight_decay": 0}"#);
    assert!(right(&stem) > 0.85, "{}", right(&stem));
    assert_eq!(again(out.path(), &tokens, &readings, false).rows, stem.rows);
    let description = Description::read(&out.path().join("adapter")).unwrap();
    let one = 9 * 4 * 16 + 16 + 16 * 2 + 2;
    assert_eq!(description.trainable_parameters, 3 * one);

    // A model that learns nothing adds nothing: its head began at zero, and the stem is the same.
    let (out, beside) = cell(LORA, &still);
    let training = std::fs::read_to_string(out.path().join("training.json")).unwrap();
    assert!(training.contains("by the stem alone"), "{training}");
    for (a, b) in beside.rows.iter().zip(&stem.rows) {
        for (a, b) in a.logits.iter().zip(&b.logits) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
    let (out, learnt) = cell(LORA, &moving);
    assert_ne!(learnt.rows, stem.rows);
    let found = again(out.path(), &tokens, &readings, true);
    for (a, b) in found.rows.iter().zip(&learnt.rows) {
        for (a, b) in a.logits.iter().zip(&b.logits) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn words_and_a_kernel_machine_stand_beside_networks_and_predict_again() {
    let (tokens, readings) = planted(600);
    let stem = |rest: &str| {
        let networks = r#""filters": 4, "width": 9, "folds": 3, "epochs": 1"#;
        format!(r#"{{"motif_cnn": {{{networks}, {rest}}}}}"#)
    };
    let cell = |rest: &str, threads: usize| {
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            tokens: &tokens,
            readings: Some(&readings),
            both_strands: true,
            method: &stem(rest),
            train: r#"{"batch": 16}"#,
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let found = pool.unwrap().install(|| cell.predictions(out.path()));
        (out, found)
    };
    let networks = 3 * (9 * 4 * 4 + 4 + 4 * 2 + 2);
    for (rest, parameters) in [
        (r#""kernel": {}"#, 300),
        // Rows that it is not made of are only answered.
        (
            r#""kernel": {"rows": 170}, "words": [{"longest": 3}]"#,
            170 + 43,
        ),
    ] {
        let (out, found) = cell(rest, 2);
        assert!(right(&found) > 0.8, "{rest}: {}", right(&found));
        assert_eq!(
            again(out.path(), &tokens, &readings, false).rows,
            found.rows
        );
        let description = Description::read(&out.path().join("adapter")).unwrap();
        assert_eq!(description.trainable_parameters, networks + parameters);
        let (_, alone) = cell(rest, 1);
        assert_eq!(alone.rows, found.rows, "any number of threads");
    }
    let out = tempfile::tempdir().unwrap();
    let method = r#"{"motif_cnn": {"kernel": {}}}"#;
    let cell = Cell {
        tokens: &tokens,
        readings: Some(&readings),
        both_strands: true,
        method,
        train: "{}",
    };
    let error = cell.run(out.path(), &Silent, &StopFlag::default());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("`motif_cnn.kernel`")
    );
}

/// Each row twice: a pair.
struct Pairs<'a>(&'a Planted);

impl Readings for Pairs<'_> {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        let one = Cow::Borrowed(&self.0.sequences[row][..]);
        Ok(vec![one.clone(), one])
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        Ok(ids(&sequences[0]))
    }
}

#[test]
fn a_stem_on_pairs_is_counted_with_both_sequences() {
    let (tokens, readings) = planted(160);
    let pairs = Pairs(&readings);
    let train = |rest: &str| {
        let stem = STEM.replace('}', rest);
        format!(r#"{{"epochs": 1, "stem": {stem}}}"#)
    };
    let of = |readings: &dyn Readings, train: &str| {
        let cell = Cell {
            tokens: &tokens,
            readings: Some(readings),
            both_strands: false,
            method: LORA,
            train,
        };
        let out = tempfile::tempdir().unwrap();
        cell.run(out.path(), &Silent, &StopFlag::default()).unwrap()
    };
    let without = of(&pairs, r#"{"epochs": 1}"#);
    let networks = 3 * (9 * 4 * 16 + 16 + 2 * 16 * 2 + 2);
    for (rest, stem) in [("}", networks), (r#", "kernel": {}}"#, networks + 80)] {
        let with = of(&pairs, &train(rest));
        assert_eq!(with.trained_initially - without.trained_initially, stem);
        assert_eq!(
            with.trainable_parameters - without.trainable_parameters,
            stem
        );
    }
}

#[test]
fn networks_of_another_division_of_the_rows_are_not_taken_up() {
    let (tokens, readings) = planted(160);
    let run = |folds: u32, out: &Path, stop_after: Option<u64>| {
        let method = format!(
            r#"{{"motif_cnn": {{"filters": 8, "width": 9, "folds": {folds}, "epochs": 4}}}}"#
        );
        let cell = Cell {
            tokens: &tokens,
            readings: Some(&readings),
            both_strands: false,
            method: &method,
            train: r#"{"batch": 8, "log_every": 1}"#,
        };
        let stop = StopFlag::default();
        match stop_after {
            Some(n) => {
                let progress = StopAfter {
                    n: AtomicU64::new(n),
                    stop: &stop,
                };
                assert!(cell.run(out, &progress, &stop).is_err());
                None
            }
            None => Some(cell.predictions(out)),
        }
    };
    let [whole, out] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let expected = run(4, whole.path(), None);
    run(5, out.path(), Some(50));
    assert!(out.path().join(".stem/fold-1").exists());
    assert_eq!(run(4, out.path(), None), expected);
}

#[test]
fn a_stem_of_one_network_and_folds_beyond_the_data_are_refused() {
    let (tokens, readings) = planted(80);
    for (folds, kind, said) in [
        (1, Kind::Config, "at least 2"),
        (50, Kind::Input, "50 `folds`"),
    ] {
        let train = format!(r#"{{"stem": {{"folds": {folds}}}}}"#);
        let cell = Cell {
            tokens: &tokens,
            readings: Some(&readings),
            both_strands: false,
            method: LORA,
            train: &train,
        };
        let out = tempfile::tempdir().unwrap();
        let error = cell
            .run(out.path(), &Silent, &StopFlag::default())
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

/// Raises the stop flag at the `n`-th report.
struct StopAfter<'a> {
    n: AtomicU64,
    stop: &'a StopFlag,
}

impl Progress for StopAfter<'_> {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {
        if self.n.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.stop.raise();
        }
    }
    fn end(&self, _: &str) {}
    fn say(&self, _: &str) {}
}

#[test]
fn an_augmented_training_that_is_interrupted_goes_on_to_the_same_bits() {
    let (tokens, readings) = planted(160);
    for method in [FLOOR, LORA] {
        let cell = Cell {
            tokens: &tokens,
            readings: Some(&readings),
            both_strands: true,
            method,
            train: r#"{"epochs": 4, "batch": 8, "pooling": "mean", "log_every": 1,
                "augment": {"reverse_complement": 0.5, "shift": 3}}"#,
        };
        let whole = tempfile::tempdir().unwrap();
        let expected = cell.predictions(whole.path());
        let out = tempfile::tempdir().unwrap();
        let stop = StopFlag::default();
        let progress = StopAfter {
            n: AtomicU64::new(13),
            stop: &stop,
        };
        let error = cell.run(out.path(), &progress, &stop).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted, "{method}: {error}");
        assert_eq!(cell.predictions(out.path()), expected, "{method}");

        // What is augmented is really another training.
        let plain = Cell {
            train: r#"{"epochs": 4, "batch": 8, "pooling": "mean", "log_every": 1}"#,
            ..cell
        };
        let other = tempfile::tempdir().unwrap();
        assert_ne!(plain.predictions(other.path()), expected, "{method}");
    }
}

#[test]
fn a_training_that_is_interrupted_in_its_stem_or_behind_it_goes_on_to_the_same_bits() {
    let (tokens, readings) = planted(160);
    let train = format!(
        r#"{{"epochs": 4, "batch": 8, "log_every": 1, "stem": {STEM}, "augment": {{"reverse_complement": 0.5, "shift": 3}}}}"#
    );
    let cell = Cell {
        tokens: &tokens,
        readings: Some(&readings),
        both_strands: true,
        method: LORA,
        train: &train,
    };
    let whole = tempfile::tempdir().unwrap();
    let expected = cell.predictions(whole.path());
    // In the second of three networks, and in the model's own training: a network takes 8 epochs of 7 steps.
    for n in [80, 180] {
        let out = tempfile::tempdir().unwrap();
        let stop = StopFlag::default();
        let progress = StopAfter {
            n: AtomicU64::new(n),
            stop: &stop,
        };
        let error = cell.run(out.path(), &progress, &stop).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted, "{error}");
        assert!(out.path().join(".stem/fold-1").exists());
        assert_eq!(out.path().join(".stem/fold-3").exists(), n == 180);
        assert_eq!(cell.predictions(out.path()), expected);
    }
}

#[test]
fn what_needs_bases_says_so_where_there_are_only_tokens() {
    let (tokens, _) = planted(80);
    for (method, train, both_strands) in [
        (FLOOR, "{}", false),
        (LORA, r#"{"augment": {"shift": 1}}"#, false),
        (LORA, "{}", true),
    ] {
        let cell = Cell {
            tokens: &tokens,
            readings: None,
            both_strands,
            method,
            train,
        };
        let out = tempfile::tempdir().unwrap();
        let error = cell
            .run(out.path(), &Silent, &StopFlag::default())
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains("--examples"), "{error}");
    }
}

/// Sequences in memory.
struct Dna {
    names: Vec<(String, u64)>,
    sequences: Vec<Vec<u8>>,
}

impl Dna {
    fn of(sequences: Vec<Vec<u8>>) -> Self {
        let names = sequences.iter().enumerate();
        let names = names.map(|(i, bases)| (i.to_string(), bases.len() as u64));
        Self {
            names: names.collect(),
            sequences,
        }
    }
}

impl SequenceSource for Dna {
    fn sequences(&self) -> &[(String, u64)] {
        &self.names
    }

    fn fetch(&self, name: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>, ReadingError> {
        let bases = &self.sequences[name.parse::<usize>()?];
        Ok(Cow::Borrowed(&bases[start as usize..end as usize]))
    }
}

/// Keeps what is said.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
    fn say(&self, said: &str) {
        self.0.lock().unwrap().push(said.to_owned());
    }
}

#[test]
fn networks_learn_from_shuffled_rows_and_dna_without_labels() {
    let (tokens, readings) = planted(160);
    let mut stream = Stream::new(9, "natural");
    let mut dna: Vec<Vec<u8>> = (0..50)
        .map(|_| (0..90).map(|_| b"ACGT"[stream.below(4)]).collect())
        .collect();
    // A test row's other strand, and another with too little in common.
    let test = (0..160)
        .find(|&i| tokens.rows[i].split == Split::Test)
        .unwrap();
    dna.push(reverse_complement(&readings.sequences[test]));
    dna.push([&readings.sequences[test][..31], b"ACGTTGCA"].concat());
    let dna = Dna::of(dna);
    let of = |further: &str| {
        format!(
            r#"{{"motif_cnn": {{"filters": 8, "width": 9, "folds": 3, "epochs": 2, "distance": {{"every": 4, "until": 12}}{further}}}}}"#
        )
    };
    let method = of(
        r#", "shuffles": {"of": "yes", "as": "no", "each": 2}, "natural": {"fasta": ["dna.fa"], "rows": 70}"#,
    );
    let cell = |method| Cell {
        tokens: &tokens,
        readings: Some(&readings),
        both_strands: true,
        method,
        train: r#"{"batch": 8, "log_every": 1, "augment": {"reverse_complement": 0.5}}"#,
    };
    let (whole, heard) = (tempfile::tempdir().unwrap(), Heard::default());
    let run = |out: &Path, progress: &dyn Progress, stop: &StopFlag| {
        cell(&method).run_with(Some(&dna), out, progress, stop)
    };
    let trained = run(whole.path(), &heard, &StopFlag::default()).unwrap();
    // 50 sequences have two windows of 40 bases, two have one; one of those is a row of test.
    let said = heard.0.lock().unwrap().join("; ");
    assert!(said.contains("101 of 102 windows"), "{said}");
    // Two thirds of 80 rows; two shuffles of each of class 1; 70 windows twice.
    let plain = of("");
    let out = tempfile::tempdir().unwrap();
    let without = cell(&plain)
        .run(out.path(), &Silent, &StopFlag::default())
        .unwrap();
    assert_eq!(trained.trainable_parameters, without.trainable_parameters);
    let more = 3 * 2 * (2 * 40 * 2 / 3 + 2 * 70) / 8;
    assert!(
        trained.steps.abs_diff(without.steps + more) < 3 * 2 * 2,
        "{trained:?}"
    );
    let predictions = |out: &Path| Predictions::read(&out.join("predictions.parquet")).unwrap();
    let expected = predictions(whole.path());
    assert_ne!(expected, predictions(out.path()));
    // Interrupted, and gone on with, to the same bits; read back, the same logits.
    let (broken, stop) = (tempfile::tempdir().unwrap(), StopFlag::default());
    let progress = StopAfter {
        n: AtomicU64::new(60),
        stop: &stop,
    };
    assert!(run(broken.path(), &progress, &stop).is_err());
    run(broken.path(), &Silent, &StopFlag::default()).unwrap();
    assert_eq!(predictions(broken.path()), expected);
    let places: Vec<usize> = [Split::Dev, Split::Test]
        .iter()
        .flat_map(|s| (0..160).filter(|&i| tokens.rows[i].split == *s))
        .collect();
    let behind = Planted {
        sequences: places
            .iter()
            .map(|&i| readings.sequences[i].clone())
            .collect(),
    };
    let rows: Vec<TokenRow> = places.iter().map(|&i| tokens.rows[i].clone()).collect();
    let again = predict(&PredictRequest {
        adapter: &whole.path().join("adapter"),
        model: None,
        rows: &rows,
        readings: Some(&behind),
        device: DeviceChoice::Cpu,
        merge: false,
        progress: &Silent,
    });
    for (a, b) in again.unwrap().rows.iter().zip(&expected.rows) {
        for (a, b) in a.logits.iter().zip(&b.logits) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
    for (further, part) in [
        (
            r#", "shuffles": {"of": "1", "as": "no"}"#,
            "no class of the task: they are no, yes",
        ),
        (
            r#", "shuffles": {"of": "no", "as": "no"}"#,
            "the same class",
        ),
        (r#", "natural": {"fasta": ["dna.fa"]}"#, "none is given"),
        (
            r#", "folds": 1, "shuffles": {"of": "yes", "as": "no"}"#,
            "at least 2 `folds`",
        ),
    ] {
        let method = of(further).replace(
            r#""folds": 3, "epochs": 2"#,
            match further.contains("folds") {
                true => r#""epochs": 2"#,
                false => r#""folds": 3, "epochs": 2"#,
            },
        );
        let out = tempfile::tempdir().unwrap();
        let cell = Cell {
            method: &method,
            ..cell(&plain)
        };
        let error = cell
            .run(out.path(), &Silent, &StopFlag::default())
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}
