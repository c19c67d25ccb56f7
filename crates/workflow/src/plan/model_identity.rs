//! What identifies the model that cells adapt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::run_folder::RunFolder;
use serde_json::{Value, json};

use super::cell_id::{VERSION, to_json};
use crate::failure::{Error, MissingFile};
use crate::inputs::{FileHash, Hashes, id_of};
use crate::pipeline::resolved::{ModelPlan, Pipeline};

/// What identifies the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelIdentity {
    /// The folder that holds it, or will.
    pub folder: PathBuf,
    /// sha256 of its files, or the id of its pretraining, by role.
    pub hashes: BTreeMap<String, Digest>,
    /// The id of its pretraining, where it is trained first.
    pub pretrain: Option<Digest>,
    /// What identifies it for a reader.
    pub parameters: Value,
}

/// Hashes the model's files, or what it will be pretrained from; what is missing goes into `missing`.
pub(super) fn model_identity(
    pipeline: &Pipeline,
    run: &Path,
    device: &str,
    hashes: &Hashes,
    inputs: &mut BTreeMap<PathBuf, FileHash>,
    missing: &mut Vec<MissingFile>,
) -> Result<ModelIdentity, Error> {
    let mut miss = |path: &Path| {
        missing.push(MissingFile {
            task: String::new(),
            path: path.to_path_buf(),
        });
    };
    match &pipeline.model {
        ModelPlan::Folder(folder) => {
            let mut found = BTreeMap::new();
            let model = ModelFolder::new(folder);
            for path in model.read_files() {
                let hash = hashes.of_file(&path)?;
                let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
                found.insert(format!("model/{name}"), hash.sha256);
                inputs.insert(path.clone(), hash);
            }
            model.missing().iter().for_each(|path| miss(path));
            Ok(ModelIdentity {
                folder: folder.clone(),
                hashes: found,
                pretrain: None,
                parameters: json!({ "path": folder }),
            })
        }
        ModelPlan::Pretrain {
            fasta,
            seed,
            config,
        } => {
            let config = to_json(config)?;
            let mut found = BTreeMap::new();
            let mut genome = Value::Null;
            if fasta.is_file() {
                let hash = hashes.of_file(fasta)?;
                genome = json!(hash.sha256);
                found.insert("model.pretrain.fasta".to_string(), hash.sha256);
                inputs.insert(fasta.clone(), hash);
            } else {
                miss(fasta);
            }
            let id = id_of(&json!([VERSION, "pretrain", config, seed, genome, device]));
            found.insert("model/pretrained".into(), id);
            Ok(ModelIdentity {
                folder: RunFolder::new(run).model(),
                hashes: found,
                pretrain: Some(id),
                parameters: json!({ "pretrain": { "fasta": fasta, "seed": seed, "config": config } }),
            })
        }
    }
}
