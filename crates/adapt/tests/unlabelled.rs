//! An adapter that learns from DNA without labels first.

// The functions that tests share may unwrap as the tests do: a failure there is a failed test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use lingo_adapt::{
    AdaptFirstRequest, AdaptedFirst, Error, FirstTask, LearntDna, MaskedDna, Method, Models,
    OtherTask, TrainConfig, UnlabelledDna, adapt_first,
};
use lingo_artifact::Split;
use lingo_artifact::bases::reverse_complement;
use lingo_artifact::progress::{Progress, Silent, StopFlag};
use lingo_artifact::random::Stream;
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::tokens::Tokens;
use lingo_lm::DeviceChoice;

mod support;

use support::StopAt;

/// Ids 5 to 8 for A, C, G, T behind a first token: of each base, or of one of so many.
struct Bases(Vec<Vec<u8>>, usize);

impl Readings for Bases {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        Ok(vec![Cow::Borrowed(&self.0[row])])
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        let id = |base: &u8| b"ACGT".iter().position(|b| b == base);
        let read = sequences[0].iter().step_by(self.1);
        let ids = read.filter_map(id).map(|i| 5 + i as u32);
        Ok([2].into_iter().chain(ids).collect())
    }
}

struct Genome(Vec<(String, u64)>, Vec<Vec<u8>>);

impl Genome {
    fn of(bases: Vec<u8>) -> Self {
        Self::in_pieces(vec![bases])
    }

    fn in_pieces(pieces: Vec<Vec<u8>>) -> Self {
        let names = pieces.iter().enumerate();
        let names = names.map(|(i, bases)| (i.to_string(), bases.len() as u64));
        Self(names.collect(), pieces)
    }
}

impl SequenceSource for Genome {
    fn sequences(&self) -> &[(String, u64)] {
        &self.0
    }

    fn fetch(&self, name: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>, ReadingError> {
        let bases = &self.1[name.parse::<usize>()?];
        Ok(Cow::Borrowed(&bases[start as usize..end as usize]))
    }
}

/// Bases of a window.
const LENGTH: usize = 10;

/// Windows of which each has one base in nine places of ten: a hidden one is told by the others.
fn plain_windows(count: usize, seed: u64) -> Vec<u8> {
    let mut stream = Stream::new(seed, "windows of a test");
    let mut all = Vec::new();
    for _ in 0..count {
        let base = b"ACGT"[stream.below(4)];
        for _ in 0..LENGTH {
            let is_other = stream.below(10) == 0;
            all.push(if is_other {
                b"ACGT"[stream.below(4)]
            } else {
                base
            });
        }
    }
    all
}

/// One row of each split, of sequences that share nothing with the windows.
fn task() -> (Tokens, Bases) {
    let split = |i: usize| [Split::Train, Split::Dev, Split::Test][i % 3];
    let mut tokens = support::tokens(3, split, &support::classes(), None);
    let names = ["A", "C", "G", "T"].map(String::from);
    tokens.metadata.encoding.tokens = names.into_iter().zip(5..).collect();
    let rows = ["ACGTACGTAC", "CATGCATGCA", "GTACGTCAGT"];
    (
        tokens,
        Bases(rows.map(|row| row.as_bytes().to_vec()).into(), 1),
    )
}

struct First<'a> {
    model: &'a str,
    genome: &'a Genome,
    settings: &'a MaskedDna,
    mask: Option<u32>,
    reads_left_only: bool,
    method: &'a str,
    train: &'a str,
    others: &'a [OtherTask<'a>],
    task: (Tokens, Bases),
}

impl First<'_> {
    fn run(
        &self,
        out: &Path,
        progress: &dyn Progress,
        stop: &StopFlag,
    ) -> Result<AdaptedFirst, Error> {
        let (tokens, readings) = &self.task;
        adapt_first(&AdaptFirstRequest {
            model: &support::model(self.model),
            tasks: &[FirstTask {
                name: "task",
                tokens,
                readings,
            }],
            others: self.others,
            dna: Some(UnlabelledDna {
                source: self.genome,
                settings: self.settings,
                mask: self.mask,
                most_tokens: 12,
                reads_left_only: self.reads_left_only,
            }),
            method: &serde_json::from_str::<Method>(self.method).unwrap(),
            train: &serde_json::from_str::<TrainConfig>(self.train).unwrap(),
            seed: 1,
            device: DeviceChoice::Cpu,
            out,
            models: &Models::default(),
            checkpoint_every: Default::default(),
            progress,
            stop,
        })
    }

    fn learnt(&self) -> LearntDna {
        let out = tempfile::tempdir().unwrap();
        let first = self.run(out.path(), &Silent, &StopFlag::default()).unwrap();
        for left in ["predictions.parquet", "adapter", "model"] {
            assert!(!out.path().join(left).exists(), "{left}");
        }
        assert!(first.tasks.is_empty() && first.trainable_parameters > 0);
        first.dna.unwrap()
    }
}

/// An encoder with LoRA on this DNA, beside the one task.
fn first<'a>(genome: &'a Genome, settings: &'a MaskedDna) -> First<'a> {
    First {
        model: "bert",
        genome,
        settings,
        mask: Some(4),
        reads_left_only: false,
        method: LORA,
        train: TRAIN,
        others: &[],
        task: task(),
    }
}

fn settings(text: &str) -> MaskedDna {
    serde_json::from_str(text).unwrap()
}

const TRAIN: &str = r#"{"epochs": 8, "batch": 16, "learning_rate": 0.01, "base_dropout": false}"#;
const LORA: &str = r#"{"lora": {"rank": 4}}"#;

#[test]
fn an_encoder_learns_what_stands_around_a_hidden_token() {
    let genome = Genome::of(plain_windows(800, 1));
    let settings = settings(r#"{"fasta": ["x"], "share": 0.2, "held_out": 0.1}"#);
    let first = first(&genome, &settings);
    let learnt = first.learnt();
    // Windows of ten equal bases that others have, too, are not both held out and learnt from.
    assert_eq!(learnt.windows + learnt.held_out + learnt.left_out, 800);
    assert_eq!(learnt.held_out, 80);
    assert!(learnt.left_out > 0 && learnt.windows > 200, "{learnt:?}");
    // Without reading them four bases are told at ln 4 = 1.386.
    // What is drawn anew in one place of ten costs at least 0.35.
    let loss = learnt.loss_per_base;
    assert!(loss > 0.3 && loss < 0.75, "{learnt:?}");
    assert!(
        learnt.markov3_loss_per_base > 0.3 && learnt.markov3_loss_per_base < 1.2,
        "{learnt:?}"
    );
}

#[test]
fn a_decoder_learns_the_next_token() {
    let cycle = |start: usize| (0..LENGTH).map(move |i| b"ACGT"[(start + i) % 4]);
    let mut bases: Vec<u8> = (0..200).flat_map(|window| cycle(window % 4)).collect();
    // What all windows have, none would be held out of: each is marked by what stands in its first four bases.
    for (number, window) in bases.chunks_mut(LENGTH).enumerate() {
        for (place, base) in window[..4].iter_mut().enumerate() {
            *base = b"ACGT"[(number >> (2 * place)) % 4];
        }
    }
    let genome = Genome::of(bases);
    let settings = settings(r#"{"fasta": ["x"], "held_out": 0.2}"#);
    let first = First {
        model: "opt",
        mask: None,
        reads_left_only: true,
        train: r#"{"epochs": 20, "batch": 16, "learning_rate": 0.01, "base_dropout": false}"#,
        ..first(&genome, &settings)
    };
    let learnt = first.learnt();
    // Four bases of ten are drawn, the others follow: 0.4 ln 4 = 0.55.
    let loss = learnt.loss_per_base;
    assert!(loss > 0.4 && loss < 0.95, "{learnt:?}");
    let no_mask = First {
        reads_left_only: false,
        ..first
    };
    let out = tempfile::tempdir().unwrap();
    let refused = no_mask.run(out.path(), &Silent, &StopFlag::default());
    assert!(refused.unwrap_err().to_string().contains("has no mask"));
}

#[test]
fn windows_near_to_what_any_task_holds_out_take_no_part() {
    let mut stream = Stream::new(3, "windows of a test");
    let mut bases: Vec<u8> = (0..60 * LENGTH).map(|_| b"ACGT"[stream.below(4)]).collect();
    let held = b"GATTACAGCT";
    // One window, and the other strand of it.
    bases[..LENGTH].copy_from_slice(held);
    bases[LENGTH..2 * LENGTH].copy_from_slice(b"AGCTGTAATC");
    let genome = Genome::of(bases);
    let settings = settings(r#"{"fasta": ["x"], "held_out": 0.05}"#);
    let held = Bases(vec![held.to_vec(), held.to_vec()], 1);
    let run = |splits: &[Split]| {
        let first = First {
            train: r#"{"epochs": 1}"#,
            others: &[OtherTask {
                name: "other",
                splits,
                readings: &held,
            }],
            ..first(&genome, &settings)
        };
        let out = tempfile::tempdir().unwrap();
        first
            .run(out.path(), &Silent, &StopFlag::default())
            .unwrap()
            .dna
            .unwrap()
    };
    assert_eq!(run(&[Split::Train, Split::Train]).left_out, 0);
    assert_eq!(run(&[Split::Train, Split::Test]).left_out, 2);
    assert_eq!(run(&[Split::Dev, Split::Train]).left_out, 2);
}

/// 44 bases a window, of which every fourth is read; rows are as long, and hold 32 bases of some windows, or fewer.
#[test]
fn thirty_two_bases_in_common_are_near() {
    let mut stream = Stream::new(7, "windows of a test");
    let mut draw =
        |count: usize| -> Vec<u8> { (0..count).map(|_| b"ACGT"[stream.below(4)]).collect() };
    let bases = draw(50 * 44);
    let window = |number: usize| &bases[44 * number..][..44];
    let (before, behind) = (draw(12), draw(13));
    let by_32 = [&before[..], &window(3)[5..37]].concat();
    let by_31 = [&window(8)[..31], &behind[..]].concat();
    let turned = reverse_complement(&[&before[..], &window(20)[12..]].concat());
    let genome = Genome::of(bases.clone());
    let run = |rows: Vec<Vec<u8>>, length: &str| {
        let settings = settings(&format!(r#"{{"fasta": ["x"], "held_out": 0.05{length}}}"#));
        let first = First {
            train: r#"{"epochs": 1}"#,
            task: (task().0, Bases(rows, 4)),
            ..first(&genome, &settings)
        };
        first.learnt().left_out
    };
    // The first row is one of train, the second of dev, the third of test.
    let own = window(30).to_vec();
    assert_eq!(run(vec![own.clone(), by_31.clone(), by_31.clone()], ""), 0);
    assert_eq!(run(vec![own.clone(), by_32.clone(), by_31.clone()], ""), 1);
    assert_eq!(run(vec![own.clone(), by_32.clone(), turned.clone()], ""), 2);
    // Shorter windows are near where they stand whole in a row: one from the 902nd base on does.
    assert_eq!(run(vec![own, by_32, turned], r#", "length": 22"#), 1);
}

#[test]
fn an_interrupted_one_ends_with_the_same_bits() {
    let genome = Genome::of(plain_windows(200, 2));
    let settings = settings(r#"{"fasta": ["x"], "held_out": 0.1}"#);
    let first = First {
        method: r#"{"adaptive_rank_sampling": {"variant": "gated", "initial_rank": 6, "target_rank": 3, "every": 2}}"#,
        train: r#"{"epochs": 6, "batch": 8, "accumulate": 2, "learning_rate": 0.01, "log_every": 1, "evaluate_every": 3,
            "augment": {"reverse_complement": 0.5}}"#,
        ..first(&genome, &settings)
    };
    let model = |out: &Path| fs::read(out.join("adapt_first/model.safetensors")).unwrap();
    let whole = tempfile::tempdir().unwrap();
    let expected = first
        .run(whole.path(), &Silent, &StopFlag::default())
        .unwrap();
    let out = tempfile::tempdir().unwrap();
    let stop = StopFlag::default();
    let stopped = first.run(out.path(), &StopAt::new(11, &stop), &stop);
    assert!(
        matches!(stopped, Err(Error::Interrupted { step: 11, .. })),
        "{stopped:?}"
    );
    let found = first
        .run(out.path(), &Silent, &StopFlag::default())
        .unwrap();
    assert_eq!(found, expected);
    assert_eq!(model(out.path()), model(whole.path()));
    assert_ne!(
        model(whole.path()),
        fs::read(support::model("bert").join("model.safetensors")).unwrap()
    );
}

#[test]
fn dna_in_pieces_shorter_than_rows_is_learnt_from() {
    let bases = plain_windows(100, 4);
    let pieces: Vec<Vec<u8>> = bases.chunks(4).map(<[u8]>::to_vec).collect();
    let count = pieces.len();
    let genome = Genome::in_pieces(pieces);
    let settings = settings(r#"{"fasta": ["x"], "held_out": 0.01}"#);
    let first = First {
        train: r#"{"epochs": 1}"#,
        ..first(&genome, &settings)
    };
    let learnt = first.learnt();
    assert_eq!(learnt.windows + learnt.held_out + learnt.left_out, count);
    assert!(learnt.windows > 20, "{learnt:?}");
}

#[test]
fn what_cannot_be_learnt_from_is_told() {
    let genome = Genome::of(plain_windows(3, 2));
    let out = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (r#"{"fasta": []}"#, "names no file"),
        (r#"{"fasta": ["x"], "share": 0}"#, "asks for nothing"),
        (
            r#"{"fasta": ["x"], "held_out": 1}"#,
            "more than 0 and less than 1",
        ),
        (
            r#"{"fasta": ["x"], "length": 12}"#,
            "more than the 12 tokens",
        ),
        (
            r#"{"fasta": ["x"], "held_out": 0.9}"#,
            "none is left to learn from",
        ),
    ] {
        let settings = settings(text);
        let first = first(&genome, &settings);
        let refused = first.run(out.path(), &Silent, &StopFlag::default());
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
}
