//! The stage: configuration and input files to labelled, split and audited examples.

use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_artifact::example::{Example, Examples, ExamplesMetadata, SourceHash};
use lingo_artifact::progress::Progress;
use lingo_artifact::{Label, LabelKind, Split};

use crate::audit::audit;
use crate::bed::{BedOptions, read_bed};
use crate::config::{BedLabel, BedSource, CsvSource, IngestConfig, Source, SplitPlan, input_files};
use crate::row::{Id, Row};
use crate::{Error, Genome, Result, extract, labelled_table, labels, split_rows};

/// Makes the examples of one task: reads, labels, splits, audits.
///
/// The rows come out train first, then dev, then test, within a split in the order of the files.
/// `metadata.audit` is the [`Audit`](crate::Audit) as JSON; its warnings also go to `progress`.
///
/// # Errors
/// Whatever is wrong with the configuration or the files: [`Error`].
pub fn ingest(config: &IngestConfig, progress: &dyn Progress) -> Result<Examples> {
    config.check()?;
    let files = input_files(config);
    progress.begin("reading", files.len() as u64);
    let read = match &config.source {
        Source::Bed(source) => read_intervals(config, source, progress)?,
        Source::Csv(source) => read_tables(config, source, progress)?,
    };
    let (kind, labels) = labels::resolve(
        &read.rows,
        &read.files,
        config.label_kind,
        config.classes.as_deref(),
    )?;
    let splits = split(config, &read, &kind)?;
    labels::check_train(&kind, splits.iter().copied().zip(labels.iter().cloned()))?;
    let rows = examples(read.rows, splits, labels);
    let audit = audit(&rows, &kind, read.dropped_outside);
    progress.end(&format!("{} examples", rows.len()));
    for warning in audit.warnings() {
        progress.say(&warning);
    }
    Ok(Examples {
        rows,
        metadata: ExamplesMetadata {
            labels: kind,
            sources: files
                .iter()
                .map(|path| source_hash(path))
                .collect::<Result<_>>()?,
            audit: serde_json::to_value(&audit)
                .map_err(|e| Error::Data(format!("the audit cannot be written as JSON: {e}")))?,
        },
    })
}

/// What the files of a source hold.
struct Read {
    rows: Vec<Row>,
    /// The files that the rows count.
    files: Vec<PathBuf>,
    genome: Option<Genome>,
    dropped_outside: u64,
}

fn read_intervals(
    config: &IngestConfig,
    source: &BedSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = Genome::open(&source.fasta, config.max_uncompressed_bytes)?;
    progress.advance(1, "");
    let options = BedOptions {
        label_column: match &source.label {
            BedLabel::Column(column) => Some(*column),
            BedLabel::PerFile(_) => None,
        },
        name_prefix: source.name_prefix.clone(),
        stranded: source.stranded,
        limit: config.max_uncompressed_bytes,
    };
    let mut rows = Vec::new();
    let mut dropped_outside = 0;
    for (file, path) in source.beds.iter().enumerate() {
        let bed_rows = read_bed(path, &options)?;
        let extraction = extract(&genome, path, &bed_rows, source.width)?;
        dropped_outside += extraction.outside.len() as u64;
        for window in extraction.windows {
            let bed_row = &bed_rows[window.row];
            let label = match &source.label {
                BedLabel::Column(_) => bed_row.label.clone().unwrap_or_default(),
                BedLabel::PerFile(names) => names[file].clone(),
            };
            let interval = window.interval;
            let place = || {
                format!(
                    "{}:{}-{}({})",
                    interval.chrom, interval.start, interval.end, interval.strand
                )
            };
            rows.push(Row {
                id: Id::Own(bed_row.name.clone().unwrap_or_else(place)),
                split: None,
                sequence: window.sequence,
                sequence2: None,
                label,
                interval: Some(interval),
                file,
                line: bed_row.line,
            });
        }
        progress.advance(file as u64 + 2, "");
    }
    // A BED file without an interval was refused above.
    if let (true, Some(width)) = (rows.is_empty(), source.width) {
        return Err(Error::Data(format!(
            "each of the {dropped_outside} intervals would leave its chromosome when resized to {width} bases; lower `width`"
        )));
    }
    Ok(Read {
        rows,
        files: source.beds.clone(),
        genome: Some(genome),
        dropped_outside,
    })
}

fn read_tables(config: &IngestConfig, source: &CsvSource, progress: &dyn Progress) -> Result<Read> {
    let tables: Vec<(&PathBuf, Option<Split>)> = [
        (&source.train, Some(Split::Train)),
        (&source.dev, Some(Split::Dev)),
        (&source.test, Some(Split::Test)),
        (&source.file, None),
    ]
    .into_iter()
    .filter_map(|(path, split)| Some((path.as_ref()?, split)))
    .collect();
    let mut rows: Vec<Row> = Vec::new();
    for (file, (path, split)) in tables.iter().enumerate() {
        let read = labelled_table::read(path, file, *split, config.max_uncompressed_bytes)?;
        if let (Some(a), Some(b)) = (rows.first(), read.first())
            && a.sequence2.is_some() != b.sequence2.is_some()
        {
            return Err(Error::line(
                path,
                1,
                format!(
                    "one of this file and {} has pairs of sequences, the other has not",
                    tables[0].0.display()
                ),
            ));
        }
        rows.extend(read);
        progress.advance(file as u64 + 1, "");
    }
    Ok(Read {
        rows,
        files: tables.into_iter().map(|(path, _)| path.clone()).collect(),
        genome: None,
        dropped_outside: 0,
    })
}

fn split(config: &IngestConfig, read: &Read, kind: &LabelKind) -> Result<Vec<Split>> {
    let (splits, wanted) = match (&config.split, &read.genome) {
        (None, _) => {
            let given: Option<Vec<Split>> = read.rows.iter().map(|row| row.split).collect();
            let splits = given.ok_or_else(|| Error::Config("`split` is missing".into()))?;
            (splits, [true; 3])
        }
        (Some(SplitPlan::Ratios(plan)), _) => {
            let stratum = |row: &Row| match kind {
                LabelKind::Regression => String::new(),
                LabelKind::Classes(_) | LabelKind::Multilabel(_) => row.label.clone(),
            };
            let strata: Vec<String> = read.rows.iter().map(stratum).collect();
            let wanted = [plan.train, plan.dev, plan.test].map(|share| share.get() > 0.0);
            (split_rows::by_ratio(&strata, plan), wanted)
        }
        (Some(SplitPlan::Chromosomes(plan)), Some(genome)) => (
            split_rows::by_chromosome(&read.rows, plan, genome)?,
            [true, !plan.dev.is_empty(), !plan.test.is_empty()],
        ),
        (Some(SplitPlan::Chromosomes(_)), None) => {
            return Err(Error::Config(
                "only a `bed` source can be split by `chromosomes`".into(),
            ));
        }
    };
    split_rows::check_filled(&splits, wanted)?;
    Ok(splits)
}

fn examples(rows: Vec<Row>, splits: Vec<Split>, labels: Vec<Label>) -> Vec<Example> {
    let mut examples: Vec<Example> = rows
        .into_iter()
        .zip(splits)
        .zip(labels)
        .map(|((row, split), label)| Example {
            id: match row.id {
                Id::Own(id) => id,
                Id::Numbered(n) => format!("{split}:{n}"),
            },
            split,
            sequence: row.sequence,
            sequence2: row.sequence2,
            label,
            interval: row.interval,
        })
        .collect();
    examples.sort_by_key(|example| example.split);
    examples
}

fn source_hash(path: &Path) -> Result<SourceHash> {
    let (sha256, bytes) = Digest::of_file(path)?;
    Ok(SourceHash {
        path: path.display().to_string(),
        sha256,
        bytes,
    })
}
