//! A trained adapter added to the weights of its model: a model folder for programs that know no adapters.

use std::path::Path;
use std::sync::Arc;

use lingo_artifact::LabelKind;
use lingo_artifact::atomic;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::progress::{Silent, StopFlag};
use lingo_lm::{Classifier, DeviceChoice, Model, Packing, Precision, open_device};
use serde_json::{Map, Value, json};

use crate::batching::EVALUATION_BATCH;
use crate::error::Error;
use crate::folder::adapter::{Description, is_of_transformers, read_adapter};
use crate::folder::trained::{self, Inference, Pass, Trained};
use crate::plan::model_shape::model_digest;
use crate::predict::checked_base;
use crate::predictor::rounded;
use crate::tensor_file::{TensorFile, transposed};
use crate::train::target_scale::TargetScale;

/// The head, where no class of `transformers` holds it.
const HEAD: &str = "head.safetensors";
/// How sequences become token ids, and what the labels are.
const DESCRIPTION: &str = "lingo.json";

/// What is merged, and where to.
pub struct MergeRequest<'a> {
    /// The adapter folder.
    pub adapter: &'a Path,
    /// The folder of the base model; it may be left out where a `model/` stands beside the adapter.
    pub model: Option<&'a Path>,
    /// What the adapter is; without it `lingo.json` says so ([`Description::of_peft`] where there is none).
    pub described: Option<&'a Description>,
    /// The folder that is written; it must not hold anything yet.
    pub out: &'a Path,
    /// Token ids of sequences whose logits are compared, if any.
    pub verify: &'a [Vec<u32>],
    /// The device that computes.
    pub device: DeviceChoice,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Linear layers that a delta was added to.
    pub layers: usize,
    /// The class of `transformers` that holds the model with its head; nothing where there is none, and the head stands in a file
    /// of its own.
    pub class: Option<String>,
    /// How far the logits of the folder that was written are from the adapter's.
    pub difference: Option<LogitDifference>,
}

/// How far two models' logits are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogitDifference {
    /// Sequences that were compared.
    pub sequences: usize,
    /// The largest difference of two logits.
    pub largest: f32,
    /// The largest absolute logit.
    pub of: f32,
}

impl LogitDifference {
    /// Whether it is no more than rounding: a thousandth of the largest logit, or of one.
    pub fn is_rounding(&self) -> bool {
        self.largest <= 1e-3 * self.of.max(1.0)
    }
}

/// Writes the model folder.
///
/// # Errors
/// An adapter that has no language model, or networks beside it, vectors before the tokens or bottlenecks, which no
/// weights can hold; a model that is not the one that the adapter was trained on; a folder that holds something; files that cannot be read or written.
pub fn merge(request: &MergeRequest) -> Result<Merged, Error> {
    let MergeRequest { adapter, out, .. } = *request;
    let mut description = match request.described {
        Some(description) => description.clone(),
        None => Description::read(adapter)?,
    };
    if description.method.adaptation().motifs().is_some() || description.stem.is_some() {
        return Err(Error::Config(
            "the adapter has networks of motifs, which no model's weights can hold: it cannot be merged".into(),
        ));
    }
    let mut entries = std::fs::read_dir(out).into_iter().flatten();
    if entries.next().is_some() || out.is_file() {
        return Err(Error::Config(format!(
            "{} is there and holds something; name a new folder",
            out.display()
        )));
    }
    let method = description.method.adaptation();
    let apart = if method.prompt() > 0 {
        Some("vectors stand before the tokens, where no model's weights are")
    } else if method.prefix() > 0 {
        Some("keys and values stand before those of the tokens, where no model's weights are")
    } else if method.bottlenecks().is_some() {
        Some("bottlenecks are layers of their own, which the model has no place for")
    } else {
        None
    };
    if let Some(apart) = apart {
        return Err(Error::Config(format!(
            "the adapter's {apart}: it cannot be merged; `predict --adapter` runs it as it is"
        )));
    }
    let (base, _) = checked_base(adapter, &description, request.model, model_digest)?;
    let mut trained = read_adapter(adapter, &description)?;
    let device = open_device(request.device)?;
    let mut expected = match request.verify {
        [] => Vec::new(),
        rows => logits(
            rounded(&base, &device, &description)?,
            &trained,
            &description,
            rows,
        )?,
    };
    if let Some(targets) = description.targets.filter(|_| trained.head.bias.is_some()) {
        expected.iter_mut().for_each(|row| targets.put_back(row));
        put_back_in_head(&mut trained, &targets);
        description.targets = None;
    }
    let layers = trained.deltas.iter().filter(|d| d.rank > 0).count() + trained.scales.len();
    let mut model = rounded(&base, &device, &description)?;
    trained::merge(&mut model, &mut trained)?;
    let class = write(&model, &trained, &description, &base, out)?;
    drop(model);
    let difference = match request.verify {
        [] => None,
        rows => {
            let found = logits(Model::load(out, &device)?, &trained, &description, rows)?;
            let pairs = expected.iter().flatten().zip(found.iter().flatten());
            // A logit that is no number is as far away as can be.
            let apart = pairs.map(|(a, b)| {
                Some((a - b).abs())
                    .filter(|d| !d.is_nan())
                    .unwrap_or(f32::INFINITY)
            });
            Some(LogitDifference {
                sequences: rows.len(),
                largest: apart.fold(0.0, f32::max),
                of: expected
                    .iter()
                    .flatten()
                    .fold(0.0, |most, a| a.abs().max(most)),
            })
        }
    };
    Ok(Merged {
        layers,
        class,
        difference,
    })
}

/// Writes the folder of the model that an adapter makes of `model`, without its head: with its tokenizer, and with what a
/// sentence model says of its pooling.
///
/// # Errors
/// As [`merge`].
pub(crate) fn merge_into_model(
    adapter: &Path,
    model: &Path,
    device: DeviceChoice,
    out: &Path,
) -> Result<(), Error> {
    let description = Description::read(adapter)?;
    let (base, _) = checked_base(adapter, &description, Some(model), model_digest)?;
    let mut trained = read_adapter(adapter, &description)?;
    let mut merged = rounded(&base, &open_device(device)?, &description)?;
    trained::merge(&mut merged, &mut trained)?;
    atomic::write_folder(out, |inside| {
        merged.save(inside).map_err(Error::WriteModel)?;
        Ok::<(), Error>(ModelFolder::new(model).copy_beside_weights(inside)?)
    })
}

/// Makes a head give values in place of standardised ones.
fn put_back_in_head(trained: &mut Trained, targets: &TargetScale) {
    for weight in &mut trained.head.weight {
        *weight = (f64::from(*weight) * targets.deviation) as f32;
    }
    if let Some(bias) = &mut trained.head.bias {
        targets.put_back(bias);
    }
}

/// Logits of rows, in `f32` whatever the adapter was trained in: what differs is what merging did.
fn logits(
    mut model: Model,
    trained: &Trained,
    description: &Description,
    rows: &[Vec<u32>],
) -> Result<Vec<Vec<f32>>, Error> {
    if !trained.needs_plain_operations() {
        model.pack(Packing {
            precision: Precision::F32,
            quantization: None,
            gradients: false,
        })?;
    }
    let inference = Inference::new(Arc::new(model), trained)?;
    let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
    let pass = Pass {
        pad: description.encoding.pad,
        batch: EVALUATION_BATCH,
        states: None,
        progress: &Silent,
        stop: &StopFlag::default(),
    };
    inference.logits(&rows, &pass)
}

/// Writes the folder, all of it or nothing; the class of `transformers` that holds the head, if one does.
fn write(
    model: &Model,
    trained: &Trained,
    description: &Description,
    base: &Path,
    out: &Path,
) -> Result<Option<String>, Error> {
    let from = ModelFolder::new(base);
    let mut config: Map<String, Value> = atomic::read_json(&from.config())?;
    let family = description.family()?;
    let Classifier {
        model: inner, head, ..
    } = family.classifier();
    // Code of its own is not copied, and what its classes hold is not known here.
    let is_plain = !config.contains_key("auto_map");
    let bare = model.architecture();
    let class = (is_plain && is_of_transformers(family, &trained.head)).then(|| {
        format!(
            "{}ForSequenceClassification",
            bare.trim_end_matches("Model")
        )
    });
    let (prefix, others) = match &class {
        Some(_) => (
            format!("{inner}."),
            head_tensors(trained, &format!("{head}.")),
        ),
        None => (String::new(), Vec::new()),
    };
    config.insert(
        "architectures".into(),
        json!([class.as_deref().unwrap_or(bare)]),
    );
    // Both names of the key: that of `transformers` 5, and of those before.
    for key in ["dtype", "torch_dtype"] {
        if config.contains_key(key) {
            config.insert(key.into(), "float32".into());
        }
    }
    if class.is_some() {
        config.extend(labels(&description.labels));
        config.insert("pad_token_id".into(), description.encoding.pad.into());
    }
    atomic::write_folder(out, |inside| {
        model
            .save_within(&prefix, &others, &Value::Object(config), inside)
            .map_err(Error::WriteModel)?;
        if class.is_none() {
            let mut file = TensorFile::for_peft();
            for (name, shape, values) in head_tensors(trained, "") {
                file.add(name, &shape, values);
            }
            file.write(&inside.join(HEAD))?;
        }
        from.copy_tokenizer(inside)?;
        Ok::<(), Error>(atomic::write_json(&inside.join(DESCRIPTION), description)?)
    })?;
    Ok(class)
}

/// The tensors of the head as torch has them: of one layer, or of `Sequential(Linear, ReLU, Linear)`.
fn head_tensors(trained: &Trained, prefix: &str) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let head = &trained.head;
    let mut tensors = Vec::new();
    let last = match &head.hidden {
        None => prefix.to_string(),
        Some(hidden) => {
            let weight = transposed(&hidden.weight, head.width, hidden.size);
            let name = |end: &str| format!("{prefix}0.{end}");
            tensors.push((name("weight"), vec![hidden.size, head.width], weight));
            tensors.push((name("bias"), vec![hidden.size], hidden.bias.clone()));
            format!("{prefix}2.")
        }
    };
    let read = head.last_width();
    let weight = transposed(&head.weight, read, head.outputs);
    tensors.push((format!("{last}weight"), vec![head.outputs, read], weight));
    if let Some(bias) = &head.bias {
        tensors.push((format!("{last}bias"), vec![head.outputs], bias.clone()));
    }
    tensors
}

/// What `transformers` calls the outputs.
fn labels(kind: &LabelKind) -> Map<String, Value> {
    let (names, problem) = match kind {
        LabelKind::Classes(names) => (names.clone(), "single_label_classification"),
        LabelKind::Multilabel(names) => (names.clone(), "multi_label_classification"),
        LabelKind::Regression => (vec!["value".into()], "regression"),
    };
    let by_id = names.iter().enumerate();
    let by_id: Map<String, Value> = by_id
        .map(|(id, name)| (id.to_string(), json!(name)))
        .collect();
    let by_name = names.iter().enumerate();
    let by_name: Map<String, Value> = by_name
        .map(|(id, name)| (name.clone(), json!(id)))
        .collect();
    Map::from_iter([
        ("id2label".into(), by_id.into()),
        ("label2id".into(), by_name.into()),
        ("problem_type".into(), problem.into()),
    ])
}
