//! Whether what a report reads is still what its cells left.

use std::collections::BTreeMap;
use std::path::Path;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::CellFolder;
use rayon::prelude::*;

use crate::cell::CellRecord;
use crate::inputs::FileHash;

/// The files of a cell that its numbers on the page come from.
const READ: [&str; 7] = [
    "metrics.json",
    "predictions.parquet",
    "training.json",
    "train.jsonl",
    "adapter/adapter_config.json",
    "designs.tsv",
    "steps.tsv",
];

/// Hashes the files of finished cells that a report reads, against the cells' records: by label what differs, in sentences.
pub fn altered(
    run: &Path,
    records: &BTreeMap<String, CellRecord>,
) -> BTreeMap<String, Vec<String>> {
    let of_cell = |(label, record): (&String, &CellRecord)| {
        let folder = CellFolder::new(run.join(label));
        let files = READ.iter().filter_map(|name| {
            let told = differs(folder.path(), name, record.outputs.get(*name)?)?;
            Some(format!("{label}/{name} {told}"))
        });
        let files: Vec<String> = files.collect();
        (!files.is_empty()).then(|| (label.clone(), files))
    };
    records.par_iter().filter_map(of_cell).collect()
}

/// What is wrong with a file; nothing where it has the hash that is wanted.
fn differs(folder: &Path, name: &str, want: &FileHash) -> Option<String> {
    let path = folder.join(name);
    match Digest::of_file(&path) {
        Ok((sha256, _)) if sha256 == want.sha256 => None,
        Ok((sha256, bytes)) => Some(format!(
            "is not what the run wrote: sha256 {} ({bytes} bytes) instead of {} ({} bytes)",
            sha256.short(),
            want.sha256.short(),
            want.bytes
        )),
        Err(_) if !path.exists() => Some("is gone".into()),
        Err(e) => Some(format!("cannot be read: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cell::{SCHEMA, hash_outputs};

    #[test]
    fn a_file_that_was_altered_or_removed_is_told_by_its_path() {
        let run = tempfile::tempdir().unwrap();
        let label = "task/lora/seed-1";
        let cell = CellFolder::new(run.path().join(label));
        std::fs::create_dir_all(cell.path()).unwrap();
        for file in [cell.metrics(), cell.predictions(), cell.training()] {
            std::fs::write(file, "as it was").unwrap();
        }
        let record = CellRecord {
            training: None,
            made_by: crate::cell::MadeBy::default(),
            schema: SCHEMA.into(),
            id: Digest::of_bytes(b""),
            task: "task".into(),
            method: "lora".into(),
            seed: 1,
            parameters: Value::Null,
            inputs: BTreeMap::new(),
            outputs: hash_outputs(cell.path()).unwrap(),
            finished: String::new(),
        };
        let records = BTreeMap::from([(label.to_string(), record)]);
        assert_eq!(altered(run.path(), &records), BTreeMap::new());
        std::fs::write(cell.metrics(), "as it is").unwrap();
        std::fs::remove_file(cell.predictions()).unwrap();
        let found = altered(run.path(), &records);
        let [metrics, predictions] = &found[label][..] else {
            panic!("{found:?}");
        };
        assert!(
            metrics.starts_with("task/lora/seed-1/metrics.json is not what the run wrote: sha256 "),
            "{metrics}"
        );
        assert!(metrics.contains("(8 bytes) instead of"), "{metrics}");
        assert_eq!(predictions, "task/lora/seed-1/predictions.parquet is gone");
    }
}
