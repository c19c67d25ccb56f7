//! Where the ids are made: of a task's examples, of its tokens, of a cell.
//!
//! A cell's id is the sha256 over everything that can change its result: the resolved settings of its stages, the
//! content of its input files, the seed, the device, the program's version. Ids are built on each other: the
//! examples' id goes into the tokens', the tokens' into the cell's.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_artifact::digest::Digest;
use lingo_ingest::IngestConfig;
use lingo_tokenize::{Scheme, TokenizeConfig};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::{Error, Kind};
use crate::inputs::id_of;
use crate::pipeline::resolved::Task;

/// The version of the program: results of another version are not taken for this one's.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The id of a task's `examples.parquet`. The number goes up when the same settings mean something else than before.
pub(super) fn examples(settings: &TaskSettings, inputs: &BTreeMap<String, Digest>) -> Digest {
    id_of(&json!([VERSION, "examples/2", settings.ingest_id, inputs]))
}

/// The id of a task's `tokens.parquet`.
pub(super) fn tokens(
    examples: Digest,
    settings: &TaskSettings,
    keys: &BTreeMap<String, String>,
    model: &BTreeMap<String, Digest>,
) -> Digest {
    id_of(&json!([
        VERSION,
        "tokens/2",
        examples,
        settings.tokenize_id,
        keys,
        model,
    ]))
}

/// What makes a cell the one it is.
pub(super) struct CellParts<'a> {
    pub(super) tokens: Digest,
    pub(super) method: &'a Value,
    pub(super) train: &'a Value,
    pub(super) evaluate: &'a Value,
    pub(super) seed: u64,
    pub(super) device: &'a str,
}

/// The id of a cell.
pub(super) fn cell(parts: &CellParts<'_>) -> Digest {
    id_of(&json!([
        VERSION,
        "cell",
        parts.tokens,
        parts.method,
        parts.train,
        parts.evaluate,
        parts.seed,
        parts.device,
    ]))
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
