//! Several genomes in one task: what is read is what one FASTA of all sequences, named as they are called, would give.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use lingo_artifact::Split;
use lingo_artifact::example::Examples;
use lingo_artifact::progress::Silent;
use lingo_artifact::random::Stream;
use lingo_ingest::{IngestConfig, ingest, preflight};

/// Sequences of two genomes that have names in common; the second is soft-masked in part.
fn sequences() -> Vec<(&'static str, &'static str, String)> {
    let mut stream = Stream::new(5, "genomes test");
    let mut bases = |n: usize, letters: &[u8]| -> String {
        (0..n)
            .map(|_| char::from(letters[stream.below(letters.len())]))
            .collect()
    };
    vec![
        ("hg", "chr1", bases(9_000, b"ACGT")),
        ("hg", "chr2", bases(6_000, b"ACGT")),
        ("hg", "chrOnly", bases(3_000, b"ACGT")),
        ("mm", "chr1", bases(8_000, b"AACGTTacgt")),
        ("mm", "chr2", bases(7_000, b"AACGTT")),
    ]
}

/// A folder with `hg.fa`, `mm.fa`, and `both.fa`, in which all have the genome's name before their own.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for (genome, name, bases) in sequences() {
        let lines: Vec<&str> = bases
            .as_bytes()
            .chunks(70)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let lines = lines.join("\n");
        let file = if genome == "hg" { "hg.fa" } else { "mm.fa" };
        files
            .entry(file)
            .or_default()
            .push_str(&format!(">{name}\n{lines}\n"));
        files
            .entry("both.fa")
            .or_default()
            .push_str(&format!(">{genome}:{name}\n{lines}\n"));
    }
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// A section whose paths lie in the folder.
fn config(folder: &Path, section: &str) -> IngestConfig {
    let mut config: IngestConfig = serde_json::from_str(section).unwrap();
    for path in config.paths_mut() {
        *path = folder.join(&*path);
    }
    config
}

fn read(folder: &Path, section: &str) -> Result<Examples, String> {
    ingest(&config(folder, section), &Silent).map_err(|e| e.to_string())
}

const SEVERAL: &str = r#"{ "hg": "hg.fa", "mm": "mm.fa" }"#;
const ONE: &str = r#""both.fa""#;
const BY_CHROMOSOME: &str =
    r#""split": { "chromosomes": { "dev": ["hg:chr2"], "test": ["mm:chr2"] } }"#;

const RANDOM: &str = r#""split": { "ratios": { "train": 0.6, "dev": 0.2, "test": 0.2 } }"#;

/// The rows of both sections are the same, and there are some.
fn same(folder: &Path, several: &str, one: &str) -> Examples {
    let several = read(folder, several).unwrap();
    let one = read(folder, one).unwrap();
    assert!(several.rows.len() > 3);
    assert_eq!(several.rows.len(), one.rows.len());
    for (a, b) in several.rows.iter().zip(&one.rows) {
        assert_eq!(a.sequence, b.sequence);
        assert_eq!(a.interval, b.interval);
        assert_eq!((a.split, &a.label), (b.split, &b.label));
    }
    several
}

/// Intervals of one genome, or with names that say which.
fn rows(prefix: &str, label: &str) -> String {
    let row = |i: u64| {
        let chrom = ["chr1", "chr2"][(i % 2) as usize];
        let strand = ["+", "-"][(i / 2 % 2) as usize];
        let start = 400 * i + 13;
        format!(
            "{prefix}{chrom}\t{start}\t{}\t{label}{i}\t0\t{strand}\t{label}\n",
            start + 90
        )
    };
    (0..12).map(row).collect()
}

#[test]
fn bed_files_of_two_genomes_are_those_of_one_file_of_both() {
    let folder = folder();
    let folder = folder.path();
    write(folder, "h.bed", &rows("", "a"));
    write(folder, "m.bed", &rows("", "b"));
    let both = format!("{}{}", rows("hg:", "a"), rows("mm:", "b"));
    write(folder, "both.bed", &both);
    let section = |fasta: &str, beds: &str| {
        format!(
            r#"{{ "source": {{ "bed": {{ "fasta": {fasta}, "beds": {beds}, "label": {{ "column": 7 }}, "width": 60 }} }}, {BY_CHROMOSOME} }}"#
        )
    };
    let one = section(ONE, r#"["both.bed"]"#);
    let of_files = section(SEVERAL, r#"[{ "hg": "h.bed" }, { "mm": "m.bed" }]"#);
    let examples = same(folder, &of_files, &one);
    same(folder, &section(SEVERAL, r#"["both.bed"]"#), &one);
    // A file of one genome may say it again.
    write(folder, "hm.bed", &rows("mm:", "b"));
    let again = section(SEVERAL, r#"[{ "hg": "h.bed" }, { "mm": "hm.bed" }]"#);
    same(folder, &again, &one);
    let test: Vec<_> = examples
        .rows
        .iter()
        .filter(|row| row.split == Split::Test)
        .collect();
    assert_eq!(test.len(), 6);
    assert!(
        test.iter()
            .all(|row| row.interval.as_ref().unwrap().chrom == "mm:chr2")
    );
}

#[test]
fn other_sources_know_their_genomes_too() {
    let folder = folder();
    let folder = folder.path();
    // A table with a column that says which.
    let table = |regions: [&str; 2], genome: bool| {
        let mut text = String::from("id,region,start,end,strand,genome\n");
        for i in 0..10u64 {
            let region = regions[(i % 2) as usize];
            let which = ["hg", "mm"][(i % 2) as usize];
            let (prefix, column) = match genome {
                true => (String::new(), which),
                false => (format!("{which}:"), ""),
            };
            let start = 300 * i;
            text.push_str(&format!(
                "{i},{prefix}{region},{start},{},-,{column}\n",
                start + 50
            ));
        }
        text
    };
    write(folder, "column.csv", &table(["chr1", "chr2"], true));
    write(folder, "prefix.csv", &table(["chr1", "chr2"], false));
    write(
        folder,
        "more.csv",
        "id,region,start,end,strand\n1,chr1,7000,7080,+\n2,chr2,1,31,+\n",
    );
    write(
        folder,
        "more_prefix.csv",
        "id,region,start,end,strand\n1,mm:chr1,7000,7080,+\n2,mm:chr2,1,31,+\n",
    );
    let section = |fasta: &str, first: &str, second: &str| {
        format!(
            r#"{{ "source": {{ "interval_csv": {{ "fasta": {fasta}, "tables": [
                {{ "file": {first}, "class": "a" }}, {{ "file": {second}, "class": "b" }}] }} }},
                "leakage": "unexamined", {RANDOM} }}"#
        )
    };
    same(
        folder,
        &section(SEVERAL, r#""column.csv""#, r#"{ "mm": "more.csv" }"#),
        &section(ONE, r#""prefix.csv""#, r#""more_prefix.csv""#),
    );

    // Variants, whose REF is looked at in their own genome.
    let all = sequences();
    let reference = |genome: &str, chrom: &str, at: usize| {
        let of = all.iter().find(|(g, c, _)| (*g, *c) == (genome, chrom));
        of.unwrap().2[at..=at].to_uppercase()
    };
    let vcf = |genome: &str, prefix: &str| {
        let mut text =
            String::from("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n");
        for i in 1..9 {
            let chrom = ["chr1", "chr2"][i % 2];
            let base = reference(genome, chrom, 500 * i);
            let other = if base == "A" { "C" } else { "A" };
            let position = 500 * i + 1;
            text.push_str(&format!(
                "{prefix}{chrom}\t{position}\tv{i}\t{base}\t{other}\t.\t{genome}\t.\n"
            ));
        }
        text
    };
    write(folder, "h.vcf", &vcf("hg", ""));
    write(folder, "m.vcf", &vcf("mm", ""));
    write(folder, "hp.vcf", &vcf("hg", "hg:"));
    write(folder, "mp.vcf", &vcf("mm", "mm:"));
    let section = |fasta: &str, files: &str| {
        format!(
            r#"{{ "source": {{ "vcf": {{ "fasta": {fasta}, "files": {files}, "label": "filter", "width": 41 }} }},
                {BY_CHROMOSOME} }}"#
        )
    };
    same(
        folder,
        &section(SEVERAL, r#"[{ "hg": "h.vcf" }, { "mm": "m.vcf" }]"#),
        &section(ONE, r#"["hp.vcf", "mp.vcf"]"#),
    );

    // Annotations.
    let gff = |prefix: &str, strand: &str| {
        let mut text = String::from("##gff-version 3\n");
        for i in 1..8 {
            let chrom = ["chr1", "chr2"][i % 2];
            let (start, end) = (600 * i, 600 * i + 80);
            text.push_str(&format!(
                "{prefix}{chrom}\t.\texon\t{start}\t{end}\t.\t{strand}\t.\tID=e{i};kind={strand}\n"
            ));
        }
        text
    };
    write(folder, "h.gff3", &gff("", "+"));
    write(folder, "m.gff3", &gff("", "-"));
    write(folder, "hp.gff3", &gff("hg:", "+"));
    write(folder, "mp.gff3", &gff("mm:", "-"));
    let section = |fasta: &str, files: &str| {
        format!(
            r#"{{ "source": {{ "gff": {{ "fasta": {fasta}, "files": {files}, "label": {{ "attribute": "kind" }},
                "windows": [{{ "feature": {{ "type": "exon" }} }}] }} }}, {BY_CHROMOSOME} }}"#
        )
    };
    same(
        folder,
        &section(SEVERAL, r#"[{ "hg": "h.gff3" }, { "mm": "m.gff3" }]"#),
        &section(ONE, r#"["hp.gff3", "mp.gff3"]"#),
    );

    // Peaks.
    write(folder, "h.bed", &rows("", "a"));
    write(folder, "m.bed", &rows("", "b"));
    write(folder, "hp.bed", &rows("hg:", "a"));
    write(folder, "mp.bed", &rows("mm:", "b"));
    let section = |fasta: &str, peaks: &str| {
        format!(
            r#"{{ "source": {{ "peak_matrix": {{ "fasta": {fasta}, "peaks": {peaks}, "names": ["a", "b"],
                "bin": 100, "context": 140, "covered": 0.2 }} }}, {BY_CHROMOSOME} }}"#
        )
    };
    same(
        folder,
        &section(SEVERAL, r#"[{ "hg": "h.bed" }, { "mm": "m.bed" }]"#),
        &section(ONE, r#"["hp.bed", "mp.bed"]"#),
    );
}

#[test]
fn negatives_come_from_the_genome_of_their_positives() {
    let folder = folder();
    let folder = folder.path();
    write(folder, "h.bed", &rows("", "peak"));
    let few: String = rows("", "peak").split_inclusive('\n').take(4).collect();
    write(folder, "m.bed", &few);
    write(folder, "black.bed", "chr1\t0\t7900\n");
    let section = |blacklist: &str, split: &str| {
        format!(
            r#"{{ "source": {{ "bed": {{ "fasta": {SEVERAL}, "beds": [{{ "hg": "h.bed" }}, {{ "mm": "m.bed" }}],
                "label": {{ "column": 7 }} }} }}, "blacklist": {blacklist},
                "negatives": {{ "genomic": {{ "gc_tolerance": 0.2, "repeat_tolerance": 0.5 }} }},
                "leakage": "unexamined", {split} }}"#
        )
    };
    for split in [RANDOM, BY_CHROMOSOME] {
        let examples = read(folder, &section("[]", split)).unwrap();
        let mut of: BTreeMap<(String, String), u32> = BTreeMap::new();
        for row in &examples.rows {
            let chrom = row.interval.as_ref().unwrap().chrom.clone();
            let genome = chrom.split(':').next().unwrap().to_string();
            *of.entry((genome, format!("{:?}", row.label))).or_default() += 1;
        }
        let counts: Vec<u32> = of.values().copied().collect();
        assert_eq!(counts, [12, 12, 4, 4], "{of:?}");
    }
    // A list of one genome leaves the other's alone.
    let examples = read(folder, &section(r#"[{ "mm": "black.bed" }]"#, RANDOM)).unwrap();
    let on = |name: &str| {
        let of =
            |row: &&lingo_artifact::example::Example| row.interval.as_ref().unwrap().chrom == name;
        examples.rows.iter().filter(of).count()
    };
    assert_eq!(on("mm:chr1"), 0);
    assert!(on("hg:chr1") > 6);
}

#[test]
fn aliases_are_learnt_by_each_genome() {
    let folder = folder();
    let folder = folder.path();
    write(folder, "h.bed", &rows("", "a").replace("chr1", "1"));
    write(folder, "m.bed", &rows("", "b").replace("chr1", "1"));
    let both = format!("{}{}", rows("hg:", "a"), rows("mm:", "b"));
    write(folder, "both.bed", &both);
    write(folder, "names.txt", "chr1\t1\tone\n");
    let section = |fasta: &str, beds: &str, contigs: &str| {
        format!(
            r#"{{ "source": {{ "bed": {{ "fasta": {fasta}, "beds": {beds}, "label": {{ "column": 7 }} }} }},
                "contigs": {contigs}, {BY_CHROMOSOME} }}"#
        )
    };
    let one = section(ONE, r#"["both.bed"]"#, "{}");
    let of_files = r#"[{ "hg": "h.bed" }, { "mm": "m.bed" }]"#;
    let file = r#"{ "aliases": "names.txt" }"#;
    same(folder, &section(SEVERAL, of_files, file), &one);
    let map = r#"{ "aliases": { "hg:1": "hg:chr1", "1": "mm:chr1" } }"#;
    same(folder, &section(SEVERAL, of_files, map), &one);
    // What only one genome lacks is left out there.
    let skip = section(SEVERAL, of_files, r#"{ "skip": "unknown" }"#);
    let examples = read(folder, &skip.replace(BY_CHROMOSOME, RANDOM)).unwrap();
    assert_eq!(examples.rows.len(), 12);
}

#[test]
fn what_cannot_be_meant_is_told() {
    let folder = folder();
    let folder = folder.path();
    write(folder, "h.bed", &rows("", "a"));
    write(
        folder,
        "only.bed",
        "chrOnly\t0\t9\tx\t0\t+\ta\nchrOnly\t50\t59\ty\t0\t+\tb\n",
    );
    write(folder, "rat.bed", &rows("rn:", "a"));
    let told = |fasta: &str, beds: &str, more: &str| {
        let section = format!(
            r#"{{ "source": {{ "bed": {{ "fasta": {fasta}, "beds": {beds}, "label": {{ "column": 7 }} }} }}{more} }}"#
        );
        read(folder, &section).unwrap_err()
    };
    let split = format!(", {BY_CHROMOSOME}");
    fn has(told: &str, expected: &str) {
        assert!(told.contains(expected), "{told}");
    }
    let message = told(SEVERAL, r#"["h.bed"]"#, &split);
    has(&message, "h.bed:1: `chr1` is a sequence of hg and mm");
    has(&message, "write `hg:chr1`");
    has(&message, "--bed hg=FILE");
    // Not even where unknown names are left out.
    let skip = format!(r#", "contigs": {{ "skip": "unknown" }}, {BY_CHROMOSOME}"#);
    has(
        &told(SEVERAL, r#"["h.bed"]"#, &skip),
        "`chr1` is a sequence of hg and mm",
    );
    let message = told(SEVERAL, r#"[{ "mm": "only.bed" }]"#, &split);
    has(&message, "there is no sequence `chrOnly`");
    has(&message, "mm.fa; there are: chr1, chr2;");
    let message = told(SEVERAL, r#"["rat.bed"]"#, &split);
    has(
        &message,
        "there are: hg:chr1, hg:chr2, hg:chrOnly, mm:chr1, mm:chr2;",
    );
    has(
        &told(SEVERAL, r#"[{ "rn": "h.bed" }]"#, &split),
        "`fasta` names hg, mm",
    );
    has(
        &told(ONE, r#"[{ "hg": "h.bed" }]"#, &split),
        "one file without a name",
    );
    has(
        &told(r#"{ "a:b": "hg.fa" }"#, r#"["h.bed"]"#, &split),
        "`a:b` is no name",
    );
    has(&told("{}", r#"["h.bed"]"#, &split), "names no genome");
    let ambiguous = r#", "split": { "chromosomes": { "dev": ["chr1"], "test": ["mm:chr2"] } }"#;
    has(
        &told(SEVERAL, r#"["only.bed"]"#, ambiguous),
        "split.chromosomes: `chr1` is a sequence of hg and mm",
    );

    // Before any work, too; a name that one genome only has needs no other.
    let before = |dev: &str| {
        let section = format!(
            r#"{{ "source": {{ "bed": {{ "fasta": {SEVERAL}, "beds": ["only.bed"], "label": {{ "column": 7 }} }} }},
                "split": {{ "chromosomes": {{ "dev": ["{dev}"], "test": ["hg:chr2"] }} }} }}"#
        );
        let told = preflight(&config(folder, &section));
        told.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(before("chrOnly"), [""; 0]);
    assert_eq!(before("mm:chr1"), [""; 0]);
    assert_eq!(before("mm:chr3").len(), 1);
    assert_eq!(before("chr1").len(), 1);
}
