//! Settings given on the command line alone: `--set` for one stage, held to the same rules as a pipeline file.

use std::path::Path as FilePath;

use lingo_adapt::{Method, PretrainConfig, TrainConfig};
use serde::de::DeserializeOwned;

use crate::failure::{Error, Kind};
use crate::yaml::deserialize::from_node;
use crate::yaml::document::{Document, unknown};
use crate::yaml::fault::{Fault, Step, keys};
use crate::yaml::node::Node;

/// The settings of `pretrain`: the keys of `model.pretrain`.
///
/// # Errors
/// Mistakes in `--set`.
pub fn pretrain(sets: &[String]) -> Result<PretrainConfig, Error> {
    let document = document(sets)?;
    Ok(from_node(&document.node).map_err(|fault| document.mistakes(vec![fault]))?)
}

/// The settings of `adapt`: `train.KEY` as in a pipeline's `train`, `method.KEY` as in the method called `name`.
///
/// # Errors
/// No such method; mistakes in `--set`.
pub fn adapt(name: &str, sets: &[String]) -> Result<(Method, TrainConfig), Error> {
    let default: Method = name
        .parse()
        .map_err(|e: String| Error::stage(Kind::Usage, e))?;
    let name = default.name();
    let document = document(sets)?;
    if let Node::Map(entries) = &document.node {
        let stray = entries.iter().find(|(k, _)| k != "train" && k != "method");
        if let Some((key, _)) = stray {
            let fault = unknown(keys(&[key]), "section", key, ["train", "method"]).key();
            return Err(document.mistakes(vec![fault]).into());
        }
    }
    let section = |key: &str| document.node.get(key).cloned().unwrap_or_default();
    let at =
        |step: &str, fault: Fault| document.mistakes(vec![fault.below(Step::Key(step.into()))]);
    let train = read(&section("train")).map_err(|fault| at("train", fault))?;
    let method =
        read(&Node::Map(vec![(name.to_string(), section("method"))])).map_err(|fault| {
            let inside = Fault {
                path: fault.path.iter().skip(1).cloned().collect(),
                ..fault
            };
            at("method", inside)
        })?;
    Ok((method, train))
}

fn read<T: DeserializeOwned>(node: &Node) -> Result<T, Fault> {
    from_node(node)
}

fn document(sets: &[String]) -> Result<Document, Error> {
    let lookup = |name: &str| std::env::var(name).ok();
    Ok(Document::parse(
        "--set",
        FilePath::new("."),
        String::new(),
        sets,
        &lookup,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_those_of_the_pipeline_file() {
        let sets = ["train.epochs=1", "method.rank=4"].map(String::from);
        let (method, train) = adapt("lora", &sets).unwrap();
        assert_eq!(train.epochs.get(), 1);
        assert!(matches!(method, Method::Lora(l) if l.rank.get() == 4));
        let (method, _) = adapt("ars", &[]).unwrap();
        assert_eq!(method.name(), "adaptive_rank_sampling");
    }

    #[test]
    fn mistakes_are_told_with_the_argument() {
        fn t(method: &str, set: &str, message: &str) {
            let error = adapt(method, &[set.to_string()]).unwrap_err();
            assert_eq!(
                (error.to_string().as_str(), error.kind()),
                (message, Kind::Usage)
            );
        }
        t("lora", "train.epoch=1", "unknown key `epoch`");
        t("lora", "epochs=1", "there is no section `epochs`");
        t(
            "lora",
            "method.rank=0",
            "a whole number above 0 is needed here, found the number `0`",
        );
        t(
            "lorra",
            "train.epochs=1",
            "`lorra` is no method; use head, lora, adalora, adaptive_rank_sampling (ars), ia3, prompt_tuning, prefix_tuning, bottleneck, bitfit, full or motif_cnn",
        );
    }
}
