//! Start sites, donors and acceptors as gffutils reads them: `tests/oracles/ingest_annotations.py`.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lingo_artifact::Label;
use lingo_artifact::progress::Silent;
use lingo_ingest::ingest;
use serde_json::{Value, json};

const EXPECTED: &str = include_str!("fixtures/annotations/expected.tsv");

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/annotations")
        .join(name)
}

/// A chromosome as long as the annotations need; what stands in it is not looked at here.
fn genome(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join("genome.fa");
    let line = "ACGTTGCAAGCTTAACGGAT".repeat(5);
    let text = format!(">{name}\n{}", format!("{line}\n").repeat(16_000));
    std::fs::write(&path, text).unwrap();
    path
}

fn rows(annotations: &[&str], chrom: &str, more: Value) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = annotations.iter().map(|name| fixture(name)).collect();
    let mut source = json!({
        "fasta": genome(folder.path(), chrom),
        "files": files,
        "windows": [
            { "promoter": { "up": 8, "down": 3 } },
            { "donor": { "up": 3, "down": 6 } },
            { "acceptor": { "up": 20, "down": 3 } },
        ],
    });
    for (key, value) in more.as_object().unwrap() {
        source[key] = value.clone();
    }
    let config = json!({
        "source": { "gff": source },
        "split": { "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } },
        "leakage": "unexamined",
    });
    let made = ingest(&serde_json::from_value(config).unwrap(), &Silent).unwrap();
    let names = made.metadata.labels.names();
    let row = |e: &lingo_artifact::example::Example| {
        let i = e.interval.as_ref().unwrap();
        let Label::Class(class) = e.label else {
            panic!("{e:?}")
        };
        let place = format!("{}:{}-{}({})", i.chrom, i.start, i.end, i.strand);
        (names[class as usize].clone(), place)
    };
    made.rows.iter().map(row).collect()
}

fn expected(case: &str) -> BTreeSet<(String, String)> {
    let of_case = EXPECTED.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0] == case).then(|| (columns[1].to_string(), columns[2].to_string()))
    });
    of_case.collect()
}

fn check(case: &str, file: &str, chrom: &str, more: Value) {
    let seen = rows(&[file], chrom, more);
    let found: BTreeSet<_> = seen.iter().cloned().collect();
    let expected = expected(case);
    assert!(expected.len() > 100, "{case}");
    assert_eq!(seen.len(), found.len(), "{case}: a window stands twice");
    let more: Vec<_> = found.difference(&expected).take(3).collect();
    let less: Vec<_> = expected.difference(&found).take(3).collect();
    assert!(
        found == expected,
        "{case}: too many {more:?}, too few {less:?}"
    );
}

#[test]
fn human_gtf_gives_the_sites_that_gffutils_gives() {
    check("ensembl", "ensembl.gtf.gz", "1", json!({}));
    check("gencode", "gencode.gtf.gz", "chr1", json!({}));
}

#[test]
fn one_of_several_tags_is_enough() {
    let basic = || json!({ "only": { "tag": "basic" } });
    check("ensembl basic", "ensembl.gtf.gz", "1", basic());
    check("gencode basic", "gencode.gtf.gz", "chr1", basic());
    let select = json!({ "only": { "tag": "RefSeq Select" } });
    check("ncbi select", "ncbi.gff3", "NC_000001.11", select);
}

#[test]
fn a_biotype_comes_from_the_gene() {
    let label = |key: &str| json!({ "label": { "attribute": key }, "windows": [{ "promoter": { "up": 8, "down": 3 } }] });
    check(
        "ensembl gene_biotype",
        "ensembl.gtf.gz",
        "1",
        label("gene_biotype"),
    );
    check(
        "gencode gene_type",
        "gencode.gtf.gz",
        "chr1",
        label("gene_type"),
    );
    check(
        "ncbi gene_biotype",
        "ncbi.gff3",
        "NC_000001.11",
        label("gene_biotype"),
    );
    check("ncbi", "ncbi.gff3", "NC_000001.11", json!({}));
    let coding = json!({ "only": { "gene_biotype": "protein_coding" } });
    check("ncbi coding", "ncbi.gff3", "NC_000001.11", coding);
}

#[test]
fn a_window_of_two_files_stands_once() {
    let once = rows(&["ensembl.gtf.gz"], "1", json!({}));
    let twice = rows(&["ensembl.gtf.gz", "ensembl.gtf.gz"], "1", json!({}));
    assert_eq!(once, twice);
}
