//! Variants as bcftools normalises them, and windows around summits and beyond chromosome ends: `tests/oracles/ingest_variants.py`
//! and `tests/oracles/ingest_windows.py`.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use lingo_artifact::example::Examples;
use lingo_artifact::progress::Silent;
use lingo_ingest::{Error, ingest};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Files in a folder, and what a source makes of them; `fasta` and files of the source are names in the folder.
fn read(files: &[(&str, String)], source: Value, more: Value) -> Result<Examples, Error> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut config = json!({
        "source": source,
        "split": { "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } },
        "leakage": "unexamined",
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    let mut config: lingo_ingest::IngestConfig = serde_json::from_value(config).unwrap();
    for path in config.paths_mut() {
        *path = folder.path().join(&path);
    }
    ingest(&config, &Silent)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap()
}

fn rows_of(table: &str) -> Vec<Vec<String>> {
    let rows = table.lines();
    rows.map(|line| line.split('\t').map(str::to_string).collect())
        .collect()
}

fn genome_of(fasta: &str) -> std::collections::BTreeMap<String, String> {
    let mut sequences = std::collections::BTreeMap::new();
    for record in fasta.split('>').filter(|record| !record.is_empty()) {
        let (name, lines) = record.split_once('\n').unwrap();
        sequences.insert(name.to_string(), lines.replace('\n', ""));
    }
    sequences
}

#[test]
fn variants_are_normal_as_bcftools_makes_them() {
    let genome = text("variants/genome.fa");
    // Two labels; the ids away, so that rows are called after place and alleles.
    let mut number = 0;
    let vcf: String = text("variants/variants.vcf")
        .lines()
        .map(|line| {
            let mut columns: Vec<&str> = line.split('\t').collect();
            if !line.starts_with('#') {
                number += 1;
                columns[2] = ".";
                columns[6] = ["a", "b"][number % 2];
            }
            format!("{}\n", columns.join("\t"))
        })
        .collect();
    let source = json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": "filter", "width": 200, "beyond_end": "pad" } });
    let files = [("g.fa", genome.clone()), ("v.vcf", vcf)];
    let made = read(&files, source, json!({})).unwrap();
    let place = |e: &lingo_artifact::example::Example| e.id.split('/').next().unwrap().to_string();
    let mut seen: Vec<String> = made.rows.iter().map(place).collect();
    // Where a repeat goes on beyond the window, both sequences would be the same.
    let bases = genome_of(&genome);
    let shown = |row: &[String]| {
        let (chrom, at) = (&bases[&row[0]], row[2].parse::<usize>().unwrap() - 1);
        let beyond = "N".repeat(101);
        let whole = format!("{}{beyond}", &chrom[at..]);
        let edited = format!("{}{}{beyond}", row[4], &chrom[at + row[3].len()..]);
        whole[..101] != edited[..101]
    };
    let normal = rows_of(&text("variants/normal.tsv"));
    let mut expected: Vec<String> = normal
        .iter()
        .filter(|row| shown(row))
        .map(|row| format!("{}:{}:{}:{}", row[0], row[2], row[3], row[4]))
        .collect();
    seen.sort();
    expected.sort();
    assert!(expected.len() > 500 && expected.len() < normal.len());
    assert_eq!(seen, expected);
    // The same place and alleles many times, and still each row has a name of its own.
    let ids: HashSet<&str> = made.rows.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids.len(), made.rows.len());
    // One variant, however it is written, is one pair.
    let mut pairs = std::collections::BTreeMap::new();
    for e in &made.rows {
        let id = e.id.split('/').next().unwrap();
        let pair = (&e.sequence, &e.sequence2);
        assert_eq!(pairs.entry(id).or_insert(pair), &pair, "{id}");
        assert_ne!(Some(&e.sequence), e.sequence2.as_ref(), "{id}");
    }
}

fn windows(case: &str) -> Vec<[String; 3]> {
    let rows = rows_of(&text("sources/windows.tsv"));
    let of_case = rows.iter().filter(|row| row[0] == case);
    let mut rows: Vec<_> = of_case
        .map(|row| [1, 2, 3].map(|i| row[i].clone()))
        .collect();
    rows.sort();
    rows
}

fn sequences(made: &Examples) -> Vec<[String; 3]> {
    let row = |e: &lingo_artifact::example::Example| {
        let id = e.id.split(':').next().unwrap().to_string();
        [
            id,
            e.sequence.clone(),
            e.sequence2.clone().unwrap_or_default(),
        ]
    };
    let mut rows: Vec<_> = made.rows.iter().map(row).collect();
    rows.sort();
    rows
}

#[test]
fn windows_lie_around_summits_and_are_filled_with_n() {
    let genome = text("sources/genome.fa");
    let peaks = text("sources/peaks.narrowPeak");
    let files = [("g.fa", genome.clone()), ("p.narrowPeak", peaks)];
    let source = |beyond: &str| json!({ "bed": { "fasta": "g.fa", "beds": ["p.narrowPeak"], "label": { "column": 7 }, "width": 64, "around": "summit", "beyond_end": beyond } });
    let more = || json!({ "label_kind": "regression" });
    let padded = read(&files, source("pad"), more()).unwrap();
    assert_eq!(padded.rows.len(), 80);
    assert_eq!(sequences(&padded), windows("summit pad"));
    let whole = read(&files, source("drop"), more()).unwrap();
    assert_eq!(sequences(&whole), windows("summit"));
    let vcf = json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": "filter", "width": 64, "beyond_end": "pad", "normalise": false } });
    let files = [("g.fa", genome), ("v.vcf", text("sources/variants.vcf"))];
    assert_eq!(
        sequences(&read(&files, vcf, json!({})).unwrap()),
        windows("variant pad")
    );
}

#[test]
fn a_peak_without_a_summit_and_a_summit_beyond_its_peak_are_told() {
    let genome = format!(">I\n{}\n", "ACGTACGTAC".repeat(10));
    let t = |row: &str, expected: &str| {
        let files = [("g.fa", genome.clone()), ("p.bed", format!("{row}\n"))];
        let source = json!({ "bed": { "fasta": "g.fa", "beds": ["p.bed"], "label": { "column": 4 }, "width": 8, "around": "summit" } });
        let message = read(&files, source, json!({})).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    t(
        "I\t20\t40\ta\t0\t+",
        "p.bed:1: 6 columns where the summit of a narrowPeak is in column 10",
    );
    t(
        "I\t20\t40\ta\t0\t+\t1\t1\t1\t20",
        "p.bed:1: the summit (20, column 10) lies beyond the peak, which has 20 bases",
    );
    t(
        "I\t20\t40\ta\t0\t+\t1\t1\t1\tx",
        "p.bed:1: column 10 (summit) is `x`",
    );
}

const VCF: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

#[test]
fn alleles_that_are_no_variants_are_told_or_left_out() {
    let genome = format!(">I\n{}\n", "ACGTACGTAC".repeat(10));
    let vcf = |body: &str| [("g.fa", genome.clone()), ("v.vcf", format!("{VCF}{body}"))];
    let source = |odd: &str| json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": "filter", "width": 8, "odd_alleles": odd } });
    let body = "I\t21\trs1\tA\tC\t.\ta\t.\nI\t22\trs1\tC\tC,G\t.\tb\t.\nI\t23\t.\tR\tA\t.\ta\t.\nI\t24\t.\tT\tY,A\t.\ta\t.\nI\t24\t.\tT\tA\t.\tb\t.\n";
    let made = read(&vcf(body), source("skip"), json!({ "leakage": "exact" })).unwrap();
    let ids: Vec<&str> = made.rows.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids, ["rs1", "rs1:I:22:C:G", "I:24:T:A", "I:24:T:A/2"]);
    let left_out = &made.metadata.audit["left_out"];
    assert_eq!(left_out["unchanged_alleles"], 1);
    assert_eq!(left_out["ambiguous_alleles"], 2);
    let told = |body: &str| {
        read(&vcf(body), source("error"), json!({}))
            .unwrap_err()
            .to_string()
    };
    let message = told("I\t22\trs1\tC\tC,G\t.\tb\t.\n");
    assert!(
        message.contains("v.vcf:3: ALT is `C` as REF is: no variant; `odd_alleles: skip`"),
        "{message}"
    );
    let message = told("I\t23\t.\tR\tA\t.\ta\t.\n");
    assert!(
        message.contains(
            "v.vcf:3: REF is `R`; an allele is written with A, C, G, T and N; `odd_alleles: skip`"
        ),
        "{message}"
    );
}

#[test]
fn contigs_have_the_names_that_files_give_them() {
    let genome = format!(">1 x\n{0}\n>MT\n{0}\n", "ACGTACGTAC".repeat(10));
    let bed = "chr1\t0\t10\ta\nchrM\t0\t10\tb\nchrUn_1\t0\t10\ta\n1\t5\t15\tb\n".to_string();
    let files = |aliases: &str| {
        [
            ("g.fa", genome.clone()),
            ("b.bed", bed.clone()),
            ("names.txt", aliases.to_string()),
        ]
    };
    let source =
        || json!({ "bed": { "fasta": "g.fa", "beds": ["b.bed"], "label": { "column": 4 } } });
    let places = |made: &Examples| -> Vec<String> {
        let place = |e: &lingo_artifact::example::Example| {
            let i = e.interval.as_ref().unwrap();
            format!("{}:{}-{}", i.chrom, i.start, i.end)
        };
        made.rows.iter().map(place).collect()
    };
    let expected = ["1:0-10", "MT:0-10", "1:5-15"];
    // UCSC's chromAlias, NCBI's assembly report, two columns.
    for aliases in [
        "# ucsc\tensembl\trefseq\nchr1\t1\tNC_1\nchrM\tMT\tNC_2\nchrUn_1\tKI\tNT_1\n",
        "# Sequence-Name\tSequence-Role\tAssigned-Molecule\tLocation\tGenBank\tRel\tRefSeq\tUnit\tLength\tUCSC\n1\tassembled-molecule\t1\tChromosome\tCM\t=\tNC\tPrimary\t100\tchr1\nMT\tassembled-molecule\tMT\tMito\tna\t=\tNC_2\tnon-nuclear\t100\tchrM\n",
        "chr1\t1\nchrM\tMT\n",
    ] {
        let contigs =
            json!({ "contigs": { "aliases": "names.txt", "skip": "unknown" }, "leakage": "exact" });
        let made = read(&files(aliases), source(), contigs).unwrap();
        assert_eq!(places(&made), expected);
        assert_eq!(
            made.metadata.audit["left_out"],
            json!({ "skipped_contigs": 1 })
        );
    }
    let map = json!({ "chr1": "1", "chrM": "MT" });
    let contigs = json!({ "contigs": { "aliases": map, "skip": ["chrUn_1"] } });
    assert_eq!(
        places(&read(&files(""), source(), contigs).unwrap()),
        expected
    );
    // Splits by chromosome take either name.
    let by = json!({ "contigs": { "aliases": map, "skip": "unknown" }, "split": { "chromosomes": { "dev": ["MT"], "test": [] } } });
    assert_eq!(read(&files(""), source(), by).unwrap().rows.len(), 3);
    let told = |contigs: Value| {
        read(&files("x\ty\n"), source(), json!({ "contigs": contigs }))
            .unwrap_err()
            .to_string()
    };
    assert!(
        told(json!({})).contains("b.bed:1: there is no sequence `chr1` in"),
        "{}",
        told(json!({}))
    );
    assert!(
        told(json!({})).contains("say `contigs: { aliases: { \"chr1\": \"1\" } }`"),
        "{}",
        told(json!({}))
    );
    let unknown = told(json!({ "aliases": map }));
    assert!(
        unknown.contains("b.bed:3: there is no sequence `chrUn_1`")
            && unknown.contains("`contigs: { skip: unknown }`"),
        "{unknown}"
    );
    let none = told(json!({ "aliases": "names.txt" }));
    assert!(
        none.contains("none of its names is one of the sequences of"),
        "{none}"
    );
    let wrong = told(json!({ "aliases": { "chr1": "one" } }));
    assert!(
        wrong.contains("contigs.aliases.chr1: there is no sequence `one`"),
        "{wrong}"
    );
    let both = told(json!({ "aliases": { "MT": "1" } }));
    assert!(
        both.contains("`MT` would be the name of both `MT` and `1`"),
        "{both}"
    );
}

#[test]
fn columns_of_tables_have_the_names_that_are_given() {
    let table = "name,seq,y,mate\nr1,ACGT,1,TTTT\nr2,GGCC,0,AAAA\n".to_string();
    let read = |columns: Value| {
        read(
            &[("t.csv", table.clone())],
            json!({ "csv": { "file": "t.csv", "columns": columns } }),
            json!({}),
        )
    };
    let made = read(json!({ "sequence": "seq", "label": "y" })).unwrap();
    assert_eq!(made.rows[0].sequence, "ACGT");
    assert_eq!(made.rows[0].sequence2, None);
    let pairs = read(json!({ "sequence": "seq", "sequence2": "mate", "label": "y" })).unwrap();
    assert_eq!(pairs.rows[1].sequence2.as_deref(), Some("AAAA"));
    let message = read(json!({ "sequence": "seq", "label": "z" }))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("t.csv:1: the column `z` is missing"),
        "{message}"
    );
}

#[cfg(unix)]
#[test]
fn what_comes_through_a_pipe_is_recorded_with_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let genome = format!(">I\n{}\n", "ACGTACGTAC".repeat(10));
    let bed = "I\t0\t10\ta\nI\t20\t30\tb\n".repeat(5_000);
    std::fs::write(path("g.fa"), genome).unwrap();
    std::fs::write(path("whole.bed"), &bed).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(path("pipe.bed"))
        .status()
        .unwrap();
    assert!(made.success());
    let examples = |name: &str| {
        let config = json!({
            "source": { "bed": { "fasta": path("g.fa"), "beds": [path(name)], "label": { "column": 4 } } },
            "split": { "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } },
            "leakage": "unexamined",
        });
        ingest(&serde_json::from_value(config).unwrap(), &Silent).unwrap()
    };
    let pipe = path("pipe.bed");
    let writer = std::thread::spawn(move || std::fs::write(pipe, bed));
    let piped = examples("pipe.bed");
    writer.join().unwrap().unwrap();
    let whole = examples("whole.bed");
    assert_eq!(piped.rows, whole.rows);
    let hashes = |made: &Examples| -> Vec<_> {
        let sources = made.metadata.sources.iter();
        sources.map(|s| (s.sha256, s.bytes)).collect()
    };
    assert_eq!(hashes(&piped), hashes(&whole));
}

#[test]
fn a_table_of_examples_names_the_class_of_each_row() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("e.csv");
    let written = |table: &str, more: Value| {
        std::fs::write(folder.path().join("t.csv"), table).unwrap();
        let mut config = json!({
            "source": { "csv": { "file": folder.path().join("t.csv") } },
            "split": { "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } },
            "leakage": "unexamined",
        });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        let data =
            lingo_ingest::prepare(&serde_json::from_value(config).unwrap(), &Silent).unwrap();
        data.write(&out).unwrap();
        std::fs::read_to_string(&out).unwrap()
    };
    assert_eq!(
        written("sequence,label\nACGT,yes\nGGCC,no\n", json!({})),
        "id,split,sequence,label,class\ntrain:1,train,ACGT,1,yes\ntrain:2,train,GGCC,0,no\n"
    );
    let lists = json!({ "label_kind": "multilabel", "classes": ["a", "b", "c"] });
    assert_eq!(
        written("sequence,label\nACGT,1 0 1\nGGCC,0 0 0\n", lists)
            .lines()
            .map(|l| l.rsplit(',').next().unwrap())
            .collect::<Vec<_>>(),
        ["class", "a;c", ""]
    );
    let numbers = written(
        "sequence,label\nACGT,0.5\nGGCC,2\n",
        json!({ "label_kind": "regression" }),
    );
    assert!(
        numbers.starts_with("id,split,sequence,label\n"),
        "{numbers}"
    );
}
