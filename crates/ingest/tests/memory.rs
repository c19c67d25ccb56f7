//! `max_memory` holds: what the operating system says of a process that ingests, not what the program says of itself.

#![cfg(target_os = "linux")]
// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use lingo_artifact::ByteSize;
use lingo_artifact::progress::Silent;
use lingo_ingest::config::PROGRAM_MEMORY;
use lingo_ingest::{IngestConfig, prepare};
use serde_json::{Value, json};

/// Names the configuration that a child process is to ingest.
const CASE: &str = "LINGO_INGEST_MEMORY_CASE";

/// What a child process does; by itself the test has nothing to do.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CASE) else {
        return;
    };
    let path = Path::new(&path);
    let config: IngestConfig = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let done =
        prepare(&config, &Silent).and_then(|data| data.write(&path.with_extension("parquet")));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let outcome = match done {
        Ok(()) => "done".to_string(),
        Err(e) => format!("error: {e}"),
    };
    println!("\npeak {}\noutcome {outcome}", peak.unwrap().trim());
}

/// The most bytes that a process took which ingested with this bound, and its error.
fn ingested(folder: &Path, mut config: Value, bound: &str) -> (u64, Option<String>) {
    config["max_memory"] = bound.into();
    let path = folder.join(format!("{bound}.json"));
    std::fs::write(&path, config.to_string()).unwrap();
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
        .env(CASE, &path)
        // Each thread has buffers of its own.
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .unwrap();
    let told = String::from_utf8(ran.stdout).unwrap();
    let after = |what: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(what));
        line.unwrap_or_else(|| {
            panic!(
                "no `{what}` in {told}{}",
                String::from_utf8_lossy(&ran.stderr)
            )
        })
    };
    let peak = after("peak ").strip_suffix(" kB").unwrap();
    let outcome = after("outcome ");
    (
        peak.parse::<u64>().unwrap() * 1024,
        outcome.strip_prefix("error: ").map(str::to_string),
    )
}

/// Ingests with each bound, which must hold; tells which were enough, and what was said where they were not.
fn held(folder: &Path, config: &Value, bounds: &[&str]) -> Vec<Option<String>> {
    let each = bounds.iter().map(|bound| {
        let (peak, error) = ingested(folder, config.clone(), bound);
        println!("{bound}: {peak} bytes, {error:?}");
        let most = bound.parse::<ByteSize>().unwrap().get() + PROGRAM_MEMORY;
        assert!(peak <= most, "{bound}: {peak} bytes are more than {most}");
        error
    });
    each.collect()
}

#[test]
fn features_and_their_windows_stay_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    // A genome of 60 MB: with 128 MB it would be mapped, if the rows left room for its pages.
    let (transcripts, apart) = (60_000, 1000);
    let mut fasta = ">I\n".to_string();
    for i in 0..(transcripts + 20) * apart / 60 {
        // No two lines are the same.
        let digits = format!("{i:030b}").replace('0', "AC").replace('1', "GT");
        writeln!(fasta, "{digits}").unwrap();
    }
    let mut gff = String::new();
    for t in 0..transcripts {
        let start = 1000 + t * apart;
        let end = start + 95;
        writeln!(
            gff,
            "I\tx\tmRNA\t{start}\t{end}\t.\t+\t.\tID=transcript{t:06}"
        )
        .unwrap();
        for exon in (start..end).step_by(10) {
            let end = exon + 5;
            writeln!(
                gff,
                "I\tx\texon\t{exon}\t{end}\t.\t+\t.\tParent=transcript{t:06}"
            )
            .unwrap();
        }
    }
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let flanks = json!({ "up": 20, "down": 20 });
    let config = json!({
        "source": { "gff": {
            "fasta": path("g.fa", &fasta), "files": [path("a.gff", &gff)],
            "windows": [{ "promoter": flanks }, { "donor": flanks }],
        } },
        "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1, "keep_overlaps_together": false } },
        "leakage": "exact",
    });
    let bounds = ["32MB", "48MB", "64MB", "96MB", "128MB", "256MB"];
    let told = held(folder.path(), &config, &bounds);
    let message = told[0].as_ref().unwrap();
    assert!(
        message.contains("the features that were read take"),
        "{message}"
    );
    assert!(
        message.contains("together more than max_memory, 32 MB"),
        "{message}"
    );
    let messages = told.iter().flatten();
    assert!(
        messages.into_iter().all(|m| m.contains("max_memory")),
        "{told:?}"
    );
    assert!(told.last().unwrap().is_none(), "{told:?}");
}

#[test]
fn a_matrix_of_919_files_stays_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    // 130,000 bins of 200 bases, in each of which a file has a peak: a byte for each label would be 119 MB.
    let (files, bins) = (919, 130_000u64);
    let line = "ACGTTGCAAGCTTAACGGATCCATGCAATGTTGACCGTAATGCCATTGAC\n";
    let fasta = format!(">I\n{}", line.repeat(bins as usize * 4 + 100));
    let fasta = path("g.fa", &fasta);
    let mut beds = vec![String::new(); files];
    for bin in 0..bins {
        let start = 1000 + 200 * bin;
        let of = (bin as usize).wrapping_mul(2_654_435_761) % files;
        writeln!(beds[of], "I\t{start}\t{}", start + 200).unwrap();
    }
    let peaks: Vec<_> = (0..files)
        .map(|i| path(&format!("p{i}.bed"), &beds[i]))
        .collect();
    let config = json!({
        "source": { "peak_matrix": { "fasta": fasta, "peaks": peaks } },
        "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1, "keep_overlaps_together": false } },
        "leakage": "unexamined",
    });
    let told = held(folder.path(), &config, &["32MB", "48MB", "64MB"]);
    let message = told[0].as_ref().unwrap();
    assert!(
        message.contains("and their labels and peaks") && message.contains("max_memory, 32 MB"),
        "{message}"
    );
    assert!(told[1].is_some() || told[2].is_none(), "{told:?}");
    assert_eq!(told[2], None);
}

#[test]
fn comparing_windows_stays_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    // 200,000 windows of 200 bases: packed, in two bits a base, they take 10 MB, their keys and places 16 MB, an index of k-mers 22 MB
    // where it has the room.
    let (windows, step) = (200_000u64, 120);
    let mut stream = 1u64;
    let mut next = || {
        stream = stream
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        b"ACGT"[(stream >> 62) as usize]
    };
    let mut fasta = b">I\n".to_vec();
    for _ in 0..(windows * step + 1000) / 60 {
        fasta.extend((0..60).map(|_| next()));
        fasta.push(b'\n');
    }
    let mut bed = String::new();
    for i in 0..windows {
        let start = step * i;
        writeln!(bed, "I\t{start}\t{}\tx\t{}\t+", start + 200, i % 2).unwrap();
    }
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (fasta, bed) = (path("g.fa", &fasta), path("b.bed", bed.as_bytes()));
    let shares = json!({ "train": 0.8, "dev": 0.1, "test": 0.1, "keep_overlaps_together": false });
    let config = |split: Value, on_leak: &str| {
        json!({
            "source": { "bed": { "fasta": fasta, "beds": [bed], "label": { "column": 5 } } },
            "split": split,
            "on_leak": on_leak,
        })
    };
    let bounds = ["32MB", "64MB", "96MB", "192MB"];
    let chromosomes = json!({ "ratios": shares });
    for (split, on_leak) in [
        (chromosomes.clone(), "warn"),
        (json!({ "clusters": shares }), "warn"),
    ] {
        let told = held(folder.path(), &config(split, on_leak), &bounds);
        let message = told[0].as_ref().unwrap();
        assert!(
            message.contains("comparing them") && message.contains("max_memory, 32 MB"),
            "{message}"
        );
        assert_eq!(told[3], None);
    }
    // Nearly all rows lie over one of another split: what is dropped leaves too few, or enough.
    let told = held(folder.path(), &config(chromosomes, "drop"), &["96MB"]);
    assert!(told[0].is_none(), "{told:?}");
}

#[test]
fn a_chromosome_on_one_line_stays_within_the_bound() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    // Of 60 million bases, which can only be read in part, and of 30 million, which are mapped or held.
    for (bases, packed) in [(60_000_000, false), (30_000_000, false), (30_000_000, true)] {
        let mut stream = 1u64;
        let mut next = || {
            stream = stream
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            b"ACGT"[(stream >> 62) as usize]
        };
        let mut fasta = b">I\n".to_vec();
        fasta.extend((0..bases).map(|_| next()));
        fasta.push(b'\n');
        let name = format!("{bases}.fa{}", if packed { ".gz" } else { "" });
        let path = folder.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        if packed {
            let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            gzip.write_all(&fasta).unwrap();
            gzip.finish().unwrap();
        } else {
            (&file).write_all(&fasta).unwrap();
        }
        let mut bed = String::new();
        for (i, start) in (0..bases - 200).step_by(5000).enumerate() {
            writeln!(bed, "I\t{start}\t{}\tx\t{}\t+", start + 200, i % 2).unwrap();
        }
        let places = folder.path().join("b.bed");
        std::fs::write(&places, bed).unwrap();
        let config = json!({
            "source": { "bed": { "fasta": path, "beds": [places], "label": { "column": 5 } } },
            "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } },
        });
        assert_eq!(held(folder.path(), &config, &["64MB"]), [None]);
    }
}
