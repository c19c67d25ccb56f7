//! What a pipeline file may say. The doc comments are the descriptions in the JSON Schema.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use lingo_adapt::{PretrainConfig, TrainConfig};
use lingo_evaluate::EvaluateConfig;
use lingo_ingest::IngestConfig;
use lingo_tokenize::TokenizeConfig;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::adapt_first_section::AdaptFirstSection;
use super::method_section::MethodSection;
use super::named::Named;
use super::partial::Partial;
use super::tune_section::TuneSection;
use crate::yaml::node::Node;

/// A pipeline of lingo-pipe: tasks x methods x seeds, each a cell that is trained and scored.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineFile {
    /// Version of this format: 1.
    pub lingo: FormatVersion,
    /// The name of the run's folder and of the report. Default: the file's name without its ending.
    #[serde(default)]
    pub name: Option<String>,
    /// What the pipeline is for, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// The language model that is adapted.
    pub model: ModelSection,
    /// What is to be predicted from what, by name.
    pub tasks: Named<TaskSection>,
    /// How sequences become tokens, for tasks that do not say it themselves.
    #[serde(default)]
    pub tokenize: Partial<TokenizeConfig>,
    /// How the model is adapted, by name.
    pub methods: Named<MethodSection>,
    /// How adapters are trained, for tasks and methods that do not say it themselves.
    #[serde(default)]
    pub train: Partial<TrainConfig>,
    /// How predictions are scored, for tasks that do not say it themselves.
    #[serde(default)]
    pub evaluate: Partial<EvaluateConfig>,
    /// What is learnt from several tasks together, before each is adapted alone.
    #[serde(default)]
    pub adapt_first: Option<AdaptFirstSection>,
    /// One cell is trained for each seed. Default: 1.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// What `lingo-pipe tune` searches; `run` does not look at it.
    #[serde(default)]
    pub tune: Option<TuneSection>,
    /// Published numbers to show beside ours: a CSV with the columns task, model, mcc (-1 to 1), source.
    #[serde(default)]
    pub published: Option<PathBuf>,
}

fn one_seed() -> Vec<u64> {
    vec![1]
}

/// The language model that is adapted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelSection {
    /// A folder in the layout of Hugging Face: config.json, model.safetensors, tokenizer.json.
    Path(PathBuf),
    /// A model on a Hugging Face hub, fetched into the cache that Python's huggingface_hub keeps.
    Hub(HubSection),
    /// A small BERT, trained from nothing on a FASTA before anything else.
    Pretrain(PretrainSection),
}

/// A model on a Hugging Face hub.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HubSection {
    /// Its name, `org/name`.
    pub name: String,
    /// A branch, a tag or a commit. A plan finds out the commit; only a commit names the same model for ever. Default: main.
    #[serde(default = "main_revision")]
    pub revision: String,
}

fn main_revision() -> String {
    lingo_hub::MAIN.to_string()
}

/// What is to be predicted from what.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSection {
    /// What is to be predicted, in a sentence; the report shows it.
    #[serde(default)]
    pub description: String,
    /// Where the labelled sequences come from.
    pub ingest: IngestConfig,
    /// What this task does otherwise than the file's `tokenize`, key by key.
    #[serde(default)]
    pub tokenize: Partial<TokenizeConfig>,
    /// What this task does otherwise than the file's `train`, key by key.
    #[serde(default)]
    pub train: Partial<TrainConfig>,
    /// What this task does otherwise than the file's `evaluate`, key by key.
    #[serde(default)]
    pub evaluate: Partial<EvaluateConfig>,
    /// Words for the language prefix: `{organism}` in the prefix takes the value of `organism` here.
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
}

/// Version of the format of pipeline files.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub struct FormatVersion;

impl TryFrom<u64> for FormatVersion {
    type Error = String;

    fn try_from(version: u64) -> Result<Self, String> {
        match version {
            1 => Ok(Self),
            other => Err(format!(
                "this program reads version 1 of the pipeline format, not version {other}"
            )),
        }
    }
}

impl JsonSchema for FormatVersion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FormatVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": 1 })
    }
}

/// A FASTA, and how a small BERT is trained on it.
#[derive(Clone, Debug)]
pub struct PretrainSection {
    /// What the file says; `fasta` and `seed` stand beside the keys of [`PretrainConfig`].
    pub node: Node,
}

impl<'de> Deserialize<'de> for PretrainSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            node: Node::deserialize(deserializer)?,
        })
    }
}

impl JsonSchema for PretrainSection {
    fn schema_name() -> Cow<'static, str> {
        "PretrainSection".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = PretrainConfig::json_schema(generator);
        let ours = [
            (
                "fasta",
                serde_json::json!({ "type": "string", "description": "The FASTA to train on." }),
            ),
            (
                "seed",
                serde_json::json!({
                    "type": "integer", "minimum": 0, "default": 0,
                    "description": "Seed of the weights, of the masks and of the order. Default: 0."
                }),
            ),
        ];
        let object = schema.ensure_object();
        if let Some(properties) = object
            .entry("properties")
            .or_insert_with(|| serde_json::json!({}))
            .as_object_mut()
        {
            for (key, value) in ours {
                properties.insert(key.into(), value);
            }
        }
        if let Some(required) = object
            .entry("required")
            .or_insert_with(|| serde_json::json!([]))
            .as_array_mut()
        {
            required.push("fasta".into());
        }
        schema
    }
}

/// The JSON Schema of pipeline files.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(PipelineFile);
    schema.insert("title".into(), "lingo-pipe pipeline, version 1".into());
    schema.to_value()
}
