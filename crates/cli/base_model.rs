//! The base model of an adapter that nobody named.

use std::path::{Path, PathBuf};

use lingo_artifact::model_folder::ModelFolder;
use lingo_artifact::run_folder::RunFolder;
use lingo_hub::{Hub, HubModel};
use lingo_workflow::lock::Lock;

/// The base model of an adapter that lies in the folder of its run: the model that the run pretrained, or the folder
/// that its lock names. Whether the weights are the right ones is found out by their hash when they are loaded.
pub(crate) fn model_of_run(adapter: &Path, name: &str) -> Option<PathBuf> {
    let adapter = std::path::absolute(adapter).ok()?;
    let is_model = |folder: &PathBuf| ModelFolder::new(folder).is_there();
    let run = adapter
        .ancestors()
        .find(|above| RunFolder::new(*above).lock().is_file())?;
    let pretrained = Some(run.join(name)).filter(is_model);
    pretrained.or_else(|| {
        let lock = Lock::read(run).ok()?;
        let named = match lock.model.get("hub") {
            Some(hub) => cached_model(hub)?,
            None => PathBuf::from(lock.model.get("path")?.as_str()?),
        };
        Some(named).filter(is_model)
    })
}

/// The folder of the model of a hub that a lock names, in the cache.
fn cached_model(hub: &serde_json::Value) -> Option<PathBuf> {
    let word = |key: &str| hub.get(key)?.as_str();
    let model = HubModel::new(word("name")?, word("commit")?).ok()?;
    Hub::from_environment().ok()?.cached(&model)
}
