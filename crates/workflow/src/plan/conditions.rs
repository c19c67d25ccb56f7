//! What a cell was run under besides its method: two methods are compared only where it is the same.

use std::collections::BTreeMap;

use lingo_artifact::digest::Digest;
use lingo_evaluate::report::Conditions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cell::CellRecord;
use crate::inputs::id_of;
use crate::plan::cell_id::{
    ingest_without_paths, loud_train, natural_without_paths, to_json, tokenize_without_paths,
};

/// Everything that can change the result of a finished cell, but its method: as in its id, where files lie is left out. Of
/// `evaluate` only what changes a metric counts.
pub fn conditions(record: &CellRecord) -> Conditions {
    let of = |key: &str| record.parameters.get(key).cloned().unwrap_or_default();
    let settings = id_of(&json!([
        changed(of("ingest"), ingest_without_paths),
        changed(of("tokenize"), tokenize_without_paths),
        of("keys"),
        // What a method lays over `train` is the method.
        natural_without_paths(loud_train(match of("train_of_task") {
            Value::Null => of("train"),
            common => common,
        })),
        of("evaluate").get("strands"),
        of("evaluate").get("threshold"),
        of("seed"),
        of("device"),
        of("results"),
        // In results of earlier versions.
        of("version"),
        common_inputs(record),
    ]));
    let mut read = BTreeMap::new();
    if of("method").get("motif_cnn").is_none() {
        let first = id_of(&json!(first_of(&record.parameters)));
        read.insert("the model of `adapt_first`".into(), first);
    }
    let natural = record.inputs.iter().filter(|(role, _)| is_natural(role));
    let natural: BTreeMap<_, _> = natural.collect();
    if !natural.is_empty() {
        read.insert("the files of `natural`".into(), id_of(&json!(natural)));
    }
    Conditions { settings, read }
}

/// The inputs that a cell of any method of the task has.
pub fn common_inputs(record: &CellRecord) -> BTreeMap<&String, &Digest> {
    let inputs = record.inputs.iter();
    inputs.filter(|(role, _)| !is_natural(role)).collect()
}

/// Only what learns from natural DNA reads it.
fn is_natural(role: &str) -> bool {
    role.starts_with("natural[")
}

/// The id of what a cell begins with, where that was learnt from several tasks first.
pub fn first_of(parameters: &Value) -> Option<&str> {
    parameters.get("adapt_first")?.get("id")?.as_str()
}

/// The settings of a cell as they are told where two cells of the same name are set against each other: all that can change a
/// result, its method too, by their places in the pipeline file.
pub fn told(parameters: &Value) -> Value {
    let of = |key: &str| parameters.get(key).cloned().unwrap_or_default();
    json!({
        "ingest": changed(of("ingest"), ingest_without_paths),
        "tokenize": changed(of("tokenize"), tokenize_without_paths),
        "keys": of("keys"),
        "method": natural_without_paths(of("method")),
        "train": natural_without_paths(loud_train(of("train"))),
        "evaluate": {
            "strands": of("evaluate").get("strands"),
            "threshold": of("evaluate").get("threshold"),
        },
        "device": of("device"),
        "adapt_first": first_of(parameters).map(|id| &id[..id.len().min(8)]),
    })
}

/// Settings by `change`; as they stand where this version of the program cannot read them.
fn changed<T: Serialize + DeserializeOwned>(settings: Value, change: impl Fn(T) -> T) -> Value {
    let read = serde_json::from_value::<T>(settings.clone()).ok();
    let changed = read.and_then(|config| to_json(&change(config)).ok());
    changed.unwrap_or(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::SCHEMA;

    fn record(edit: impl Fn(&mut Value)) -> CellRecord {
        let mut parameters = json!({
            "ingest": { "source": { "csv": { "train": "a/train.csv", "dev": "a/dev.csv", "test": "a/test.csv" } } },
            "tokenize": { "scheme": { "kmer": { "k": 3 } } },
            "keys": { "task": "left" },
            "model": { "path": "models/small" },
            "method": { "lora": { "rank": 8 } },
            "train": { "epochs": 3 },
            "evaluate": { "strands": "given", "resamples": 1000 },
            "seed": 1, "device": "cpu", "results": [["training", 1]],
        });
        edit(&mut parameters);
        CellRecord {
            schema: SCHEMA.into(),
            id: Digest::of_bytes(b"id"),
            task: "left".into(),
            method: "lora".into(),
            seed: 1,
            parameters,
            inputs: BTreeMap::from([("ingest[0]".into(), Digest::of_bytes(b"train"))]),
            outputs: BTreeMap::new(),
            training: None,
            made_by: crate::cell::MadeBy::default(),
            finished: String::new(),
        }
    }

    #[test]
    fn method_and_places_of_files_are_no_conditions() {
        let first = conditions(&record(|_| {}));
        let same: [fn(&mut Value); 6] = [
            |p| p["train"]["log_every"] = json!(7),
            |p| {
                p["train_of_task"] = p["train"].clone();
                p["train"]["epochs"] = json!(9);
            },
            |p| p["method"] = json!({ "head": {} }),
            |p| p["ingest"]["source"]["csv"]["train"] = json!("elsewhere/train.csv"),
            |p| p["model"]["path"] = json!("elsewhere"),
            |p| p["evaluate"]["resamples"] = json!(0),
        ];
        for edit in same {
            assert_eq!(conditions(&record(edit)), first);
        }
    }

    #[test]
    fn what_changes_a_result_is_one() {
        let first = conditions(&record(|_| {}));
        let other: [fn(&mut Value); 8] = [
            |p| p["train_of_task"] = json!({ "epochs": 2 }),
            |p| p["ingest"]["label_kind"] = json!("regression"),
            |p| p["tokenize"]["scheme"]["kmer"]["k"] = json!(4),
            |p| p["train"]["epochs"] = json!(1),
            |p| p["evaluate"]["strands"] = json!("both"),
            |p| p["evaluate"]["threshold"] = json!("dev"),
            |p| p["device"] = json!("cuda"),
            |p| p["results"] = json!([["training", 2]]),
        ];
        for edit in other {
            assert_ne!(conditions(&record(edit)), first);
        }
        let mut record = record(|_| {});
        record
            .inputs
            .insert("ingest[0]".into(), Digest::of_bytes(b"other"));
        assert_ne!(conditions(&record), first);
    }

    #[test]
    fn what_was_learnt_first_counts_for_what_reads_the_model() {
        let begun = |method: &'static str, first: Option<&'static str>| {
            conditions(&record(move |p| {
                p["method"] = json!({ method: {} });
                if let Some(id) = first {
                    p["adapt_first"] = json!({ "id": id });
                }
            }))
        };
        let (alone, after) = (begun("lora", None), begun("lora", Some("one")));
        assert!(!alone.alike(&after));
        assert!(!after.alike(&begun("ars", Some("two"))));
        assert!(after.alike(&begun("ars", Some("one"))));
        // A network that reads no model stands beside either.
        for network in [begun("motif_cnn", None), begun("motif_cnn", Some("one"))] {
            assert!(network.alike(&alone) && after.alike(&network));
        }
    }

    #[test]
    fn natural_dna_counts_for_what_reads_it_wherever_it_lies() {
        let reading = |path: &'static str, content: &'static [u8]| {
            let mut record = record(|p| {
                p["train"]["stem"] = json!({ "natural": { "fasta": [path] } });
            });
            if !content.is_empty() {
                let natural = ("natural[0]".into(), Digest::of_bytes(content));
                record.inputs.extend([natural]);
            }
            conditions(&record)
        };
        let (stem, floor) = (reading("a.fa", b"dna"), reading("a.fa", b""));
        assert_eq!(stem, reading("b.fa", b"dna"));
        assert!(stem.alike(&floor));
        let other = reading("a.fa", b"others");
        assert!(!stem.alike(&other) && other.alike(&floor));
    }

    #[test]
    fn settings_of_another_version_are_taken_as_they_stand() {
        let unknown = |value: i32| record(move |p| p["ingest"] = json!({ "gone": value }));
        assert_eq!(conditions(&unknown(1)), conditions(&unknown(1)));
        assert_ne!(conditions(&unknown(1)), conditions(&unknown(2)));
    }
}
