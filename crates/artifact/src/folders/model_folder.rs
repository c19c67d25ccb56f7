//! The folder of a language model, in the layout of Hugging Face: which files it has, and which of them a result depends on.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::atomic;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const TOKENIZER: &str = "tokenizer.json";
const VOCABULARY: &str = "vocab.txt";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const POOLING: &str = "1_Pooling/config.json";

/// A model folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder(PathBuf);

impl ModelFolder {
    /// What `transformers` reads a tokenizer from.
    pub const TOKENIZER_FILES: [&'static str; 6] = [
        TOKENIZER,
        TOKENIZER_CONFIG,
        "special_tokens_map.json",
        VOCABULARY,
        "vocab.json",
        "merges.txt",
    ];

    /// What pretraining writes that a lock names.
    pub const PRETRAINED_FILES: [&'static str; 4] = [CONFIG, WEIGHTS, TOKENIZER, VOCABULARY];

    /// The folder at `path`; it need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The model's name: that of its folder as it was given (a link may point anywhere); where that has none (`.`), the
    /// name of the place. In the cache of a hub a folder is named after a commit, and the name is that on the hub.
    pub fn name(&self) -> String {
        let folder = match self.0.file_name() {
            Some(_) => self.0.clone(),
            None => std::fs::canonicalize(&self.0).unwrap_or_default(),
        };
        let of = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let snapshots = folder.parent().filter(|above| of(above) == "snapshots");
        let model = snapshots.and_then(Path::parent).map(of);
        match model
            .as_deref()
            .and_then(|name| name.strip_prefix("models--"))
        {
            Some(name) => name.replacen("--", "/", 1),
            None => of(&folder),
        }
    }

    /// Copies what `transformers` reads a tokenizer from, as far as it is there.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn copy_tokenizer(&self, to: &Path) -> Result<()> {
        self.copy(&Self::TOKENIZER_FILES, to)
    }

    /// Copies all that stands beside the weights, as far as it is there: the shape, the tokenizer, what a sentence model was trained with.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn copy_without_weights(&self, to: &Path) -> Result<()> {
        self.copy(&[CONFIG], to)?;
        self.copy_beside_weights(to)
    }

    /// The same without the shape, which is another where the weights are.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn copy_beside_weights(&self, to: &Path) -> Result<()> {
        self.copy(&[POOLING], to)?;
        self.copy_tokenizer(to)
    }

    fn copy(&self, names: &[&str], to: &Path) -> Result<()> {
        for name in names {
            let file = self.0.join(name);
            if file.is_file() {
                let bytes = std::fs::read(&file).map_err(Error::io("read", &file))?;
                atomic::write_bytes(&to.join(name), &bytes)?;
            }
        }
        Ok(())
    }

    /// The shape of the model.
    pub fn config(&self) -> PathBuf {
        self.0.join(CONFIG)
    }

    /// What a sentence model (sentence-transformers) makes of its tokens' states.
    pub fn sentence_pooling(&self) -> PathBuf {
        self.0.join(POOLING)
    }

    /// `tokenizer.json`, which is read where it is there.
    pub fn tokenizer(&self) -> PathBuf {
        self.0.join(TOKENIZER)
    }

    /// `vocab.txt`, one token a line, as DNABERT and the Nucleotide Transformer have it: read where there is no
    /// `tokenizer.json`, with `tokenizer_config.json` beside it.
    pub fn vocabulary(&self) -> PathBuf {
        self.0.join(VOCABULARY)
    }

    /// Whether it holds a model, as far as one can see from outside.
    pub fn is_there(&self) -> bool {
        self.config().is_file()
    }

    /// The files of the weights that are there: one, or the shards in order.
    pub fn weights(&self) -> Vec<PathBuf> {
        let whole = self.0.join(WEIGHTS);
        if whole.is_file() {
            return vec![whole];
        }
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut shards: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
            .collect();
        shards.sort();
        shards
    }

    /// The files that are there and that results depend on.
    pub fn read_files(&self) -> Vec<PathBuf> {
        let vocabulary = match self.tokenizer().is_file() {
            true => vec![self.tokenizer()],
            false => vec![self.vocabulary(), self.0.join(TOKENIZER_CONFIG)],
        };
        let mut files = vec![self.config(), self.0.join(INDEX), self.sentence_pooling()];
        files.extend(vocabulary);
        files.retain(|file| file.is_file());
        files.extend(self.weights());
        files
    }

    /// The files that are needed and not there. Weights in another format are not missing: the loader refuses them, and
    /// knows what to do about it.
    pub fn missing(&self) -> Vec<PathBuf> {
        if !self.0.is_dir() {
            return vec![self.0.clone()];
        }
        let mut missing = Vec::new();
        if !self.is_there() {
            missing.push(self.config());
        }
        if !self.tokenizer().is_file() && !self.vocabulary().is_file() {
            missing.push(self.tokenizer());
        }
        let pickled = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
        let is_pickled = pickled.iter().any(|name| self.0.join(name).is_file());
        if self.weights().is_empty() && !self.0.join(INDEX).is_file() && !is_pickled {
            missing.push(self.0.join(WEIGHTS));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(files: Vec<PathBuf>) -> Vec<String> {
        let name = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
        files.iter().map(name).collect()
    }

    #[test]
    fn a_name_is_the_folders_or_that_on_a_hub() {
        for (folder, name) in [
            ("models/MiniLM", "MiniLM"),
            ("hub/models--org--MiniLM/snapshots/0123", "org/MiniLM"),
            ("hub/models--gpt2/snapshots/0123", "gpt2"),
            ("snapshots/0123", "0123"),
        ] {
            assert_eq!(ModelFolder::new(folder).name(), name);
        }
    }

    #[test]
    fn a_folder_with_either_vocabulary_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let model = ModelFolder::new(folder.path());
        let write = |name: &str| fs::write(folder.path().join(name), "").unwrap();
        assert_eq!(
            names(model.missing()),
            ["config.json", "tokenizer.json", "model.safetensors"]
        );
        for name in [
            "config.json",
            "vocab.txt",
            "tokenizer_config.json",
            "b.safetensors",
            "a.safetensors",
        ] {
            write(name);
        }
        assert!(model.missing().is_empty() && model.is_there());
        assert_eq!(
            names(model.read_files()),
            [
                "config.json",
                "vocab.txt",
                "tokenizer_config.json",
                "a.safetensors",
                "b.safetensors"
            ]
        );
        // What is not read changes no result.
        write("tokenizer.json");
        write("model.safetensors");
        assert_eq!(
            names(model.read_files()),
            ["config.json", "tokenizer.json", "model.safetensors"]
        );
    }
}
