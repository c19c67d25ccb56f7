//! Every bad input gets a sentence that names file, line and value.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::progress::Silent;
use lingo_ingest::config::{
    BedLabel, BedSource, ChromosomeSplit, CsvSource, LabelKindPlan, RatioSplit, Source, SplitPlan,
};
use lingo_ingest::{BedOptions, Error, Genome, IngestConfig, extract, ingest, read_bed};

const LIMIT: u64 = 1 << 20;

/// A folder with one file, and what an error says without the folder's name.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn message<T>(&self, result: Result<T, Error>) -> String {
        let error = result.err().expect("this must be refused");
        assert!(!error.is_write_failure(), "{error}");
        error
            .to_string()
            .replace(&format!("{}/", self.folder.path().display()), "")
    }
}

#[test]
fn fasta() {
    fn t(text: &[u8], expected: &str) {
        let case = Case::new(&[("g.fa", text)]);
        assert_eq!(
            case.message(Genome::open(&case.path("g.fa"), LIMIT)),
            expected
        );
        // A refused file gets no index.
        assert!(!case.path("g.fa.fai").exists());
    }
    t(
        b"",
        "g.fa: the file is empty; a FASTA file begins with `>name`",
    );
    t(
        b"\n\n",
        "g.fa: the file holds no sequence; a FASTA file begins with `>name`",
    );
    t(
        b"ACGT\n",
        "g.fa:1: text before the first header; a FASTA file begins with `>name`",
    );
    t(
        b"\nACGT\n>a\nAC\n",
        "g.fa:2: text before the first header; a FASTA file begins with `>name`",
    );
    t(
        b"@r1\nACGT\n+\nIIII\n",
        "g.fa:1: this looks like FASTQ, not FASTA; convert it first (`seqtk seq -A`)",
    );
    t(
        b"; a\n>a\nAC\n",
        "g.fa:1: a comment before the first header; remove it, a FASTA file begins with `>name`",
    );
    t(
        b"> a\nACGT\n",
        "g.fa:1: this header has no name; write `>name` without a space between",
    );
    t(
        b">a\nAC\n>\nAC\n",
        "g.fa:3: this header has no name; write `>name` without a space between",
    );
    t(
        b">\xff\nAC\n",
        "g.fa:1: the name in this header is not UTF-8 text",
    );
    t(
        b">a one\nAC\n>b\nGT\n>a two\nAC\n",
        "g.fa:5: the name `a` occurs twice (first in line 1); rename one of the two sequences",
    );
    t(
        b">a\n>b\n\n",
        "g.fa: none of its sequences has bases; restore their lines",
    );
    let foreign = "is no IUPAC nucleotide code; DNA or RNA is needed here (ACGTU, RYSWKMBDHV, N)";
    t(
        b">a\nACGT\nACXT\n",
        &format!("g.fa:3: column 3: `X` in the sequence `a` {foreign}"),
    );
    t(
        b">p\nMKVL\n",
        &format!("g.fa:2: column 4: `L` in the sequence `p` {foreign}"),
    );
    t(
        b">a\nAC-GT\n",
        &format!("g.fa:2: column 3: `-` in the sequence `a` {foreign}"),
    );
    t(
        b">a\nAC GT\n",
        &format!("g.fa:2: column 3: a space in the sequence `a` {foreign}"),
    );
    t(
        b">a\nAC\tGT\n",
        &format!("g.fa:2: column 3: a tab in the sequence `a` {foreign}"),
    );
    t(
        b">a\nAC\0GT\n",
        &format!("g.fa:2: column 3: the byte 0x00 in the sequence `a` {foreign}"),
    );
    t(
        b">a\rACGT\r",
        "g.fa: none of its sequences has bases; restore their lines",
    );
}

#[test]
fn a_foreign_character_is_found_behind_a_given_index_too() {
    let case = Case::new(&[
        ("g.fa", b">a\nACGT\nACXT\n"),
        ("g.fa.fai", b"a\t8\t3\t4\t5\n"),
    ]);
    let genome = Genome::open(&case.path("g.fa"), LIMIT).unwrap();
    assert_eq!(&*genome.bases("a", 2, 6).unwrap(), b"GTAC");
    assert_eq!(
        case.message(genome.bases("a", 0, 8)),
        "g.fa:3: column 3: `X` in the sequence `a` is no IUPAC nucleotide code; DNA or RNA is needed here (ACGTU, RYSWKMBDHV, N)"
    );
}

#[test]
fn an_index_that_is_not_of_the_file() {
    fn t(index: &[u8], why: &str) {
        let case = Case::new(&[("g.fa", b">a\nACGT\nAC\n>b c\nGG\n"), ("g.fa.fai", index)]);
        let message = case.message(Genome::open(&case.path("g.fa"), LIMIT));
        assert!(
            message.starts_with("g.fa.fai: ")
                && message.contains(why)
                && message.contains("delete it, it is made again"),
            "{message}"
        );
    }
    t(
        b"a\t6\t4\t4\t5\nb\t2\t16\t2\t3\n",
        "`a` does not begin at byte 4",
    );
    t(
        b"a\t6\t3\t4\t5\nb\t2\t15\t2\t3\n",
        "`b` does not begin at byte 15",
    );
    t(
        b"a\t5\t3\t4\t5\nb\t2\t16\t2\t3\n",
        "`b` does not begin at byte 16",
    );
    t(
        b"a\t6\t3\t4\t5\nc\t2\t16\t2\t3\n",
        "`c` does not begin at byte 16",
    );
    t(b"a\t6\t3\t4\t5\n", "the file goes on behind byte 10");
    t(
        b"a\t6\t3\t4\t5\nb\t1\t16\t2\t3\n",
        "the file goes on behind byte 17",
    );
    t(
        b"a\t6\t3\t4\t5\nb\t2000\t16\t2\t3\n",
        "`b` does not begin at byte 16",
    );
    t(
        b"a\t6\t3\t4\t5\nb\t2\t18446744073709551615\t2\t3\n",
        "does not begin at byte",
    );
    t(
        b"a\t18446744073709551615\t3\t4\t5\nb\t2\t16\t2\t3\n",
        "does not begin at byte",
    );
    t(
        b"a\t6\t3\t1\t18446744073709551615\nb\t2\t16\t2\t3\n",
        "does not begin at byte",
    );
    t(
        b"a\t6\t3\t4\t5\nb\t3\t16\t3\t4\n",
        "the lines of `b` are not 3 bases long, or it has not 3 bases",
    );
    t(
        b"a\t6\t3\t5\t6\nb\t2\t16\t2\t3\n",
        "the lines of `a` are not 5 bases long, or it has not 6 bases",
    );
    t(b"a\t6\t3\t0\t5\n", "this is no FASTA index");
    t(b"a 6 3 4 5\n", "this is no FASTA index");
    t(b"\xff\xfe", "this is no FASTA index");
    t(b"", "the file goes on behind byte 0");
}

fn bed_message(text: &[u8], options: &BedOptions) -> String {
    let case = Case::new(&[("r.bed", text)]);
    case.message(read_bed(&case.path("r.bed"), options))
}

#[test]
fn bed() {
    fn t(text: &[u8], expected: &str) {
        assert_eq!(bed_message(text, &BedOptions::default()), expected);
    }
    t(
        b"",
        "r.bed: the file is empty; a BED file has at least one row: chromosome, start, end",
    );
    t(
        b"# nothing\n\ntrack name=x\n",
        "r.bed: the file holds no interval, only comments or blank lines",
    );
    t(
        b"a\t1\t2\na\t1\n",
        "r.bed:2: 2 columns where a BED row has at least 3 (chromosome, start, end)",
    );
    t(
        b"a\n",
        "r.bed:1: 1 column where a BED row has at least 3 (chromosome, start, end)",
    );
    t(
        b"a 1 2\n",
        "r.bed:1: spaces stand between the columns where tabs belong; write tabs (`tr -s ' ' '\\t'`)",
    );
    t(b"\t1\t2\n", "r.bed:1: column 1 (chromosome) is empty");
    t(
        b"a\t5\t2\n",
        "r.bed:1: the end (2) lies before the start (5)",
    );
    t(
        b"a\t5\t5\n",
        "r.bed:1: the interval has no bases (start and end are both 5); BED counts from 0 and does not include the end, so one base is 5 to 6",
    );
    t(
        b"a\t-1\t5\n",
        "r.bed:1: column 2 (start) is `-1`, not a whole number; positions count from 0",
    );
    t(
        b"a\t1e3\t5000\n",
        "r.bed:1: column 2 (start) is `1e3`, not a whole number",
    );
    t(
        b"a\t+1\t5\n",
        "r.bed:1: column 2 (start) is `+1`, not a whole number",
    );
    t(
        b"a 1\t5\tname\n",
        "r.bed:1: column 3 (end) is `name`, not a whole number; is this a header line? begin it with `#`; a space stands in column 1 (`a 1`): write a tab",
    );
    t(
        b"a\t1\t 5\n",
        "r.bed:1: column 3 (end) is ` 5`, not a whole number; there is a space beside it",
    );
    t(
        b"a\t\t5\n",
        "r.bed:1: column 2 (start) is ``, not a whole number",
    );
    t(
        b"a\t1\t18446744073709551616\n",
        "r.bed:1: column 3 (end) is `18446744073709551616`, not a whole number",
    );
    t(
        b"chrom\tstart\tend\n",
        "r.bed:1: column 2 (start) is `start`, not a whole number; is this a header line? begin it with `#`",
    );
    t(
        b"a\t1\t2\tn\t0\tx\n",
        "r.bed:1: column 6 (strand): `x` is not a strand; use +, - or ., or set `stranded: false`",
    );
    t(
        b"a\t1\t2\n\xff\t1\t2\n",
        "r.bed:2: this line is not UTF-8 text; is this a BED file?",
    );
}

#[test]
fn bed_labels_and_names() {
    let column = |column| BedOptions {
        label_column: NonZeroU32::new(column),
        ..BedOptions::default()
    };
    let t = |text: &[u8], options: &BedOptions, expected: &str| {
        assert_eq!(bed_message(text, options), expected)
    };
    t(
        b"a\t1\t2\n",
        &column(5),
        "r.bed:1: 3 columns where the label is in column 5",
    );
    t(
        b"a\t1\t2\tn\t.\n",
        &column(5),
        "r.bed:1: column 5 (label) is `.`; a label is needed",
    );
    let prefix = BedOptions {
        name_prefix: Some("H3:".into()),
        ..BedOptions::default()
    };
    t(
        b"a\t1\t2\tH4:x\na\t1\t2\tH4ac:x\n",
        &prefix,
        "r.bed: no row's name (column 4) begins with `H3:`; names are like `H4:x`, `H4ac:x`",
    );
}

#[test]
fn intervals_and_genome() {
    fn t(bed: &str, expected: &str) {
        let case = Case::new(&[
            ("g.fa", b">chrI\nACGTACGTAC\n>b\nAC\n"),
            ("r.bed", bed.as_bytes()),
        ]);
        let genome = Genome::open(&case.path("g.fa"), LIMIT).unwrap();
        let path = case.path("r.bed");
        let rows = read_bed(&path, &BedOptions::default()).unwrap();
        assert_eq!(case.message(extract(&genome, &path, &rows, None)), expected);
    }
    t(
        "chrI\t0\t10\nI\t0\t3\n",
        "r.bed:2: there is no sequence `I` in g.fa, but there is `chrI`: only the `chr` prefix differs; say `contigs: { aliases: { \"I\": \"chrI\" } }`, or give `aliases` a file (--contig-aliases)",
    );
    t(
        "chrb\t0\t1\n",
        "r.bed:1: there is no sequence `chrb` in g.fa, but there is `b`: only the `chr` prefix differs; say `contigs: { aliases: { \"chrb\": \"b\" } }`, or give `aliases` a file (--contig-aliases)",
    );
    t(
        "II\t0\t3\n",
        "r.bed:1: there is no sequence `II` in g.fa; there are: chrI, b; `contigs: { skip: unknown }` (--skip-contigs unknown) leaves such rows out",
    );
    t(
        "#\nchrI\t10\t11\n",
        "r.bed:2: the start (10) lies beyond the 10 bases of `chrI`; are these intervals of another assembly?",
    );
    t(
        "chrI\t9\t11\n",
        "r.bed:1: the end (11) lies beyond the 10 bases of `chrI`; are these intervals of another assembly?",
    );
}

fn csv_config(case: &Case, kind: LabelKindPlan) -> IngestConfig {
    let of = |name: &str| Some(case.path(name)).filter(|path| path.exists());
    IngestConfig {
        contigs: Default::default(),
        blacklist: Vec::new(),
        downsample: None,
        source: Source::Csv(CsvSource {
            columns: Default::default(),
            train: of("train.csv"),
            dev: of("dev.csv"),
            test: of("test.csv"),
            file: None,
        }),
        split: None,
        label_kind: kind,
        classes: None,
        max_uncompressed_bytes: LIMIT,
        negatives: None,
        leakage: Default::default(),
        on_leak: Default::default(),
        max_memory: lingo_artifact::ByteSize::default(),
    }
}

const GOOD: &[u8] = b"sequence,label\nACGT,0\nGGCC,1\n";

#[test]
fn tables() {
    fn t(dev: &[u8], expected: &str) {
        let case = Case::new(&[("train.csv", GOOD), ("dev.csv", dev), ("test.csv", GOOD)]);
        let config = csv_config(&case, LabelKindPlan::Auto);
        assert_eq!(case.message(ingest(&config, &Silent)), expected);
    }
    t(
        b"",
        "dev.csv: the file is empty; it needs a header (`sequence,label`) and rows",
    );
    t(b"sequence,label\n", "dev.csv: there is a header but no row");
    let header = "The header is `sequence,label` or `sequence1,sequence2,label`; `columns` (--columns) gives other names";
    t(
        b"seq,label\nA,0\n",
        &format!(
            "dev.csv:1: the column `sequence` is missing; there are: `seq`, `label` (read with commas). {header}"
        ),
    );
    t(
        b"sequence,class\nA,0\n",
        &format!(
            "dev.csv:1: the column `label` is missing; there are: `sequence`, `class` (read with commas). {header}"
        ),
    );
    t(
        b"sequence1,label\nA,0\n",
        &format!(
            "dev.csv:1: the column `sequence2` is missing; there are: `sequence1`, `label` (read with commas). {header}"
        ),
    );
    t(
        b"sequence2,label\nA,0\n",
        &format!(
            "dev.csv:1: the column `sequence1` is missing; there are: `sequence2`, `label` (read with commas). {header}"
        ),
    );
    t(
        b"sequence,label,label\nA,0,1\n",
        "dev.csv:1: the columns 2 and 3 are both called `label`, so which of them is meant? Rename one",
    );
    t(
        b"sequence,label, sequence\nA,0,C\n",
        "dev.csv:1: the columns 1 and 3 are both called `sequence`, so which of them is meant? Rename one",
    );
    t(
        b"id,sequence,label\nx,A,0\n ,C,1\n",
        "dev.csv:3: column `id` is empty; an id is needed",
    );
    t(
        b"id,sequence,label\nx,A,0\ny,C,1\nx,G,1\n",
        "dev.csv:4: the id `x` is that of dev.csv:2, too; give each row its own, or call the column something else: rows are then called after their number",
    );
    t(
        b"ACGTACGTACGTACGTACGTACGT,0\nA,0\n",
        &format!(
            "dev.csv:1: the column `sequence` is missing; there are: `ACGTACGTACGTACGTACGT...`, `0` (read with commas). {header}"
        ),
    );
    t(
        b"sequence\tlabel\nA\t0\n",
        &format!(
            "dev.csv:1: the column `sequence` is missing; there are: `sequence\tlabel` (read with commas). Tabs stand in it: end the file's name in .tsv. {header}"
        ),
    );
    t(
        b"sequence;label\nA;0\n",
        &format!(
            "dev.csv:1: the column `sequence` is missing; there are: `sequence;label` (read with commas). Semicolons stand in it: write commas. {header}"
        ),
    );
    t(
        b"sequence,label\nA,0\nA\n",
        "dev.csv:3: this row has 1 field where the header has 2",
    );
    t(
        b"sequence,label\n\nA,0,1\n",
        "dev.csv:3: this row has 3 fields where the header has 2",
    );
    t(
        b"sequence,label\nA,0\n,1\n",
        "dev.csv:3: column `sequence` is empty; a sequence is needed",
    );
    t(
        b"sequence,label\nA,\n",
        "dev.csv:2: column `label` is empty; a label is needed",
    );
    t(
        b"sequence,label\nACQT,0\n",
        "dev.csv:2: column `sequence`, character 3: `Q` is no IUPAC nucleotide code; DNA or RNA is needed here (ACGTU, RYSWKMBDHV, N)",
    );
    t(
        b"sequence,label\nA\xff,0\n",
        "dev.csv:2: this line is not UTF-8 text",
    );
    t(
        b"sequence,label\r\nA,0\r\nC,7\r\n",
        "dev.csv:3: the label `7` is outside the classes of train: 0, 1",
    );
    t(
        b"sequence,label\nA,0.5\n",
        "dev.csv:2: the label `0.5` looks like a measurement; say `label_kind: regression`, or `label_kind: classes` when it is the name of a class",
    );
    t(
        b"sequence1,sequence2,label\nA,C,0\n",
        "dev.csv:1: one of this file and train.csv has pairs of sequences, the other has not",
    );
}

#[test]
fn labels() {
    fn t(train: &[u8], kind: LabelKindPlan, classes: Option<&[&str]>, expected: &str) {
        let case = Case::new(&[
            ("train.csv", train),
            ("dev.csv", train),
            ("test.csv", train),
        ]);
        let config = IngestConfig {
            classes: classes.map(|names| names.iter().map(|n| n.to_string()).collect()),
            ..csv_config(&case, kind)
        };
        assert_eq!(case.message(ingest(&config, &Silent)), expected);
    }
    use LabelKindPlan::{Auto, Multilabel, Regression};
    t(
        b"sequence,label\nA,x\nC,x\n",
        Auto,
        None,
        "all rows have the same label (x); at least two classes are needed",
    );
    let ids: String = (0..=1 << 16).map(|i| format!("A,read{i:05}\n")).collect();
    t(
        format!("sequence,label\n{ids}").as_bytes(),
        Auto,
        None,
        "there are more than 65536 different labels (`read00000`, `read00001`, `read00002`, ...); is this the column of the label? Say `label_kind: regression` when these are measurements",
    );
    t(
        b"sequence,label\nA,1\nC,1.0\n",
        Auto,
        None,
        "the labels `1` and `1.0` are the same number; write each class in one way",
    );
    t(
        b"sequence,label\nA,0 1 1\nC,1 1 0\n",
        Auto,
        None,
        "train.csv:2: the label `0 1 1` looks like several labels a row; say `label_kind: multilabel` (--label-kind multilabel), or `label_kind: classes` when it is the name of a class",
    );
    t(
        b"sequence,label\nA,0\nC,2\n",
        Auto,
        Some(&["0", "1"]),
        "train.csv:3: the label `2` is outside the classes: 0, 1",
    );
    t(
        b"sequence,label\nA,0\nC,1\n",
        Auto,
        Some(&["0", "1", "2"]),
        "train has no row of the class `2` (dev and test have 0); split in another way, or leave the class out",
    );
    t(
        b"sequence,label\nA,0\n",
        Auto,
        Some(&["0", "0"]),
        "ingest: `classes` names a class twice",
    );
    t(
        b"sequence,label\nA,0.5\nA,x\n",
        Regression,
        None,
        "train.csv:3: the label `x` is not a finite number",
    );
    t(
        b"sequence,label\nA,inf\n",
        Regression,
        None,
        "train.csv:2: the label `inf` is not a finite number",
    );
    t(
        b"sequence,label\nA,0 1\nA,0 1 1\n",
        Multilabel,
        None,
        "train.csv:3: the label `0 1 1` has 3 entries where 2 are needed",
    );
    t(
        b"sequence,label\nA,0 2\n",
        Multilabel,
        None,
        "train.csv:2: `2` in the label `0 2` is neither 0 nor 1",
    );
}

fn bed_config(case: &Case, split: Option<SplitPlan>) -> IngestConfig {
    IngestConfig {
        contigs: Default::default(),
        blacklist: Vec::new(),
        downsample: None,
        source: Source::Bed(BedSource {
            around: Default::default(),
            beyond_end: Default::default(),
            fasta: case.path("g.fa").into(),
            beds: vec![case.path("r.bed").into()],
            label: BedLabel::Column(NonZeroU32::new(5).unwrap()),
            name_prefix: None,
            width: None,
            stranded: true,
        }),
        split,
        label_kind: LabelKindPlan::Auto,
        classes: None,
        max_uncompressed_bytes: LIMIT,
        negatives: None,
        leakage: Default::default(),
        on_leak: Default::default(),
        max_memory: lingo_artifact::ByteSize::default(),
    }
}

fn chromosomes(dev: &[&str], test: &[&str]) -> Option<SplitPlan> {
    let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
    Some(SplitPlan::Chromosomes(ChromosomeSplit {
        dev: names(dev),
        test: names(test),
    }))
}

fn ratios(train: f64, dev: f64, test: f64) -> Option<SplitPlan> {
    Some(SplitPlan::Ratios(RatioSplit {
        train: train.try_into().unwrap(),
        dev: dev.try_into().unwrap(),
        test: test.try_into().unwrap(),
        seed: 0,
        keep_overlaps_together: false,
    }))
}

#[test]
fn splits() {
    fn t(split: Option<SplitPlan>, expected: &str) {
        let case = Case::new(&[
            (
                "g.fa",
                b">a\nACGTACGTAC\n>chrb\nACGTACGTAC\n>c\nACGTACGTAC\n",
            ),
            (
                "r.bed",
                b"a\t0\t4\t.\tno\nchrb\t0\t5\t.\tyes\na\t1\t5\t.\tno\nchrb\t1\t5\t.\tno\n",
            ),
        ]);
        assert_eq!(
            case.message(ingest(&bed_config(&case, split), &Silent)),
            expected
        );
    }
    t(
        None,
        "ingest: a `bed` source needs `split`: `chromosomes`, `ratios`, `folds` or `clusters`",
    );
    t(
        chromosomes(&["b"], &[]),
        "ingest: split.chromosomes: there is no sequence `b` in g.fa, but there is `chrb`: only the `chr` prefix differs; say `contigs: { aliases: { \"b\": \"chrb\" } }`, or give `aliases` a file (--contig-aliases)",
    );
    t(
        chromosomes(&["a"], &["a"]),
        "ingest: the chromosome `a` is in dev and in test; it can be in one of them",
    );
    t(
        chromosomes(&["c"], &[]),
        "dev has no row: none of the 4 rows lies on c, they lie on a, chrb; name others in `split.chromosomes`",
    );
    t(
        chromosomes(&["chrb"], &[]),
        "train has no row of the class `yes` (dev and test have 1); split in another way, or leave the class out",
    );
    t(
        ratios(0.5, 0.2, 0.2),
        "ingest: the shares of train, dev and test add up to 0.8999999999999999, not to 1",
    );
    t(
        ratios(0.9, 0.0, 0.1),
        "test has no row (4 rows in all); split in another way",
    );
}

#[test]
fn contradictory_configurations() {
    let case = Case::new(&[
        ("train.csv", GOOD),
        ("dev.csv", GOOD),
        ("test.csv", GOOD),
        ("all.csv", GOOD),
    ]);
    let t = |change: &dyn Fn(&mut IngestConfig, &mut CsvSource), expected: &str| {
        let mut config = csv_config(&case, LabelKindPlan::Auto);
        let Source::Csv(mut source) = config.source.clone() else {
            unreachable!()
        };
        change(&mut config, &mut source);
        config.source = Source::Csv(source);
        let error = config.check().unwrap_err();
        assert!(error.is_config());
        assert_eq!(error.to_string(), expected);
    };
    t(
        &|config, _| config.split = ratios(0.8, 0.1, 0.1),
        "ingest: `train`, `dev` and `test` are given: `split` has nothing to do; remove it",
    );
    t(
        &|_, csv| csv.test = None,
        "ingest: a `csv` source needs `train`, `dev` and `test`, or else one `file`",
    );
    t(
        &|_, csv| csv.file = Some(case.path("all.csv")),
        "ingest: a `csv` source needs `train`, `dev` and `test`, or else one `file`",
    );
    t(
        &|_, csv| {
            *csv = CsvSource {
                file: Some(case.path("all.csv")),
                ..CsvSource::default()
            }
        },
        "ingest: a `csv` source with one `file` needs `split: { ratios: ... }`, `folds` or `clusters`",
    );
    t(
        &|config, _| {
            config.label_kind = LabelKindPlan::Regression;
            config.classes = Some(vec!["a".into()]);
        },
        "ingest: `classes` has no meaning for regression",
    );
    let mut config = bed_config(&case, ratios(0.8, 0.1, 0.1));
    let Source::Bed(source) = &mut config.source else {
        unreachable!()
    };
    source.label = BedLabel::PerFile(vec!["a".into(), "b".into()]);
    assert_eq!(
        config.check().unwrap_err().to_string(),
        "ingest: `label.per_file` has 2 names for 1 BED files; it needs one for each"
    );
    source_without_files(&mut config);
    assert_eq!(
        config.check().unwrap_err().to_string(),
        "ingest: `beds` names no file"
    );
}

fn source_without_files(config: &mut IngestConfig) {
    if let Source::Bed(source) = &mut config.source {
        source.beds.clear();
    }
}

#[test]
fn a_missing_file_is_named() {
    let message = Genome::open(Path::new("no/such/g.fa"), LIMIT)
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("could not read no/such/g.fa: "),
        "{message}"
    );
    let message = read_bed(Path::new("no/such/r.bed"), &BedOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("could not read no/such/r.bed: "),
        "{message}"
    );
}

#[test]
fn a_width_that_leaves_no_interval() {
    let case = Case::new(&[
        ("g.fa", b">a\nACGTACGT\n"),
        ("r.bed", b"a\t0\t4\tx\t0\t+\na\t4\t8\ty\t1\t+\n"),
    ]);
    let mut config = bed_config(&case, ratios(1.0, 0.0, 0.0));
    if let Source::Bed(source) = &mut config.source {
        source.width = NonZeroU32::new(20);
    }
    assert_eq!(
        case.message(ingest(&config, &Silent)),
        "each of the 2 intervals would leave its chromosome when resized to 20 bases; lower `width`, or say `beyond_end: pad`"
    );
}
