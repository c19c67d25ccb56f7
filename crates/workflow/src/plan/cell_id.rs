//! Where the ids are made: of a task's examples, of its tokens, of a cell.
//!
//! An id is the sha256 over everything that can change a result: the resolved settings of its stage, the content of its
//! input files, the seed, whether a GPU computes. Ids are built on each other: the examples' id goes into the tokens', the
//! tokens' into the training's, the training's into the cell's. What cannot change a result (how often a line is logged,
//! how much memory may be taken) is in none, and neither are the program's version and the device's name: where the same
//! settings come to mean something else, the number of their stage goes up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_evaluate::EvaluateConfig;
use lingo_ingest::IngestConfig;
use lingo_tokenize::{Scheme, TokenizeConfig};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::{Error, Kind};
use crate::inputs::id_of;
use crate::pipeline::resolved::Task;

/// The version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the same settings mean, by stage: a number goes up when that changes.
pub(super) const RESULTS: [(&str, u32); 5] = [
    ("examples", 3),
    ("tokens", 3),
    ("floor", 1),
    ("training", 1),
    ("score", 1),
];

/// Settings of `train` that change no result.
const QUIET_IN_TRAIN: [&str; 3] = ["log_every", "recompute", "cache_limit_mib"];

/// Settings of `ingest` that change no result.
const QUIET_IN_INGEST: [&str; 2] = ["max_memory", "max_uncompressed_bytes"];

/// Settings of `evaluate` that change no result of a cell.
const QUIET_IN_EVALUATE: [&str; 1] = ["floor"];

/// The class of a device: results of one GPU are taken for another's, as they are between processors; what made them is in
/// their records.
pub(crate) fn device_class(name: &str) -> &'static str {
    match name {
        "cpu" => "cpu",
        _ => "gpu",
    }
}

/// Whether a setting, dotted, changes no result.
pub(crate) fn is_quiet(key: &str) -> bool {
    let of = |section: &str, keys: &[&str]| {
        let inside = key.strip_prefix(section).and_then(|k| k.strip_prefix('.'));
        inside.is_some_and(|key| keys.contains(&key))
    };
    of("train", &QUIET_IN_TRAIN)
        || of("train_of_task", &QUIET_IN_TRAIN)
        || of("ingest", &QUIET_IN_INGEST)
        || of("evaluate", &QUIET_IN_EVALUATE)
}

/// `train` without what changes no result.
pub(super) fn loud_train(train: Value) -> Value {
    without(train, &QUIET_IN_TRAIN)
}

fn without(mut settings: Value, keys: &[&str]) -> Value {
    if let Some(map) = settings.as_object_mut() {
        map.retain(|key, _| !keys.contains(&key.as_str()));
    }
    settings
}

/// What the stage's settings mean.
fn meaning(stage: &str) -> String {
    let number = RESULTS.iter().find(|(name, _)| *name == stage);
    format!("{stage}/{}", number.map_or(0, |(_, number)| *number))
}

/// The id of a task's `examples.parquet`.
pub(super) fn examples(settings: &TaskSettings, inputs: &BTreeMap<String, Digest>) -> Digest {
    let ingest = without(settings.ingest_id.clone(), &QUIET_IN_INGEST);
    id_of(&json!([meaning("examples"), ingest, inputs]))
}

/// The id of a task's `tokens.parquet`.
pub(super) fn tokens(
    examples: Digest,
    settings: &TaskSettings,
    keys: &BTreeMap<String, String>,
    model: &BTreeMap<String, Digest>,
) -> Digest {
    id_of(&json!([
        meaning("tokens"),
        examples,
        settings.tokenize_id,
        keys,
        model,
    ]))
}

/// The id of a task's linear models on counts.
pub(super) fn floor(examples: Digest, evaluate: &EvaluateConfig) -> Result<Digest, Error> {
    let strands = to_json(&evaluate.strands)?;
    let threshold = to_json(&evaluate.threshold)?;
    Ok(id_of(&json!([
        meaning("floor"),
        examples,
        strands,
        threshold,
        evaluate.floor,
    ])))
}

/// Settings with what lies in the files of `natural` in place of where they lie.
pub(super) fn by_content(settings: Value, files: &BTreeMap<PathBuf, (String, Digest)>) -> Value {
    natural_files(settings, &|path| {
        let content = path.as_str().and_then(|path| files.get(Path::new(path)));
        content.map_or_else(|| path.clone(), |(_, digest)| digest.to_string().into())
    })
}

/// As [`ingest_without_paths`], of `train` or a method.
pub(super) fn natural_without_paths(settings: Value) -> Value {
    natural_files(settings, &|_| Value::Null)
}

/// Settings with `of` each file of `natural` in its place.
fn natural_files(mut settings: Value, of: &impl Fn(&Value) -> Value) -> Value {
    if let Some(map) = settings.as_object_mut() {
        for (key, value) in map {
            *value = match (key.as_str(), value.take()) {
                ("fasta", Value::Array(paths)) => paths.iter().map(of).collect(),
                (_, value) => natural_files(value, of),
            };
        }
    }
    settings
}

/// What makes a training the one it is.
pub(super) struct TrainingParts<'a> {
    pub(super) tokens: Digest,
    pub(super) method: &'a Value,
    pub(super) train: &'a Value,
    /// The strands that are predicted from, and whether the test rows are hidden.
    pub(super) predicted: &'a Value,
    pub(super) seed: u64,
    /// `cpu` or `gpu`.
    pub(super) device: &'a str,
    /// The id of what was learnt from several tasks first.
    pub(super) first: Option<Digest>,
}

/// The id of a training.
pub(super) fn training(parts: &TrainingParts<'_>) -> Digest {
    id_of(&training_of("training", parts))
}

/// The id of a model that is adapted to several tasks first: of a training on the tokens of all of them.
pub(super) fn adapt_first(parts: &TrainingParts<'_>) -> Digest {
    id_of(&json!(["adapt_first/1", training_of("training", parts)]))
}

/// One id of several.
pub(super) fn of_parts(parts: Vec<Value>) -> Digest {
    id_of(&Value::Array(parts))
}

fn training_of(stage: &str, parts: &TrainingParts<'_>) -> Value {
    let mut all = json!([
        meaning(stage),
        parts.tokens,
        parts.method,
        loud_train(parts.train.clone()),
        parts.predicted,
        parts.seed,
        parts.device,
    ]);
    if let (Some(all), Some(first)) = (all.as_array_mut(), parts.first) {
        all.push(json!(first));
    }
    all
}

/// The id of a cell: of a training that is scored.
pub(super) fn cell(training: Digest, evaluate: &Value, seed: u64) -> Digest {
    let evaluate = without(evaluate.clone(), &QUIET_IN_EVALUATE);
    id_of(&json!([meaning("score"), training, evaluate, seed]))
}

/// A task's settings as JSON: as a reader sees them, and without paths, for ids.
pub(super) struct TaskSettings {
    pub(super) ingest: Value,
    pub(super) ingest_id: Value,
    pub(super) tokenize: Value,
    pub(super) tokenize_id: Value,
}

impl TaskSettings {
    pub(super) fn of(task: &Task) -> Result<Self, Error> {
        Ok(Self {
            ingest: to_json(&task.ingest)?,
            ingest_id: to_json(&ingest_without_paths(task.ingest.clone()))?,
            tokenize: to_json(&task.tokenize)?,
            tokenize_id: to_json(&tokenize_without_paths(task.tokenize.clone()))?,
        })
    }
}

/// Where a file lies does not change a result: an id takes its content, in the order of the paths.
pub(super) fn ingest_without_paths(mut ingest: IngestConfig) -> IngestConfig {
    for path in ingest.paths_mut() {
        *path = PathBuf::new();
    }
    ingest
}

/// As [`ingest_without_paths`].
pub(super) fn tokenize_without_paths(mut tokenize: TokenizeConfig) -> TokenizeConfig {
    if let Scheme::Bpe(bpe) = tokenize.scheme {
        let fasta = bpe.fasta().map(|_| PathBuf::new());
        tokenize.scheme = Scheme::Bpe(bpe.with_fasta(fasta));
    }
    tokenize
}

/// Settings as JSON.
pub(super) fn to_json(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|e| {
        Error::stage(
            Kind::Failed,
            format!("settings cannot be written as JSON: {e}"),
        )
    })
}
