//! `software_versions.yml`: what computed, in the form of nf-core's pipelines: process, tool, version.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{Facts, Finished};
use crate::lock::Lock;

/// The file. What the finished cells do not agree on (two machines, two instruction sets) is told of all.
pub(super) fn yaml(facts: &Facts) -> String {
    let mut tools: BTreeMap<&str, String> = BTreeMap::new();
    tools.insert("lingo-pipe", facts.lock.version.clone());
    let each = |of: &dyn Fn(&Finished) -> Option<String>| {
        let found: BTreeSet<String> = facts.finished().filter_map(|(_, f)| of(f)).collect();
        let found: Vec<String> = found.into_iter().collect();
        (!found.is_empty()).then(|| found.join(", "))
    };
    let training = |of: fn(&lingo_artifact::training::Training) -> &String| {
        each(&|f: &Finished| f.training.as_ref().map(of).cloned())
    };
    let versions = each(&|f| {
        let by = &f.locked.made_by;
        let commit = by
            .commit
            .as_ref()
            .map_or_else(String::new, |c| format!(" ({c})"));
        match by.version.is_empty() {
            // In results of earlier versions.
            true => Some(f.locked.parameters.get("version")?.as_str()?.to_owned()),
            false => Some(format!("{}{commit}", by.version)),
        }
    });
    let adapt = [
        ("lingo-pipe", versions),
        ("model", Some(model(facts.lock))),
        ("kernels", each(&|f| f.resources.as_ref()?.kernels.clone())),
        ("device", training(|t| &t.device)),
        ("precision", training(|t| &t.precision)),
    ];
    let of_cells: BTreeMap<&str, String> = match facts.finished().next() {
        Some(_) => {
            let told = adapt.into_iter();
            told.filter_map(|(tool, version)| Some((tool, version?)))
                .collect()
        }
        None => BTreeMap::new(),
    };
    let mut text = String::new();
    for (process, tools) in [("LINGO_PIPE:ADAPT", of_cells), ("Workflow", tools)] {
        if tools.is_empty() {
            continue;
        }
        text += &format!("{}:\n", quoted(process));
        for (tool, version) in tools {
            text += &format!("  {tool}: {}\n", quoted(&version));
        }
    }
    text
}

/// A string of JSON is one of YAML, and none that could be read as a number.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What tells the model from any other: name and commit on a hub, the hash of its weights, or what it was pretrained from.
pub(super) fn model(lock: &Lock) -> String {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(String::from);
    if let Some(hub) = lock.model.get("hub") {
        let (name, commit) = (text(hub, "name"), text(hub, "commit"));
        return format!(
            "{}@{}",
            name.unwrap_or_default(),
            commit.unwrap_or_default()
        );
    }
    let hash = |key: &str| lock.model_hashes.get(key).map(ToString::to_string);
    if let Some(path) = text(&lock.model, "path") {
        let name = std::path::Path::new(&path).file_name();
        let name = name.map_or(path.clone(), |name| name.to_string_lossy().into_owned());
        return match hash("model/model.safetensors") {
            Some(hash) => format!("{name} (model.safetensors sha256 {hash})"),
            None => name,
        };
    }
    match hash("model/pretrained") {
        Some(id) => format!("pretrained (id {id})"),
        None => "pretrained".to_owned(),
    }
}
