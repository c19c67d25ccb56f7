//! What a cell was run under besides its method: two methods are compared only where it is the same.

use lingo_artifact::digest::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cell::CellRecord;
use crate::inputs::id_of;
use crate::plan::cell_id::{ingest_without_paths, loud_train, to_json, tokenize_without_paths};

/// The sha256 over everything that can change the result of a finished cell, but its method: as its id, where files
/// lie is left out. Of `evaluate` only what changes a metric counts.
pub fn conditions(record: &CellRecord) -> Digest {
    let of = |key: &str| record.parameters.get(key).cloned().unwrap_or_default();
    id_of(&json!([
        changed(of("ingest"), ingest_without_paths),
        changed(of("tokenize"), tokenize_without_paths),
        of("keys"),
        // What a method lays over `train` is the method.
        loud_train(match of("train_of_task") {
            Value::Null => of("train"),
            common => common,
        }),
        of("evaluate").get("strands"),
        of("evaluate").get("threshold"),
        of("seed"),
        of("device"),
        of("results"),
        // In results of earlier versions.
        of("version"),
        record.inputs,
    ]))
}

/// Settings by `change`; as they stand where this version of the program cannot read them.
fn changed<T: Serialize + DeserializeOwned>(settings: Value, change: impl Fn(T) -> T) -> Value {
    let read = serde_json::from_value::<T>(settings.clone()).ok();
    let changed = read.and_then(|config| to_json(&change(config)).ok());
    changed.unwrap_or(settings)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
    fn settings_of_another_version_are_taken_as_they_stand() {
        let unknown = |value: i32| record(move |p| p["ingest"] = json!({ "gone": value }));
        assert_eq!(conditions(&unknown(1)), conditions(&unknown(1)));
        assert_ne!(conditions(&unknown(1)), conditions(&unknown(2)));
    }
}
