//! `model`.

use std::collections::BTreeMap;
use std::path::Path;

use lingo_adapt::{Description, MergeRequest, ModelShape, ModelSummary};
use lingo_artifact::layer_states::LayerStates;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::random::Stream;
use lingo_hub::{Depth, Hub, Weights};
use lingo_lm::{Packing, Precision, open_device};
use lingo_tokenize::{Encoder, ModelVocabulary, Scheme, TokenizeConfig};
use lingo_workflow::{Error, Kind, Observer as _};

use crate::adapter::described;
use crate::arguments::{FetchModel, ImportModel, InspectModel, MergeAdapter, Model, StatesOfModel};
use crate::base_model::model_of_run;
use crate::device::device;
use crate::output::{TABLES, check_out, print, print_json};
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;

/// `model`.
pub fn model(command: &Model, terminal: &Terminal) -> Result<(), Error> {
    match command {
        Model::Inspect(arguments) => inspect(arguments),
        Model::Fetch(arguments) => fetch(arguments, terminal),
        Model::Import(arguments) => import(arguments, terminal),
        Model::States(arguments) => states(arguments, terminal),
        Model::Merge(arguments) => merge(arguments, terminal),
    }
}

fn inspect(arguments: &InspectModel) -> Result<(), Error> {
    let summary = ModelShape::read(&arguments.model)?.summary()?;
    let rank = arguments.rank.get();
    if arguments.json {
        let mut all = serde_json::json!(summary);
        all["schema"] = "lingo-pipe/model/1".into();
        all["lora"] = serde_json::json!({
            "rank": rank, "parameters": summary.lora_parameters(rank as usize),
        });
        return print_json(&all);
    }
    print(&told(&summary, rank as usize))
}

/// A few lines, and a table of the layers.
fn told(summary: &ModelSummary, rank: usize) -> String {
    let lora = summary.lora_parameters(rank);
    let share = 100.0 * lora as f64 / (summary.parameters + lora) as f64;
    let pooling = serde_json::json!(summary.pooling);
    let facts = [
        ("family", summary.family.to_owned()),
        ("parameters", grouped(summary.parameters)),
        (
            "blocks",
            format!(
                "{} of width {}, {} heads, feed-forward {} ({})",
                summary.blocks,
                summary.hidden,
                summary.heads,
                summary.feed_forward,
                summary.activation
            ),
        ),
        (
            "places",
            format!("{}, up to {} tokens", summary.places, summary.positions),
        ),
        ("vocabulary", format!("{} tokens", summary.vocabulary)),
        (
            "read by a head",
            format!(
                "{} by default; {} pooler",
                pooling.as_str().unwrap_or_default(),
                if summary.has_pooler { "has a" } else { "no" }
            ),
        ),
        (
            "LoRA",
            format!(
                "rank {rank} on all targets trains {} values, {share:.2} % beside a head",
                grouped(lora)
            ),
        ),
    ];
    let mut text = String::new();
    for (name, fact) in facts {
        text.push_str(&format!("{name:<15} {fact}\n"));
    }
    let widest = summary.layers.iter().map(|layer| layer.name.len()).max();
    let widest = widest.unwrap_or(0).max("layer".len());
    text.push_str(&format!(
        "\n{:<widest$}  input  output  count  target\n",
        "layer"
    ));
    for layer in &summary.layers {
        text.push_str(&format!(
            "{:<widest$}  {:>5}  {:>6}  {:>5}  {}\n",
            layer.name,
            layer.input,
            layer.output,
            layer.count,
            if layer.is_target { "yes" } else { "no" }
        ));
    }
    text
}

/// 22,713,216
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn fetch(arguments: &FetchModel, terminal: &Terminal) -> Result<(), Error> {
    let model = &arguments.model;
    let (hub, stop) = (Hub::from_environment()?, stop_on_signals()?);
    let progress = terminal.part(model.name());
    let found = hub.fetch(model, Depth::Whole, progress.as_ref(), &stop)?;
    drop(progress);
    terminal.finish();
    if let Some(why) = &found.unasked {
        terminal.say(&format!("{why}; taken from the cache"));
    }
    let folder = found.folder.display();
    terminal.note(&format!(
        "{} at commit {}: {} files, {:.1} MB fetched",
        model.name(),
        found.commit,
        found.files.len(),
        found.bytes as f64 / 1e6
    ));
    if found.weights == Weights::Pickled {
        terminal.note(&format!(
            "its weights are a pickle, which is not read as it is; next: lingo-pipe model import {folder} --out FOLDER"
        ));
    }
    if !arguments.json {
        return print(&format!("{folder}\n"));
    }
    print_json(&serde_json::json!({
        "schema": "lingo-pipe/fetch/1",
        "name": model.name(),
        "revision": model.revision(),
        "commit": found.commit,
        "folder": found.folder,
        "weights": match found.weights {
            Weights::Safetensors => "safetensors",
            Weights::Pickled => "pickle",
        },
        "files": found.files,
        "fetched_bytes": found.bytes,
    }))
}

fn import(arguments: &ImportModel, terminal: &Terminal) -> Result<(), Error> {
    let folder = &arguments.model;
    let out = arguments.out.as_ref().unwrap_or(folder);
    if !folder.is_dir() {
        let message = format!("{}: there is no such folder", folder.display());
        return Err(Error::stage(Kind::Usage, message));
    }
    let imported = lingo_lm::import(folder, out).map_err(lingo_adapt::Error::from)?;
    if out != folder {
        ModelFolder::new(folder).copy_without_weights(out)?;
    }
    terminal.note(&format!(
        "{}: {} tensors, {:.1} MB, of {} file{}",
        imported.weights.display(),
        imported.tensors,
        imported.bytes as f64 / 1e6,
        imported.files.len(),
        if imported.files.len() == 1 { "" } else { "s" }
    ));
    Ok(())
}

fn states(arguments: &StatesOfModel, terminal: &Terminal) -> Result<(), Error> {
    let folder = &arguments.model;
    check_out(&arguments.out, TABLES)?;
    let tokens = match &arguments.sequence {
        None => arguments.ids.clone(),
        Some(sequence) => {
            let vocabulary = ModelVocabulary::load(folder)?;
            let config = TokenizeConfig::new(Scheme::Model);
            let encoder = Encoder::new(&vocabulary, &config, &BTreeMap::new(), None)?;
            encoder.encode_pair(sequence, None)?.ids
        }
    };
    let mut model = lingo_lm::Model::load(folder, &open_device(device(&arguments.device)?)?)?;
    model.pack(Packing {
        precision: Precision::F32,
        quantization: None,
        gradients: false,
    })?;
    let layers = model.states_of_layers(&tokens)?;
    let states = LayerStates { tokens, layers };
    states.write(&arguments.out)?;
    terminal.note(&format!(
        "{}: {} layers, {} tokens",
        arguments.out.display(),
        states.layers.len(),
        states.tokens.len()
    ));
    Ok(())
}

/// What `--verify` compares on where no sequence is given: so many random ones of so many bases.
const RANDOM: (usize, usize) = (16, 200);

fn merge(arguments: &MergeAdapter, terminal: &Terminal) -> Result<(), Error> {
    let adapter = &arguments.adapter;
    let given = arguments.model.clone();
    let description = described(adapter, given.as_deref(), &arguments.classes)?;
    let model = given.or_else(|| {
        let name = &description.base_model.as_ref()?.name;
        model_of_run(adapter, name)
    });
    let verify = match arguments.verify {
        true => compared(arguments, &description, model.as_deref())?,
        false => Vec::new(),
    };
    let merged = lingo_adapt::merge(&MergeRequest {
        adapter,
        model: model.as_deref(),
        described: Some(&description),
        out: &arguments.out,
        verify: &verify,
        device: device(&arguments.device)?,
    })?;
    let holds = match &merged.class {
        Some(class) => format!("a {class} of transformers"),
        None => "the bare model, its head in head.safetensors".to_string(),
    };
    terminal.note(&format!(
        "{}: {holds}; {} layers changed",
        arguments.out.display(),
        merged.layers
    ));
    let Some(difference) = merged.difference else {
        return Ok(());
    };
    print(&format!(
        "largest logit difference {:.1e} on {} sequences (largest logit {:.3})\n",
        difference.largest, difference.sequences, difference.of
    ))?;
    match difference.is_rounding() {
        true => Ok(()),
        false => Err(Error::stage(
            Kind::Failed,
            "the merged model's logits differ by more than rounding",
        )),
    }
}

/// The token ids of the sequences that a merged model is compared on, as the adapter encodes them.
fn compared(
    arguments: &MergeAdapter,
    description: &Description,
    model: Option<&Path>,
) -> Result<Vec<Vec<u32>>, Error> {
    let base = lingo_adapt::base_folder(&arguments.adapter, description, model)?;
    let encoder = Encoder::from_encoding(&description.encoding, model.unwrap_or(&base))?;
    let (count, length) = RANDOM;
    let mut stream = Stream::new(0, "sequences that a merged model is compared on");
    let mut random = || {
        let bases = (0..length).map(|_| char::from(b"ACGT"[stream.below(4)]));
        bases.collect::<String>()
    };
    let sequences: Vec<String> = match arguments.sequence.is_empty() {
        true => (0..count).map(|_| random()).collect(),
        false => arguments.sequence.clone(),
    };
    let encode = |sequence: &String| Ok(encoder.encode_pair(sequence, None)?.ids);
    sequences.iter().map(encode).collect()
}
