//! `model/` beside an adapter: the base model with what cannot stand in an adapter.

use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::model_folder::ModelFolder;
use lingo_lm::Model;

use crate::error::Error;
use crate::folder::trained::Trained;

/// The base model with its new rows or trained weights, and the tokenizer of the folder `from`, as
/// a folder that `transformers` reads.
pub(crate) fn write_model(
    mut base: Model,
    trained: &Trained,
    from: &Path,
    folder: &Path,
) -> Result<(), Error> {
    for (name, values) in &trained.of_model {
        base.set_tensor(name, values.clone())?;
    }
    if let Some(rows) = &trained.rows {
        base.append_rows(rows)?;
    }
    atomic::write_folder(folder, |inside| {
        base.save(inside).map_err(Error::WriteModel)?;
        ModelFolder::new(from).copy_tokenizer(inside)?;
        Ok(())
    })
}
