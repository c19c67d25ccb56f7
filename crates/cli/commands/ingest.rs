//! `ingest`.

use std::io::Write as _;
use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::bounded::Probability;
use lingo_artifact::example::Examples;
use lingo_ingest::IngestConfig;
use lingo_ingest::config::{
    BedLabel, BedSource, ChromosomeSplit, CsvSource, DEFAULT_MAX_UNCOMPRESSED_BYTES, LabelKindPlan,
    RatioSplit, Source, SplitPlan,
};
use lingo_workflow::{Error, Kind, Observer as _};

use crate::arguments::Ingest;
use crate::output::{check_out, print_json, to_path_or_stdout};
use crate::terminal::Terminal;

/// `ingest`.
pub fn ingest(arguments: Ingest, terminal: &Terminal) -> Result<(), Error> {
    if arguments.json && arguments.out == Path::new("-") {
        let message = "--json and --out - both write to stdout; give --out a file";
        return Err(Error::stage(Kind::Usage, message));
    }
    let config = config(&arguments)?;
    check_out(
        &arguments.out,
        &["parquet", "csv", "tsv", "txt", "fa", "fasta"],
    )?;
    let progress = terminal.part("ingest");
    let examples = lingo_ingest::ingest(&config, progress.as_ref())?;
    to_path_or_stdout(&arguments.out, arguments.format, |path| {
        write(&examples, path)
    })?;
    if arguments.json {
        print_json(&serde_json::json!({
            "schema": "lingo-pipe/ingest/1",
            "labels": examples.metadata.labels,
            "sources": examples.metadata.sources,
            "audit": examples.metadata.audit,
        }))?;
    } else {
        terminal.note(&format!("{} examples", examples.rows.len()));
    }
    Ok(())
}

fn config(a: &Ingest) -> Result<IngestConfig, Error> {
    let given = a.train.is_some();
    let source = if let Some(fasta) = &a.fasta {
        let label = match a.label_column {
            Some(column) => BedLabel::Column(column),
            None => BedLabel::PerFile(a.bed.iter().map(|bed| class_of(bed)).collect()),
        };
        Source::Bed(BedSource {
            fasta: fasta.clone(),
            beds: a.bed.clone(),
            label,
            name_prefix: a.name_prefix.clone(),
            width: a.width,
            stranded: !a.unstranded,
        })
    } else if given || a.file.is_some() {
        Source::Csv(CsvSource {
            train: a.train.clone(),
            dev: a.dev.clone(),
            test: a.test.clone(),
            file: a.file.clone(),
        })
    } else {
        let message =
            "nothing to read; give --fasta and --bed, or --train, --dev and --test, or --file";
        return Err(Error::stage(Kind::Usage, message));
    };
    let split = if given {
        None
    } else if a.dev_chromosomes.is_empty() && a.test_chromosomes.is_empty() {
        if let Some(n) = a.ratios.as_ref().map(Vec::len).filter(|n| *n != 3) {
            let message = format!("--ratios: 3 shares are needed, such as 0.8,0.1,0.1, not {n}");
            return Err(Error::stage(Kind::Usage, message));
        }
        let share = |i: usize, default| {
            let value = a
                .ratios
                .as_ref()
                .and_then(|r| r.get(i))
                .copied()
                .unwrap_or(default);
            Probability::try_from(value)
                .map_err(|e| Error::stage(Kind::Usage, format!("--ratios: {e}")))
        };
        Some(SplitPlan::Ratios(RatioSplit {
            train: share(0, 0.8)?,
            dev: share(1, 0.1)?,
            test: share(2, 0.1)?,
            seed: a.split_seed,
        }))
    } else {
        Some(SplitPlan::Chromosomes(ChromosomeSplit {
            dev: a.dev_chromosomes.clone(),
            test: a.test_chromosomes.clone(),
        }))
    };
    Ok(IngestConfig {
        source,
        split,
        label_kind: LabelKindPlan::default(),
        classes: None,
        max_uncompressed_bytes: DEFAULT_MAX_UNCOMPRESSED_BYTES,
    })
}

/// `promoters` for `data/promoters.bed.gz`.
fn class_of(bed: &Path) -> String {
    let name = bed.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_string()
}

/// As a table, or as FASTA with split and label in the header.
fn write(examples: &Examples, path: &Path) -> Result<(), Error> {
    if !path.extension().is_some_and(|e| e == "fa" || e == "fasta") {
        return Ok(examples.write(path)?);
    }
    let names = examples.metadata.labels.names();
    atomic::write(path, |out| {
        for row in &examples.rows {
            let label = match &row.label {
                lingo_artifact::Label::Class(c) => names
                    .get(*c as usize)
                    .cloned()
                    .unwrap_or_else(|| c.to_string()),
                lingo_artifact::Label::Multi(m) => m
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(","),
                lingo_artifact::Label::Value(v) => v.to_string(),
            };
            let second = row.sequence2.iter().map(|s| (format!("{}/2", row.id), s));
            let first = std::iter::once((row.id.clone(), &row.sequence));
            for (id, sequence) in first.chain(second) {
                writeln!(out, ">{id} split={} label={label}\n{sequence}", row.split)
                    .map_err(lingo_artifact::Error::io("write", path))?;
            }
        }
        Ok::<(), lingo_artifact::Error>(())
    })?;
    Ok(())
}
