//! Adapters that PEFT wrote itself: what `lingo.json` would say, from `adapter_config.json`, the head and the base model.

use std::num::NonZeroU32;
use std::path::Path;

use lingo_artifact::bounded::Positive;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::vocabulary::Encoding;
use lingo_artifact::{LabelKind, atomic};
use serde_json::Value;

use crate::error::Error;
use crate::folder::adapter::{
    BaseModel, CONFIG, DESCRIPTION, Description, SCHEMA, WEIGHTS, head_name,
};
use crate::method::ia3::Ia3;
use crate::method::lora::Lora;
use crate::method::methods::Method;
use crate::method::prefix_tuning::PrefixTuning;
use crate::method::prompt_tuning::PromptTuning;
use crate::plan::model_shape::{ModelShape, model_digest};
use crate::plan::steps::classifier_pooling;
use crate::settings::train_config::PrecisionChoice;
use crate::tensor_file::TensorFile;

/// What nothing in a folder of PEFT's says.
pub struct PeftFacts<'a> {
    /// The folder of the base model.
    pub model: &'a Path,
    /// How sequences become its tokens.
    pub encoding: Encoding,
    /// The names of the classes, in the order of the head's outputs; without them they are numbered from 0.
    pub classes: &'a [String],
}

impl Description {
    /// Whether a folder holds an adapter that PEFT wrote, without `lingo.json`.
    pub fn is_left_to_peft(adapter: &Path) -> bool {
        adapter.join(CONFIG).is_file() && !adapter.join(DESCRIPTION).is_file()
    }

    /// The base model that `adapter_config.json` names, a folder's name or that on a hub.
    ///
    /// # Errors
    /// A file that is missing or broken.
    pub fn model_named_by_peft(adapter: &Path) -> Result<Option<String>, Error> {
        let config: Value = atomic::read_json(&adapter.join(CONFIG))?;
        let name = config.get("base_model_name_or_path");
        Ok(name.and_then(Value::as_str).map(str::to_owned))
    }

    /// What `lingo.json` would say of an adapter of PEFT's for `transformers`' classifier on a model.
    ///
    /// # Errors
    /// A file that is missing or broken; a method, or a variant of one, that is not known here; a classifier with layers
    /// of its own; no head in the adapter; names of classes that are not as many as the head's outputs.
    pub fn of_peft(adapter: &Path, facts: PeftFacts) -> Result<Self, Error> {
        let path = adapter.join(CONFIG);
        let config: Value = atomic::read_json(&path)?;
        let method = method_of(&config).map_err(|problem| Error::Adapter {
            path: path.clone(),
            problem,
        })?;
        let shape = ModelShape::read(facts.model)?;
        let family = shape.config.family;
        let pooling = classifier_pooling(family).ok_or_else(|| Error::Adapter {
            path: path.clone(),
            problem: format!(
                "the classifier that transformers has for {} models has layers of its own, which are not known here",
                family.name()
            ),
        })?;
        let path = adapter.join(WEIGHTS);
        let file = TensorFile::read(&path, "format")?;
        let fail = |problem: String| Error::Adapter {
            path: path.clone(),
            problem,
        };
        let head = format!("{}.weight", head_name(family.classifier().head, &method));
        let outputs = match file.tensors.get(&head) {
            Some((sizes, _)) => sizes.first().copied().unwrap_or(0),
            None => {
                return Err(fail(format!(
                    "it holds no head (`{head}`); PEFT saves it where the adapter was made with `task_type=\"SEQ_CLS\"`"
                )));
            }
        };
        let trained: usize = file.tensors.values().map(|(_, values)| values.len()).sum();
        let before = method.adaptation().prompt() + method.adaptation().prefix();
        let mut encoding = facts.encoding;
        encoding.max_length = encoding.max_length.saturating_sub(before as u32).max(1);
        let name = config
            .get("base_model_name_or_path")
            .and_then(Value::as_str);
        Ok(Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").into(),
            encoding,
            labels: labels_of(outputs, facts.classes).map_err(Error::Config)?,
            targets: None,
            both_strands: false,
            pooling: Some(pooling),
            method,
            motifs: None,
            stem: None,
            trained_norms: false,
            base_model: Some(BaseModel {
                name: name.map_or_else(|| ModelFolder::new(facts.model).name(), str::to_owned),
                family: family.name().into(),
                sha256: model_digest(facts.model)?,
            }),
            precision: PrecisionChoice::F32,
            quantization: Default::default(),
            trainable_parameters: trained as u64,
            trained_initially: trained as u64,
            total_parameters: shape.parameters + trained as u64,
        })
    }
}

/// The labels of a head with so many outputs.
fn labels_of(outputs: usize, classes: &[String]) -> Result<LabelKind, String> {
    match (outputs, classes) {
        (1, []) => Ok(LabelKind::Regression),
        (_, []) => Ok(LabelKind::Classes(
            (0..outputs).map(|class| class.to_string()).collect(),
        )),
        (_, names) if names.len() == outputs => Ok(LabelKind::Classes(names.to_vec())),
        (_, names) => Err(format!(
            "classes {}: these are {}, but the adapter's head has {outputs} output{}",
            names.join(","),
            names.len(),
            if outputs == 1 { "" } else { "s" }
        )),
    }
}

/// The method of an `adapter_config.json`.
fn method_of(config: &Value) -> Result<Method, String> {
    let kind = config.get("peft_type").and_then(Value::as_str);
    let kind = kind.ok_or("it has no `peft_type`: PEFT did not write it")?;
    let count = |key: &str| -> Result<NonZeroU32, String> {
        let value = config.get(key).and_then(Value::as_u64);
        let value = value.and_then(|value| NonZeroU32::new(u32::try_from(value).ok()?));
        value.ok_or_else(|| format!("`{key}` is missing, or no positive whole number"))
    };
    match kind {
        "LORA" => {
            refuse(config, UNKNOWN_OF_LORA)?;
            let alpha = config.get("lora_alpha").and_then(Value::as_f64);
            let alpha = alpha.and_then(|alpha| Positive::try_from(alpha).ok());
            let flag = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
            Ok(Method::Lora(Lora {
                rank: count("r")?,
                alpha: alpha.ok_or("`lora_alpha` is missing, or not positive")?,
                rank_stabilized: flag("use_rslora"),
                magnitude: flag("use_dora"),
                ..Lora::default()
            }))
        }
        "IA3" => Ok(Method::Ia3(Ia3::default())),
        "PROMPT_TUNING" => Ok(Method::PromptTuning(PromptTuning {
            tokens: count("num_virtual_tokens")?,
            learning_rate: None,
        })),
        "PREFIX_TUNING" => Ok(Method::PrefixTuning(PrefixTuning {
            tokens: count("num_virtual_tokens")?,
            learning_rate: None,
        })),
        other => Err(format!(
            "`peft_type` {other} is not known here without a lingo.json; LORA, IA3, PROMPT_TUNING and PREFIX_TUNING are"
        )),
    }
}

/// Keys of variants of LoRA that compute something else.
const UNKNOWN_OF_LORA: &[&str] = &[
    "alora_invocation_tokens",
    "alpha_pattern",
    "arrow_config",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "rank_pattern",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_qalora",
];

/// Refuses keys that say something.
fn refuse(config: &Value, keys: &[&str]) -> Result<(), String> {
    let says = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    };
    let found = keys
        .iter()
        .find_map(|key| Some((key, config.get(*key).filter(|v| says(v))?)));
    let bias = config.get("bias").and_then(Value::as_str);
    match (found, bias) {
        (Some((key, value)), _) => Err(format!(
            "`{key}` is {value}, a variant of LoRA that is not known here"
        )),
        (None, Some(bias)) if bias != "none" => Err(format!(
            "`bias` is {bias}: biases of the model were trained, too, which is not known here"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_is_read_and_what_is_not_is_named() {
        let lora = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", "rank_pattern": {}, "use_rslora": true});
        let Method::Lora(read) = method_of(&lora).unwrap() else {
            panic!("no LoRA");
        };
        assert_eq!((read.rank.get(), read.alpha.get()), (4, 8.0));
        assert!(read.rank_stabilized && !read.magnitude);
        let with = |key: &str, value: Value| {
            let mut config = lora.clone();
            config[key] = value;
            method_of(&config).unwrap_err()
        };
        let t = |problem: String, part: &str| assert!(problem.contains(part), "{problem}");
        t(
            with("rank_pattern", json!({"query": 2})),
            "`rank_pattern` is",
        );
        t(with("bias", json!("all")), "`bias` is all");
        t(with("use_qalora", json!(true)), "`use_qalora` is true");
        t(with("r", json!(0)), "`r` is missing, or no positive");
        t(with("lora_alpha", json!(-1)), "`lora_alpha`");
        t(with("peft_type", json!("OFT")), "`peft_type` OFT");
        t(method_of(&json!({})).unwrap_err(), "no `peft_type`");
    }

    #[test]
    fn classes_are_as_many_as_outputs() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(labels_of(1, &[]), Ok(LabelKind::Regression));
        let numbered = LabelKind::Classes(names(&["0", "1"]));
        assert_eq!(labels_of(2, &[]), Ok(numbered));
        let named = LabelKind::Classes(names(&["no", "yes"]));
        assert_eq!(labels_of(2, &names(&["no", "yes"])), Ok(named));
        let problem = labels_of(3, &names(&["no", "yes"])).unwrap_err();
        assert!(
            problem.contains("these are 2") && problem.contains("3 outputs"),
            "{problem}"
        );
    }
}
