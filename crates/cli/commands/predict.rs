//! `predict`.

use std::borrow::Cow;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use lingo_adapt::{Description, PredictRequest};
use lingo_artifact::example::{Examples, Interval};
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::placed_prediction::{self, PlacedPrediction, Told};
use lingo_artifact::prediction::Predictions;
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::run_folder::RunFolder;
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_artifact::tokens::TokenRow;
use lingo_artifact::{ByteSize, Label, LabelKind, Split, Strand, atomic};
use lingo_evaluate::probability::{sigmoid, softmax};
use lingo_hub::{Hub, HubModel};
use lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES;
use lingo_ingest::{BedOptions, Genome, places, read_bed};
use lingo_tokenize::nucleotide::letters;
use lingo_tokenize::{Encoded, Encoder};
use lingo_workflow::lock::Lock;
use lingo_workflow::{Error, Kind, Observer as _};
use rayon::prelude::*;

use crate::arguments::Predict;
use crate::device::device;
use crate::output::{Input, TABLES, check_out, no_fasta, to_path_or_stdout};
use crate::sequences::genomes;
use crate::terminal::Terminal;

/// One sequence to predict on.
struct Row {
    id: String,
    /// A sequence, or a pair; without one, what stands in the interval.
    text: Option<(String, Option<String>)>,
    interval: Option<Interval>,
    /// Only rows of a table of examples have one.
    label: Option<Label>,
    split: Split,
}

/// `predict`.
pub fn predict(mut arguments: Predict, terminal: &Terminal) -> Result<(), Error> {
    let device = device(&arguments.device)?;
    no_fasta(arguments.format)?;
    let endings: Vec<&str> = TABLES.iter().copied().chain(["bed"]).collect();
    check_out(&arguments.out, &endings)?;
    let description = Description::read(&arguments.adapter)?;
    let adapter = &arguments.adapter;
    let named = description.base_model.as_ref().map(|base| &base.name);
    if let Some(name) = named.filter(|_| arguments.model.is_none())
        && lingo_adapt::base_folder(adapter, &description, None).is_err()
    {
        arguments.model = model_of_run(adapter, name);
    }
    let encoder = match named {
        None => None,
        Some(_) => {
            let model = arguments.model.as_deref();
            let base = lingo_adapt::base_folder(&arguments.adapter, &description, model)?;
            let tokenizer = model.unwrap_or(&base);
            Some(Encoder::from_encoding(&description.encoding, tokenizer)?)
        }
    };
    let (genome, rows) = rows(&arguments, terminal)?;
    if is_bed(&arguments.out) && rows.iter().any(|row| row.interval.is_none()) {
        let message = format!(
            "--out {}: these examples carry no intervals; write a table (.tsv, .csv, .parquet)",
            arguments.out.display()
        );
        return Err(Error::stage(Kind::Usage, message));
    }
    let bases = BasesOfRows {
        rows: &rows,
        genome: genome.as_ref(),
        encoder: encoder.as_ref(),
    };
    let encoded = match &encoder {
        None => Vec::new(),
        Some(encoder) => {
            let progress = terminal.part("tokenize");
            progress.begin("tokenize", rows.len() as u64);
            let encoded: Vec<Encoded> = rows
                .par_iter()
                .with_min_len(64)
                .map(|row| encode(row, encoder, genome.as_ref()))
                .collect::<Result<_, Error>>()?;
            progress.end("");
            encoded
        }
    };
    let truncated = encoded.iter().filter(|one| one.truncated()).count();
    let tokens: Vec<TokenRow> = rows
        .iter()
        .zip(
            encoded
                .into_iter()
                .map(|one| one.ids)
                .chain(std::iter::repeat(Vec::new())),
        )
        .map(|(row, input_ids)| TokenRow {
            id: row.id.clone(),
            split: row.split,
            label: row
                .label
                .clone()
                .unwrap_or_else(|| no_label(&description.labels)),
            input_ids,
        })
        .collect();
    if truncated > 0 {
        let width = !arguments.fasta.is_empty() && arguments.width.is_none();
        let advice = if width { "; give --width" } else { "" };
        terminal.say(&format!(
            "warning: {truncated} of {} sequences are longer than the {} tokens that the adapter reads: only their middle was looked at{advice}",
            rows.len(),
            description.encoding.max_length
        ));
    }
    let progress = terminal.part("predict");
    let predictions = lingo_adapt::predict(&PredictRequest {
        adapter: &arguments.adapter,
        model: arguments.model.as_deref(),
        rows: &tokens,
        readings: Some(&bases),
        device,
        merge: arguments.merge,
        progress: progress.as_ref(),
    })?;
    drop(progress);
    to_path_or_stdout(&arguments.out, arguments.format, |path| {
        write(&rows, &predictions, path)
    })
}

/// The rows' sequences, for adapters that read bases or both strands.
struct BasesOfRows<'a> {
    rows: &'a [Row],
    genome: Option<&'a Genome>,
    encoder: Option<&'a Encoder>,
}

impl Readings for BasesOfRows<'_> {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        let row = self.rows.get(row).ok_or("there is no such row")?;
        match (&row.text, self.genome, &row.interval) {
            (Some((first, second)), ..) => {
                let sequences = std::iter::once(first).chain(second);
                Ok(sequences.map(|s| letters(s)).collect())
            }
            (None, Some(genome), Some(interval)) => {
                Ok(vec![Cow::Owned(genome.stranded_bases(interval)?.to_vec())])
            }
            (None, ..) => Err("it has no sequence".into()),
        }
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        let encoder = self.encoder.ok_or("the adapter has no encoding")?;
        let [first, rest @ ..] = sequences else {
            return Err("there is no sequence to encode".into());
        };
        let second = rest.first().map(Vec::as_slice);
        Ok(encoder.encode_letters(first, second)?.ids)
    }
}

/// The folder of the model of a hub that a lock names, in the cache.
fn cached_model(hub: &serde_json::Value) -> Option<PathBuf> {
    let word = |key: &str| hub.get(key)?.as_str();
    let model = HubModel::new(word("name")?, word("commit")?).ok()?;
    Hub::from_environment().ok()?.cached(&model)
}

/// The base model of an adapter that lies in the folder of its run: the model that the run pretrained, or the folder
/// that its lock names. Whether the weights are the right ones is found out by their hash when they are loaded.
pub(super) fn model_of_run(adapter: &Path, name: &str) -> Option<PathBuf> {
    let adapter = std::path::absolute(adapter).ok()?;
    let is_model = |folder: &PathBuf| ModelFolder::new(folder).is_there();
    let run = adapter
        .ancestors()
        .find(|above| RunFolder::new(*above).lock().is_file())?;
    let pretrained = Some(run.join(name)).filter(is_model);
    pretrained.or_else(|| {
        let lock = Lock::read(run).ok()?;
        let named = match lock.model.get("hub") {
            Some(hub) => cached_model(hub)?,
            None => PathBuf::from(lock.model.get("path")?.as_str()?),
        };
        Some(named).filter(is_model)
    })
}

fn is_bed(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "bed")
}

fn no_label(kind: &LabelKind) -> Label {
    match kind {
        LabelKind::Classes(_) => Label::Class(0),
        LabelKind::Multilabel(names) => Label::Multi(vec![0; names.len()]),
        LabelKind::Regression => Label::Value(0.0),
    }
}

/// A row's tokens; the bases of a genome are looked at only here, and go to tokens with no text in between.
fn encode(row: &Row, encoder: &Encoder, genome: Option<&Genome>) -> Result<Encoded, Error> {
    match (&row.text, genome, &row.interval) {
        (Some((first, second)), ..) => Ok(encoder.encode_pair(first, second.as_deref())?),
        (None, Some(genome), Some(interval)) => {
            Ok(encoder.encode_letters(&genome.stranded_bases(interval)?, None)?)
        }
        (None, ..) => Err(Error::stage(
            Kind::Input,
            format!("`{}` has no sequence", row.id),
        )),
    }
}

fn rows(arguments: &Predict, terminal: &Terminal) -> Result<(Option<Genome>, Vec<Row>), Error> {
    let (genome, rows) = match (&arguments.input, arguments.fasta.as_slice()) {
        (Some(input), _) => {
            let input = Input::open(input, arguments.format)?;
            let examples = Examples::read(input.path())?;
            let rows = examples
                .rows
                .into_iter()
                .map(|e| Row {
                    id: e.id,
                    text: Some((e.sequence, e.sequence2)),
                    interval: e.interval,
                    label: Some(e.label),
                    split: e.split,
                })
                .collect();
            (None, rows)
        }
        (None, []) => return Err(Error::stage(Kind::Usage, "give --fasta or --input")),
        (None, fasta) => {
            let limit = DEFAULT_MAX_UNCOMPRESSED_BYTES;
            let genomes = genomes(fasta)?;
            let genome = Genome::open_within(&genomes, limit, ByteSize::DEFAULT)?;
            let rows = if arguments.bed.is_empty() {
                windows(&genome, arguments)
            } else {
                intervals(&genome, arguments, terminal)?
            };
            (Some(genome), rows)
        }
    };
    if rows.is_empty() {
        return Err(Error::stage(
            Kind::Input,
            "there is no sequence to predict on",
        ));
    }
    Ok((genome, rows))
}

fn intervals(genome: &Genome, arguments: &Predict, terminal: &Terminal) -> Result<Vec<Row>, Error> {
    let options = BedOptions {
        stranded: !arguments.unstranded,
        ..BedOptions::default()
    };
    let mut rows = Vec::new();
    for bed in &arguments.bed {
        let bed_rows = read_bed(bed.path(), &options)?;
        let places = places(genome, bed, &bed_rows, arguments.width)?;
        if !places.outside.is_empty() {
            terminal.note(&format!(
                "{}: {} windows would leave their chromosome and are left out",
                bed.path().display(),
                places.outside.len()
            ));
        }
        for (row, interval) in places.intervals {
            let i = &interval;
            let place = format!("{}:{}-{}({})", i.chrom, i.start, i.end, i.strand);
            let id = bed_rows.get(row).and_then(|row| row.name.clone());
            rows.push(of_genome(id.unwrap_or(place), interval));
        }
    }
    Ok(rows)
}

/// Whole sequences, or windows side by side.
fn windows(genome: &Genome, arguments: &Predict) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, length) in genome.sequences() {
        let width = arguments
            .width
            .map_or(*length, |w| u64::from(w.get()))
            .max(1);
        for start in (0..*length).step_by(usize::try_from(width).unwrap_or(usize::MAX)) {
            let end = (start + width).min(*length);
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
            rows.push(of_genome(id, interval));
        }
    }
    rows
}

fn of_genome(id: String, interval: Interval) -> Row {
    Row {
        id,
        text: None,
        interval: Some(interval),
        label: None,
        split: Split::Test,
    }
}

fn write(rows: &[Row], predictions: &Predictions, path: &Path) -> Result<(), Error> {
    if is_bed(path) {
        return write_bed(rows, predictions, path);
    }
    let placed: Option<Vec<PlacedPrediction>> = rows
        .iter()
        .zip(&predictions.rows)
        .map(|(row, prediction)| placed(row, &predictions.labels, &prediction.logits))
        .collect();
    match placed {
        // Nothing is known of the truth: places and probabilities, and no label that could be taken for one.
        Some(placed) => Ok(placed_prediction::write(
            path,
            predictions.labels.names(),
            &placed,
        )?),
        None => Ok(predictions.write(path)?),
    }
}

/// Nothing for a row whose label is known.
fn placed(row: &Row, kind: &LabelKind, logits: &[f32]) -> Option<PlacedPrediction> {
    let (name, _, probabilities) = read_off(kind, logits);
    let (None, Some(interval)) = (&row.label, &row.interval) else {
        return None;
    };
    Some(PlacedPrediction {
        id: row.id.clone(),
        interval: interval.clone(),
        told: match kind {
            LabelKind::Regression => Told::Value(logits.first().copied().unwrap_or(f32::NAN)),
            LabelKind::Classes(_) | LabelKind::Multilabel(_) => Told::Name(name),
        },
        probabilities: probabilities.iter().map(|p| *p as f32).collect(),
    })
}

/// BED6, what is predicted, and a probability for each class.
fn write_bed(rows: &[Row], predictions: &Predictions, path: &Path) -> Result<(), Error> {
    atomic::write(path, |out| {
        for (row, prediction) in rows.iter().zip(&predictions.rows) {
            let Some(place) = &row.interval else {
                continue;
            };
            let (told, score, probabilities) = read_off(&predictions.labels, &prediction.logits);
            let mut fields = vec![
                place.chrom.clone(),
                place.start.to_string(),
                place.end.to_string(),
                row.id.clone(),
                score,
                place.strand.to_string(),
                told,
            ];
            fields.extend(probabilities.iter().map(|p| format!("{p:.6}")));
            writeln!(out, "{}", fields.join("\t"))
                .map_err(lingo_artifact::Error::io("write", path))?;
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
