//! What identifies the model that cells adapt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::progress::{Silent, StopFlag};
use lingo_artifact::run_folder::RunFolder;
use lingo_hub::{Depth, Hub, HubModel, LeftFile, Weights};
use serde_json::{Value, json};

use super::cell_id::to_json;
use crate::failure::{Error, Kind, MissingFile};
use crate::inputs::{FileHash, Hashes, id_of};
use crate::pipeline::resolved::ModelPlan;

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
    /// The weights that are yet to be fetched from a hub.
    pub left: Vec<LeftFile>,
    /// Why the cache was taken although the hub was to be asked.
    pub unasked: Option<String>,
}

/// A model of a hub as it is planned: its config and tokenizer are fetched, of its weights only what the hub tells.
///
/// # Errors
/// What the hub says; weights that are yet to be imported.
fn of_hub(
    model: &HubModel,
    commit: Option<&str>,
    hashes: &Hashes,
    inputs: &mut BTreeMap<PathBuf, FileHash>,
) -> Result<(ModelIdentity, String), Error> {
    let pinned = commit.map(|commit| HubModel::new(model.name(), commit));
    let asked = pinned.transpose()?;
    let hub = Hub::from_environment()?;
    let found = hub.fetch(
        asked.as_ref().unwrap_or(model),
        Depth::WithoutWeights,
        &Silent,
        &StopFlag::default(),
    )?;
    if found.weights == Weights::Pickled {
        let message = format!(
            "`{model}` has its weights in pytorch_model.bin only: run `lingo-pipe model fetch {model}`, then `lingo-pipe model \
             import` as it says, and name the folder by `model: {{ path: FOLDER }}`"
        );
        return Err(Error::stage(Kind::Input, message));
    }
    let mut identity = of_folder(&found.folder, hashes, inputs)?;
    for file in &found.left {
        let hash = FileHash {
            sha256: file.sha256,
            bytes: file.bytes,
        };
        identity.add(&found.folder, &file.path, hash, inputs);
    }
    identity.parameters = json!({
        "hub": { "name": model.name(), "revision": model.revision(), "commit": found.commit },
    });
    identity.left = found.left;
    identity.unasked = found.unasked;
    Ok((identity, found.commit))
}

/// A folder with the hashes of its files.
fn of_folder(
    folder: &Path,
    hashes: &Hashes,
    inputs: &mut BTreeMap<PathBuf, FileHash>,
) -> Result<ModelIdentity, Error> {
    let mut identity = ModelIdentity {
        folder: folder.to_path_buf(),
        hashes: BTreeMap::new(),
        pretrain: None,
        parameters: json!({ "path": folder }),
        left: Vec::new(),
        unasked: None,
    };
    for path in ModelFolder::new(folder).read_files() {
        let hash = hashes.of_file(&path)?;
        identity.add(folder, &path, hash, inputs);
    }
    Ok(identity)
}

impl ModelIdentity {
    fn add(
        &mut self,
        folder: &Path,
        path: &Path,
        hash: FileHash,
        inputs: &mut BTreeMap<PathBuf, FileHash>,
    ) {
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
        self.hashes.insert(format!("model/{name}"), hash.sha256);
        inputs.insert(path.to_path_buf(), hash);
    }
}

/// Hashes the model's files, or what it will be pretrained from; what is missing goes into `missing`. The commit of a model
/// of a hub is written into the pipeline's.
pub(crate) fn model_identity(
    model: &mut ModelPlan,
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
    match model {
        ModelPlan::Folder(folder) => {
            let missing = ModelFolder::new(&*folder).missing();
            missing.iter().for_each(|path| miss(path));
            of_folder(folder, hashes, inputs)
        }
        ModelPlan::Hub { model, commit } => {
            let (identity, found) = of_hub(model, commit.as_deref(), hashes, inputs)?;
            *commit = Some(found);
            let missing = ModelFolder::new(&identity.folder).missing();
            let is_left = |path: &&PathBuf| identity.left.iter().any(|file| file.path == **path);
            (missing.iter().filter(|path| !is_left(path))).for_each(|path| miss(path));
            Ok(identity)
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
            let id = id_of(&json!(["pretrain/1", config, seed, genome, device]));
            found.insert("model/pretrained".into(), id);
            Ok(ModelIdentity {
                folder: RunFolder::new(run).model(),
                hashes: found,
                pretrain: Some(id),
                parameters: json!({ "pretrain": { "fasta": fasta, "seed": seed, "config": config } }),
                left: Vec::new(),
                unasked: None,
            })
        }
    }
}
