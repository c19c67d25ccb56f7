//! `tokenize encode`, `tokenize train-bpe`, `tokenize inspect`.

use std::collections::BTreeMap;

use lingo_artifact::atomic;
use lingo_artifact::example::Examples;
use lingo_artifact::tokens::Tokens;
use lingo_ingest::Genome;
use lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES;
use lingo_tokenize::{DnaTokenizer, ModelVocabulary, Scheme, TokenizeConfig, VocabularyMap};
use lingo_workflow::{Error, Kind, Observer as _};

use crate::arguments::{Encode, Inspect, SchemeArguments, Tokenize, TrainBpe};
use crate::output::{Input, TABLES, check_out, no_fasta, print, print_json, to_path_or_stdout};
use crate::terminal::Terminal;

/// `tokenize`.
pub fn tokenize(command: Tokenize, terminal: &Terminal) -> Result<(), Error> {
    match command {
        Tokenize::Encode(arguments) => encode(&arguments, terminal),
        Tokenize::TrainBpe(arguments) => train_bpe(&arguments, terminal),
        Tokenize::Inspect(arguments) => inspect(&arguments, terminal),
    }
}

fn encode(arguments: &Encode, terminal: &Terminal) -> Result<(), Error> {
    no_fasta(arguments.format)?;
    check_out(&arguments.out, TABLES)?;
    let input = Input::open(&arguments.input, arguments.format)?;
    let examples = Examples::read(input.path())?;
    let tokens = tokens(&examples, &arguments.scheme, terminal)?;
    to_path_or_stdout(&arguments.out, arguments.format, |path| {
        Ok(tokens.write(path)?)
    })
}

fn train_bpe(arguments: &TrainBpe, terminal: &Terminal) -> Result<(), Error> {
    atomic::check_writable(&arguments.out)?;
    let genome = Genome::open(&arguments.input, DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
    let dna = lingo_tokenize::train_bpe_from(
        &genome,
        arguments.vocab_size.get(),
        terminal.part("merges").as_ref(),
    )?;
    dna.write(&arguments.out)?;
    terminal.note(&format!("{} tokens", dna.texts().len()));
    Ok(())
}

fn inspect(arguments: &Inspect, terminal: &Terminal) -> Result<(), Error> {
    no_fasta(arguments.format)?;
    let input = Input::open(&arguments.input, arguments.format)?;
    let examples = Examples::read(input.path())?;
    let tokens = tokens(&examples, &arguments.scheme, terminal)?;
    let found = lingo_tokenize::inspect(&examples, &tokens);
    let mut value = serde_json::to_value(&found)
        .map_err(|e| Error::stage(Kind::Failed, format!("cannot be written as JSON: {e}")))?;
    if arguments.json {
        value["schema"] = "lingo-pipe/inspect/1".into();
        return print_json(&value);
    }
    let mut text = String::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        if !value.is_object() && !value.is_array() {
            text.push_str(&format!("{}\t{value}\n", key.replace('_', " ")));
        }
    }
    print(&text)
}

fn tokens(
    examples: &Examples,
    arguments: &SchemeArguments,
    terminal: &Terminal,
) -> Result<Tokens, Error> {
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
            let train = examples
                .rows
                .iter()
                .filter(|row| row.split == lingo_artifact::Split::Train)
                .map(|row| row.sequence.as_str());
            let json = lingo_tokenize::train_bpe(
                train,
                bpe.vocab_size(),
                terminal.part("merges").as_ref(),
            )?;
            let read = DnaTokenizer::from_json(&json);
            Some(read.map_err(|e| Error::stage(Kind::Failed, e))?)
        }
        (dna, _) => dna,
    };
    let model = match (
        &arguments.model,
        dna.as_ref(),
        DnaTokenizer::of(&config.scheme),
    ) {
        (Some(folder), _, _) => ModelVocabulary::load(folder)?,
        (None, Some(dna), _) => ModelVocabulary::of_scheme(dna)?,
        (None, None, Some(dna)) => ModelVocabulary::of_scheme(&dna)?,
        (None, None, None) => {
            let message = format!("the scheme {} needs --model", config.scheme);
            return Err(Error::stage(Kind::Usage, message));
        }
    };
    let progress = terminal.part("tokenize");
    Ok(lingo_tokenize::encode_with(
        examples,
        &model,
        &config,
        &keys(&arguments.keys)?,
        dna,
        progress.as_ref(),
    )?)
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
