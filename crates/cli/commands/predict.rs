//! `predict`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use lingo_adapt::Description;
use lingo_artifact::example::{Examples, Interval};
use lingo_artifact::prediction::Predictions;
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_artifact::tokens::TokenRow;
use lingo_artifact::{Label, LabelKind, Split, Strand, atomic};
use lingo_evaluate::probability::{sigmoid, softmax};
use lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES;
use lingo_ingest::{BedOptions, Genome, extract, read_bed};
use lingo_tokenize::Encoder;
use lingo_workflow::{Error, Kind, Observer as _};

use super::device;
use crate::arguments::Predict;
use crate::output::{Input, say, to_path_or_stdout};
use crate::terminal::Terminal;

/// One sequence to predict on.
struct Row {
    id: String,
    sequence: String,
    sequence2: Option<String>,
    interval: Option<Interval>,
    /// Only rows of a table of examples have one.
    label: Option<Label>,
    split: Split,
}

/// `predict`.
pub fn predict(arguments: Predict, terminal: &Terminal) -> Result<(), Error> {
    let device = device(&arguments.device)?;
    let description = Description::read(&arguments.adapter)?;
    let rows = rows(&arguments)?;
    let encoder = Encoder::from_encoding(&description.encoding, &model_folder(&arguments))?;
    let mut truncated = 0;
    let tokens = rows
        .iter()
        .map(|row| {
            let encoded = encoder.encode_pair(&row.sequence, row.sequence2.as_deref())?;
            truncated += usize::from(encoded.truncated());
            Ok(TokenRow {
                id: row.id.clone(),
                split: row.split,
                label: row
                    .label
                    .clone()
                    .unwrap_or_else(|| no_label(&description.labels)),
                input_ids: encoded.ids,
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    if truncated > 0 {
        say(&format!(
            "{truncated} of {} sequences lost DNA at their end",
            rows.len()
        ));
    }
    let progress = terminal.part("predict");
    let predictions = lingo_adapt::predict(
        &arguments.adapter,
        arguments.model.as_deref(),
        &tokens,
        device,
        progress.as_ref(),
    )?;
    drop(progress);
    to_path_or_stdout(&arguments.out, arguments.format, |path| {
        write(&rows, &predictions, path)
    })
}

/// The folder whose tokenizer the encoding may need.
fn model_folder(arguments: &Predict) -> PathBuf {
    arguments
        .model
        .clone()
        .or_else(|| arguments.adapter.parent().map(|p| p.join("model")))
        .unwrap_or_default()
}

fn no_label(kind: &LabelKind) -> Label {
    match kind {
        LabelKind::Classes(_) => Label::Class(0),
        LabelKind::Multilabel(names) => Label::Multi(vec![0; names.len()]),
        LabelKind::Regression => Label::Value(0.0),
    }
}

fn rows(arguments: &Predict) -> Result<Vec<Row>, Error> {
    let rows = match (&arguments.input, &arguments.fasta) {
        (Some(input), _) => {
            let input = Input::open(input, arguments.format)?;
            let examples = Examples::read(input.path())?;
            examples
                .rows
                .into_iter()
                .map(|e| Row {
                    id: e.id,
                    sequence: e.sequence,
                    sequence2: e.sequence2,
                    interval: e.interval,
                    label: Some(e.label),
                    split: e.split,
                })
                .collect()
        }
        (None, Some(fasta)) => {
            let genome = Genome::open(fasta, DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
            if arguments.bed.is_empty() {
                windows(&genome, arguments)?
            } else {
                intervals(&genome, arguments)?
            }
        }
        (None, None) => return Err(Error::stage(Kind::Usage, "give --fasta or --input")),
    };
    if rows.is_empty() {
        return Err(Error::stage(
            Kind::Input,
            "there is no sequence to predict on",
        ));
    }
    Ok(rows)
}

fn intervals(genome: &Genome, arguments: &Predict) -> Result<Vec<Row>, Error> {
    let options = BedOptions {
        stranded: !arguments.unstranded,
        ..BedOptions::default()
    };
    let mut rows = Vec::new();
    for bed in &arguments.bed {
        let bed_rows = read_bed(bed, &options)?;
        let extraction = extract(genome, bed, &bed_rows, arguments.width)?;
        if !extraction.outside.is_empty() {
            say(&format!(
                "{}: {} windows would leave their chromosome and are left out",
                bed.display(),
                extraction.outside.len()
            ));
        }
        for window in extraction.windows {
            let i = &window.interval;
            let place = format!("{}:{}-{}({})", i.chrom, i.start, i.end, i.strand);
            let id = bed_rows.get(window.row).and_then(|row| row.name.clone());
            rows.push(of_genome(
                id.unwrap_or(place),
                window.sequence,
                window.interval,
            ));
        }
    }
    Ok(rows)
}

/// Whole sequences, or windows side by side.
fn windows(genome: &Genome, arguments: &Predict) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (name, length) in genome.sequences() {
        let width = arguments
            .width
            .map_or(*length, |w| u64::from(w.get()))
            .max(1);
        for start in (0..*length).step_by(usize::try_from(width).unwrap_or(usize::MAX)) {
            let end = (start + width).min(*length);
            let bases = genome.bases(name, start, end)?;
            let sequence = String::from_utf8_lossy(&bases).into_owned();
            let id = match arguments.width {
                Some(_) => format!("{name}:{start}-{end}"),
                None => name.clone(),
            };
            let interval = Interval {
                chrom: name.clone(),
                start,
                end,
                strand: Strand::Forward,
            };
            rows.push(of_genome(id, sequence, interval));
        }
    }
    Ok(rows)
}

fn of_genome(id: String, sequence: String, interval: Interval) -> Row {
    Row {
        id,
        sequence,
        sequence2: None,
        interval: Some(interval),
        label: None,
        split: Split::Test,
    }
}

fn write(rows: &[Row], predictions: &Predictions, path: &Path) -> Result<(), Error> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let labelled = rows.iter().all(|row| row.label.is_some());
    match ending.as_deref() {
        Some("bed") => write_lines(rows, predictions, path, None),
        // Where nothing is known of the truth, people get places and probabilities.
        Some("tsv") if !labelled => write_lines(rows, predictions, path, Some('\t')),
        Some("csv") if !labelled => write_lines(rows, predictions, path, Some(',')),
        _ => Ok(predictions.write(path)?),
    }
}

/// BED (no delimiter given), or a table of places and probabilities.
fn write_lines(
    rows: &[Row],
    predictions: &Predictions,
    path: &Path,
    delimiter: Option<char>,
) -> Result<(), Error> {
    let names = predictions.labels.names();
    atomic::write(path, |out| {
        let mut line = |fields: &[String], delimiter: char| {
            writeln!(out, "{}", fields.join(&delimiter.to_string()))
                .map_err(lingo_artifact::Error::io("write", path))
        };
        if let Some(delimiter) = delimiter {
            let mut header: Vec<String> = ["id", "chrom", "start", "end", "strand", "prediction"]
                .map(String::from)
                .to_vec();
            header.extend(names.iter().map(|name| format!("p_{name}")));
            line(&header, delimiter)?;
        }
        for (row, prediction) in rows.iter().zip(&predictions.rows) {
            let (told, score, probabilities) = read_off(&predictions.labels, &prediction.logits);
            let place = row.interval.as_ref();
            let chrom = place.map_or("", |i| &i.chrom).to_string();
            let start = place.map_or(String::new(), |i| i.start.to_string());
            let end = place.map_or(String::new(), |i| i.end.to_string());
            let strand = place.map_or(".".to_string(), |i| i.strand.to_string());
            let probabilities = probabilities.iter().map(|p| format!("{p:.6}"));
            match delimiter {
                Some(delimiter) => {
                    let mut fields = vec![row.id.clone(), chrom, start, end, strand, told];
                    fields.extend(probabilities);
                    line(&fields, delimiter)?;
                }
                None => {
                    let mut fields = vec![chrom, start, end, row.id.clone(), score, strand, told];
                    fields.extend(probabilities);
                    line(&fields, '\t')?;
                }
            }
        }
        Ok::<(), lingo_artifact::Error>(())
    })?;
    Ok(())
}

/// What is predicted, a BED score (0 to 1000), and the probability of each class.
fn read_off(kind: &LabelKind, logits: &[f32]) -> (String, String, Vec<f64>) {
    let score = |p: f64| format!("{:.0}", (1000.0 * p).clamp(0.0, 1000.0));
    match kind {
        LabelKind::Classes(names) => {
            let probabilities = softmax(logits);
            let best = (0..probabilities.len())
                .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))
                .unwrap_or(0);
            let name = names.get(best).cloned().unwrap_or_default();
            let best = probabilities.get(best).copied().unwrap_or(0.0);
            (name, score(best), probabilities)
        }
        LabelKind::Multilabel(names) => {
            let probabilities: Vec<f64> = logits.iter().map(|x| sigmoid(f64::from(*x))).collect();
            let there: Vec<&str> = names
                .iter()
                .zip(&probabilities)
                .filter(|(_, p)| **p >= 0.5)
                .map(|(name, _)| name.as_str())
                .collect();
            let most = probabilities.iter().copied().fold(0.0, f64::max);
            (there.join(";"), score(most), probabilities)
        }
        LabelKind::Regression => {
            let value = logits.first().copied().unwrap_or(0.0);
            (value.to_string(), "0".to_string(), Vec::new())
        }
    }
}
