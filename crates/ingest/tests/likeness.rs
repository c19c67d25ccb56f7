//! Which sequences are found to be nearly the same: planted copies with exchanged bases, parts of longer sequences, pairs in the
//! other order. `cargo test -p lingo-ingest --test likeness -- --nocapture` prints the tables of docs/data.md.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use lingo_artifact::progress::Silent;
use lingo_artifact::random::Stream;
use lingo_ingest::{Audit, ingest};
use serde_json::json;

const PLANTED: usize = 300;

fn random(stream: &mut Stream, bases: usize) -> Vec<u8> {
    (0..bases).map(|_| b"ACGT"[stream.below(4)]).collect()
}

/// Exchanges a share of the bases, each for another.
fn exchange(bases: &mut [u8], share: f64, stream: &mut Stream) {
    let all: Vec<usize> = (0..bases.len()).collect();
    for at in stream.choose(&all, (share * bases.len() as f64).round() as usize) {
        let code = b"ACGT".iter().position(|b| *b == bases[at]).unwrap();
        bases[at] = b"ACGT"[(code + 1 + stream.below(3)) % 4];
    }
}

fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    let complement = |b: &u8| match b {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        _ => b'A',
    };
    bases.iter().rev().map(complement).collect()
}

fn table(folder: &Path, name: &str, rows: &[Vec<Vec<u8>>]) -> PathBuf {
    let mut text = match rows[0].len() {
        1 => String::from("sequence,label\n"),
        _ => String::from("sequence1,sequence2,label\n"),
    };
    for (i, row) in rows.iter().enumerate() {
        let row: Vec<&str> = row
            .iter()
            .map(|s| std::str::from_utf8(s).unwrap())
            .collect();
        text.push_str(&format!("{},{}\n", row.join(","), i % 2));
    }
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// How many of the test rows are found near a training row.
fn near(train: &[Vec<Vec<u8>>], test: &[Vec<Vec<u8>>]) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Stream::new(9, "dev");
    let dev: Vec<Vec<Vec<u8>>> = (0..2)
        .map(|_| {
            train[0]
                .iter()
                .map(|s| random(&mut stream, s.len()))
                .collect()
        })
        .collect();
    let file = |name: &str, rows: &[Vec<Vec<u8>>]| table(folder.path(), name, rows);
    let config = json!({ "source": { "csv": {
        "train": file("train.csv", train), "dev": file("dev.csv", &dev), "test": file("test.csv", test),
    } } });
    let examples = ingest(&serde_json::from_value(config).unwrap(), &Silent).unwrap();
    let audit: Audit = serde_json::from_value(examples.metadata.audit).unwrap();
    assert_eq!(
        (audit.shared[0].near, audit.shared[2].near),
        (0, 0),
        "of what is unrelated"
    );
    let of_test = &audit.shared[1];
    of_test.same + of_test.reverse_complement + of_test.near
}

fn percent(found: u64) -> f64 {
    100.0 * found as f64 / PLANTED as f64
}

#[test]
fn copies_with_exchanged_bases() {
    let rates = [0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15];
    println!(
        "| length | 1 % | 2 % | 3 % | 5 % | 8 % | 10 % | 15 % |\n|---|---|---|---|---|---|---|---|"
    );
    for length in [40, 60, 100, 150, 200, 300, 500, 1000] {
        let mut cells = Vec::new();
        for rate in rates {
            let mut stream = Stream::new(length as u64, "exchanged");
            let train: Vec<Vec<u8>> = (0..PLANTED).map(|_| random(&mut stream, length)).collect();
            let test: Vec<Vec<Vec<u8>>> = train
                .iter()
                .map(|sequence| {
                    let mut copy = sequence.clone();
                    exchange(&mut copy, rate, &mut stream);
                    vec![if stream.below(2) == 0 {
                        copy
                    } else {
                        reverse_complement(&copy)
                    }]
                })
                .collect();
            let train: Vec<Vec<Vec<u8>>> = train.into_iter().map(|s| vec![s]).collect();
            let found = percent(near(&train, &test));
            if length >= 100 && rate <= 0.05 {
                assert!(found >= 99.0, "{length} bases, {rate}: {found} %");
            }
            if rate > 0.1 && length >= 100 {
                // Few have a stretch of 80 % with fewer exchanges than the whole.
                assert!(found <= 10.0, "{length} bases, {rate}: {found} %");
            }
            cells.push(format!("{found:.1}"));
        }
        println!("| {length} | {} |", cells.join(" | "));
    }
}

#[test]
fn parts_of_longer_sequences() {
    println!(
        "| part of 1,000 bases | as it is | 5 % exchanged | with a gap of 3 |\n|---|---|---|---|"
    );
    for length in [60, 100, 200, 500] {
        let mut cells = Vec::new();
        for (rate, gap) in [(0.0, 0), (0.05, 0), (0.0, 3)] {
            let mut stream = Stream::new(length as u64, "parts");
            let train: Vec<Vec<Vec<u8>>> = (0..PLANTED)
                .map(|_| vec![random(&mut stream, 1000)])
                .collect();
            let test: Vec<Vec<Vec<u8>>> = train
                .iter()
                .map(|row| {
                    let from = stream.below(1000 - length);
                    let mut part = row[0][from..from + length].to_vec();
                    exchange(&mut part, rate, &mut stream);
                    part.drain(length / 2..length / 2 + gap);
                    vec![if stream.below(2) == 0 {
                        part
                    } else {
                        reverse_complement(&part)
                    }]
                })
                .collect();
            let found = percent(near(&train, &test));
            // The other way round: what contains a whole row of train is as near.
            let turned = percent(near(&test, &train));
            assert!(
                (found - turned).abs() < 1.5,
                "{length} {rate} {gap}: {found} {turned}"
            );
            if length >= 100 {
                assert!(found >= 99.0, "{length} {rate} {gap}: {found}");
            }
            cells.push(format!("{found:.1}"));
        }
        println!("| {length} | {} |", cells.join(" | "));
    }
}

#[test]
fn pairs_in_both_orders() {
    let mut stream = Stream::new(4, "pairs");
    let train: Vec<Vec<Vec<u8>>> = (0..PLANTED)
        .map(|_| vec![random(&mut stream, 150), random(&mut stream, 150)])
        .collect();
    let mut of = |swap: bool, rate: f64| -> Vec<Vec<Vec<u8>>> {
        let copies = train.iter().map(|row| {
            let mut row = row.clone();
            row.iter_mut().for_each(|s| exchange(s, rate, &mut stream));
            if swap {
                row.reverse();
            }
            row
        });
        copies.collect()
    };
    for (swap, rate) in [(true, 0.0), (true, 0.03), (false, 0.03)] {
        let found = percent(near(&train, &of(swap, rate)));
        assert!(found >= 99.0, "{swap} {rate}: {found}");
    }
    // One sequence alone makes no pair near.
    let other: Vec<Vec<Vec<u8>>> = train
        .iter()
        .map(|row| vec![row[0].clone(), random(&mut stream, 150)])
        .collect();
    assert_eq!(near(&train, &other), 0);
}

#[test]
fn repeats_do_not_explode() {
    let mut stream = Stream::new(5, "repeats");
    // Every row has the same repeat, in its own surroundings, or is of few letters.
    let repeat = random(&mut stream, 60);
    let mut rows = |n: usize| -> Vec<Vec<Vec<u8>>> {
        let mut row = |i: usize| match i % 3 {
            0 => [
                random(&mut stream, 120),
                repeat.clone(),
                random(&mut stream, 120),
            ]
            .concat(),
            1 => (0..240)
                .map(|i| b"AC"[i % 2])
                .chain(random(&mut stream, 160))
                .collect(),
            _ => (0..240)
                .map(|_| b'A')
                .chain(random(&mut stream, 160))
                .collect(),
        };
        (0..n).map(|i| vec![row(i)]).collect()
    };
    let (train, test) = (rows(6000), rows(600));
    let start = std::time::Instant::now();
    // Rows of few letters have 240 of 400 bases in common, and a quarter of the others.
    assert_eq!(near(&train, &test), 0);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
