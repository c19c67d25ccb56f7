//! `adapter/`: what HF PEFT writes (`adapter_config.json`, `adapter_model.safetensors`), and `lingo.json`.

use std::path::Path;

use lingo_artifact::digest::Digest;
use lingo_artifact::vocabulary::Encoding;
use lingo_artifact::{LabelKind, atomic};
use lingo_kernels::Level;
use lingo_lm::{Classifier, Family, ModelConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::folder::bottlenecks;
use crate::folder::head::{HeadShape, add_head, take_head};
use crate::folder::kernel::{add_kernel, take_kernel};
use crate::folder::trained::{Trained, TrainedDelta, TrainedHead, TrainedScale};
use crate::method::adaptation::{BottleneckSettings, LowRankSettings};
use crate::method::methods::Method;
use crate::method::rank_budget::PeftRun;
use crate::network::motif_net::MotifNet;
use crate::network::stem::Stem;
use crate::network::store::ParameterStore;
use crate::network::words::{Counter, Weights, Words, heads_of};
use crate::plan::scales::ScaledSide;
use crate::plan::steps::{StepPlan, classifier_pooling, head_has_bias};
use crate::settings::motif_cnn::MotifCnn;
use crate::settings::train_config::{Pooling, PrecisionChoice, QuantizationChoice, is_default};
use crate::tensor_file::{TensorFile, transposed};
use crate::train::target_scale::TargetScale;

pub(super) const CONFIG: &str = "adapter_config.json";
pub(super) const WEIGHTS: &str = "adapter_model.safetensors";
const STORE: &str = "motif_cnn.safetensors";
const STEM: &str = "stem.safetensors";
const WORDS: &str = "words.weight";
const WORDS_BIAS: &str = "words.bias";
const WORDS_BASES: &str = "words.bases";
/// What PEFT calls the norms of DoRA, the factors of IA3 and the vectors of a prompt or a prefix.
const MAGNITUDE: &str = "lora_magnitude_vector";
const FACTORS: &str = "ia3_l";
const PROMPT: &str = "prompt_embeddings";
pub(super) const DESCRIPTION: &str = "lingo.json";
/// The version of `lingo.json`.
pub(crate) const SCHEMA: u32 = 1;

/// `lingo.json`: what PEFT's files do not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// 1.
    pub schema: u32,
    /// The version of this program.
    pub version: String,
    /// How sequences became token ids.
    pub encoding: Encoding,
    /// What the labels are.
    pub labels: LabelKind,
    /// What the outputs of a regression are of: the value is `mean + deviation x output`. Without it the output itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<TargetScale>,
    /// Whether logits are the mean of both strands'.
    #[serde(default)]
    pub both_strands: bool,
    /// What the head reads of the language model; none where there is no model.
    #[serde(default)]
    pub pooling: Option<Pooling>,
    /// The method and its settings.
    pub method: Method,
    /// The motifs that stand beside the language model, where any do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motifs: Option<MotifCnn>,
    /// What the logits of the networks in `stem.safetensors` are multiplied with, where there are such networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stem: Option<f32>,
    /// Whether norms and biases of the model were trained, too: they stand in the `model/` beside the adapter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trained_norms: bool,
    /// The model that was adapted; none where the method needs no model.
    #[serde(default)]
    pub base_model: Option<BaseModel>,
    /// How its frozen weights were held in training; prediction does the same.
    #[serde(default)]
    pub precision: PrecisionChoice,
    /// In how many bits; prediction and merging do the same.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quantization: QuantizationChoice,
    /// Parameters of the adapter as it is left.
    pub trainable_parameters: u64,
    /// Parameters trained at the initial rank.
    pub trained_initially: u64,
    /// All parameters, with those trained initially.
    pub total_parameters: u64,
}

/// Which model an adapter belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseModel {
    /// The folder's name, or that on a hub.
    pub name: String,
    /// `bert`, `llama` and others, as `model_type` has them.
    pub family: String,
    /// sha256 of its weights (of a list of sha256 where there are several files).
    pub sha256: Digest,
}

impl Description {
    /// Reads `lingo.json` of an adapter folder.
    ///
    /// # Errors
    /// A missing or broken file; a schema that this program does not know.
    pub fn read(adapter: &Path) -> Result<Self, Error> {
        let path = adapter.join(DESCRIPTION);
        let description: Self = atomic::read_json(&path)?;
        if description.schema != SCHEMA {
            return Err(Error::Adapter {
                path,
                problem: format!(
                    "schema {} is not the one this version reads ({SCHEMA})",
                    description.schema
                ),
            });
        }
        Ok(description)
    }

    /// The model that was adapted.
    ///
    /// # Errors
    /// The method has none.
    pub(crate) fn base(&self) -> Result<&BaseModel, Error> {
        let none = || Error::Config("lingo.json names no base model".into());
        self.base_model.as_ref().ok_or_else(none)
    }

    pub(crate) fn family(&self) -> Result<Family, Error> {
        let name = &self.base()?.family;
        Family::named(name).ok_or_else(|| {
            Error::Config(format!(
                "lingo.json: the family `{name}` is unknown to this version"
            ))
        })
    }
}

/// Writes the folder, all of it or nothing.
pub(crate) fn write_adapter(
    folder: &Path,
    trained: &Trained,
    stem: Option<&Stem>,
    description: &Description,
    plan: &StepPlan,
    model: &ModelConfig,
) -> Result<(), Error> {
    atomic::write_folder(folder, |inside| {
        if let Some(stem) = stem {
            file_of_stem(stem).write(&inside.join(STEM))?;
        }
        if description.method.adaptation().bottlenecks().is_some() {
            write_bottlenecks(inside, trained, description, model)?;
        } else {
            weights(trained, description)?.write(&inside.join(WEIGHTS))?;
        }
        if let Some(config) = peft_config(trained, description, plan, model)? {
            atomic::write_json(&inside.join(CONFIG), &config)?;
        }
        Ok::<(), Error>(atomic::write_json(&inside.join(DESCRIPTION), description)?)
    })
}

fn weights(trained: &Trained, description: &Description) -> Result<TensorFile, Error> {
    let Classifier {
        model: base, head, ..
    } = description.family()?.classifier();
    let mut file = TensorFile::for_peft();
    for d in &trained.deltas {
        let module = format!("base_model.model.{base}.{}", d.module);
        let down = transposed(&d.down, d.input, d.rank);
        let up = transposed(&d.up, d.rank, d.output);
        match &d.lambda {
            None => {
                file.add(format!("{module}.lora_A.weight"), &[d.rank, d.input], down);
                file.add(format!("{module}.lora_B.weight"), &[d.output, d.rank], up);
                if let Some(norms) = &d.magnitude {
                    let name = format!("{module}.{MAGNITUDE}");
                    file.add(name, &[d.output], norms.clone());
                }
            }
            // PEFT keeps these three in ParameterDicts: no `.weight`.
            Some(lambda) => {
                file.add(format!("{module}.lora_A"), &[d.rank, d.input], down);
                file.add(format!("{module}.lora_B"), &[d.output, d.rank], up);
                file.add(format!("{module}.lora_E"), &[d.rank, 1], lambda.clone());
            }
        }
    }
    for scale in &trained.scales {
        let name = format!("base_model.model.{base}.{}.{FACTORS}", scale.module);
        let shape = match scale.side {
            ScaledSide::Input => [1, scale.factors.len()],
            ScaledSide::Output => [scale.factors.len(), 1],
        };
        file.add(name, &shape, scale.factors.clone());
    }
    if let Some(prompt) = &trained.prompt {
        let count = description.method.adaptation().prompt().max(1);
        file.add(PROMPT, &[count, prompt.len() / count], prompt.clone());
    }
    if let Some(prefix) = &trained.prefix {
        let count = description.method.adaptation().prefix().max(1);
        file.add(PROMPT, &[count, prefix.len() / count], prefix.clone());
    }
    add_head(
        &mut file,
        &head_name(head, &description.method),
        &trained.head,
    );
    Ok(file)
}

/// The name of the head: PEFT has it one level higher where it wraps no module of the model.
pub(super) fn head_name(head: &str, method: &Method) -> String {
    let method = method.adaptation();
    match method.prompt() + method.prefix() {
        0 => format!("base_model.model.{head}"),
        _ => format!("base_model.{head}"),
    }
}

/// What `lingo.json` says of the head.
fn head_shape(description: &Description, family: Family) -> Result<HeadShape, String> {
    let pooling = description.pooling;
    let pooling = pooling.ok_or("lingo.json does not say what the head reads")?;
    Ok(HeadShape {
        pooling,
        outputs: description.labels.outputs(),
        has_bias: head_has_bias(family, pooling),
    })
}

/// Writes bottlenecks and head in the form of the library `adapters`.
fn write_bottlenecks(
    folder: &Path,
    trained: &Trained,
    description: &Description,
    model: &ModelConfig,
) -> Result<(), Error> {
    let (family, name) = (model.family, &description.base()?.name);
    let file = bottlenecks::file_of(family, &trained.bottlenecks);
    file.write(&folder.join(bottlenecks::WEIGHTS))?;
    let mut file = TensorFile::for_peft();
    add_head(&mut file, family.classifier().head, &trained.head);
    file.write(&folder.join(bottlenecks::HEAD))?;
    if is_of_transformers(family, &trained.head) {
        let names = match &description.labels {
            LabelKind::Classes(names) | LabelKind::Multilabel(names) => names.clone(),
            LabelKind::Regression => vec!["value".to_owned()],
        };
        let config = bottlenecks::head_config(&names, model, name);
        atomic::write_json(&folder.join(bottlenecks::HEAD_CONFIG), &config)?;
    }
    if let Some(settings) = description.method.adaptation().bottlenecks() {
        let config = bottlenecks::config(&settings, model, name);
        atomic::write_json(&folder.join(CONFIG), &config)?;
    }
    Ok(())
}

/// Reads what [`write_bottlenecks`] wrote.
fn read_bottlenecks(
    folder: &Path,
    description: &Description,
    settings: &BottleneckSettings,
) -> Result<Trained, Error> {
    let family = description.family()?;
    let path = folder.join(bottlenecks::WEIGHTS);
    let file = TensorFile::read(&path, "format")?;
    let bottlenecks = bottlenecks::read(file, family, settings)
        .map_err(|problem| Error::Adapter { path, problem })?;
    let path = folder.join(bottlenecks::HEAD);
    let mut file = TensorFile::read(&path, "format")?;
    let head = head_shape(description, family)
        .and_then(|shape| take_head(&mut file, family.classifier().head, shape));
    Ok(Trained {
        deltas: Vec::new(),
        head: head.map_err(|problem| Error::Adapter { path, problem })?,
        rows: None,
        scales: Vec::new(),
        prompt: None,
        prefix: None,
        bottlenecks,
        of_model: Vec::new(),
    })
}

/// Whether `transformers` has a classifier with this head.
pub(crate) fn is_of_transformers(family: Family, head: &TrainedHead) -> bool {
    Some(head.pooling) == classifier_pooling(family) && head.hidden.is_none()
}

/// `adapter_config.json` with the keys that PEFT needs; what is left out has its default there. Nothing for a method that
/// PEFT has not.
fn peft_config(
    trained: &Trained,
    description: &Description,
    plan: &StepPlan,
    model: &ModelConfig,
) -> Result<Option<Value>, Error> {
    let method = description.method.adaptation();
    if let Some(settings) = method.low_rank() {
        return low_rank_config(trained, description, &settings, plan).map(Some);
    }
    let common = || {
        let (base, head) = of_classifier(description)?;
        Ok::<_, Error>((
            base,
            json!({
                "base_model_name_or_path": description.base()?.name,
                "inference_mode": true,
                "modules_to_save": [head],
                "task_type": task_type(trained, description)?,
            }),
        ))
    };
    let (own, mut config) = if method.scales().is_some() {
        let (base, config) = common()?;
        let of = |side: Option<ScaledSide>| -> Vec<String> {
            let scales = trained.scales.iter();
            let scales = scales.filter(|s| side.is_none_or(|side| s.side == side));
            scales.map(|s| format!("{base}.{}", s.module)).collect()
        };
        let own = json!({
            "peft_type": "IA3",
            "fan_in_fan_out": false,
            "init_ia3_weights": true,
            "target_modules": of(None),
            "feedforward_modules": of(Some(ScaledSide::Input)),
        });
        (own, config)
    } else if let Some(prompt) = &trained.prompt {
        let count = method.prompt().max(1);
        let own = json!({
            "peft_type": "PROMPT_TUNING",
            "num_virtual_tokens": count,
            "token_dim": prompt.len() / count,
            "num_transformer_submodules": 1,
            "prompt_tuning_init": "RANDOM",
        });
        (own, common()?.1)
    } else if trained.prefix.is_some() {
        let own = json!({
            "peft_type": "PREFIX_TUNING",
            "num_virtual_tokens": method.prefix(),
            "num_layers": model.layers,
            "num_attention_heads": model.key_value_heads,
            "token_dim": model.key_value_heads * model.head_size,
            "num_transformer_submodules": 1,
            "prefix_projection": false,
        });
        (own, common()?.1)
    } else {
        return Ok(None);
    };
    if let (Value::Object(config), Value::Object(own)) = (&mut config, own) {
        config.extend(own);
    }
    Ok(Some(config))
}

/// The names of the bare model and of the head within `transformers`' classifier.
fn of_classifier(description: &Description) -> Result<(&'static str, &'static str), Error> {
    let Classifier { model, head, .. } = description.family()?.classifier();
    Ok((model, head))
}

/// `SEQ_CLS` where `transformers` has a classifier with this head.
fn task_type(trained: &Trained, description: &Description) -> Result<Value, Error> {
    Ok(
        match is_of_transformers(description.family()?, &trained.head) {
            true => json!("SEQ_CLS"),
            false => Value::Null,
        },
    )
}

fn low_rank_config(
    trained: &Trained,
    description: &Description,
    settings: &LowRankSettings,
    plan: &StepPlan,
) -> Result<Value, Error> {
    let family = description.family()?;
    let Classifier {
        model: base, head, ..
    } = family.classifier();
    let targets: Vec<String> = match (settings.targets, settings.layers) {
        // A choice of layers is written out, module by module.
        (_, Some(_)) => trained
            .deltas
            .iter()
            .map(|d| format!("{base}.{}", d.module))
            .collect(),
        (Some(targets), None) => targets.to_vec(),
        (None, None) => family
            .default_targets()
            .iter()
            .map(|t| (*t).to_owned())
            .collect(),
    };
    let mut config = json!({
        "base_model_name_or_path": description.base()?.name,
        "bias": "none",
        "fan_in_fan_out": family.is_turned(),
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": settings.peft_alpha,
        "lora_dropout": settings.dropout,
        "modules_to_save": [head],
        "rank_pattern": {},
        "target_modules": targets,
        "task_type": task_type(trained, description)?,
    });
    let live = |d: &TrainedDelta| (format!("{base}.{}.lora_E", d.module), json!(d.live));
    let own = settings.peft(&PeftRun {
        steps: plan.steps,
        pattern: trained.deltas.iter().map(live).collect(),
    });
    if let (Value::Object(config), Value::Object(own)) = (&mut config, own) {
        config.extend(own);
    }
    Ok(config)
}

/// Writes the folder of several networks of motifs without a language model.
pub(crate) fn write_stem(
    folder: &Path,
    stem: &Stem,
    description: &Description,
) -> Result<(), Error> {
    atomic::write_folder(folder, |inside| {
        file_of_stem(stem).write(&inside.join(STEM))?;
        Ok::<(), Error>(atomic::write_json(&inside.join(DESCRIPTION), description)?)
    })
}

/// The tensors of each network, `fold.<n>.` before their names, n from 1.
fn file_of_stem(stem: &Stem) -> TensorFile {
    let mut file = TensorFile::for_peft();
    for (fold, store) in stem.stores().enumerate() {
        for (entry, named) in store.entries.iter().enumerate() {
            let name = format!("fold.{}.{}", fold + 1, named.name);
            file.add(name, &named.shape, store.slice(entry).to_vec());
        }
    }
    if let Some(words) = &stem.words {
        let (heads, all) = (words.heads(), &words.mean().0);
        let (weights, bias) = all.split_at(all.len() - heads);
        file.add(WORDS, &[weights.len() / heads, heads], weights.to_vec());
        file.add(WORDS_BIAS, &[heads], bias.to_vec());
        file.add(WORDS_BASES, &[1], vec![words.bases() as f32]);
    }
    if let Some(kernel) = &stem.kernel {
        add_kernel(&mut file, kernel);
    }
    file
}

/// Reads what [`write_stem`] or [`write_adapter`] wrote; nothing where the adapter has no such networks.
///
/// # Errors
/// A file that is missing or broken, or does not fit the description.
pub(crate) fn read_stem(folder: &Path, description: &Description) -> Result<Option<Stem>, Error> {
    let own = description.method.adaptation().motifs();
    let motifs = own.or(description.motifs.as_ref());
    let (Some(scale), Some(motifs)) = (description.stem, motifs) else {
        return Ok(None);
    };
    let path = folder.join(STEM);
    let mut file = TensorFile::read(&path, "format")?;
    let fail = |problem: String| Error::Adapter {
        path: path.clone(),
        problem,
    };
    let settings = motifs.network();
    let outputs = description.labels.outputs();
    let head = file.tensors.get("fold.1.head.weight");
    let features = head.and_then(|(shape, _)| shape.first()).copied();
    let features = features.ok_or_else(|| fail("it holds no `fold.1.head.weight`".into()))?;
    let sequences = features / settings.features().max(1);
    let words = match &motifs.words {
        None => None,
        Some(counts) => {
            let (shape, mut weights) = file.take(WORDS).map_err(fail)?;
            let (_, bias) = file.take(WORDS_BIAS).map_err(fail)?;
            let (_, bases) = file.take(WORDS_BASES).map_err(fail)?;
            let heads = heads_of(&description.labels);
            let bases = bases.first().map_or(0, |bases| *bases as usize);
            let counter = Counter::new(counts, bases);
            let expected = [sequences * counter.width, heads];
            if shape != expected || bias.len() != heads {
                return Err(fail(format!("`{WORDS}` is {shape:?}, not {expected:?}")));
            }
            weights.extend(bias);
            Some(Words::of_mean(counter, [heads, outputs], Weights(weights)))
        }
    };
    let kernel = match motifs.word_kernel() {
        None => None,
        Some(settings) => {
            let shape = [heads_of(&description.labels), outputs];
            Some(take_kernel(&mut file, settings, sequences, shape).map_err(fail)?)
        }
    };
    let mut stores = Vec::new();
    while !file.tensors.is_empty() {
        let fold = stores.len() + 1;
        let (_, mut store) = MotifNet::build(settings, sequences, outputs, Level::detect(), 0);
        let prefix = format!("fold.{fold}.");
        fill(&mut store, &mut file, &prefix).map_err(fail)?;
        stores.push(store);
    }
    let mut stem = Stem::new(settings, sequences, outputs, stores, Vec::new())?;
    stem.scale = scale;
    stem.words = words;
    stem.kernel = kernel;
    Ok(Some(stem))
}

/// Takes a store's tensors out of a file.
fn fill(store: &mut ParameterStore, file: &mut TensorFile, prefix: &str) -> Result<(), String> {
    for entry in store.entries.clone() {
        let name = format!("{prefix}{}", entry.name);
        let (shape, values) = file.take(&name)?;
        if shape != entry.shape {
            return Err(format!(
                "`{name}` has shape {shape:?}, not {:?}",
                entry.shape
            ));
        }
        store.values[entry.range].copy_from_slice(&values);
    }
    Ok(())
}

/// Writes the folder of a method without a language model: its tensors as they are named in the store.
pub(crate) fn write_store(
    folder: &Path,
    store: &ParameterStore,
    description: &Description,
) -> Result<(), Error> {
    atomic::write_folder(folder, |inside| {
        let mut file = TensorFile::for_peft();
        for (entry, named) in store.entries.iter().enumerate() {
            file.add(
                named.name.clone(),
                &named.shape,
                store.slice(entry).to_vec(),
            );
        }
        file.write(&inside.join(STORE))?;
        Ok::<(), Error>(atomic::write_json(&inside.join(DESCRIPTION), description)?)
    })
}

/// Reads what [`write_store`] wrote into a store that has the same tensors.
///
/// # Errors
/// A tensor that is missing or has another shape.
pub(crate) fn read_store(folder: &Path, store: &mut ParameterStore) -> Result<(), Error> {
    let path = folder.join(STORE);
    let mut file = TensorFile::read(&path, "format")?;
    let fail = |problem: String| Error::Adapter {
        path: path.clone(),
        problem,
    };
    fill(store, &mut file, "").map_err(fail)
}

/// The shape of a tensor that [`write_store`] wrote.
///
/// # Errors
/// It is missing.
pub(crate) fn shape_in_store(folder: &Path, name: &str) -> Result<Vec<usize>, Error> {
    let path = folder.join(STORE);
    let mut file = TensorFile::read(&path, "format")?;
    let found = file.take(name);
    Ok(found.map_err(|problem| Error::Adapter { path, problem })?.0)
}

/// Reads the weights of an adapter folder that is described.
pub(crate) fn read_adapter(folder: &Path, description: &Description) -> Result<Trained, Error> {
    if let Some(settings) = description.method.adaptation().bottlenecks() {
        return read_bottlenecks(folder, description, &settings);
    }
    let path = folder.join(WEIGHTS);
    let mut file = TensorFile::read(&path, "format")?;
    let fail = |problem: String| Error::Adapter {
        path: path.clone(),
        problem,
    };
    let family = description.family()?;
    let Classifier {
        model: base, head, ..
    } = family.classifier();
    let prefix = format!("base_model.model.{base}.");
    let modules: Vec<String> = file
        .tensors
        .keys()
        .filter_map(|name| {
            name.strip_prefix(&prefix)?
                .split_once(".lora_A")
                .map(|(m, _)| m.to_owned())
        })
        .collect();
    let mut deltas = Vec::new();
    if let Some(settings) = description.method.low_rank() {
        for module in modules {
            let delta = read_delta(&mut file, &prefix, module, &settings).map_err(fail)?;
            deltas.push(delta);
        }
        if deltas.is_empty() {
            return Err(fail(format!("it holds no low-rank delta under `{prefix}`")));
        }
    }
    let scales = read_scales(&mut file, &prefix);
    if scales.is_empty() && description.method.adaptation().scales().is_some() {
        return Err(fail(format!("it holds no `{FACTORS}` under `{prefix}`")));
    }
    let prompt = match description.method.adaptation().prompt() {
        0 => None,
        count => Some(read_prompt(&mut file, count).map_err(fail)?),
    };
    let prefix = match description.method.adaptation().prefix() {
        0 => None,
        count => Some(read_prompt(&mut file, count).map_err(fail)?),
    };
    let head = &head_name(head, &description.method);
    let shape = head_shape(description, family).map_err(fail)?;
    let head = take_head(&mut file, head, shape).map_err(fail)?;
    if let Some(name) = file.tensors.keys().next() {
        return Err(fail(format!("the tensor `{name}` belongs to no delta")));
    }
    let trained = Trained {
        deltas,
        head,
        rows: None,
        scales,
        prompt,
        prefix,
        bottlenecks: Vec::new(),
        of_model: Vec::new(),
    };
    Ok(trained)
}

/// All factors of a file, taken out of it; PEFT writes those of outputs as a column and those of inputs as a row.
fn read_scales(file: &mut TensorFile, prefix: &str) -> Vec<TrainedScale> {
    let names: Vec<String> = file.tensors.keys().cloned().collect();
    let taken = names.into_iter().filter_map(|name| {
        let module = name.strip_prefix(prefix)?.strip_suffix(FACTORS)?;
        let module = module.strip_suffix('.')?.to_owned();
        let (shape, factors) = file.take(&name).ok()?;
        let side = match shape.last() {
            Some(1) => ScaledSide::Output,
            _ => ScaledSide::Input,
        };
        Some(TrainedScale {
            module,
            side,
            factors,
        })
    });
    taken.collect()
}

fn read_prompt(file: &mut TensorFile, count: usize) -> Result<Vec<f32>, String> {
    let (shape, prompt) = file.take(PROMPT)?;
    match shape.first() {
        Some(&found) if found == count => Ok(prompt),
        _ => Err(format!(
            "`{PROMPT}` has shape {shape:?}, lingo.json says {count} tokens"
        )),
    }
}

fn read_delta(
    file: &mut TensorFile,
    prefix: &str,
    module: String,
    settings: &LowRankSettings,
) -> Result<TrainedDelta, String> {
    let triplets = settings.has_lambda();
    let name = |part: &str| {
        let end = if triplets { "" } else { ".weight" };
        format!("{prefix}{module}.{part}{end}")
    };
    let (a_shape, a) = file.take(&name("lora_A"))?;
    let (b_shape, b) = file.take(&name("lora_B"))?;
    let lambda = if triplets {
        Some(file.take(&name("lora_E"))?.1)
    } else {
        None
    };
    let magnitude = match settings.has_magnitude {
        true => Some(file.take(&format!("{prefix}{module}.{MAGNITUDE}"))?.1),
        false => None,
    };
    if let Some(norms) = magnitude
        .as_ref()
        .filter(|m| Some(&m.len()) != b_shape.first())
    {
        return Err(format!(
            "`{module}`: {} norms, lora_B has shape {b_shape:?}",
            norms.len()
        ));
    }
    let ([rank, input], [output, b_rank]) = (&a_shape[..], &b_shape[..]) else {
        return Err(format!("`{module}` has shapes {a_shape:?} and {b_shape:?}"));
    };
    if rank != b_rank || lambda.as_ref().is_some_and(|l| l.len() != *rank) {
        return Err(format!(
            "`{module}`: lora_A, lora_B and lora_E differ in rank"
        ));
    }
    Ok(TrainedDelta {
        input: *input,
        output: *output,
        rank: *rank,
        down: transposed(&a, *rank, *input),
        lambda,
        up: transposed(&b, *output, *rank),
        scale: settings.scale,
        live: vec![true; *rank],
        magnitude,
        module,
    })
}
