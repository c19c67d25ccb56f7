//! Bottlenecks in files as the library `adapters` names them: `adapter.safetensors` with `adapter_config.json`, the head in
//! `model_head.safetensors` with `head_config.json`.

use lingo_lm::{Activation, BottleneckInput, Family, ModelConfig, Sublayer};
use serde_json::{Value, json};

use crate::folder::trained::TrainedBottleneck;
use crate::method::adaptation::BottleneckSettings;
use crate::tensor_file::{TensorFile, transposed};

pub(super) const WEIGHTS: &str = "adapter.safetensors";
pub(super) const HEAD: &str = "model_head.safetensors";
pub(super) const HEAD_CONFIG: &str = "head_config.json";
/// What `adapters` calls an adapter that has no other name.
const NAME: &str = "lingo";
/// The version of the library whose form this is.
const VERSION: &str = "adapters.1.3.0";

/// Where a family's bottleneck stands in a block, and what stands behind it.
fn place(family: Family, sublayer: Sublayer) -> String {
    let [attention, feed_forward] = family.bottlenecks();
    let module = match sublayer {
        Sublayer::Attention => attention,
        Sublayer::FeedForward => feed_forward,
    };
    format!(".{module}.adapters.{NAME}")
}

/// The file of all bottlenecks.
pub(super) fn file_of(family: Family, bottlenecks: &[TrainedBottleneck]) -> TensorFile {
    let mut file = TensorFile::for_peft();
    for b in bottlenecks {
        let (hidden, size) = (b.hidden, b.size);
        let module = format!(
            "{}{}{}",
            family.prefix(),
            b.block,
            place(family, b.sublayer)
        );
        let down = transposed(&b.down, hidden, size);
        let up = transposed(&b.up, size, hidden);
        let [down_name, up_name] = layers(&module);
        file.add(format!("{down_name}.weight"), &[size, hidden], down);
        file.add(format!("{down_name}.bias"), &[size], b.down_bias.clone());
        file.add(format!("{up_name}.weight"), &[hidden, size], up);
        file.add(format!("{up_name}.bias"), &[hidden], b.up_bias.clone());
    }
    file
}

/// The names of a bottleneck's two layers.
fn layers(module: &str) -> [String; 2] {
    ["adapter_down.0", "adapter_up"].map(|layer| format!("{module}.{layer}"))
}

/// Reads what [`file_of`] made, all of it.
///
/// # Errors
/// The problem: a tensor that is missing, of another shape, or of no bottleneck.
pub(super) fn read(
    mut file: TensorFile,
    family: Family,
    settings: &BottleneckSettings,
) -> Result<Vec<TrainedBottleneck>, String> {
    let mut bottlenecks = Vec::new();
    let prefix = family.prefix();
    // The end that says more comes first: that of BERT's feed-forward layers is also the end of attention's.
    for sublayer in [Sublayer::Attention, Sublayer::FeedForward] {
        let place = place(family, sublayer);
        let end = format!("{place}.adapter_up.bias");
        let of = |name: &String| {
            let block = name.strip_prefix(&prefix)?.strip_suffix(&end)?;
            Some(block.to_owned())
        };
        let blocks: Vec<String> = file.tensors.keys().filter_map(of).collect();
        for block in blocks {
            let [down_name, up_name] = layers(&format!("{prefix}{block}{place}"));
            let (shape, down) = file.take(&format!("{down_name}.weight"))?;
            let (_, down_bias) = file.take(&format!("{down_name}.bias"))?;
            let (up_shape, up) = file.take(&format!("{up_name}.weight"))?;
            let (_, up_bias) = file.take(&format!("{up_name}.bias"))?;
            let [size, hidden] = shape[..] else {
                return Err(format!("`{down_name}.weight` has shape {shape:?}"));
            };
            if up_shape != [hidden, size] || down_bias.len() != size || up_bias.len() != hidden {
                return Err(format!(
                    "`{down_name}` is [{size}, {hidden}] with a bias of {}, but `{up_name}` is {up_shape:?} with one of {}",
                    down_bias.len(),
                    up_bias.len()
                ));
            }
            bottlenecks.push(TrainedBottleneck {
                block,
                sublayer,
                form: settings.form,
                hidden,
                size,
                down: transposed(&down, size, hidden),
                down_bias,
                up: transposed(&up, hidden, size),
                up_bias,
            });
        }
    }
    if let Some(name) = file.tensors.keys().next() {
        return Err(format!("the tensor `{name}` belongs to no bottleneck"));
    }
    match bottlenecks.is_empty() {
        true => Err(format!("it holds no bottleneck under `{prefix}`")),
        false => Ok(bottlenecks),
    }
}

/// `adapter_config.json`: the keys of `BnConfig` that say what is computed.
pub(super) fn config(settings: &BottleneckSettings, model: &ModelConfig, name: &str) -> Value {
    let reads = settings.form.reads;
    let is_left_out = |block: &usize| settings.layers.is_some_and(|l| !l.contains(*block));
    let leave_out: Vec<usize> = (0..model.layers).filter(is_left_out).collect();
    json!({
        "config": {
            "adapter_residual_before_ln": false,
            "dropout": settings.form.dropout,
            "init_weights": if settings.begins_silent() { "mam_adapter" } else { "bert" },
            "is_parallel": reads == BottleneckInput::Stream,
            "leave_out": leave_out,
            "ln_after": false,
            "ln_before": false,
            "mh_adapter": settings.after_attention,
            "non_linearity": match settings.form.activation {
                Activation::Silu => "swish",
                other => other.name(),
            },
            "original_ln_after": true,
            "original_ln_before": reads == BottleneckInput::Sum,
            "output_adapter": true,
            "reduction_factor": settings.reduction_factor,
            "residual_before_ln": true,
            "scaling": settings.form.scaling,
        },
        "hidden_size": model.hidden_size,
        "model_name": name,
        "model_type": model.family.name(),
        "name": NAME,
        "version": VERSION,
    })
}

/// `head_config.json` of a classifier of `transformers`.
pub(super) fn head_config(names: &[String], model: &ModelConfig, name: &str) -> Value {
    let numbered = names.iter().zip(0..);
    let label2id: serde_json::Map<String, Value> = numbered
        .map(|(name, id): (&String, usize)| (name.clone(), json!(id)))
        .collect();
    let bare = model.family.architecture().trim_end_matches("Model");
    json!({
        "config": Value::Null,
        "hidden_size": model.hidden_size,
        "label2id": label2id,
        "model_class": format!("{bare}ForSequenceClassification"),
        "model_name": name,
        "model_type": model.family.name(),
        "name": Value::Null,
        "num_labels": names.len(),
        "version": VERSION,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::methods::Method;

    fn bottleneck(
        block: &str,
        sublayer: Sublayer,
        settings: &BottleneckSettings,
    ) -> TrainedBottleneck {
        TrainedBottleneck {
            block: block.into(),
            sublayer,
            form: settings.form,
            hidden: 3,
            size: 2,
            down: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            down_bias: vec![7.0, 8.0],
            up: vec![9.0, 10.0, 11.0, 12.0, 13.0, 14.0],
            up_bias: vec![15.0, 16.0, 17.0],
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_named_as_in_adapters() {
        let method: Method =
            serde_json::from_str(r#"{"bottleneck": {"placement": "houlsby"}}"#).unwrap();
        let settings = method.adaptation().bottlenecks().unwrap();
        for (family, block, name) in [
            (
                Family::Bert,
                "encoder.layer.1",
                "bert.encoder.layer.1.attention.output.adapters.lingo.adapter_up.bias",
            ),
            (
                Family::Gpt2,
                "h.1",
                "transformer.h.1.attention_adapters.adapters.lingo.adapter_up.bias",
            ),
        ] {
            let both = [
                bottleneck(block, Sublayer::Attention, &settings),
                bottleneck(block, Sublayer::FeedForward, &settings),
            ];
            let file = file_of(family, &both);
            assert!(file.tensors.contains_key(name), "{:?}", file.tensors.keys());
            assert_eq!(read(file, family, &settings).unwrap(), both);
        }
    }

    #[test]
    fn a_file_that_is_not_whole_is_refused_by_name() {
        let method: Method = serde_json::from_str(r#"{"bottleneck": {}}"#).unwrap();
        let settings = method.adaptation().bottlenecks().unwrap();
        let whole = || {
            let one = bottleneck("encoder.layer.0", Sublayer::FeedForward, &settings);
            file_of(Family::Bert, &[one])
        };
        let t = |file: TensorFile, part: &str| {
            let problem = read(file, Family::Bert, &settings).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        };
        let down = "bert.encoder.layer.0.output.adapters.lingo.adapter_down.0";
        let mut file = whole();
        file.tensors.remove(&format!("{down}.weight"));
        t(file, "adapter_down.0.weight` is missing");
        let mut file = whole();
        file.add(format!("{down}.bias"), &[1], vec![0.0]);
        t(file, "with a bias of 1");
        let mut file = whole();
        file.add("bert.pooler.weight", &[1], vec![0.0]);
        t(file, "`bert.pooler.weight` belongs to no bottleneck");
        t(TensorFile::for_peft(), "no bottleneck under `bert.`");
    }
}
