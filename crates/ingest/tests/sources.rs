//! The sources beside BED and CSV: what comes out, base by base.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use lingo_artifact::example::{Example, Examples};
use lingo_artifact::progress::Silent;
use lingo_artifact::{Label, LabelKind, Split};
use lingo_ingest::iupac::reverse_complement;
use lingo_ingest::{Audit, IngestConfig, ingest, input_files};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A folder with files, and the examples that a source makes of them.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    /// All in train, unless `more` says `split`.
    fn config(&self, source: Value, more: Value) -> IngestConfig {
        let mut config = json!({
            "source": source,
            "split": { "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } },
        });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        let mut config: IngestConfig = serde_json::from_value(config).unwrap();
        for path in config.paths_mut() {
            *path = self.folder.path().join(&path);
        }
        config
    }

    fn examples(&self, source: Value, more: Value) -> Examples {
        let config = self.config(source, more);
        let files: Vec<PathBuf> = input_files(&config);
        assert!(files.iter().all(|path| path.exists()), "{files:?}");
        ingest(&config, &Silent).unwrap()
    }
}

/// Place of an example as `chrom:start-end(strand)`.
fn place(example: &Example) -> String {
    let i = example.interval.as_ref().unwrap();
    format!("{}:{}-{}({})", i.chrom, i.start, i.end, i.strand)
}

fn class<'a>(examples: &'a Examples, example: &Example) -> &'a str {
    match example.label {
        Label::Class(class) => &examples.metadata.labels.names()[class as usize],
        _ => panic!("{example:?}"),
    }
}

const VCF_HEADER: &str = "##fileformat=VCFv4.2\n##INFO=<ID=CLASS,Number=1,Type=String,Description=\"x\">\n##INFO=<ID=EFFECT,Number=A,Type=String,Description=\"x\">\n##INFO=<ID=ALL,Number=R,Type=String,Description=\"x\">\n##INFO=<ID=HIT,Number=0,Type=Flag,Description=\"x\">\n##bent header line\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n";

#[test]
fn a_variant_becomes_a_pair_of_the_same_length() {
    let body = "\
I\t6\trs1\tC\tT\t.\tPASS\tCLASS=yes\tGT\t0/1
I\t6\t.\tc\tg,CTT\t.\tPASS\tCLASS=no;HIT\tGT\t0/1
I\t6\t.\tCG\tC\t.\tPASS\tCLASS=no
I\t6\t.\tCGT\tTTT\t.\tPASS\tCLASS=yes
I\t3\t.\tG\tA\t.\tPASS\tCLASS=yes
I\t2\t.\tC\tA\t.\tPASS\tCLASS=yes
I\t13\tend\tA\tG\t.\tPASS\tCLASS=yes
I\t13\t.\tAC\tA\t.\tPASS\tCLASS=yes
I\t14\t.\tC\tG\t.\tPASS\tCLASS=yes
I\t0\t.\tN\tA\t.\tPASS\tCLASS=yes
I\t17\t.\tN\tA\t.\tPASS\tCLASS=yes
I\t6\t.\tC\tAAAAA\t.\tPASS\tCLASS=yes
I\t6\t.\tCGTAC\tC\t.\tPASS\tCLASS=yes
I\t6\t.\tC\t<DEL>,*,N[I:9[,.A\t.\tPASS\tCLASS=yes
I\t6\t.\tC\t.\t.\tPASS\tCLASS=yes
II\t4\t.\tA\tG\t.\tPASS\tCLASS=yes
";
    let case = Case::new(&[
        // 1-based:      ACGTA CGTAC GTACG T
        ("g.fa", ">I\nACGTACGTACGTACGT\n>II\naarnnnnn\n"),
        ("v.vcf", &format!("{VCF_HEADER}{body}")),
    ]);
    let source = json!({ "vcf": {
        "fasta": "g.fa", "files": ["v.vcf"], "label": { "info": "CLASS" }, "width": 6, "ref_mismatch": "skip", "normalise": false,
    } });
    let examples = case.examples(source, json!({}));
    let seen: Vec<_> = examples
        .rows
        .iter()
        .map(|e| {
            (
                e.id.as_str(),
                place(e),
                e.sequence.as_str(),
                e.sequence2.as_deref().unwrap(),
                class(&examples, e),
            )
        })
        .collect();
    // Two bases before the variant (floor((6 - 1) / 2)), the first of REF at the third place.
    let at = |start: u64| format!("I:{start}-{}(+)", start + 6);
    assert_eq!(
        seen,
        [
            ("rs1", at(3), "TACGTA", "TATGTA", "yes"),
            ("I:6:C:G", at(3), "TACGTA", "TAGGTA", "no"),
            // Inserted bases push others out at the right end; deleted ones draw others in.
            ("I:6:C:CTT", at(3), "TACGTA", "TACTTG", "no"),
            ("I:6:CG:C", at(3), "TACGTA", "TACTAC", "no"),
            ("I:6:CGT:TTT", at(3), "TACGTA", "TATTTA", "yes"),
            ("I:3:G:A", at(0), "ACGTAC", "ACATAC", "yes"),
            ("end", at(10), "GTACGT", "GTGCGT", "yes"),
        ]
    );
    let audit = &examples.metadata.audit;
    assert_eq!(
        audit["left_out"],
        json!({
            "symbolic_alleles": 1, "breakends": 2, "overlapped_alleles": 1, "without_alternate": 1,
            "unchanged_alleles": 0, "ambiguous_alleles": 0, "ref_mismatches": 1, "longer_than_window": 2,
            "unseen_in_window": 0, "other_labels": 0,
        })
    );
    // Position 2 (too far left), 13 with a deletion, 14, 0 and 17 (the telomeres): five.
    let audit: Audit = serde_json::from_value(audit.clone()).unwrap();
    assert_eq!(audit.dropped_outside, 5);
    assert_eq!(audit.splits[0].length.as_ref().unwrap().median, 6.0);
}

#[test]
fn an_ambiguous_base_of_the_genome_is_the_first_that_it_stands_for() {
    let case = Case::new(&[
        ("g.fa", ">I\nAARYKNAA\n"),
        (
            "v.vcf",
            "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nI\t3\ta\tACG\tT\t.\tb\t.\nI\t6\tb\tN\tT\t.\ta\t.\n",
        ),
    ]);
    let source =
        json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": "filter", "width": 5 } });
    let examples = case.examples(source, json!({}));
    let pairs: Vec<_> = examples
        .rows
        .iter()
        .map(|e| (e.sequence.as_str(), e.sequence2.as_deref().unwrap()))
        .collect();
    assert_eq!(pairs, [("AARYK", "AATNA"), ("YKNAA", "YKTAA")]);
}

#[test]
fn labels_of_variants_come_from_info_filter_id_or_file() {
    let body = "\
I\t6\ta\tC\tT,G\t.\tPASS\tCLASS=x;EFFECT=up,down;ALL=r,p,q;HIT
I\t6\tb\tC\tA\t.\tq10;s50\tEFFECT=none;ALL=r,s
I\t6\tc\tC\tT\t.\t.\tCLASS=.;EFFECT=.;ALL=r,.
";
    let case = Case::new(&[
        ("g.fa", ">I\nACGTACGTACGTACGT\n"),
        ("v.vcf", &format!("{VCF_HEADER}{body}")),
        ("w.vcf", &format!("{VCF_HEADER}I\t6\td\tC\tT\t.\t.\t.\n")),
    ]);
    let t = |files: Value, label: Value, only: Value, expected: &[&str]| {
        let mut source =
            json!({ "fasta": "g.fa", "files": files, "label": label, "width": 6, "only": only });
        if only.is_null() {
            source.as_object_mut().unwrap().remove("only");
        }
        let examples = case.examples(json!({ "vcf": source }), json!({}));
        let seen: Vec<_> = examples.rows.iter().map(|e| class(&examples, e)).collect();
        assert_eq!(seen, expected);
    };
    t(
        json!(["v.vcf"]),
        json!({ "info": "HIT" }),
        Value::Null,
        &["1", "1", "0", "0"],
    );
    t(
        json!(["v.vcf"]),
        json!({ "info": "EFFECT" }),
        json!(["up", "down", "none"]),
        &["up", "down", "none"],
    );
    t(
        json!(["v.vcf"]),
        json!({ "info": "ALL" }),
        json!(["p", "q", "s"]),
        &["p", "q", "s"],
    );
    t(
        json!(["v.vcf"]),
        json!("filter"),
        json!(["PASS", "q10;s50"]),
        &["PASS", "PASS", "q10;s50"],
    );
    t(
        json!(["v.vcf"]),
        json!("id"),
        Value::Null,
        &["a", "a", "b", "c"],
    );
    t(
        json!(["v.vcf", "w.vcf"]),
        json!({ "per_file": ["one", "two"] }),
        Value::Null,
        &["one", "one", "one", "one", "two"],
    );
}

proptest! {
    #[test]
    fn a_pair_is_what_editing_the_whole_chromosome_gives(
        genome in "[ACGTN]{20,80}", position in 0..80usize, replaced in 1..6usize, alternate in "[ACGT]{1,6}", width in 1..30usize,
    ) {
        let position = position % genome.len();
        let replaced = replaced.min(genome.len() - position);
        let reference = &genome[position..position + replaced];
        // The label is a list of one 1: a single class cannot be learned.
        let vcf = format!(
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nI\t{}\t1\t{reference}\t{alternate}\t.\t.\t.\n",
            position + 1
        );
        let case = Case::new(&[("g.fa", &format!(">I\n{genome}\n")), ("v.vcf", &vcf)]);
        let source = json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": "id", "width": width, "normalise": false, "odd_alleles": "skip" } });
        let made = ingest(&case.config(source, json!({ "label_kind": "multilabel" })), &Silent);
        let edited = format!("{}{alternate}{}", &genome[..position], &genome[position + replaced..]);
        let left = (width - 1) / 2;
        let fits = position >= left
            && position - left + width <= genome.len().min(edited.len())
            && replaced.max(alternate.len()) <= width - left;
        // Neither is what is no variant, nor what the window does not show.
        let differs = || genome[position - left..][..width] != edited[position - left..][..width];
        if fits && differs() {
            let examples = made.unwrap();
            let window = position - left..position - left + width;
            prop_assert_eq!(&examples.rows[0].sequence, &genome[window.clone()]);
            prop_assert_eq!(examples.rows[0].sequence2.as_deref().unwrap(), &edited[window]);
        } else {
            let told = made.unwrap_err().to_string();
            prop_assert!(told.contains("no variant is left"), "{}", told);
        }
    }
}

/// Two transcripts that share a start, one on the other strand, one without a row of its own.
const GFF: &str = "\
##gff-version 3
I\tx\tgene\t11\t40\t.\t+\t.\tID=g1
I\tx\tmRNA\t11\t40\t.\t+\t.\tID=t1;Parent=g1;biotype=coding
I\tx\texon\t11\t16\t.\t+\t.\tParent=t1,t2
I\tx\texon\t23\t40\t.\t+\t.\tParent=t1
I\tx\tmRNA\t11\t30\t.\t+\t.\tID=t2;Parent=g1;biotype=other
I\tx\texon\t23\t30\t.\t+\t.\tParent=t2
I\tx\tlnc_RNA\t12\t38\t.\t-\t.\tID=t3;biotype=other
I\tx\texon\t30\t38\t.\t-\t.\tID=e1;Parent=t3
I\tx\texon\t12\t20\t.\t-\t.\tID=e2;Parent=t3
I\tx\ttRNA\t2\t50\t.\t+\t.\tID=t4;biotype=coding
I\tx\tmRNA\t20\t30\t.\t.\t.\tID=t5;biotype=coding
";
const GENOME: &str = ">I\nACGTTGCAAGCTTAACGGATCCATGCATTTAGGCCGATTACAGATTACAGG\n";

fn windows(windows: Value, more: Value) -> (Vec<(String, String, String)>, Value) {
    let case = Case::new(&[("g.fa", GENOME), ("a.gff3", GFF)]);
    let mut source = json!({ "fasta": "g.fa", "files": ["a.gff3"], "windows": windows });
    for (key, value) in more.as_object().unwrap() {
        source[key] = value.clone();
    }
    let examples = case.examples(json!({ "gff": source }), json!({}));
    let sequence = GENOME.lines().nth(1).unwrap().as_bytes();
    let rows = examples
        .rows
        .iter()
        .map(|e| {
            let i = e.interval.as_ref().unwrap();
            let mut bases = sequence[i.start as usize..i.end as usize].to_vec();
            if place(e).ends_with("(-)") {
                bases = reverse_complement(&bases);
            }
            assert_eq!(e.sequence.as_bytes(), bases);
            (e.id.clone(), place(e), class(&examples, e).to_string())
        })
        .collect();
    (rows, examples.metadata.audit)
}

#[test]
fn splice_sites_follow_the_strand() {
    let (rows, audit) = windows(
        json!([{ "donor": { "up": 2, "down": 3 } }, { "acceptor": { "up": 3, "down": 1 } }]),
        json!({}),
    );
    let row = |id: &str, place: &str, class: &str| (id.into(), place.into(), class.into());
    assert_eq!(
        rows,
        [
            // The intron of t1 is 17 to 22; the last two bases of the exon, three of the intron.
            row("t1:donor:1", "I:14-19(+)", "donor"),
            // That of t3 is 21 to 29, read backwards: its exon 30 to 38 comes first.
            row("t3:donor:1", "I:26-31(-)", "donor"),
            row("t1:acceptor:1", "I:19-23(+)", "acceptor"),
            row("t3:acceptor:1", "I:19-23(-)", "acceptor"),
        ]
    );
    assert_eq!(
        audit["left_out"],
        json!({ "repeated_windows": 2, "strandless_transcripts": 0 })
    );
}

#[test]
fn promoters_lie_around_the_first_base() {
    fn t(more: Value, expected: &[(&str, &str)], left_out: Value, outside: u64) {
        let case = Case::new(&[("g.fa", GENOME), ("a.gff3", GFF)]);
        let mut source = json!({
            "fasta": "g.fa", "files": ["a.gff3"],
            "windows": [{ "promoter": { "up": 4, "down": 2 } }, { "feature": { "type": "gene" } }],
        });
        for (key, value) in more.as_object().unwrap() {
            source[key] = value.clone();
        }
        let examples = case.examples(json!({ "gff": source }), json!({}));
        let seen: Vec<_> = examples
            .rows
            .iter()
            .map(|e| (e.id.clone(), place(e)))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(id, place)| (id.to_string(), place.to_string()))
            .collect();
        assert_eq!(seen, expected);
        assert_eq!(examples.metadata.audit["left_out"], left_out);
        assert_eq!(examples.metadata.audit["dropped_outside"], outside);
    }
    // t1 and t2 begin at 11: 7 to 13. t3 begins at 38 on the other strand: 36 to 42. t4 begins at 2.
    let (t1, t3, gene) = (
        ("t1:promoter", "I:6-13(+)"),
        ("t3:promoter", "I:35-42(-)"),
        ("g1", "I:10-40(+)"),
    );
    let told = |repeated: u64, strandless: u64| json!({ "repeated_windows": repeated, "strandless_transcripts": strandless });
    t(json!({}), &[t1, t3, gene], told(1, 1), 1);
    t(
        json!({ "transcripts": ["mRNA"] }),
        &[t1, gene],
        told(1, 1),
        0,
    );
    t(
        json!({ "transcripts": ["lnc_RNA"] }),
        &[t3, gene],
        told(0, 0),
        0,
    );
}

#[test]
fn an_attribute_can_be_the_label_and_the_filter() {
    let case = Case::new(&[("g.fa", GENOME), ("a.gff3", GFF)]);
    let source = json!({ "gff": {
        "fasta": "g.fa", "files": ["a.gff3"], "windows": [{ "promoter": { "up": 4, "down": 2 } }],
        "label": { "attribute": "biotype" },
    } });
    let examples = case.examples(source, json!({}));
    let seen: Vec<_> = examples
        .rows
        .iter()
        .map(|e| (e.id.as_str(), class(&examples, e)))
        .collect();
    // The same window with another label is no repetition: the audit tells of it.
    assert_eq!(
        seen,
        [
            ("t1:promoter", "coding"),
            ("t2:promoter", "other"),
            ("t3:promoter", "other")
        ]
    );
    let source = json!({ "gff": {
        "fasta": "g.fa", "files": ["a.gff3"], "only": { "biotype": "other" },
        "windows": [{ "promoter": { "up": 0, "down": 0 } }, { "feature": { "type": "lnc_RNA", "width": 4 } }],
    } });
    let examples = case.examples(source, json!({}));
    let places: Vec<_> = examples.rows.iter().map(place).collect();
    assert_eq!(places, ["I:10-11(+)", "I:37-38(-)", "I:22-26(-)"]);
}

#[test]
fn interval_tables_read_as_genomic_benchmarks_cuts_them() {
    let case = Case::new(&[
        ("g.fa", ">chr1\nACGTTGCAAGCTTAACGGAT\n>chr2\nGGGGCCCCAA\n"),
        // The columns may stand in any order; the package counts from 0 and leaves the end out.
        (
            "pos.csv",
            "id,region,start,end,strand\n0,chr1,0,4,+\n1,chr1,2,8,-\n2,chr2,8,10,+\n",
        ),
        (
            "neg.tsv",
            "strand\tend\tstart\tregion\tid\tx\n+\t4\t0\tchr2\t0\t?\n-\t10\t4\tchr2\t1\t?\n",
        ),
        ("test.csv", "id,region,start,end,strand\n7,chr2,0,5,-\n"),
        ("test_neg.csv", "id,region,start,end,strand\n8,chr1,0,5,-\n"),
    ]);
    let tables = json!([{ "file": "pos.csv", "class": "positive" }, { "file": "neg.tsv", "class": "negative" }]);
    let source = |more: Value| {
        let mut source = json!({ "fasta": "g.fa", "tables": tables });
        for (key, value) in more.as_object().unwrap() {
            source[key] = value.clone();
        }
        json!({ "interval_csv": source })
    };
    let seen = |examples: &Examples| -> Vec<(String, String, String, String)> {
        examples
            .rows
            .iter()
            .map(|e| {
                (
                    e.id.clone(),
                    place(e),
                    e.sequence.clone(),
                    class(examples, e).to_string(),
                )
            })
            .collect()
    };
    let row = |id: &str, place: &str, sequence: &str, class: &str| {
        (id.into(), place.into(), sequence.into(), class.into())
    };
    assert_eq!(
        seen(&case.examples(source(json!({})), json!({}))),
        [
            row("0", "chr1:0-4(+)", "ACGT", "positive"),
            row("1", "chr1:2-8(-)", "TGCAAC", "positive"),
            row("2", "chr2:8-10(+)", "AA", "positive"),
            row("0", "chr2:0-4(+)", "GGGG", "negative"),
            row("1", "chr2:4-10(-)", "TTGGGG", "negative"),
        ]
    );
    let resized = case.examples(source(json!({ "width": 4, "stranded": false })), json!({}));
    assert_eq!(
        seen(&resized)[..3],
        [
            row("0", "chr1:0-4(.)", "ACGT", "positive"),
            row("1", "chr1:3-7(.)", "TTGC", "positive"),
            row("0", "chr2:0-4(.)", "GGGG", "negative"),
        ]
    );
    assert_eq!(resized.metadata.audit["dropped_outside"], 1);
    // With the splits of the benchmark, dev is taken from train.
    let mut config = case.config(
        json!({ "interval_csv": { "fasta": "g.fa", "dev_from_train": { "share": 0.34, "seed": 1 }, "tables": [
            { "file": "pos.csv", "class": "positive", "split": "train" },
            { "file": "neg.tsv", "class": "negative", "split": "train" },
            { "file": "test.csv", "class": "positive", "split": "test" },
            { "file": "test_neg.csv", "class": "negative", "split": "test" },
        ] } }),
        json!({}),
    );
    config.split = None;
    let examples = ingest(&config, &Silent).unwrap();
    let count = |split: Split, class: u32| {
        let of = |e: &&Example| e.split == split && e.label == Label::Class(class);
        examples.rows.iter().filter(of).count()
    };
    assert_eq!(examples.metadata.labels.names(), ["negative", "positive"]);
    let counts = Split::ALL.map(|split| [count(split, 0), count(split, 1)]);
    // The two of chr1 overlap, and so do two of chr2: they stay together.
    assert_eq!(counts, [[1, 1], [1, 2], [1, 1]]);
}

#[test]
fn the_label_of_a_fasta_stands_in_its_header() {
    let case = Case::new(&[
        ("all.fa", ">a x|yes\nacgu\nRN\n\n>b|no\nTT\n>a x|yes\nAC\n"),
        (
            "train.fa",
            ">a|1|training\nAC\n>b|0|training\nGG\n>c|1|training\nAG\n>d|0|training\nAA\n",
        ),
        ("test.fa", ">e|1|testing\nACC\n>f|0|testing\nGGC\n"),
    ]);
    let examples = case.examples(json!({ "labelled_fasta": { "file": "all.fa" } }), json!({}));
    let seen: Vec<_> = examples
        .rows
        .iter()
        .map(|e| (e.id.as_str(), e.sequence.as_str(), class(&examples, e)))
        .collect();
    assert_eq!(
        seen,
        [
            ("a x", "ACGTRN", "yes"),
            ("b", "TT", "no"),
            ("a x", "AC", "yes")
        ]
    );
    let mut config = case.config(
        json!({ "labelled_fasta": {
            "train": "train.fa", "test": "test.fa", "field": 2, "dev_from_train": { "share": 0.5 },
        } }),
        json!({}),
    );
    config.split = None;
    let examples = ingest(&config, &Silent).unwrap();
    let splits: Vec<_> = examples.rows.iter().map(|e| e.split).collect();
    use Split::{Dev, Test, Train};
    assert_eq!(splits, [Train, Train, Dev, Dev, Test, Test]);
}

#[test]
fn peak_files_become_a_matrix_of_labels() {
    let genome = format!(
        ">I\n{}\n>II\n{}\n",
        "ACGTACGTAC".repeat(5),
        "GGGGG".repeat(2)
    );
    let case = Case::new(&[
        ("g.fa", &genome),
        // Bins of ten: more than half of a bin is six bases.
        (
            "H3.bed",
            "I\t10\t16\nI\t20\t25\nI\t32\t34\nI\t33\t38\nI\t35\t36\n",
        ),
        (
            "K4.narrowPeak",
            "I\t15\t31\tp\t9\t+\t1\t1\t1\t3\nII\t0\t10\n",
        ),
    ]);
    let matrix = |more: Value| {
        let mut source = json!({ "fasta": "g.fa", "peaks": ["H3.bed", "K4.narrowPeak"], "bin": 10, "context": 15 });
        for (key, value) in more.as_object().unwrap() {
            source[key] = value.clone();
        }
        case.examples(json!({ "peak_matrix": source }), json!({}))
    };
    let seen = |examples: &Examples| -> Vec<(String, Vec<u8>)> {
        examples
            .rows
            .iter()
            .map(|e| match &e.label {
                Label::Multi(m) => (e.id.clone(), m.clone()),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let row = |place: &str, labels: [u8; 2]| (place.to_string(), labels.to_vec());
    let examples = matrix(json!({}));
    assert_eq!(
        examples.metadata.labels,
        LabelKind::Multilabel(vec!["H3".into(), "K4".into()])
    );
    // Two bases to the left, three to the right. Half of a bin (five of I:10-20 for K4) is not enough.
    assert_eq!(
        seen(&examples),
        [
            row("I:8-23(.)", [1, 0]),
            row("I:18-33(.)", [0, 1]),
            row("I:28-43(.)", [1, 0]),
        ]
    );
    assert_eq!(
        examples.metadata.audit["left_out"],
        json!({ "unlabelled_bins": 2 })
    );
    assert_eq!(examples.metadata.audit["dropped_outside"], 1);
    let padded =
        matrix(json!({ "beyond_end": "pad", "keep_unlabelled": true, "names": ["a", "b"] }));
    assert_eq!(
        seen(&padded),
        [
            row("I:0-13(.)", [0, 0]),
            row("I:8-23(.)", [1, 0]),
            row("I:18-33(.)", [0, 1]),
            row("I:28-43(.)", [1, 0]),
            row("I:38-50(.)", [0, 0]),
            row("II:0-10(.)", [0, 1]),
        ]
    );
    let text = |i: usize| padded.rows[i].sequence.as_str();
    assert_eq!(text(0), "NNACGTACGTACACG");
    assert_eq!(text(4), "ACACGTACGTACNNN");
    assert_eq!(text(5), "NNGGGGGGGGGGNNN");
    assert!(padded.rows.iter().all(|e| e.sequence.len() == 15));
    // A share of the bin of its own.
    let all = matrix(json!({ "covered": 0.0, "context": 10 }));
    assert_eq!(
        seen(&all),
        [
            row("I:10-20(.)", [1, 1]),
            row("I:20-30(.)", [1, 1]),
            row("I:30-40(.)", [1, 1]),
            row("II:0-10(.)", [0, 1]),
        ]
    );
}

#[test]
fn a_source_on_a_genome_is_split_by_chromosome() {
    let case = Case::new(&[
        (
            "g.fa",
            ">I\nACGTACGTACGT\n>II\nACGTACGTACGT\n>III\nACGTACGTACGT\n",
        ),
        (
            "v.vcf",
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nIII\t6\ta\tC\tT\t.\t0\t.\nII\t6\tb\tC\tT\t.\t1\t.\nI\t6\tc\tC\tT\t.\t0\t.\nI\t7\td\tG\tT\t.\t1\t.\n",
        ),
    ]);
    let examples = case.examples(
        json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": "filter", "width": 4 } }),
        json!({ "split": { "chromosomes": { "dev": ["II"], "test": ["III"] } } }),
    );
    let seen: Vec<_> = examples
        .rows
        .iter()
        .map(|e| (e.split, e.id.as_str()))
        .collect();
    use Split::{Dev, Test, Train};
    assert_eq!(seen, [(Train, "c"), (Train, "d"), (Dev, "b"), (Test, "a")]);
}
