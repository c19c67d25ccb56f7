//! Windows, pairs and bins as Biopython and bedtools make them: `tests/oracles/ingest_sources.py`.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use lingo_artifact::Label;
use lingo_artifact::example::{Example, Examples};
use lingo_artifact::progress::Silent;
use lingo_ingest::{Genome, ingest};
use serde_json::{Value, json};

const EXPECTED: &str = include_str!("fixtures/sources/expected.tsv");

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/sources")
        .join(name)
}

/// id, place, sequence, second sequence or labels.
type Row = [String; 4];

fn expected(source: &str) -> BTreeSet<Row> {
    EXPECTED
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|columns| columns[0] == source)
        .map(|columns| [1, 2, 3, 4].map(|i| columns[i].to_string()))
        .collect()
}

fn examples(source: Value) -> Examples {
    // A copy: an index made on the way must not stand beside the original.
    let folder = tempfile::tempdir().unwrap();
    let fasta = folder.path().join("genome.fa");
    std::fs::copy(fixture("genome.fa"), &fasta).unwrap();
    let mut source = source;
    for of in source.as_object_mut().unwrap().values_mut() {
        of["fasta"] = json!(fasta);
    }
    let config = json!({
        "source": source,
        "split": { "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } },
    });
    ingest(&serde_json::from_value(config).unwrap(), &Silent).unwrap()
}

fn place(example: &Example) -> String {
    let i = example.interval.as_ref().unwrap();
    format!("{}:{}-{}({})", i.chrom, i.start, i.end, i.strand)
}

#[test]
fn windows_around_features_equal_those_of_bedtools() {
    for annotation in ["genes.gff3", "genes.gtf"] {
        let made = examples(json!({ "gff": {
            "files": [fixture(annotation)],
            "windows": [
                { "promoter": { "up": 249, "down": 50 } },
                { "donor": { "up": 20, "down": 30 } },
                { "acceptor": { "up": 30, "down": 10 } },
            ],
        } }));
        let names = made.metadata.labels.names();
        assert_eq!(names, ["acceptor", "donor", "promoter"]);
        for (class, name) in names.iter().enumerate() {
            let of_class: BTreeSet<Row> = made
                .rows
                .iter()
                .filter(|e| e.label == Label::Class(class as u32))
                .map(|e| [e.id.clone(), place(e), e.sequence.clone(), String::new()])
                .collect();
            assert!(of_class.len() > 20);
            assert_eq!(of_class, expected(name), "{annotation}: {name}");
        }
    }
}

#[test]
fn pairs_of_variants_equal_edited_chromosomes() {
    let made = examples(json!({ "vcf": {
        "files": [fixture("variants.vcf")], "label": "filter", "width": 64, "normalise": false,
    } }));
    let pairs: BTreeSet<Row> = made
        .rows
        .iter()
        .map(|e| {
            // Behind the id of a second allele stand place and alleles.
            [
                e.id.split(':').next().unwrap().to_string(),
                place(e),
                e.sequence.clone(),
                e.sequence2.clone().unwrap(),
            ]
        })
        .collect();
    assert!(pairs.len() > 50);
    assert_eq!(pairs, expected("variant"));
}

fn labels(example: &Example) -> String {
    match &example.label {
        Label::Multi(m) => m.iter().map(u8::to_string).collect::<Vec<_>>().join(" "),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bins_of_peaks_equal_those_of_bedtools() {
    let peaks = ["peaks_a.bed", "peaks_b.bed", "peaks_c.bed"].map(fixture);
    let made = examples(json!({ "peak_matrix": { "peaks": peaks, "beyond_end": "pad" } }));
    assert_eq!(
        made.metadata.labels.names(),
        ["peaks_a", "peaks_b", "peaks_c"]
    );
    let bins: BTreeSet<Row> = made
        .rows
        .iter()
        .map(|e| [String::new(), place(e), e.sequence.clone(), labels(e)])
        .collect();
    assert!(bins.len() > 30);
    assert_eq!(bins, expected("bin"));
}

fn data(path: &str) -> PathBuf {
    let root = std::env::var_os("LINGO_REAL_DATA")
        .expect("LINGO_REAL_DATA names the folder of the real data");
    Path::new(&root).join(path)
}

fn bedtools(arguments: &[&str]) -> String {
    let output = Command::new("bedtools")
        .args(arguments)
        .output()
        .expect("bedtools is needed for this test (Debian package `bedtools`)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The ten histone marks of yeast as ten peak files, against `bedtools makewindows` and `bedtools coverage`.
#[test]
#[ignore = "reads the folder LINGO_REAL_DATA"]
fn ten_yeast_marks_become_the_matrix_that_bedtools_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |path: &Path| path.to_str().unwrap().to_string();
    // The positive probes of each mark are its peaks.
    let mut marks: BTreeMap<String, String> = BTreeMap::new();
    for line in std::fs::read_to_string(data("yeast/emp_probes_on_R64.bed"))
        .unwrap()
        .lines()
    {
        let columns: Vec<&str> = line.split('\t').collect();
        if columns[4] == "1" {
            let mark = columns[3].split(':').next().unwrap();
            marks
                .entry(mark.into())
                .or_default()
                .push_str(&format!("{line}\n"));
        }
    }
    assert_eq!(marks.len(), 10);
    let mut peaks = Vec::new();
    for (mark, rows) in &marks {
        peaks.push(path(&format!("{mark}.bed")));
        std::fs::write(peaks.last().unwrap(), rows).unwrap();
    }
    let fasta = data("yeast/R64-1-1.fa.gz");
    let config = json!({
        "source": { "peak_matrix": { "fasta": fasta, "peaks": peaks, "beyond_end": "pad", "keep_unlabelled": true } },
        "split": { "chromosomes": { "dev": ["XV"], "test": ["XVI"] } },
    });
    let made = ingest(&serde_json::from_value(config).unwrap(), &Silent).unwrap();
    assert_eq!(
        made.metadata.labels.names(),
        marks.keys().cloned().collect::<Vec<_>>()
    );
    let genome = Genome::open(&fasta, 1 << 30).unwrap();
    let sizes: String = lingo_artifact::sequence_source::SequenceSource::sequences(&genome)
        .iter()
        .map(|(name, length)| format!("{name}\t{length}\n"))
        .collect();
    std::fs::write(path("sizes"), sizes).unwrap();
    let bins = bedtools(&["makewindows", "-g", &text(&path("sizes")), "-w", "200"]);
    std::fs::write(path("bins.bed"), bins).unwrap();
    let mut expected: BTreeMap<(String, u64), Vec<u8>> = BTreeMap::new();
    for peak in &peaks {
        let coverage = bedtools(&[
            "coverage",
            "-a",
            &text(&path("bins.bed")),
            "-b",
            &text(peak),
        ]);
        for line in coverage.lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            let (start, end): (u64, u64) =
                (columns[1].parse().unwrap(), columns[2].parse().unwrap());
            if end - start == 200 {
                let covered: f64 = columns[6].parse().unwrap();
                expected
                    .entry((columns[0].into(), start))
                    .or_default()
                    .push(u8::from(covered > 0.5));
            }
        }
    }
    let seen: BTreeMap<(String, u64), Vec<u8>> = made
        .rows
        .iter()
        .map(|e| {
            let i = e.interval.as_ref().unwrap();
            assert_eq!(e.sequence.len(), 1000);
            // 400 bases before the bin, fewer only where the chromosome begins.
            let padding = e.sequence.bytes().take_while(|b| *b == b'N').count() as u64;
            let start = if i.start == 0 {
                400 - padding
            } else {
                i.start + 400
            };
            match &e.label {
                Label::Multi(m) => ((i.chrom.clone(), start), m.clone()),
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(seen.len(), made.rows.len());
    assert!(seen.values().filter(|l| l.contains(&1)).count() > 1000);
    assert!(
        seen == expected,
        "{} bins, {} expected",
        seen.len(),
        expected.len()
    );
}
