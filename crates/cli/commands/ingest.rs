//! `ingest`.

use std::path::{Path, PathBuf};

use lingo_artifact::bounded::Probability;
use lingo_artifact::example::ExampleFormat;
use lingo_ingest::IngestConfig;
use lingo_ingest::config::class_of;
use lingo_ingest::config::sources::{Around, Statistic, TableColumns, TrackLabel};
use lingo_ingest::config::{
    BedLabel, BedSource, ChromosomeSplit, ClusterSplit, CsvSource, DEFAULT_MAX_UNCOMPRESSED_BYTES,
    Downsample, FoldSplit, Folds, FoldsBy, GenomicNegatives, LabelKindPlan, Leakage, NearLeakage,
    NegativesPlan, OnLeak, RatioSplit, ShuffledNegatives, Source, SplitPlan,
};
use lingo_workflow::{Error, Kind, Observer as _};

use crate::arguments::{
    Ingest, LabelKindChoice, LeakageChoice, NegativesChoice, OnLeakChoice, StatisticChoice,
};
use crate::commands::ingest_sources::{beyond_end, other_source};
use crate::output::{check_out, print_json, stream_to_stdout};
use crate::sequences::{contigs, of_fasta};
use crate::terminal::Terminal;

/// `ingest`.
pub fn ingest(arguments: &Ingest, terminal: &Terminal) -> Result<(), Error> {
    if arguments.json && arguments.out == Path::new("-") {
        let message = "--json and --out - both write to stdout; give --out a file";
        return Err(Error::stage(Kind::Usage, message));
    }
    let config = config(arguments)?;
    check_out(
        &arguments.out,
        &["parquet", "csv", "tsv", "txt", "fa", "fasta"],
    )?;
    let progress = terminal.part("ingest");
    let data = lingo_ingest::prepare(&config, progress.as_ref())?;
    if arguments.out == Path::new("-") {
        // Rows go out as they are made; the path is for messages, and names the format.
        let path = PathBuf::from(format!("stdout.{}", arguments.format.ending()));
        let format = ExampleFormat::of_path(&path)?;
        stream_to_stdout(|out| Ok(data.write_to(Path::new("stdout"), format, out)?))?;
    } else {
        data.write(&arguments.out)?;
    }
    if arguments.json {
        let metadata = data.metadata()?;
        print_json(&serde_json::json!({
            "schema": "lingo-pipe/ingest/1",
            "labels": metadata.labels,
            "sources": metadata.sources,
            "audit": metadata.audit,
        }))?;
    } else {
        terminal.note(&format!("{} examples", data.len()));
    }
    Ok(())
}

fn config(a: &Ingest) -> Result<IngestConfig, Error> {
    let given = a.train.is_some();
    let source = if let Some(source) = other_source(a)? {
        source
    } else if let Some(fasta) = of_fasta(&a.fasta)? {
        let label = match (a.label_column, &a.track) {
            (_, Some(file)) => BedLabel::Track(TrackLabel {
                file: file.clone(),
                statistic: match a.statistic {
                    StatisticChoice::Mean => Statistic::Mean,
                    StatisticChoice::Max => Statistic::Max,
                    StatisticChoice::Sum => Statistic::Sum,
                },
                log1p: a.log1p,
            }),
            (Some(column), None) => BedLabel::Column(column),
            (None, None) => {
                BedLabel::PerFile(a.bed.iter().map(|bed| class_of(bed.path())).collect())
            }
        };
        Source::Bed(BedSource {
            fasta,
            beds: a.bed.clone(),
            label,
            name_prefix: a.name_prefix.clone(),
            width: a.width,
            around: if a.summit {
                Around::Summit
            } else {
                Around::Middle
            },
            beyond_end: beyond_end(a),
            stranded: !a.unstranded,
        })
    } else if given || a.file.is_some() {
        Source::Csv(CsvSource {
            train: a.train.clone(),
            dev: a.dev.clone(),
            test: a.test.clone(),
            file: a.file.clone(),
            columns: columns(&a.columns)?,
        })
    } else {
        let message = "nothing to read; give --fasta and --bed (or --vcf, --gff, --intervals, --peaks), or --train, --dev and --test, or --file, or --labelled-fasta";
        return Err(Error::stage(Kind::Usage, message));
    };
    let probability = |option: &str, value: f64| {
        Probability::try_from(value)
            .map_err(|e| Error::stage(Kind::Usage, format!("--{option}: {e}")))
    };
    let jaccard = a.jaccard.map(|j| probability("jaccard", j)).transpose()?;
    let negatives = match a.negatives {
        None => None,
        Some(NegativesChoice::Genomic) => Some(NegativesPlan::Genomic(GenomicNegatives {
            per_positive: a.per_positive,
            gc_tolerance: probability("gc-tolerance", a.gc_tolerance)?,
            repeat_tolerance: probability("repeat-tolerance", a.repeat_tolerance)?,
            margin: a.margin,
            exclude: a.exclude.clone(),
            label: "negative".into(),
            seed: a.split_seed,
        })),
        Some(NegativesChoice::Shuffle) if !a.exclude.is_empty() => {
            let message = "--exclude is for --negatives genomic: shuffles lie nowhere";
            return Err(Error::stage(Kind::Usage, message));
        }
        Some(NegativesChoice::Shuffle) => Some(NegativesPlan::Shuffle(ShuffledNegatives {
            per_positive: a.per_positive,
            label: "negative".into(),
            seed: a.split_seed,
        })),
    };
    Ok(IngestConfig {
        source,
        split: split(a, jaccard)?,
        contigs: contigs(a.contig_aliases.as_deref(), &a.skip_contigs)?,
        blacklist: a.blacklist.clone(),
        downsample: downsample(a),
        label_kind: match a.label_kind {
            None => LabelKindPlan::Auto,
            Some(LabelKindChoice::Classes) => LabelKindPlan::Classes,
            Some(LabelKindChoice::Regression) => LabelKindPlan::Regression,
            Some(LabelKindChoice::Multilabel) => LabelKindPlan::Multilabel,
        },
        classes: None,
        max_uncompressed_bytes: DEFAULT_MAX_UNCOMPRESSED_BYTES,
        negatives,
        leakage: match a.leakage {
            LeakageChoice::Unexamined => Leakage::Unexamined,
            LeakageChoice::Exact => Leakage::Exact,
            LeakageChoice::Near => Leakage::Near(NearLeakage {
                jaccard,
                overlap: probability("leak-overlap", a.leak_overlap)?,
            }),
        },
        on_leak: match a.on_leak {
            OnLeakChoice::Warn => OnLeak::Warn,
            OnLeakChoice::Drop => OnLeak::Drop,
            OnLeakChoice::Error => OnLeak::Error,
        },
        max_memory: a.max_memory,
    })
}

/// `--most-per-class` or `--class-ratio`.
fn downsample(a: &Ingest) -> Option<Downsample> {
    let given = a.most_per_class.is_some() || a.class_ratio.is_some();
    given.then_some(Downsample {
        most_per_class: a.most_per_class,
        ratio: a.class_ratio,
        seed: a.split_seed,
    })
}

/// `sequence=seq,label=y`.
fn columns(given: &[String]) -> Result<TableColumns, Error> {
    let mut columns = TableColumns::default();
    for one in given {
        let wrong = || {
            let message = format!(
                "--columns: `{one}` is none of sequence=NAME, sequence2=NAME, label=NAME and id=NAME"
            );
            Error::stage(Kind::Usage, message)
        };
        let (column, name) = one.split_once('=').ok_or_else(wrong)?;
        let column = match column {
            "sequence" => &mut columns.sequence,
            "sequence2" => &mut columns.sequence2,
            "label" => &mut columns.label,
            "id" => &mut columns.id,
            _ => return Err(wrong()),
        };
        *column = Some(name.to_string());
    }
    Ok(columns)
}

fn split(a: &Ingest, jaccard: Option<Probability>) -> Result<Option<SplitPlan>, Error> {
    if a.train.is_some() {
        return Ok(None);
    }
    if let Some(k) = a.folds {
        let k =
            Folds::try_from(k).map_err(|e| Error::stage(Kind::Usage, format!("--folds: {e}")))?;
        let by = if a.by_chromosome {
            FoldsBy::Chromosome
        } else {
            FoldsBy::Class
        };
        return Ok(Some(SplitPlan::Folds(FoldSplit {
            k,
            by,
            seed: a.split_seed,
            fold: a.fold,
            keep_overlaps_together: !a.part_overlaps,
        })));
    }
    if !a.dev_chromosomes.is_empty() || !a.test_chromosomes.is_empty() {
        return Ok(Some(SplitPlan::Chromosomes(ChromosomeSplit {
            dev: a.dev_chromosomes.clone(),
            test: a.test_chromosomes.clone(),
        })));
    }
    if let Some(n) = a.ratios.as_ref().map(Vec::len).filter(|n| *n != 3) {
        let message = format!("--ratios: 3 shares are needed, such as 0.8,0.1,0.1, not {n}");
        return Err(Error::stage(Kind::Usage, message));
    }
    let share = |i: usize, default| {
        let given = a.ratios.as_ref().and_then(|r| r.get(i)).copied();
        Probability::try_from(given.unwrap_or(default))
            .map_err(|e| Error::stage(Kind::Usage, format!("--ratios: {e}")))
    };
    let (train, dev, test) = (share(0, 0.8)?, share(1, 0.1)?, share(2, 0.1)?);
    let seed = a.split_seed;
    Ok(Some(if a.clusters {
        SplitPlan::Clusters(ClusterSplit {
            train,
            dev,
            test,
            jaccard,
            seed,
            keep_overlaps_together: !a.part_overlaps,
        })
    } else {
        SplitPlan::Ratios(RatioSplit {
            train,
            dev,
            test,
            seed,
            keep_overlaps_together: !a.part_overlaps,
        })
    }))
}
