//! Real files, in the folder that LINGO_REAL_DATA names.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;

use lingo_artifact::digest::Digest;
use lingo_artifact::progress::Silent;
use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_artifact::{Split, Strand};
use lingo_ingest::config::sources::{OddAlleles, VariantLabel};
use lingo_ingest::config::{
    BedLabel, BedSource, ChromosomeSplit, CsvSource, LabelKindPlan, OnLeak, Source, SplitPlan,
};
use lingo_ingest::{
    Audit, BedOptions, BedRow, Error, Genome, IngestConfig, extract, gff, ingest, interval_table,
    read_bed, vcf,
};

const LIMIT: u64 = 1 << 30;

fn data(path: &str) -> PathBuf {
    let root = std::env::var_os("LINGO_REAL_DATA")
        .expect("LINGO_REAL_DATA names the folder of the real data");
    Path::new(&root).join(path)
}

/// What `bedtools getfasta -s` (Debian `bedtools`) makes of the same intervals, one sequence a row.
fn bedtools(fasta: &Path, bed: &Path) -> Vec<String> {
    let output = Command::new("bedtools")
        .args(["getfasta", "-s", "-tab", "-fi"])
        .arg(fasta)
        .arg("-bed")
        .arg(bed)
        .output()
        .expect("bedtools is needed for this test (Debian package `bedtools`)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split('\t').nth(1).unwrap().to_string())
        .collect()
}

fn bed_text(rows: &[BedRow]) -> String {
    rows.iter()
        .map(|r| format!("{}\t{}\t{}\t.\t0\t{}\n", r.chrom, r.start, r.end, r.strand))
        .collect()
}

fn unpacked_yeast(folder: &Path) -> PathBuf {
    let mut text = Vec::new();
    let packed = std::fs::File::open(data("yeast/R64-1-1.fa.gz")).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(packed), &mut text).unwrap();
    let path = folder.join("R64-1-1.fa");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
#[ignore = "reads the folder LINGO_REAL_DATA"]
fn yeast_sequences_equal_bedtools_getfasta() {
    let folder = tempfile::tempdir().unwrap();
    let fasta = unpacked_yeast(folder.path());
    let bed = data("yeast/emp_probes_on_R64.bed");
    let rows = read_bed(&bed, &BedOptions::default()).unwrap();
    assert_eq!(rows.len(), 27_878);
    let mut flipped = rows.clone();
    let mut stream = Stream::new(1, "flip");
    for row in &mut flipped {
        row.strand = [Strand::Forward, Strand::Reverse][stream.below(2)];
    }
    assert!(
        flipped
            .iter()
            .filter(|r| r.strand == Strand::Reverse)
            .count()
            > 13_000
    );
    let genomes =
        [&data("yeast/R64-1-1.fa.gz"), &fasta].map(|path| Genome::open(path, LIMIT).unwrap());
    assert_eq!(genomes[0].sequences().len(), 17);
    assert_eq!(
        genomes[0].sequences().iter().map(|s| s.1).sum::<u64>(),
        12_157_105
    );
    for rows in [&rows, &flipped] {
        let path = folder.path().join("r.bed");
        std::fs::write(&path, bed_text(rows)).unwrap();
        let expected = bedtools(&fasta, &path);
        assert_eq!(expected.len(), rows.len());
        for genome in &genomes {
            let made = extract(genome, &path, rows, None).unwrap();
            assert!(made.outside.is_empty());
            for (window, expected) in made.windows.iter().zip(&expected) {
                assert!(window.sequence == *expected, "row {}", window.row + 1);
            }
            assert_eq!(made.windows.len(), expected.len());
        }
    }
}

#[test]
#[ignore = "reads the folder LINGO_REAL_DATA"]
fn one_yeast_mark_becomes_examples() {
    let source = BedSource {
        around: Default::default(),
        beyond_end: Default::default(),
        fasta: data("yeast/R64-1-1.fa.gz").into(),
        beds: vec![data("yeast/emp_probes_on_R64.bed").into()],
        label: BedLabel::Column(NonZeroU32::new(5).unwrap()),
        name_prefix: Some("H3:".into()),
        width: None,
        stranded: true,
    };
    let config = IngestConfig {
        contigs: Default::default(),
        blacklist: Vec::new(),
        downsample: None,
        source: Source::Bed(source),
        split: Some(SplitPlan::Chromosomes(ChromosomeSplit {
            dev: vec!["XV".into()],
            test: vec!["XVI".into()],
        })),
        label_kind: LabelKindPlan::Auto,
        classes: None,
        max_uncompressed_bytes: LIMIT,
        negatives: None,
        leakage: Default::default(),
        on_leak: Default::default(),
        max_memory: lingo_artifact::ByteSize::default(),
    };
    let examples = ingest(&config, &Silent).unwrap();
    assert_eq!(examples.rows.len(), 1_438);
    assert_eq!(examples.metadata.labels.names(), ["0", "1"]);
    for example in &examples.rows {
        assert!(example.id.starts_with("H3:"));
        let chrom = example.interval.as_ref().unwrap().chrom.as_str();
        let expected = match chrom {
            "XV" => Split::Dev,
            "XVI" => Split::Test,
            _ => Split::Train,
        };
        assert_eq!(example.split, expected);
    }
}

#[test]
#[ignore = "reads the folder LINGO_REAL_DATA"]
fn the_audit_finds_the_known_leakage_of_gue_tf_4() {
    let file = |name: &str| Some(data("gue/tf/4").join(name));
    let config = IngestConfig {
        contigs: Default::default(),
        blacklist: Vec::new(),
        downsample: None,
        source: Source::Csv(CsvSource {
            columns: Default::default(),
            train: file("train.csv"),
            dev: file("dev.csv"),
            test: file("test.csv"),
            file: None,
        }),
        split: None,
        label_kind: LabelKindPlan::Auto,
        classes: None,
        max_uncompressed_bytes: LIMIT,
        negatives: None,
        leakage: Default::default(),
        on_leak: Default::default(),
        max_memory: lingo_artifact::ByteSize::default(),
    };
    let examples = ingest(&config, &Silent).unwrap();
    let audit: Audit = serde_json::from_value(examples.metadata.audit).unwrap();
    let duplicates: Vec<(u64, u64)> = audit
        .splits
        .iter()
        .map(|s| (s.rows, s.duplicate_rows))
        .collect();
    assert_eq!(duplicates, [(19_000, 3_789), (1_000, 15), (1_000, 0)]);
    // tests/oracles/leakage.py, which compares without an index and without gaps, finds 59 of the 66 in dev and 69 of the 72 in test; with gaps there are more.
    let shared = |audit: &Audit| -> Vec<[u64; 4]> {
        let counts = |s: &lingo_artifact::audit::Shared| {
            [
                s.same,
                s.reverse_complement,
                s.near,
                s.near_not_all_compared,
            ]
        };
        audit.shared.iter().map(counts).collect()
    };
    assert_eq!(
        shared(&audit),
        [[358, 0, 66, 0], [0, 0, 72, 0], [0, 0, 35, 0]]
    );
    // What is dropped leaves nothing behind, and test whole.
    let dropped = ingest(
        &IngestConfig {
            on_leak: OnLeak::Drop,
            ..config.clone()
        },
        &Silent,
    )
    .unwrap();
    let after: Audit = serde_json::from_value(dropped.metadata.audit).unwrap();
    assert_eq!(shared(&after), [[0; 4]; 3]);
    assert_eq!(after.splits[2].rows, 1_000);
    assert_eq!((after.dropped_train, after.dropped_dev), (1_343, 28));
    assert_eq!(after.splits[0].rows + after.dropped_train, 19_000);
    let refused = ingest(
        &IngestConfig {
            on_leak: OnLeak::Error,
            ..config
        },
        &Silent,
    );
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("358 rows of dev (35.8 %): the sequence stands in train too"),
        "{message}"
    );
    let warnings = lines_of(&audit);
    assert!(
        warnings
            .contains(&"train: 3789 rows repeat (19.9 %) an earlier row's sequence".to_string()),
        "{warnings:?}"
    );
    assert!(
        warnings.contains(
            &"leakage: 358 rows of dev (35.8 %): the sequence stands in train too".to_string()
        ),
        "{warnings:?}"
    );
}

#[test]
#[ignore = "reads the folder LINGO_REAL_DATA"]
fn every_table_of_gue_is_read() {
    let tasks = [
        ("gue/tf/0", 32_378),
        ("gue/tf/4", 19_000),
        ("gue/mouse/3", 1_904),
        ("gue/mouse/4", 15_064),
        ("gue/prom/prom_core_tata", 4_904),
        ("gue/prom/prom_300_tata", 4_904),
    ];
    for (task, train) in tasks {
        let file = |name: &str| Some(data(task).join(name));
        let config = IngestConfig {
            contigs: Default::default(),
            blacklist: Vec::new(),
            downsample: None,
            source: Source::Csv(CsvSource {
                columns: Default::default(),
                train: file("train.csv"),
                dev: file("dev.csv"),
                test: file("test.csv"),
                file: None,
            }),
            split: None,
            label_kind: LabelKindPlan::Auto,
            classes: None,
            max_uncompressed_bytes: LIMIT,
            negatives: None,
            leakage: Default::default(),
            on_leak: Default::default(),
            max_memory: lingo_artifact::ByteSize::default(),
        };
        let examples = ingest(&config, &Silent).unwrap();
        assert_eq!(examples.metadata.labels.names(), ["0", "1"], "{task}");
        let of_train = examples
            .rows
            .iter()
            .filter(|e| e.split == Split::Train)
            .count();
        assert_eq!(of_train, train, "{task}");
    }
}

/// What was read: how many sequences or rows, how many bases (covered), and a hash of all of it as the reference writes it.
type Content = (usize, u64, Digest);

fn content(mut lines: Vec<String>, bases: u64, sort: bool) -> Content {
    if sort {
        lines.sort();
    }
    (
        lines.len(),
        bases,
        Digest::of_bytes(lines.concat().as_bytes()),
    )
}

fn read_as_fasta(path: &Path) -> Result<Content, Error> {
    // A copy: an index made on the way must not stand beside the original.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(path.file_name().unwrap());
    std::fs::copy(path, &copy).unwrap();
    let genome = Genome::open(&copy, LIMIT)?;
    let mut lines = Vec::new();
    let mut bases = 0;
    for (name, length) in genome.sequences() {
        let sequence = genome.bases(name, 0, *length)?;
        bases += sequence.len() as u64;
        lines.push(format!(
            "{name}\t{}\n",
            std::str::from_utf8(&sequence).unwrap()
        ));
    }
    Ok(content(lines, bases, false))
}

fn read_as_bed(path: &Path) -> Result<Content, Error> {
    let rows = read_bed(path, &BedOptions::default())?;
    let lines = rows
        .iter()
        .map(|r| format!("{}\t{}\t{}\n", r.chrom, r.start, r.end))
        .collect();
    Ok(content(
        lines,
        rows.iter().map(|r| r.end - r.start).sum(),
        true,
    ))
}

/// One line for the table; a refusal must name the file and give a reason.
fn told(outcome: &Result<Content, Error>, path: &Path) -> String {
    match outcome {
        Ok((items, bases, _)) => format!("read: {items}, {bases} bases"),
        Err(e) => {
            let message = e.to_string();
            let (file, problem) = message
                .split_once(": ")
                .unwrap_or_else(|| panic!("{message}"));
            let name = path.file_name().unwrap().to_str().unwrap();
            let (_, line) = file.split_once(name).unwrap_or_else(|| panic!("{message}"));
            assert!(problem.len() > 10, "{message}");
            format!("refused{line}: {problem}")
                .replace(path.parent().unwrap().to_str().unwrap(), "")
        }
    }
}

/// What Biopython (FASTA) and bedtools (BED) read from the file; made by `tests/oracles/ingest_badinput.py`.
fn reference() -> BTreeMap<&'static str, (&'static str, Option<Content>)> {
    include_str!("fixtures/badinput_reference.tsv")
        .lines()
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let content = (columns[2] != "-").then(|| {
                (
                    columns[2].parse().unwrap(),
                    columns[3].parse().unwrap(),
                    columns[4].parse().unwrap(),
                )
            });
            (columns[0], (columns[1], content))
        })
        .collect()
}

fn read_as_vcf(path: &Path) -> Result<Content, Error> {
    let mut lines = Vec::new();
    let left_out = vcf::read(
        path,
        LIMIT,
        &VariantLabel::Filter,
        None,
        OddAlleles::Error,
        |variant| {
            lines.push(format!("{variant:?}\n"));
            Ok(())
        },
    )?;
    let others = left_out.symbolic + left_out.breakends + left_out.overlapped;
    Ok(content(lines, others + left_out.without_alternate, false))
}

fn read_as_gff(path: &Path) -> Result<Content, Error> {
    let mut lines = Vec::new();
    let mut bases = 0;
    gff::read(path, LIMIT, &["gene_id", "Name"], |f| {
        bases += f.end - f.start;
        lines.push(format!("{}\t{}\t{}\n", f.chrom, f.start, f.end));
        Ok(())
    })?;
    Ok(content(lines, bases, true))
}

fn read_as_intervals(path: &Path) -> Result<Content, Error> {
    let rows = interval_table::read(path, true, LIMIT)?;
    let lines = rows.iter().map(|r| format!("{r:?}\n")).collect();
    Ok(content(lines, 0, false))
}

/// No file of the collection may make one of the readers of other sources panic, and each refusal has a reason.
#[test]
#[ignore = "reads the folder LINGO_REAL_DATA"]
fn odd_files_are_read_or_refused_as_variants_annotation_and_intervals() {
    let root = data("badinput");
    let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv")).unwrap();
    let mut table = String::new();
    for line in manifest.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (kind, name) = (columns[0], columns[1]);
        let path = root.join(name);
        let as_vcf = told(&read_as_vcf(&path), &path);
        let as_gff = read_as_gff(&path);
        let as_intervals = told(&read_as_intervals(&path), &path);
        assert!(as_vcf.starts_with("refused"), "{name} is no VCF: {as_vcf}");
        assert!(
            as_intervals.starts_with("refused"),
            "{name}: {as_intervals}"
        );
        // What is read as annotation, whatever it was meant to be, and how what was meant to be annotation is refused.
        if kind == "gff" || as_gff.is_ok() {
            table.push_str(&format!("{kind}\t{name}\t{}\n", told(&as_gff, &path)));
        }
        let _ = told(&as_gff, &path);
    }
    insta::assert_snapshot!("odd_annotations", table);
}

#[test]
#[ignore = "reads the folder LINGO_REAL_DATA"]
fn odd_files_are_read_right_or_refused_with_a_reason() {
    let root = data("badinput");
    let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv")).unwrap();
    let reference = reference();
    let mut table = String::new();
    let mut wrong = Vec::new();
    let mut files = 0;
    for line in manifest.lines().skip(1) {
        let name = line.split('\t').nth(1).unwrap();
        let path = root.join(name);
        // Every file goes through both readers: neither may panic, and each must have a reason.
        let (fasta, bed) = (read_as_fasta(&path), read_as_bed(&path));
        let (as_fasta, as_bed) = (told(&fasta, &path), told(&bed, &path));
        let (reader, content) = &reference[name];
        let (right, outcome) = match *reader {
            "fasta" => (&fasta, as_fasta),
            "bed" => (&bed, as_bed),
            _ => {
                assert!(fasta.is_err(), "{name}: no FASTA, but read as one");
                (&bed, format!("as FASTA: {as_fasta} | as BED: {as_bed}"))
            }
        };
        table.push_str(&format!("{name}\t{outcome}\n"));
        if let Ok(read) = right
            && content.as_ref() != Some(read)
        {
            wrong.push(format!(
                "{name}: {read:?} where the reference has {content:?}"
            ));
        }
        files += 1;
    }
    assert_eq!(files, 413);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The whole table, file by file: which is read, and which refused, why.
    insta::assert_snapshot!("odd_files", table);
}

/// What the audit says, line by line.
fn lines_of(audit: &Audit) -> Vec<String> {
    let findings = audit.findings(|n| n.to_string());
    findings.iter().map(|finding| finding.line()).collect()
}
