//! What a model folder holds, read off the headers of its files: nothing is loaded.

use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::model_folder::ModelFolder;
use lingo_lm::checkpoint::Checkpoint;
use lingo_lm::is_unused;
use lingo_lm::{ModelConfig, Reads, Site};
use serde::Deserialize;

use crate::error::Error;
use crate::settings::train_config::Pooling;

/// What the names of a pooler's tensors begin with.
pub(crate) const POOLER: &str = "pooler.";

/// The shape of a model folder: read once, it serves every check and every cell.
#[derive(Clone, Debug)]
pub struct ModelShape {
    pub(crate) config: ModelConfig,
    /// The linear layers, in the order of their names.
    pub(crate) sites: Vec<Site>,
    /// Values in all tensors of the bare model.
    pub(crate) parameters: u64,
    /// Each of its tensors with the number of its values.
    pub(crate) tensors: Vec<(String, u64)>,
    pub(crate) has_pooler: bool,
    /// What a sentence model was trained with, where the folder says so.
    pub(crate) sentence_pooling: Option<Pooling>,
}

impl ModelShape {
    /// Whether the model sees nothing behind a token: it was trained to tell the next one.
    pub fn reads_left_only(&self) -> bool {
        self.config.family.classifier().reads == Reads::LastToken
    }

    /// Reads `config.json` and the headers of the files that hold the weights.
    ///
    /// # Errors
    /// As `lingo_lm::Model::load`, except for what is wrong with the values of the tensors, which are not read.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let config = ModelConfig::read(folder)?;
        let checkpoint = Checkpoint::open(folder, &config.family.prefix())?;
        let mut shape = Self {
            config,
            sites: Vec::new(),
            parameters: 0,
            tensors: Vec::new(),
            has_pooler: false,
            sentence_pooling: sentence_pooling(folder)?,
        };
        for (name, dimensions) in checkpoint.shapes() {
            if !is_unused(name) {
                shape.add(name, dimensions);
            }
        }
        Ok(shape)
    }

    fn add(&mut self, name: &str, dimensions: &[usize]) {
        let values = dimensions.iter().product::<usize>() as u64;
        self.parameters += values;
        self.has_pooler |= name.starts_with(POOLER);
        self.tensors.push((name.to_owned(), values));
        let (Some(module), [output, input]) = (name.strip_suffix(".weight"), dimensions) else {
            return;
        };
        let family = self.config.family;
        let (input, output) = match family.is_turned() {
            true => (*output, *input),
            false => (*input, *output),
        };
        if !family.is_embedding(module) {
            self.sites.push(Site {
                name: module.to_owned(),
                input,
                output,
                layer: module.split('.').find_map(|part| part.parse().ok()),
            });
        }
    }
}

/// The keys of sentence-transformers' `1_Pooling/config.json` that we have a pooling for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SentencePooling {
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
    pooling_mode_lasttoken: bool,
}

/// What a sentence model makes of its tokens' states; none where there is no such file, or none that we know.
///
/// # Errors
/// The file is there and cannot be read.
fn sentence_pooling(folder: &Path) -> Result<Option<Pooling>, Error> {
    let path = ModelFolder::new(folder).sentence_pooling();
    if !path.is_file() {
        return Ok(None);
    }
    let found: SentencePooling = atomic::read_json(&path)?;
    Ok(match found {
        _ if found.pooling_mode_mean_tokens => Some(Pooling::Mean),
        _ if found.pooling_mode_cls_token => Some(Pooling::Cls),
        _ if found.pooling_mode_lasttoken => Some(Pooling::Last),
        _ => None,
    })
}

/// What identifies a model's weights: the sha256 of its file, or of the list of its files' sha256.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn model_digest(folder: &Path) -> Result<Digest, Error> {
    digest_of_weights(folder, |file| Ok(Digest::of_file(file)?.0))
}

/// What identifies a model's weights, where the hash of each file is known or made by `of_file`.
///
/// # Errors
/// There are no weights; what `of_file` says.
pub(crate) fn digest_of_weights(
    folder: &Path,
    mut of_file: impl FnMut(&Path) -> Result<Digest, Error>,
) -> Result<Digest, Error> {
    let files = ModelFolder::new(folder).weights();
    if files.is_empty() {
        return Err(lingo_lm::Error::MissingFile {
            folder: folder.to_owned(),
            file: "model.safetensors",
            hint: "",
        }
        .into());
    }
    if let [file] = files.as_slice() {
        return of_file(file);
    }
    let mut list = String::new();
    for file in &files {
        let digest = of_file(file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        list.push_str(&format!("{digest}  {name}\n"));
    }
    Ok(Digest::of_bytes(list.as_bytes()))
}

#[cfg(test)]
mod tests {
    use lingo_lm::{DeviceChoice, Model, open_device};

    use super::*;

    #[test]
    fn sites_and_counts_are_those_of_the_loaded_model() {
        for name in [
            "bert",
            "distilbert",
            "dnabert2",
            "esm",
            "gpt2",
            "gpt_neox",
            "llama",
            "llama/scaled",
            "mistral",
            "modernbert",
            "mpnet",
            "nucleotide_transformer_v2",
            "opt",
            "opt_post_norm",
            "qwen2",
            "qwen3",
            "roberta",
        ] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../lm/tests/fixtures")
                .join(name);
            let model = Model::load(&folder, &open_device(DeviceChoice::Cpu).unwrap()).unwrap();
            let shape = ModelShape::read(&folder).unwrap();
            assert_eq!(shape.parameters as usize, model.parameter_count(), "{name}");
            let mut expected = model.sites().to_vec();
            let mut found = shape.sites;
            expected.sort_by(|a, b| a.name.cmp(&b.name));
            found.sort_by(|a, b| a.name.cmp(&b.name));
            assert_eq!(found, expected, "{name}");
        }
    }
}
