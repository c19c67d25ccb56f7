//! `tokenize encode`, `tokenize decode`, `tokenize train-bpe`, `tokenize inspect`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use lingo_artifact::example::{Example, Examples, ExamplesMetadata, Interval};
use lingo_artifact::tokens::Tokens;
use lingo_artifact::{Label, LabelKind, Split, atomic};
use lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES;
use lingo_ingest::{BedOptions, BedRow, Genome, read_bed};
use lingo_tokenize::bpe::Bpe;
use lingo_tokenize::encode_slices::UNLABELLED;
use lingo_tokenize::scheme::BpeScheme;
use lingo_tokenize::{
    Decoder, DnaTokenizer, Encoder, ModelVocabulary, Scheme, Slice, Slices, TokenUse,
    TokenizeConfig, VocabularyMap,
};
use lingo_workflow::{Error, Kind, Observer as _};

use crate::arguments::{Decode, Encode, Inspect, SchemeArguments, TableFormat, Tokenize, TrainBpe};
use crate::output::{Input, SEQUENCES, TABLES, check_out, print, print_json, to_path_or_stdout};
use crate::sequences;
use crate::terminal::Terminal;

/// `tokenize`.
pub fn tokenize(command: Tokenize, terminal: &Terminal) -> Result<(), Error> {
    match command {
        Tokenize::Encode(arguments) => encode(&arguments, terminal),
        Tokenize::Decode(arguments) => decode(&arguments, terminal),
        Tokenize::TrainBpe(arguments) => train_bpe(&arguments, terminal),
        Tokenize::Inspect(arguments) => inspect(&arguments, terminal),
    }
}

fn encode(arguments: &Encode, terminal: &Terminal) -> Result<(), Error> {
    check_out(&arguments.out, TABLES)?;
    let tokens = match (&arguments.input, &arguments.fasta, &arguments.bed) {
        (Some(input), ..) => {
            let input = Input::open(input, arguments.format)?;
            let examples = sequences::read(input.path())?;
            tokens(&examples, &arguments.scheme, terminal)?.0
        }
        (None, Some(fasta), Some(bed)) => slices(fasta, bed, arguments, terminal)?,
        _ => {
            return Err(Error::stage(
                Kind::Usage,
                "give --input, or --fasta and --bed",
            ));
        }
    };
    let format = match arguments.format {
        TableFormat::Fa => TableFormat::Tsv,
        format => format,
    };
    to_path_or_stdout(&arguments.out, format, |path| Ok(tokens.write(path)?))
}

fn decode(arguments: &Decode, terminal: &Terminal) -> Result<(), Error> {
    check_out(&arguments.out, SEQUENCES)?;
    let input = Input::open(&arguments.input, TableFormat::Parquet)?;
    let tokens = Tokens::read(input.path())?;
    let encoding = &tokens.metadata.encoding;
    if encoding.scheme == Scheme::Model.to_string() && arguments.model.is_none() {
        return Err(Error::stage(
            Kind::Usage,
            "these tokens were made by a model's own tokenizer: give its folder with --model",
        ));
    }
    let encoder = Encoder::from_encoding(
        encoding,
        arguments.model.as_deref().unwrap_or(Path::new("")),
    )?;
    let decoder = Decoder::new(&encoder);
    let rows = tokens.rows.into_iter().map(|row| {
        let (sequence, sequence2) = decoder.sequences(&row.input_ids)?;
        Ok(Example {
            id: row.id,
            split: row.split,
            sequence,
            sequence2,
            label: row.label,
            interval: None,
        })
    });
    let examples = Examples {
        rows: rows.collect::<Result<_, Error>>()?,
        metadata: ExamplesMetadata {
            labels: tokens.metadata.labels.clone(),
            sources: Vec::new(),
            audit: serde_json::Value::Null,
        },
    };
    let cut: u64 = tokens.metadata.truncated.iter().sum();
    if cut > 0 {
        terminal.note(&format!(
            "{cut} of {} sequences were cut off when they were encoded: their end is missing",
            examples.rows.len()
        ));
    }
    to_path_or_stdout(&arguments.out, arguments.format, |path| {
        Ok(examples.write(path)?)
    })
}

fn train_bpe(arguments: &TrainBpe, terminal: &Terminal) -> Result<(), Error> {
    atomic::check_writable(&arguments.out)?;
    let size = BpeScheme::new(arguments.vocab_size.get(), None)?.vocab_size();
    let progress = terminal.part("merges");
    let dna = if sequences::is_fasta(&arguments.input) {
        let genome = Genome::open(&arguments.input, DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
        lingo_tokenize::train_bpe_from(&genome, size, progress.as_ref())?
    } else {
        let examples = Examples::read(&arguments.input)?;
        let bpe = Bpe::train(training_sequences(&examples), size, progress.as_ref())?;
        DnaTokenizer::Bpe(bpe)
    };
    dna.write(&arguments.out)?;
    let (tokens, asked) = (
        ModelVocabulary::of_scheme(&dna)?.vocab_size,
        arguments.vocab_size,
    );
    terminal.note(&if tokens < asked.get() {
        format!("{tokens} of {asked} tokens: nothing was left to merge")
    } else {
        format!("{tokens} tokens, 5 of them special")
    });
    Ok(())
}

/// What of a data set may be learned from.
fn training_sequences(examples: &Examples) -> impl Iterator<Item = &str> {
    let rows = examples.rows.iter().filter(|row| row.split == Split::Train);
    rows.flat_map(|row| std::iter::once(row.sequence.as_str()).chain(row.sequence2.as_deref()))
}

fn inspect(arguments: &Inspect, terminal: &Terminal) -> Result<(), Error> {
    let input = Input::open(&arguments.input, arguments.format)?;
    let examples = sequences::read(input.path())?;
    let (tokens, encoder) = tokens(&examples, &arguments.scheme, terminal)?;
    let found = lingo_tokenize::inspect(&examples, &tokens, &Decoder::new(&encoder));
    let mut value = serde_json::to_value(&found)
        .map_err(|e| Error::stage(Kind::Failed, format!("cannot be written as JSON: {e}")))?;
    if arguments.json {
        value["schema"] = "lingo-pipe/inspect/2".into();
        return print_json(&value);
    }
    let mut text = String::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        let name = key.replace('_', " ");
        match value {
            serde_json::Value::Object(_) | serde_json::Value::Array(_) => {}
            serde_json::Value::Number(n) if n.is_f64() => {
                let n = n.as_f64().unwrap_or_default();
                text.push_str(&format!("{name}\t{n:.4}\n"));
            }
            value => text.push_str(&format!("{name}\t{value}\n")),
        }
    }
    for (title, uses) in [
        ("longest tokens", &found.longest),
        ("most frequent tokens", &found.most_frequent),
    ] {
        text.push_str(&format!("\n{title}\n"));
        for TokenUse { token, count } in uses {
            text.push_str(&format!("{token}\t{count}\n"));
        }
    }
    text.push_str("\nletters of a token\n");
    text.push_str(&histogram(&found.letters));
    text.push_str("\ntokens of an example\n");
    text.push_str(&histogram(&found.lengths));
    print(&text)
}

/// At most so many bars.
const BARS: u32 = 16;

/// Counts by value, neighbouring values together where there are many, as bars of up to 40 signs.
fn histogram(counts: &[(u32, u64)]) -> String {
    let (Some((first, _)), Some((last, _))) = (counts.first(), counts.last()) else {
        return String::new();
    };
    let width = ((last - first) / BARS + 1).max(1);
    let mut bars: BTreeMap<u32, u64> = BTreeMap::new();
    for (value, count) in counts {
        *bars.entry((value - first) / width).or_default() += count;
    }
    let most = bars.values().max().copied().unwrap_or(1).max(1);
    let line = |(bar, count): (u32, u64)| {
        let from = first + bar * width;
        let values = match width {
            1 => from.to_string(),
            _ => format!("{from}-{}", from + width - 1),
        };
        let signs = "#".repeat((count * 40).div_ceil(most) as usize);
        format!("{values}\t{count}\t{signs}\n")
    };
    bars.into_iter().map(line).collect()
}

fn tokens(
    examples: &Examples,
    arguments: &SchemeArguments,
    terminal: &Terminal,
) -> Result<(Tokens, Encoder), Error> {
    let way = Way::new(arguments, || training_sequences(examples), terminal)?;
    let encoder = Encoder::new(&way.model, &way.config, &way.keys, way.dna.clone())?;
    let progress = terminal.part("tokenize");
    let tokens = lingo_tokenize::encode_with(
        examples,
        &way.model,
        &way.config,
        &way.keys,
        way.dna,
        progress.as_ref(),
    )?;
    Ok((tokens, encoder))
}

/// Intervals of a genome, straight from the file.
fn slices(
    fasta: &Path,
    bed: &Path,
    arguments: &Encode,
    terminal: &Terminal,
) -> Result<Tokens, Error> {
    let way = Way::new(&arguments.scheme, std::iter::empty::<&str>, terminal)?;
    let genome = Genome::open(fasta, DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
    let options = BedOptions {
        label_column: arguments.label_column,
        ..BedOptions::default()
    };
    let rows = read_bed(bed, &options)?;
    let labels: BTreeSet<&str> = rows.iter().filter_map(|row| row.label.as_deref()).collect();
    let classes = match labels.is_empty() {
        true => vec![UNLABELLED.to_string()],
        false => lingo_ingest::class_names(labels)?,
    };
    let ids: HashMap<&str, u32> = (0..).zip(&classes).map(|(i, n)| (n.as_str(), i)).collect();
    let slice = |row: &BedRow| Slice {
        id: row
            .name
            .clone()
            .unwrap_or_else(|| format!("{}:{}-{}({})", row.chrom, row.start, row.end, row.strand)),
        interval: Interval {
            chrom: row.chrom.clone(),
            start: row.start,
            end: row.end,
            strand: row.strand,
        },
        label: Label::Class(
            row.label
                .as_deref()
                .and_then(|l| ids.get(l).copied())
                .unwrap_or(0),
        ),
    };
    let slices = Slices {
        rows: rows.iter().map(slice).collect(),
        labels: LabelKind::Classes(classes.clone()),
    };
    let progress = terminal.part("tokenize");
    Ok(lingo_tokenize::encode_slices(
        &genome,
        &slices,
        &way.model,
        &way.config,
        &way.keys,
        way.dna,
        progress.as_ref(),
    )?)
}

/// How sequences become tokens, made of the arguments.
struct Way {
    config: TokenizeConfig,
    keys: BTreeMap<String, String>,
    dna: Option<DnaTokenizer>,
    model: ModelVocabulary,
}

impl Way {
    /// `train` gives what scheme `bpe` learns from.
    fn new<'a, I: Iterator<Item = &'a str>>(
        arguments: &SchemeArguments,
        train: impl FnOnce() -> I,
        terminal: &Terminal,
    ) -> Result<Self, Error> {
        let dna = match &arguments.tokenizer {
            Some(path) => Some(DnaTokenizer::read(path)?),
            None => None,
        };
        let scheme: Scheme = match (&dna, &arguments.scheme) {
            (Some(dna), _) => dna.scheme()?,
            (None, Some(text)) => text.parse()?,
            (None, None) => return Err(Error::stage(Kind::Usage, "give --scheme or --tokenizer")),
        };
        let config = TokenizeConfig {
            vocabulary: vocabulary(&arguments.vocabulary)?,
            prefix: arguments.prefix.clone(),
            max_length: arguments.max_length,
            truncate: arguments.truncate,
            ..TokenizeConfig::new(scheme)
        };
        let dna = match (dna, &config.scheme) {
            (None, Scheme::Bpe(bpe)) => {
                let mut train = train().peekable();
                if train.peek().is_none() {
                    let message = format!(
                        "--scheme {}: there are no training rows to learn from; learn it first with `tokenize train-bpe`, then give --tokenizer",
                        config.scheme
                    );
                    return Err(Error::stage(Kind::Usage, message));
                }
                let progress = terminal.part("merges");
                let learned = Bpe::train(train, bpe.vocab_size(), progress.as_ref())?;
                Some(DnaTokenizer::Bpe(learned))
            }
            (dna, _) => dna,
        };
        let of_scheme = DnaTokenizer::of(&config.scheme);
        let model = match (&arguments.model, dna.as_ref().or(of_scheme.as_ref())) {
            (Some(folder), _) => ModelVocabulary::load(folder)?,
            (None, Some(dna)) => ModelVocabulary::of_scheme(dna)?,
            (None, None) => {
                let message = format!("the scheme {} needs --model", config.scheme);
                return Err(Error::stage(Kind::Usage, message));
            }
        };
        Ok(Self {
            keys: keys(&arguments.keys)?,
            config,
            dna,
            model,
        })
    }
}

fn vocabulary(name: &str) -> Result<VocabularyMap, Error> {
    [
        VocabularyMap::Reuse,
        VocabularyMap::Extend,
        VocabularyMap::Compose,
    ]
    .into_iter()
    .find(|map| map.as_str() == name)
    .ok_or_else(|| {
        let message = format!("--vocabulary {name}: use reuse, extend or compose");
        Error::stage(Kind::Usage, message)
    })
}

fn keys(given: &[String]) -> Result<BTreeMap<String, String>, Error> {
    given
        .iter()
        .map(|pair| {
            let (name, text) = pair.split_once('=').ok_or_else(|| {
                Error::stage(Kind::Usage, format!("--key {pair}: write NAME=TEXT"))
            })?;
            Ok((name.to_string(), text.to_string()))
        })
        .collect()
}
