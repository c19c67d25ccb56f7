//! The sources beside BED and CSV: from their files to rows.

use std::path::PathBuf;

use lingo_artifact::progress::Progress;
use lingo_artifact::{LabelKind, Split};

use crate::config::IngestConfig;
use crate::dataset::LeftOut;
use crate::feature_windows;
use crate::interval_rows::{IntervalRows, Part};
use crate::interval_table;
use crate::labelled_fasta::{self as fasta, HeaderLayout};
use crate::labels::LabelColumn;
use crate::peak_matrix as matrix;
use crate::read::Read;
use crate::row::{self, Content, Edit, Padding, Row, Rows, Window};
use crate::sources::{
    GffSource, IntervalCsvSource, LabelledFastaSource, PeakMatrixSource, RefMismatch, VariantLabel,
    VcfSource,
};
use crate::variant_pair::{self, Placed};
use crate::vcf;
use crate::{Error, Genome, Result};

fn open(fasta: &std::path::Path, config: &IngestConfig, progress: &dyn Progress) -> Result<Genome> {
    let genome = Genome::open_within(fasta, config.max_uncompressed_bytes, config.max_memory)?;
    progress.advance(1, "");
    Ok(genome)
}

/// Each ALT allele of each record: a pair of sequences.
pub(crate) fn variants(
    config: &IngestConfig,
    source: &VcfSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let width = u64::from(source.width.get());
    let mut rows = Rows::new(source.files.clone(), config.max_memory);
    let mut refused = vcf::LeftOut::default();
    let (mut outside, mut too_long, mut mismatches, mut other_labels) = (0, 0, 0, 0);
    for (number, path) in source.files.iter().enumerate() {
        let file = row::file(number)?;
        let class = match &source.label {
            VariantLabel::PerFile(names) => names.get(number).map(String::as_str),
            _ => None,
        };
        let limit = config.max_uncompressed_bytes;
        let left_out = vcf::read(path, limit, &source.label, class, |variant| {
            let error = |problem: String| Error::line(path, variant.line, problem);
            let label = match (&variant.label, &source.only) {
                (Some(label), None) => label,
                (Some(label), Some(only)) if only.contains(label) => label,
                (_, Some(_)) => {
                    other_labels += 1;
                    return Ok(());
                }
                (None, None) => return Err(error(source.label.missing(&variant.name()))),
            };
            let placed = variant_pair::place(&genome, &variant, width)?.map_err(error)?;
            let (window, before) = match placed {
                Placed::In(window, before) => (window, before),
                Placed::Outside => {
                    outside += 1;
                    return Ok(());
                }
                Placed::TooLong => {
                    too_long += 1;
                    return Ok(());
                }
                Placed::Mismatch(_) if source.ref_mismatch == RefMismatch::Skip => {
                    mismatches += 1;
                    return Ok(());
                }
                Placed::Mismatch(found) => {
                    return Err(error(format!(
                        "REF is `{}`, but {} has `{found}` at {}:{}; are these variants of another assembly? `ref_mismatch: skip` leaves such variants out",
                        variant.reference,
                        source.fasta.display(),
                        variant.chrom,
                        variant.position.map_or(0, |p| p + 1)
                    )));
                }
            };
            let name = match &variant.id {
                Some(id) => rows.texts.push(id),
                None => rows.texts.push(&variant.name()),
            };
            let label = rows.push_label(label);
            let alternate = rows.texts.push(&variant.alternate);
            let content = rows.edited(Edit {
                window,
                before,
                replaced: variant.reference.len() as u32,
                alternate,
            });
            rows.push(Row {
                name: Some(name),
                content,
                label,
                line: row::line(variant.line),
                file,
                split: None,
            })
        })?;
        refused.add(&left_out);
        progress.advance(number as u64 + 2, "");
    }
    let left_out = [
        ("symbolic_alleles", refused.symbolic),
        ("breakends", refused.breakends),
        ("overlapped_alleles", refused.overlapped),
        ("without_alternate", refused.without_alternate),
        ("ref_mismatches", mismatches),
        ("longer_than_window", too_long),
        ("other_labels", other_labels),
    ];
    if rows.all().is_empty() {
        let mut all: Vec<String> = left_out
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(key, n)| format!("{n} {}", lingo_artifact::left_out::words(key, *n)))
            .collect();
        match outside {
            0 => {}
            1 => all.push("1 variant whose window would leave the chromosome".into()),
            n => all.push(format!(
                "{n} variants whose window would leave the chromosome"
            )),
        }
        return Err(Error::Data(format!(
            "no variant is left; left out: {}",
            all.join(", ")
        )));
    }
    let mut read = Read::new(rows, Some(genome));
    read.dropped_outside = outside;
    read.left_out = counts(left_out);
    Ok(read)
}

fn counts<const N: usize>(all: [(&'static str, u64); N]) -> Vec<LeftOut> {
    all.map(|(key, rows)| LeftOut { key, rows }).to_vec()
}

impl VariantLabel {
    /// What is wrong with a variant that has none.
    fn missing(&self, variant: &str) -> String {
        let hint = "`only` leaves out what has none of the labels that it names";
        match self {
            Self::Info(key) => {
                format!("`{variant}` has no `{key}` in its INFO, which is its label; {hint}")
            }
            Self::Filter => format!("FILTER of `{variant}` is `.`, and its label is there; {hint}"),
            Self::Id => format!("ID of `{variant}` is `.`, and its label is there; {hint}"),
            Self::PerFile(_) => format!("`{variant}` has no label"),
        }
    }
}

/// Windows around features.
pub(crate) fn features(
    config: &IngestConfig,
    source: &GffSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let mut rows = Rows::new(source.files.clone(), config.max_memory);
    let mut all = feature_windows::Counts::default();
    for (number, path) in source.files.iter().enumerate() {
        let file = row::file(number)?;
        let limit = config.max_uncompressed_bytes;
        let laid = feature_windows::read(path, file, limit, source, &genome, &mut rows)?;
        all.rows += laid.rows;
        all.repeated += laid.repeated;
        all.outside += laid.outside;
        all.strandless += laid.strandless;
        progress.advance(number as u64 + 2, "");
    }
    if rows.all().is_empty() {
        return Err(Error::Data(format!(
            "no window is left: {} would leave their chromosome, {} transcripts have no strand",
            all.outside, all.strandless
        )));
    }
    let mut read = Read::new(rows, Some(genome));
    read.dropped_outside = all.outside;
    read.left_out = counts([
        ("repeated_windows", all.repeated),
        ("strandless_transcripts", all.strandless),
    ]);
    Ok(read)
}

/// Intervals in the layout of Genomic Benchmarks.
pub(crate) fn interval_tables(
    config: &IngestConfig,
    source: &IntervalCsvSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let files = source.tables.iter().map(|t| t.file.clone()).collect();
    let mut all = Part::new(files, config.max_memory);
    let (limit, most) = (config.max_uncompressed_bytes, config.max_memory.get() / 2);
    for (number, table) in source.tables.iter().enumerate() {
        let path = &table.file;
        let intervals = IntervalRows {
            genome: &genome,
            path,
            file: row::file(number)?,
            width: source.width,
            split: table.split,
        };
        interval_table::each_row(path, source.stranded, limit, most, |interval| {
            intervals.push(interval, &table.class, &mut all)
        })?;
        progress.advance(number as u64 + 2, "");
    }
    all.check_left(source.width)?;
    let mut read = Read::new(all.rows, Some(genome));
    read.dropped_outside = all.outside;
    read.dev_from_train = source.dev_from_train;
    Ok(read)
}

/// The files of a source that has one for each split, or one in all, with the split that each gives.
pub(crate) fn given_files<'a>(
    of_splits: [&'a Option<PathBuf>; 3],
    whole: &'a Option<PathBuf>,
) -> Vec<(&'a PathBuf, Option<Split>)> {
    let splits = Split::ALL.map(Some);
    of_splits
        .into_iter()
        .zip(splits)
        .chain([(whole, None)])
        .filter_map(|(path, split)| Some((path.as_ref()?, split)))
        .collect()
}

/// FASTA with labels in its headers.
pub(crate) fn labelled_fasta(
    config: &IngestConfig,
    source: &LabelledFastaSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let all = given_files([&source.train, &source.dev, &source.test], &source.file);
    let files = all.iter().map(|(path, _)| (*path).clone()).collect();
    let mut rows = Rows::new(files, config.max_memory);
    let layout = HeaderLayout {
        separator: &source.separator,
        field: source.field,
        label_needed: true,
    };
    for (number, (path, split)) in all.iter().enumerate() {
        let file = row::file(number)?;
        let mut count = 0;
        fasta::read(path, layout, config.max_uncompressed_bytes, |record| {
            count += 1;
            let row = Row {
                name: Some(rows.texts.push(&record.id)),
                content: Content::Text {
                    first: rows.texts.push(&record.sequence),
                    second: None,
                    number: count,
                },
                label: rows.push_label(&record.label),
                line: row::line(record.line),
                file,
                split: *split,
            };
            rows.push(row)
        })?;
        progress.advance(number as u64 + 1, "");
    }
    let mut read = Read::new(rows, None);
    read.dev_from_train = source.dev_from_train;
    Ok(read)
}

/// Bins of a genome with a label for each peak file.
pub(crate) fn peak_matrix(
    config: &IngestConfig,
    source: &PeakMatrixSource,
    progress: &dyn Progress,
) -> Result<Read> {
    let genome = open(&source.fasta, config, progress)?;
    let peaks = matrix::read_peaks(source, config.max_uncompressed_bytes, &genome)?;
    progress.advance(source.peaks.len() as u64, "");
    let mut rows = Rows::new(source.peaks.clone(), config.max_memory);
    let mut all = Vec::new();
    let mut text = String::new();
    let left_out = matrix::bins(&genome, &peaks, source, |bin| {
        // What the rows of one stratum share; the labels themselves stand in the column.
        text.clear();
        text.extend(bin.labels.iter().map(|one| if *one { '1' } else { '0' }));
        all.extend(bin.labels.iter().map(|one| u8::from(*one)));
        let window = Window {
            sequence: bin.sequence,
            strand: lingo_artifact::Strand::Unknown,
            start: bin.context.0,
            end: bin.context.1,
        };
        let content = match bin.beyond {
            (0, 0) => Content::Window(window),
            (before, behind) => rows.padded(Padding {
                window,
                before,
                behind,
            }),
        };
        let row = Row {
            name: None,
            content,
            label: rows.push_label(&text),
            line: 0,
            file: 0,
            split: None,
        };
        rows.push(row)
    })?;
    let mut read = Read::new(rows, Some(genome));
    read.dropped_outside = left_out.outside;
    read.left_out = counts([("unlabelled_bins", left_out.unlabelled)]);
    read.labels = Some((
        LabelKind::Multilabel(source.class_names()),
        LabelColumn::Lists {
            width: source.peaks.len(),
            all,
        },
    ));
    Ok(read)
}
