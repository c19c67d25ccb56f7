//! `model/` beside an adapter: the base model with what cannot stand in an adapter.

use std::path::Path;

use lingo_artifact::atomic;
use lingo_lm::Model;

use crate::error::Error;
use crate::folder::trained::Trained;

/// What `transformers` reads a tokenizer from.
const TOKENIZER_FILES: [&str; 6] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
];

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
        for name in TOKENIZER_FILES {
            let file = from.join(name);
            if file.is_file() {
                let bytes =
                    std::fs::read(&file).map_err(lingo_artifact::Error::io("read", &file))?;
                atomic::write_bytes(&inside.join(name), &bytes)?;
            }
        }
        Ok(())
    })
}
