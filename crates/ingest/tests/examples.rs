//! From files to examples: what comes out, in which order, with which audit.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::progress::Silent;
use lingo_artifact::random::Stream;
use lingo_artifact::{Label, LabelKind, Split, Strand};
use lingo_ingest::config::sources::TableColumns;
use lingo_ingest::config::{
    BedLabel, BedSource, ChromosomeSplit, ClusterSplit, CsvSource, FoldSplit, Folds, FoldsBy,
    LabelKindPlan, Leakage, OnLeak, RatioSplit, Source, SplitPlan,
};
use lingo_ingest::{Audit, IngestConfig, ingest, input_files, missing_files, prepare};

fn config(source: Source, split: Option<SplitPlan>) -> IngestConfig {
    IngestConfig {
        contigs: Default::default(),
        blacklist: Vec::new(),
        downsample: None,
        source,
        split,
        label_kind: LabelKindPlan::Auto,
        classes: None,
        max_uncompressed_bytes: 1 << 20,
        negatives: None,
        leakage: Default::default(),
        on_leak: Default::default(),
        max_memory: lingo_artifact::ByteSize::default(),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn bed_source(fasta: PathBuf, beds: Vec<PathBuf>) -> BedSource {
    BedSource {
        around: Default::default(),
        beyond_end: Default::default(),
        fasta: fasta.into(),
        beds: beds.into_iter().map(Into::into).collect(),
        label: BedLabel::Column(NonZeroU32::new(5).unwrap()),
        name_prefix: None,
        width: None,
        stranded: true,
    }
}

fn audit(value: &serde_json::Value) -> Audit {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn intervals_become_examples_by_chromosome() {
    let folder = tempfile::tempdir().unwrap();
    let fasta = write(
        folder.path(),
        "g.fa",
        ">I x\naacgtRYn\nACGU\n>II\nTTTTGGGG\n>III\nCCCC\n",
    );
    let bed = write(
        folder.path(),
        "r.bed",
        "browser position I\ntrack name=x\n# c\n\nII\t0\t6\tm:b\t10\t-\r\nIII\t0\t4\tm:c\t9\t.\nI\t1\t8\tm:a\t9\t-\nI\t8\t12\t.\t10\t+\nI\t0\t12\tother:a\t9",
    );
    let split = SplitPlan::Chromosomes(ChromosomeSplit {
        dev: vec!["II".into()],
        test: vec!["III".into()],
    });
    let examples = ingest(
        &config(Source::Bed(bed_source(fasta, vec![bed])), Some(split)),
        &Silent,
    )
    .unwrap();
    assert_eq!(
        examples.metadata.labels,
        LabelKind::Classes(vec!["9".into(), "10".into()])
    );
    let seen: Vec<_> = examples
        .rows
        .iter()
        .map(|e| {
            let i = e.interval.clone().unwrap();
            (
                e.split,
                e.id.as_str(),
                e.sequence.as_str(),
                e.label.clone(),
                i.start,
                i.end,
                i.strand,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (
                Split::Train,
                "m:a",
                "NRYACGT",
                Label::Class(0),
                1,
                8,
                Strand::Reverse
            ),
            (
                Split::Train,
                "I:8-12(+)",
                "ACGT",
                Label::Class(1),
                8,
                12,
                Strand::Forward
            ),
            (
                Split::Train,
                "other:a",
                "AACGTRYNACGT",
                Label::Class(0),
                0,
                12,
                Strand::Unknown
            ),
            (
                Split::Dev,
                "m:b",
                "CCAAAA",
                Label::Class(1),
                0,
                6,
                Strand::Reverse
            ),
            (
                Split::Test,
                "m:c",
                "CCCC",
                Label::Class(0),
                0,
                4,
                Strand::Unknown
            ),
        ]
    );
    assert_eq!(examples.metadata.sources.len(), 2);
    assert_eq!(examples.metadata.sources[0].bytes, 42);
    // What is written can be read back.
    let path = folder.path().join("examples.parquet");
    examples.write(&path).unwrap();
    assert_eq!(
        lingo_artifact::example::Examples::read(&path).unwrap(),
        examples
    );
}

#[test]
fn a_name_prefix_selects_and_a_width_resizes() {
    let folder = tempfile::tempdir().unwrap();
    let fasta = write(folder.path(), "g.fa", ">I\nAACCGGTTAC\n>II\nAACCGGTTAC\n");
    let bed = write(
        folder.path(),
        "r.bed",
        "I\t4\t6\tH3:1\t0\t+\nI\t4\t6\tH3K4:1\t0\t+\nI\t0\t2\tH3:2\t1\t+\nI\t2\t8\tH3:3\t1\t-\nII\t2\t8\tH3:4\t1\n",
    );
    let source = BedSource {
        name_prefix: Some("H3:".into()),
        width: NonZeroU32::new(4),
        stranded: false,
        ..bed_source(fasta, vec![bed])
    };
    let split = SplitPlan::Chromosomes(ChromosomeSplit {
        dev: vec!["II".into()],
        test: vec![],
    });
    let examples = ingest(&config(Source::Bed(source), Some(split)), &Silent).unwrap();
    let seen: Vec<(&str, &str)> = examples
        .rows
        .iter()
        .map(|e| (e.id.as_str(), e.sequence.as_str()))
        .collect();
    assert_eq!(seen, [("H3:1", "CGGT"), ("H3:3", "CGGT"), ("H3:4", "CGGT")]);
    let audit = audit(&examples.metadata.audit);
    assert_eq!(audit.dropped_outside, 1);
    assert_eq!(
        told(&audit),
        [
            "1 interval was dropped: the window would leave the chromosome",
            "train: 1 row repeats (50.0 %) an earlier row's sequence",
            "dev has no row of the class `0`",
            "test has no rows",
            "leakage: 1 row of dev (100.0 %): the sequence stands in train too",
            "1 sequence has more than one label (3 rows, such as `H3:1` and `H3:3`)",
        ]
    );
}

#[test]
fn one_class_per_bed_file() {
    let folder = tempfile::tempdir().unwrap();
    let fasta = write(folder.path(), "g.fa", ">I\nAACCGGTTACAACCGGTTAC\n");
    let rows = |from: u32| {
        (from..from + 10)
            .map(|i| format!("I\t{i}\t{}\n", i + 5))
            .collect::<String>()
    };
    let beds = vec![
        write(folder.path(), "open.bed", &rows(0)),
        write(folder.path(), "closed.bed", &rows(5)),
    ];
    let source = BedSource {
        label: BedLabel::PerFile(vec!["open".into(), "closed".into()]),
        ..bed_source(fasta, beds)
    };
    let plan = |seed| {
        SplitPlan::Ratios(RatioSplit {
            train: 0.6.try_into().unwrap(),
            dev: 0.2.try_into().unwrap(),
            test: 0.2.try_into().unwrap(),
            seed,
            keep_overlaps_together: false,
        })
    };
    let run = |seed| {
        ingest(
            &config(Source::Bed(source.clone()), Some(plan(seed))),
            &Silent,
        )
        .unwrap()
    };
    let examples = run(0);
    assert_eq!(examples.metadata.labels.names(), ["closed", "open"]);
    for (split, expected) in Split::ALL.into_iter().zip([6, 2, 2]) {
        for class in 0..2 {
            let of = |e: &&lingo_artifact::example::Example| {
                e.split == split && e.label == Label::Class(class)
            };
            assert_eq!(examples.rows.iter().filter(of).count(), expected);
        }
    }
    assert_eq!(run(0), examples);
    assert_ne!(run(1), examples);
}

#[test]
fn tables_with_given_splits() {
    let folder = tempfile::tempdir().unwrap();
    let source = CsvSource {
        columns: Default::default(),
        train: Some(write(
            folder.path(),
            "train.csv",
            "\u{feff}sequence,label\nacgu,a\nGGAN,b\nACGT,b\nTTTT,a\nTTTT,a\n",
        )),
        dev: Some(write(
            folder.path(),
            "dev.tsv",
            "label\textra\tsequence\na\t1\tACGT\nb\t2\tAAAA\nb\t2\tNTCC\n",
        )),
        test: Some(write(
            folder.path(),
            "test.csv",
            "sequence,label\r\nAAAA,a\r\nTTTT,b",
        )),
        file: None,
    };
    let config = config(Source::Csv(source), None);
    let examples = ingest(&config, &Silent).unwrap();
    let ids: Vec<&str> = examples.rows.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "train:1", "train:2", "train:3", "train:4", "train:5", "dev:1", "dev:2", "dev:3",
            "test:1", "test:2"
        ]
    );
    assert_eq!(examples.rows[0].sequence, "ACGT");
    let audit = audit(&examples.metadata.audit);
    let train = &audit.splits[0];
    assert_eq!((train.rows, train.duplicate_rows), (5, 2));
    assert_eq!(
        (
            train.non_acgt_sequences,
            train.non_acgt_bases,
            train.n_bases
        ),
        (1, 1, 1)
    );
    assert_eq!(train.gc, Some(6.0 / 19.0));
    let length = train.length.unwrap();
    assert_eq!((length.min, length.median, length.max), (4, 4.0, 4));
    assert_eq!(train.classes[0].share, 0.6);
    // ACGT is its own reverse complement, AAAA is TTTT's, NTCC is GGAN's.
    let shared: Vec<(Split, Split, u64, u64)> = audit
        .shared
        .iter()
        .map(|s| (s.split, s.found_in, s.same, s.reverse_complement))
        .collect();
    assert_eq!(
        shared,
        [
            (Split::Dev, Split::Train, 1, 2),
            (Split::Test, Split::Train, 1, 1),
            (Split::Test, Split::Dev, 1, 1),
        ]
    );
    assert_eq!((audit.two_labels.sequences, audit.two_labels.rows), (3, 8));
    assert_eq!(
        audit.two_labels.example,
        Some(("train:1".into(), "train:3".into()))
    );
}

#[test]
fn pairs_are_compared_as_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let table = |name: &str, rows: &str| {
        Some(write(
            folder.path(),
            name,
            &format!("sequence1,sequence2,label\n{rows}"),
        ))
    };
    let source = CsvSource {
        columns: Default::default(),
        train: table("train.csv", "AAAA,CCCC,0\nAAAA,GGGG,1\nAAAA,GGGG,1\n"),
        dev: table("dev.csv", "AAAA,CCCC,0\nCCCC,AAAA,1\n"),
        test: table("test.csv", "TTTT,CCCC,1\nTTTTT,CCCC,0\n"),
        file: None,
    };
    let examples = ingest(&config(Source::Csv(source), None), &Silent).unwrap();
    assert_eq!(examples.rows[1].sequence2.as_deref(), Some("GGGG"));
    let audit = audit(&examples.metadata.audit);
    assert_eq!(audit.splits[0].duplicate_rows, 1);
    assert_eq!(
        (audit.shared[0].same, audit.shared[0].reverse_complement),
        (1, 0)
    );
    assert_eq!(
        (audit.shared[1].same, audit.shared[1].reverse_complement),
        (0, 1)
    );
    assert_eq!(audit.splits[2].length.unwrap().max, 5);
}

#[test]
fn one_table_split_at_random() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..40)
        .map(|i| format!("{},{}\n", "ACGT".repeat(i + 1), f64::from(i as u32) / 4.0))
        .collect();
    let file = write(folder.path(), "all.csv", &format!("sequence,label\n{rows}"));
    let source = CsvSource {
        file: Some(file),
        ..CsvSource::default()
    };
    let plan = SplitPlan::Ratios(RatioSplit {
        train: 0.5.try_into().unwrap(),
        dev: 0.25.try_into().unwrap(),
        test: 0.25.try_into().unwrap(),
        seed: 3,
        keep_overlaps_together: true,
    });
    let config = IngestConfig {
        label_kind: LabelKindPlan::Regression,
        ..config(Source::Csv(source), Some(plan))
    };
    let examples = ingest(&config, &Silent).unwrap();
    assert_eq!(examples.metadata.labels, LabelKind::Regression);
    let counts = Split::ALL.map(|s| examples.rows.iter().filter(|e| e.split == s).count());
    assert_eq!(counts, [20, 10, 10]);
    for example in &examples.rows {
        let number: usize = example.id.split(':').next_back().unwrap().parse().unwrap();
        assert_eq!(example.sequence.len(), 4 * number);
        assert_eq!(example.label, Label::Value((number - 1) as f32 / 4.0));
    }
}

#[test]
fn a_column_names_the_rows() {
    fn t(header: &str, columns: TableColumns, ids: [&str; 4]) {
        let folder = tempfile::tempdir().unwrap();
        let table = |name: &str, rows: &str| {
            let text = format!("{header}\n{rows}");
            Some(write(folder.path(), name, &text))
        };
        let source = CsvSource {
            columns,
            train: table("train.csv", "p,A,0\nq,C,1\n"),
            dev: table("dev.csv", "r,G,0\n"),
            test: table("test.csv", "s,T,0\n"),
            file: None,
        };
        let examples = ingest(&config(Source::Csv(source), None), &Silent).unwrap();
        let found: Vec<&str> = examples.rows.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(found, ids);
    }
    let none = TableColumns::default();
    let named = TableColumns {
        id: Some("gene".into()),
        ..TableColumns::default()
    };
    let own = ["p", "q", "r", "s"];
    t("id,sequence,label", none.clone(), own);
    t("gene,sequence,label", named, own);
    let counted = ["train:1", "train:2", "dev:1", "test:1"];
    t("gene,sequence,label", none, counted);
}

#[test]
fn several_labels_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let table = |name: &str| {
        Some(write(
            folder.path(),
            name,
            "sequence,label\nA,0 1\nC,1;1\nG,\"0,0\"\n",
        ))
    };
    let source = CsvSource {
        columns: Default::default(),
        train: table("train.csv"),
        dev: table("dev.csv"),
        test: table("test.csv"),
        file: None,
    };
    let config = IngestConfig {
        label_kind: LabelKindPlan::Multilabel,
        classes: Some(vec!["H3".into(), "H4".into()]),
        ..config(Source::Csv(source), None)
    };
    let examples = ingest(&config, &Silent).unwrap();
    let labels: Vec<&Label> = examples.rows.iter().take(3).map(|e| &e.label).collect();
    assert_eq!(
        labels,
        [
            &Label::Multi(vec![0, 1]),
            &Label::Multi(vec![1, 1]),
            &Label::Multi(vec![0, 0])
        ]
    );
    let counts: Vec<(String, u64)> = audit(&examples.metadata.audit).splits[0]
        .classes
        .iter()
        .map(|c| (c.class.clone(), c.rows))
        .collect();
    assert_eq!(counts, [("H3".into(), 1), ("H4".into(), 2)]);
}

#[test]
fn files_are_listed_and_missing_ones_told() {
    let folder = tempfile::tempdir().unwrap();
    let fasta = write(folder.path(), "g.fa", ">I\nA\n");
    let missing = folder.path().join("r.bed");
    let mut config = config(
        Source::Bed(bed_source(fasta.clone(), vec![missing.clone()])),
        None,
    );
    assert_eq!(input_files(&config), [fasta, missing.clone()]);
    assert_eq!(missing_files(&config), [missing]);
    for path in config.paths_mut() {
        *path = Path::new("elsewhere").join(path.file_name().unwrap());
    }
    assert_eq!(
        input_files(&config),
        [
            PathBuf::from("elsewhere/g.fa"),
            PathBuf::from("elsewhere/r.bed")
        ]
    );
}

#[test]
fn narrow_peaks_and_long_beds_are_read() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let fasta = write(folder.path(), "g.fa", ">chr1\nAACCGGTTACAACCGGTTAC\n");
    let peaks = write(
        folder.path(),
        "p.narrowPeak",
        "chr1\t2\t6\tpeak1\t812\t.\t12.5\t8.1\t5.0\t2\nchr1\t3\t7\t.\t0\t-\t-1\t-1\t-1\t-1\n",
    );
    let bed12 = folder.path().join("g.bed.gz");
    let mut encoder = flate2::write::GzEncoder::new(
        std::fs::File::create(&bed12).unwrap(),
        flate2::Compression::fast(),
    );
    encoder
        .write_all(b"chr1\t0\t10\ttx\t0\t-\t0\t10\t255,0,0\t2\t2,3,\t0,7,\nchr1\t10\t20\n")
        .unwrap();
    encoder.finish().unwrap();
    let source = BedSource {
        label: BedLabel::PerFile(vec!["peak".into(), "gene".into()]),
        ..bed_source(fasta, vec![peaks, bed12])
    };
    let split = SplitPlan::Chromosomes(ChromosomeSplit {
        dev: vec![],
        test: vec![],
    });
    let examples = ingest(&config(Source::Bed(source), Some(split)), &Silent).unwrap();
    let seen: Vec<(&str, &str)> = examples
        .rows
        .iter()
        .map(|e| (e.id.as_str(), e.sequence.as_str()))
        .collect();
    // The blocks of the BED12 row are not spliced.
    let expected = [
        ("peak1", "CCGG"),
        ("chr1:3-7(-)", "ACCG"),
        ("tx", "GTAACCGGTT"),
        ("chr1:10-20(.)", "AACCGGTTAC"),
    ];
    assert_eq!(seen, expected);
}

/// Random sequences, each with a relative that differs in one base of sixty, and some with their reverse complement.
fn families(n: usize) -> Vec<Vec<String>> {
    let mut stream = Stream::new(3, "families");
    let mut random = |length: usize| -> String {
        (0..length)
            .map(|_| char::from(b"ACGT"[stream.below(4)]))
            .collect()
    };
    let sequences: Vec<String> = (0..n).map(|_| random(120)).collect();
    sequences
        .into_iter()
        .enumerate()
        .map(|(i, sequence)| {
            let mut relative = sequence.clone();
            let other = if &sequence[60..61] == "A" { "C" } else { "A" };
            relative.replace_range(60..61, other);
            let turned = lingo_ingest::iupac::reverse_complement(sequence.as_bytes());
            let turned = String::from_utf8(turned).unwrap();
            match i % 3 {
                0 => vec![sequence],
                1 => vec![sequence.clone(), relative],
                _ => vec![sequence.clone(), relative, turned, sequence],
            }
        })
        .collect()
}

fn table(rows: impl Iterator<Item = String>) -> String {
    let mut text = String::from("sequence,label\n");
    for (i, row) in rows.enumerate() {
        text.push_str(&format!("{row},{}\n", i % 2));
    }
    text
}

fn one_file(file: PathBuf, split: SplitPlan) -> IngestConfig {
    let source = CsvSource {
        file: Some(file),
        ..CsvSource::default()
    };
    config(Source::Csv(source), Some(split))
}

#[test]
fn clusters_keep_families_together() {
    let folder = tempfile::tempdir().unwrap();
    let families = families(60);
    let file = write(
        folder.path(),
        "all.csv",
        &table(families.iter().flatten().cloned()),
    );
    let share = |v| lingo_artifact::bounded::Probability::try_from(v).unwrap();
    for seed in 0..4 {
        let plan = ClusterSplit {
            train: share(0.6),
            dev: share(0.2),
            test: share(0.2),
            jaccard: None,
            seed,
            keep_overlaps_together: true,
        };
        let mut config = one_file(file.clone(), SplitPlan::Clusters(plan));
        config.on_leak = OnLeak::Error;
        let examples = ingest(&config, &Silent).unwrap();
        let split_of: HashMap<&str, Split> = examples
            .rows
            .iter()
            .map(|e| (e.sequence.as_str(), e.split))
            .collect();
        for family in &families {
            let splits: HashSet<Split> = family.iter().map(|s| split_of[s.as_str()]).collect();
            assert_eq!(splits.len(), 1, "{family:?}");
        }
        let audit = audit(&examples.metadata.audit);
        let clusters = audit.clusters.unwrap();
        assert_eq!(
            (
                clusters.clusters,
                clusters.largest,
                clusters.not_all_compared
            ),
            (60, 4, 0)
        );
        let rows: Vec<u64> = audit.splits.iter().map(|s| s.rows).collect();
        assert_eq!(rows.iter().sum::<u64>(), 140);
        assert!(
            rows[1].abs_diff(28) <= 4 && rows[2].abs_diff(28) <= 4,
            "{rows:?}"
        );
    }
}

#[test]
fn dropping_leaves_test_whole_and_nothing_shared() {
    let folder = tempfile::tempdir().unwrap();
    let families = families(60);
    let mut files = [Vec::new(), Vec::new(), Vec::new()];
    for (i, sequence) in families.iter().flatten().enumerate() {
        files[i % 3].push(sequence.clone());
    }
    let [train, dev, test] = ["train", "dev", "test"].map(|name| format!("{name}.csv"));
    let file = |name: &str, rows: &[String]| {
        Some(write(folder.path(), name, &table(rows.iter().cloned())))
    };
    let source = CsvSource {
        columns: Default::default(),
        train: file(&train, &files[0]),
        dev: file(&dev, &files[1]),
        test: file(&test, &files[2]),
        file: None,
    };
    let mut config = config(Source::Csv(source), None);
    let warned = audit(&ingest(&config, &Silent).unwrap().metadata.audit);
    assert!(warned.shared.iter().any(|s| s.near > 0), "{warned:?}");
    config.leakage = Leakage::Exact;
    let exact = audit(&ingest(&config, &Silent).unwrap().metadata.audit);
    assert!(exact.shared.iter().all(|s| s.near == 0));
    for (a, b) in exact.shared.iter().zip(&warned.shared) {
        assert_eq!(
            (a.same, a.reverse_complement),
            (b.same, b.reverse_complement)
        );
    }
    config.leakage = Leakage::default();
    config.on_leak = OnLeak::Error;
    let message = ingest(&config, &Silent).unwrap_err().to_string();
    assert!(message.contains("`on_leak` is `error`"), "{message}");
    config.on_leak = OnLeak::Drop;
    let examples = ingest(&config, &Silent).unwrap();
    let dropped = audit(&examples.metadata.audit);
    for shared in &dropped.shared {
        assert_eq!(
            (shared.same, shared.reverse_complement, shared.near),
            (0, 0, 0)
        );
    }
    let rows = |split| examples.rows.iter().filter(|e| e.split == split).count();
    assert_eq!(rows(Split::Test), files[2].len());
    assert_eq!(
        rows(Split::Dev) as u64 + dropped.dropped_dev,
        files[1].len() as u64
    );
    assert_eq!(
        rows(Split::Train) as u64 + dropped.dropped_train,
        files[0].len() as u64
    );
    assert!(dropped.dropped_train > 0 && dropped.dropped_dev > 0);
    assert!(told(&dropped)[0].contains("taken out of train: dev or test has"));
    // Without an audit nothing is looked at, and the rows are the same.
    config.on_leak = OnLeak::Warn;
    config.leakage = Leakage::Unexamined;
    let unexamined = ingest(&config, &Silent).unwrap();
    assert!(unexamined.metadata.audit.is_null());
    assert_eq!(unexamined.rows.len(), 140);
}

#[test]
fn folds_test_every_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Stream::new(1, "folds test");
    let genome: String = (0..7)
        .map(|i| {
            let bases: String = (0..300)
                .map(|_| char::from(b"ACGT"[stream.below(4)]))
                .collect();
            format!(">s{i}\n{bases}\n")
        })
        .collect();
    let fasta = write(folder.path(), "g.fa", &genome);
    let rows: String = (0..70)
        .map(|i| format!("s{}\t{}\t{}\tr{i}\t{}\n", i % 7, i, i + 40, i % 2))
        .collect();
    let bed = write(folder.path(), "r.bed", &rows);
    for by in [FoldsBy::Class, FoldsBy::Chromosome] {
        let mut tested: Vec<String> = Vec::new();
        for fold in 1..=5 {
            let plan = FoldSplit {
                k: Folds::try_from(5).unwrap(),
                by,
                seed: 7,
                fold: NonZeroU32::new(fold),
                keep_overlaps_together: false,
            };
            let source = Source::Bed(bed_source(fasta.clone(), vec![bed.clone()]));
            let examples = ingest(&config(source, Some(SplitPlan::Folds(plan))), &Silent).unwrap();
            assert_eq!(examples.rows.len(), 70);
            let of = |split| examples.rows.iter().filter(move |e| e.split == split);
            tested.extend(of(Split::Test).map(|e| e.id.clone()));
            let chromosomes = |split| -> HashSet<String> {
                of(split)
                    .map(|e| e.interval.as_ref().unwrap().chrom.clone())
                    .collect()
            };
            match by {
                FoldsBy::Class => assert_eq!(of(Split::Test).count(), 14),
                FoldsBy::Chromosome => {
                    assert!(chromosomes(Split::Test).is_disjoint(&chromosomes(Split::Train)));
                    assert!(chromosomes(Split::Test).is_disjoint(&chromosomes(Split::Dev)));
                }
            }
        }
        tested.sort();
        let mut all: Vec<String> = (0..70).map(|i| format!("r{i}")).collect();
        all.sort();
        assert_eq!(tested, all);
    }
}

#[test]
fn streamed_files_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(
        folder.path(),
        "all.csv",
        &table(families(900).into_iter().flatten()),
    );
    let share = |v| lingo_artifact::bounded::Probability::try_from(v).unwrap();
    let plan = RatioSplit {
        train: share(0.6),
        dev: share(0.2),
        test: share(0.2),
        seed: 1,
        keep_overlaps_together: true,
    };
    let mut config = one_file(file, SplitPlan::Ratios(plan));
    config.max_memory = lingo_artifact::ByteSize::LEAST;
    config.max_uncompressed_bytes = 1 << 24;
    let data = prepare(&config, &Silent).unwrap();
    let whole = data.examples().unwrap();
    for ending in ["parquet", "csv", "tsv", "fa"] {
        let [streamed, at_once] =
            ["streamed", "whole"].map(|n| folder.path().join(n).with_extension(ending));
        data.write(&streamed).unwrap();
        whole.write(&at_once).unwrap();
        if ending == "parquet" {
            let read = lingo_artifact::example::Examples::read;
            assert_eq!(read(&streamed).unwrap(), read(&at_once).unwrap());
        } else {
            assert_eq!(
                std::fs::read(&streamed).unwrap(),
                std::fs::read(&at_once).unwrap(),
                "{ending}"
            );
        }
    }
    // One thread or several: the same bytes.
    let pool = |n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
    };
    let [one, many] = [1, 5].map(|n| {
        let path = folder.path().join(format!("threads-{n}.parquet"));
        pool(n).install(|| prepare(&config, &Silent).unwrap().write(&path).unwrap());
        std::fs::read(path).unwrap()
    });
    assert!(one == many);
}

/// What the audit says, line by line.
fn told(audit: &Audit) -> Vec<String> {
    let findings = audit.findings(|n| n.to_string());
    findings.iter().map(|finding| finding.line()).collect()
}
