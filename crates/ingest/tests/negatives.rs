//! Negatives that the stage makes: where they lie, what they are like, and what each split has of them.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::bounded::Probability;
use lingo_artifact::progress::Silent;
use lingo_artifact::random::Stream;
use lingo_artifact::{Label, Split};
use lingo_ingest::config::{
    BedLabel, BedSource, ChromosomeSplit, FoldSplit, Folds, FoldsBy, GenomicNegatives,
    NegativesPlan, RatioSplit, ShuffledNegatives, Source, SplitPlan,
};
use lingo_ingest::{Audit, IngestConfig, ingest};

fn config(source: Source, split: Option<SplitPlan>) -> IngestConfig {
    IngestConfig {
        contigs: Default::default(),
        blacklist: Vec::new(),
        downsample: None,
        source,
        split,
        label_kind: Default::default(),
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

/// One class a file, so all rows are positives.
fn bed_source(fasta: PathBuf, beds: Vec<PathBuf>) -> BedSource {
    BedSource {
        around: Default::default(),
        beyond_end: Default::default(),
        fasta: fasta.into(),
        beds: beds.into_iter().map(Into::into).collect(),
        label: BedLabel::PerFile(vec!["peak".into()]),
        name_prefix: None,
        width: None,
        stranded: true,
    }
}

fn share(value: f64) -> Probability {
    Probability::try_from(value).unwrap()
}

fn ratios() -> SplitPlan {
    SplitPlan::Ratios(RatioSplit {
        train: share(0.6),
        dev: share(0.2),
        test: share(0.2),
        seed: 1,
        keep_overlaps_together: true,
    })
}

/// One for each positive, with wide tolerances.
fn genomic() -> GenomicNegatives {
    GenomicNegatives {
        per_positive: NonZeroU32::MIN,
        gc_tolerance: share(0.1),
        repeat_tolerance: share(0.1),
        margin: 0,
        exclude: Vec::new(),
        label: "negative".into(),
        seed: 3,
    }
}

fn audit(value: &serde_json::Value) -> Audit {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn negatives_join_their_positives() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Stream::new(2, "negatives test");
    let bases: String = (0..20_000)
        .map(|_| char::from(b"ACGT"[stream.below(4)]))
        .collect();
    let fasta = write(
        folder.path(),
        "g.fa",
        &format!(">s\n{bases}\n>t\n{bases}\n"),
    );
    let rows: String = (0..40)
        .map(|i| {
            format!(
                "{}\t{}\t{}\tp{i}\t0\t-\n",
                ["s", "t"][i % 2],
                300 * i,
                300 * i + 80
            )
        })
        .collect();
    let bed = write(folder.path(), "peaks.bed", &rows);
    let source = bed_source(fasta, vec![bed]);
    let split = SplitPlan::Chromosomes(ChromosomeSplit {
        dev: Vec::new(),
        test: vec!["t".into()],
    });
    let mut config = config(Source::Bed(source), Some(split));
    let per_positive = NonZeroU32::new(2).unwrap();
    config.negatives = Some(NegativesPlan::Shuffle(ShuffledNegatives {
        per_positive,
        label: "negative".into(),
        seed: 1,
    }));
    let examples = ingest(&config, &Silent).unwrap();
    assert_eq!(examples.metadata.labels.names(), ["negative", "peak"]);
    assert_eq!(audit(&examples.metadata.audit).negatives, 80);
    let by_id: HashMap<&str, _> = examples.rows.iter().map(|e| (e.id.as_str(), e)).collect();
    let sorted_pairs = |sequence: &str| {
        let mut pairs: Vec<[u8; 2]> = sequence
            .as_bytes()
            .windows(2)
            .map(|p| [p[0], p[1]])
            .collect();
        pairs.sort_unstable();
        pairs
    };
    for i in 0..40 {
        let positive = by_id[format!("p{i}").as_str()];
        for copy in 1..=2 {
            let negative = by_id[format!("p{i}/shuffled-{copy}").as_str()];
            // On the chromosome of its positive, so in its split.
            assert_eq!(negative.split, positive.split);
            assert_eq!(
                (&negative.label, &negative.interval),
                (&Label::Class(0), &None)
            );
            assert_ne!(negative.sequence, positive.sequence);
            assert_eq!(
                sorted_pairs(&negative.sequence),
                sorted_pairs(&positive.sequence)
            );
        }
    }
    config.negatives = Some(NegativesPlan::Genomic(GenomicNegatives {
        per_positive,
        gc_tolerance: share(0.05),
        margin: 10,
        seed: 1,
        ..genomic()
    }));
    let examples = ingest(&config, &Silent).unwrap();
    assert_eq!(examples.rows.len(), 120);
    let interval = |class: u32| {
        let of_class = move |e: &&lingo_artifact::example::Example| e.label == Label::Class(class);
        examples
            .rows
            .iter()
            .filter(of_class)
            .map(|e| e.interval.clone().unwrap())
    };
    for negative in interval(0) {
        assert_eq!(negative.end - negative.start, 80);
        for positive in interval(1).filter(|p| p.chrom == negative.chrom) {
            assert!(negative.end + 10 <= positive.start || positive.end + 10 <= negative.start);
        }
    }
    // What is drawn reads as any window does.
    let path = folder.path().join("e.parquet");
    examples.write(&path).unwrap();
    assert_eq!(
        lingo_artifact::example::Examples::read(&path).unwrap(),
        examples
    );
}

/// Peaks crowd chromosome `a` of three alike; windows are narrower than they. Drawn over the whole genome, negatives would mostly
/// lie elsewhere, and many of them in the peaks' flanks.
#[test]
fn genomic_negatives_keep_each_splits_balance_and_away_from_whole_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Stream::new(7, "balance test");
    let fasta: String = ["a", "b", "c"]
        .iter()
        .map(|name| {
            let bases = (0..30_000).map(|_| char::from(b"ACGT"[stream.below(4)]));
            format!(">{name}\n{}\n", bases.collect::<String>())
        })
        .collect();
    let fasta = write(folder.path(), "g.fa", &fasta);
    let peaks: Vec<(&str, u64, u64)> = (0..60)
        .map(|i| ("a", 400 * i, 400 * i + 250))
        .chain((0..6).map(|i| ("b", 3000 * i + 40, 3000 * i + 700)))
        .chain((0..3).map(|i| ("c", 5000 * i, 5000 * i + 900)))
        .collect();
    let bed: String = peaks
        .iter()
        .map(|(chrom, start, end)| format!("{chrom}\t{start}\t{end}\n"))
        .collect();
    let bed = write(folder.path(), "peaks.bed", &bed);
    let blacklist = write(
        folder.path(),
        "blacklist.bed",
        "b\t20000\t30000\nnot_in_the_genome\t0\t9\n",
    );
    let source = BedSource {
        width: NonZeroU32::new(50),
        ..bed_source(fasta, vec![bed])
    };
    let chromosomes = SplitPlan::Chromosomes(ChromosomeSplit {
        dev: vec!["b".into()],
        test: vec!["c".into()],
    });
    let folds = SplitPlan::Folds(FoldSplit {
        k: Folds::try_from(3).unwrap(),
        by: FoldsBy::Chromosome,
        seed: 0,
        fold: NonZeroU32::new(1),
        keep_overlaps_together: true,
    });
    for split in [chromosomes, folds] {
        let mut config = config(Source::Bed(source.clone()), Some(split));
        config.negatives = Some(NegativesPlan::Genomic(GenomicNegatives {
            exclude: vec![blacklist.clone().into()],
            ..genomic()
        }));
        // As an exclusion for negatives, and as a list of what nothing should come from.
        let mut listed = config.clone();
        if let Some(NegativesPlan::Genomic(plan)) = &mut listed.negatives {
            listed.blacklist = std::mem::take(&mut plan.exclude);
        }
        listed
            .blacklist
            .push(write(folder.path(), "more.bed", "a\t0\t500\n").into());
        let without = ingest(&listed, &Silent).unwrap();
        let found = audit(&without.metadata.audit);
        // Of `a` the window 100 to 150 lies in the list, the next one begins behind it; of `b` none does.
        assert_eq!((found.left_out["blacklisted"], found.negatives), (1, 68));
        for row in &without.rows {
            let place = row.interval.as_ref().unwrap();
            assert!(place.chrom != "a" || place.start >= 500, "{place:?}");
            assert!(place.chrom != "b" || place.end <= 20_000, "{place:?}");
        }
        let examples = ingest(&config, &Silent).unwrap();
        let mut counts = HashMap::new();
        for row in &examples.rows {
            let negative = row.label == Label::Class(0);
            *counts.entry((row.split, negative)).or_insert(0) += 1;
            let place = row.interval.as_ref().unwrap();
            if negative {
                let (chrom, start, end) = (place.chrom.as_str(), place.start, place.end);
                let touches =
                    |other: &(&str, u64, u64)| other.0 == chrom && other.1 < end && start < other.2;
                assert!(
                    !peaks.iter().any(touches),
                    "{chrom}:{start}-{end} is in a peak"
                );
                assert!(
                    !touches(&("b", 20_000, 30_000)),
                    "{chrom}:{start}-{end} is excluded"
                );
            }
        }
        for split in Split::ALL {
            assert_eq!(counts[&(split, true)], counts[&(split, false)], "{split}");
        }
        let mut names = config.clone();
        names.negatives = config.negatives.map(|plan| match plan {
            NegativesPlan::Genomic(plan) => NegativesPlan::Genomic(GenomicNegatives {
                exclude: vec![write(folder.path(), "other.bed", "chr1\t0\t9\n").into()],
                ..plan
            }),
            other => other,
        });
        let message = ingest(&names, &Silent).unwrap_err().to_string();
        assert!(
            message.contains("other.bed") && message.contains("named in another way"),
            "{message}"
        );
    }
}

#[test]
fn genomic_negatives_have_the_repeats_of_their_positives_where_the_fasta_marks_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Stream::new(9, "repeats test");
    // Repeats of 300 bases, every second 300 of them.
    let bases: String = (0..60_000)
        .map(|i| {
            let base = char::from(b"ACGT"[stream.below(4)]);
            if i / 300 % 2 == 1 {
                base.to_ascii_lowercase()
            } else {
                base
            }
        })
        .collect();
    let fasta = write(folder.path(), "g.fa", &format!(">s\n{bases}\n"));
    let packed = folder.path().join("g.fa.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), Default::default());
    std::io::Write::write_all(&mut encoder, format!(">s\n{bases}\n").as_bytes()).unwrap();
    encoder.finish().unwrap();
    // Half of the peaks in repeats, half outside of them.
    let bed: String = (0..30)
        .map(|i| format!("s\t{}\t{}\n", 900 * i + 50, 900 * i + 150))
        .collect();
    let bed = write(folder.path(), "peaks.bed", &bed);
    let lower = |place: &lingo_artifact::example::Interval| {
        let window = &bases[place.start as usize..place.end as usize];
        window.bytes().filter(u8::is_ascii_lowercase).count()
    };
    let run = |fasta: &Path, tolerance: f64| {
        let source = bed_source(fasta.to_path_buf(), vec![bed.clone()]);
        let ratios = ratios();
        let mut config = config(Source::Bed(source), Some(ratios));
        config.negatives = Some(NegativesPlan::Genomic(GenomicNegatives {
            per_positive: NonZeroU32::new(2).unwrap(),
            repeat_tolerance: share(tolerance),
            ..genomic()
        }));
        let rows = ingest(&config, &Silent).unwrap().rows;
        let of = |class| rows.iter().filter(move |r| r.label == Label::Class(class));
        let [negatives, positives] = [of(0), of(1)].map(|rows| {
            let mut shares: Vec<usize> =
                rows.map(|r| lower(r.interval.as_ref().unwrap())).collect();
            shares.sort_unstable();
            shares
        });
        (negatives, positives)
    };
    for fasta in [&fasta, &packed] {
        let (negatives, positives) = run(fasta, 0.1);
        assert_eq!((negatives.len(), positives.len()), (60, 30));
        assert_eq!(positives, [[0; 15], [100; 15]].concat());
        assert!(negatives[..30].iter().all(|n| *n <= 10), "{negatives:?}");
        assert!(negatives[30..].iter().all(|n| *n >= 90), "{negatives:?}");
    }
    let (negatives, _) = run(&fasta, 1.0);
    assert!(
        negatives.iter().any(|n| (11..90).contains(n)),
        "{negatives:?}"
    );
}

/// Lists of places are read as what they are, whatever the source's own files have for columns; and what a blacklist takes out is
/// a positive still.
#[test]
fn a_blacklist_has_three_columns_and_its_positives_are_no_place_for_negatives() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Stream::new(10, "blacklist test");
    let bases: String = (0..4_000)
        .map(|_| char::from(b"ACGT"[stream.below(4)]))
        .collect();
    let fasta = write(folder.path(), "g.fa", &format!(">s\n{bases}\n"));
    let rows: String = (0..9)
        .map(|i| format!("s\t{}\t{}\tp\tpeak\t+\n", 100 * i, 100 * i + 50))
        .collect();
    // The tenth peak takes most of what is left, and is in the blacklist.
    let bed = write(
        folder.path(),
        "peaks.bed",
        &format!("{rows}s\t1000\t3500\tp\tpeak\t+\n"),
    );
    // A gap table of UCSC has a size in the sixth column.
    let gaps = write(folder.path(), "gaps.bed", "s\t3490\t3495\tx\tx\t5\n");
    let source = BedSource {
        label: BedLabel::Column(NonZeroU32::new(5).unwrap()),
        ..bed_source(fasta, vec![bed])
    };
    let ratios = ratios();
    let mut config = config(Source::Bed(source), Some(ratios));
    config.blacklist = vec![gaps.into()];
    config.negatives = Some(NegativesPlan::Genomic(GenomicNegatives {
        gc_tolerance: share(0.3),
        ..genomic()
    }));
    assert!(lingo_ingest::preflight(&config).is_empty());
    let examples = ingest(&config, &Silent).unwrap();
    assert_eq!(audit(&examples.metadata.audit).left_out["blacklisted"], 1);
    for row in examples.rows.iter().filter(|r| r.label == Label::Class(0)) {
        let place = row.interval.as_ref().unwrap();
        assert!(place.end <= 1000 || place.start >= 3500, "{place:?}");
    }
}

/// Where only a few negatives find no place, the others are used, and the audit says so; where many do, it is an error.
#[test]
fn a_few_negatives_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Stream::new(8, "missing test");
    let mut bases: Vec<u8> = (0..40_000).map(|_| b"ACGT"[stream.below(4)]).collect();
    // One peak without an equal.
    bases[..100].fill(b'G');
    let fasta = format!(">s\n{}\n", String::from_utf8(bases).unwrap());
    let fasta = write(folder.path(), "g.fa", &fasta);
    let rows = |n: u64| -> String {
        (0..n)
            .map(|i| format!("s\t{}\t{}\n", 500 * i, 500 * i + 100))
            .collect()
    };
    let run = |n: u64| {
        let bed = write(folder.path(), &format!("{n}.bed"), &rows(n));
        let source = bed_source(fasta.clone(), vec![bed]);
        let ratios = ratios();
        let mut config = config(Source::Bed(source), Some(ratios));
        config.negatives = Some(NegativesPlan::Genomic(genomic()));
        ingest(&config, &Silent)
    };
    let found = audit(&run(20).unwrap().metadata.audit);
    assert_eq!((found.negatives, found.negatives_missing), (19, 1));
    let message = run(9).unwrap_err().to_string();
    assert!(
        message.contains("9.bed:1:") && message.contains("100.0 % GC"),
        "{message}"
    );
}
