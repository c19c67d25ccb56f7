//! Which files of a model are fetched: what is read here, and what Python needs to read the same folder.

use std::collections::BTreeSet;
use std::path::Path;

use lingo_artifact::model_folder::ModelFolder;

pub(crate) const CONFIG: &str = "config.json";
const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLED: &str = "pytorch_model.bin";
const PICKLED_INDEX: &str = "pytorch_model.bin.index.json";
/// What a sentence model makes of its tokens' states.
const SENTENCE: [&str; 2] = ["modules.json", "1_Pooling/config.json"];

/// How a model's weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// One file, or shards: they can be read.
    Safetensors,
    /// Pickles: `model import` makes safetensors of them.
    Pickled,
}

/// The files beside the weights that are fetched where a model has them.
pub(crate) fn beside_weights() -> impl Iterator<Item = &'static str> {
    let tokenizer = ModelFolder::TOKENIZER_FILES.into_iter();
    [CONFIG].into_iter().chain(SENTENCE).chain(tokenizer)
}

/// The kind of weights to take, and the file that they are, or that lists their shards.
pub(crate) fn weights_of(has: &dyn Fn(&str) -> bool) -> Option<(Weights, &'static str)> {
    [
        (Weights::Safetensors, WHOLE),
        (Weights::Safetensors, INDEX),
        (Weights::Pickled, PICKLED),
        (Weights::Pickled, PICKLED_INDEX),
    ]
    .into_iter()
    .find(|(_, file)| has(file))
}

/// Whether this file lists shards.
pub(crate) fn is_index(file: &str) -> bool {
    file.ends_with(".index.json")
}

/// The shards that an index lists; nothing where it is no index, or names what cannot lie beside it.
pub(crate) fn shards(index: &Path) -> Option<BTreeSet<String>> {
    let text = std::fs::read(index).ok()?;
    let index: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let names = index.get("weight_map")?.as_object()?.values();
    let names: BTreeSet<String> = names
        .map(|name| Some(name.as_str()?.to_string()))
        .collect::<Option<_>>()?;
    let is_file = |name: &String| {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let ends = name.ends_with(".safetensors") || name.ends_with(".bin");
        ends && !name.starts_with('.') && name.chars().all(known)
    };
    (!names.is_empty() && names.iter().all(is_file)).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safetensors_are_taken_before_pickles() {
        let of = |files: &[&str]| weights_of(&|name| files.contains(&name));
        let all = [PICKLED, INDEX, WHOLE];
        assert_eq!(of(&all), Some((Weights::Safetensors, WHOLE)));
        assert_eq!(of(&all[..2]), Some((Weights::Safetensors, INDEX)));
        assert_eq!(of(&all[..1]), Some((Weights::Pickled, PICKLED)));
        assert_eq!(of(&["model.gguf"]), None);
    }

    #[test]
    fn an_index_names_files_beside_it_or_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.json");
        let of = |shard: &str| {
            let text = format!(r#"{{"weight_map": {{"a": "{shard}", "b": "{shard}"}}}}"#);
            std::fs::write(&path, text).unwrap();
            shards(&path).map(|found| found.len())
        };
        assert_eq!(of("model-00001-of-00002.safetensors"), Some(1));
        for bad in [
            "../../x.safetensors",
            "/etc/x.bin",
            ".x.bin",
            "x.py",
            "a/b.bin",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
