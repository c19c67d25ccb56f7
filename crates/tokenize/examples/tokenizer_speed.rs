//! CPU seconds of the tokenizers, for `benches/tokenizer_speed.py`, which runs the peers beside it.
//!
//!     tokenizer_speed encode TOKENIZER.json LINES [ROUNDS]     one JSON object; the ids' sum shows that they are equal
//!     tokenizer_speed kmers  K LINES [ROUNDS]                  and memcpy of as many bytes as the ids have, with as many threads
//!     tokenizer_speed train  VOCAB_SIZE LINES OUT.json

// A program that is given wrong arguments here may stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::time::Instant;

use lingo_artifact::progress::Silent;
use lingo_tokenize::DnaTokenizer;
use lingo_tokenize::scheme::KmerScheme;
use rayon::prelude::*;
use serde_json::json;

/// User and system seconds of the process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit(')').next().unwrap();
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks.map(|t| t.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// The largest resident size of the process, in MiB.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// CPU and wall seconds of the best of several rounds, each long enough for the clock's ticks.
fn measure(rounds: usize, mut work: impl FnMut()) -> (f64, f64) {
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let mut times = 0.0;
        while times == 0.0 || wall.elapsed().as_secs_f64() < 0.5 {
            work();
            times += 1.0;
        }
        best.0 = f64::min(best.0, (cpu_seconds() - cpu) / times);
        best.1 = f64::min(best.1, wall.elapsed().as_secs_f64() / times);
    }
    best
}

fn encode(dna: &DnaTokenizer, lines: &[&str]) -> (u64, u64) {
    // As the data sets' encoder does, a thread uses its storage again.
    let of = |ids: &mut Vec<u32>, line: &&str| {
        ids.clear();
        dna.encode_bytes(line.as_bytes(), ids).unwrap();
        let sum: u64 = ids.iter().map(|id| u64::from(*id)).sum();
        (ids.len() as u64, sum)
    };
    let parts = lines.par_iter().map_init(Vec::new, of);
    parts.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |i: usize| {
        arguments
            .get(i)
            .expect("see the head of this file")
            .as_str()
    };
    let text = std::fs::read_to_string(argument(3)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let bases: usize = lines.iter().map(|l| l.len()).sum();
    let rounds = arguments.get(4).map_or(3, |r| r.parse().unwrap_or(3));
    let report = match argument(1) {
        "encode" => {
            let start = cpu_seconds();
            let dna = DnaTokenizer::read(Path::new(argument(2))).unwrap();
            let load = cpu_seconds() - start;
            let (tokens, sum) = encode(&dna, &lines);
            let (cpu, wall) = measure(rounds, || {
                std::hint::black_box(encode(&dna, &lines));
            });
            json!({"tokens": tokens, "sum": sum, "load": load, "cpu": cpu, "wall": wall})
        }
        "kmers" => {
            let k = argument(2).parse().unwrap();
            let dna = DnaTokenizer::Kmer(KmerScheme::new(k, 1).unwrap());
            // A part a thread, each with its own ids, whose memory is there before the clock runs.
            let width = lines.len().div_ceil(rayon::current_num_threads());
            let parts = lines.chunks(width.max(1));
            let mut parts: Vec<(&[&str], Vec<u32>)> = parts.map(|p| (p, Vec::new())).collect();
            let mut encode = || {
                parts.par_iter_mut().for_each(|(lines, ids)| {
                    ids.clear();
                    for line in *lines {
                        dna.encode_bytes(line.as_bytes(), ids).unwrap();
                    }
                    std::hint::black_box(ids);
                });
            };
            encode();
            let (cpu, wall) = measure(rounds, encode);
            let ids: Vec<Vec<u32>> = parts.into_iter().map(|(_, ids)| ids).collect();
            let mut copies = ids.clone();
            let (memcpy, memcpy_wall) = measure(rounds, || {
                copies.par_iter_mut().zip(&ids).for_each(|(copy, ids)| {
                    copy.copy_from_slice(std::hint::black_box(ids));
                    std::hint::black_box(copy);
                });
            });
            let ids = ids.concat();
            let sum: u64 = ids.iter().map(|id| u64::from(*id)).sum();
            json!({"tokens": ids.len(), "sum": sum, "cpu": cpu, "wall": wall, "memcpy": memcpy, "memcpy_wall": memcpy_wall})
        }
        "train" => {
            let (cpu, wall) = (cpu_seconds(), Instant::now());
            let json =
                lingo_tokenize::train_bpe(lines.iter(), argument(2).parse().unwrap(), &Silent);
            let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
            std::fs::write(argument(4), json.unwrap()).unwrap();
            json!({"cpu": cpu, "wall": wall})
        }
        other => panic!("{other}: encode, kmers or train"),
    };
    let mut report = report;
    report["bases"] = bases.into();
    report["peak_mib"] = peak_mib().into();
    println!("{report}");
}
