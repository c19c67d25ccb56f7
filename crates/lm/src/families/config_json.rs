//! `config.json` of a Hugging Face model folder, read and written.

use std::path::Path;

use serde_json::{Value, json};

use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::ModelConfig;
use crate::error::Error;

impl ModelConfig {
    /// Reads `config.json` of a model folder.
    ///
    /// # Errors
    /// The file is missing, is not JSON, or a key is missing or unusable; names file and key.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("config.json");
        if !path.is_file() {
            return Err(Error::MissingFile {
                folder: folder.to_owned(),
                file: "config.json",
                hint: "",
            });
        }
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
            path: path.clone(),
            source,
        })?;
        Self::parse(&text, &path)
    }

    /// Parses the text of a `config.json`; `path` is for messages only.
    ///
    /// # Errors
    /// As [`ModelConfig::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let value: Value = serde_json::from_str(text).map_err(|error| Error::Json {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        let Value::Object(map) = value else {
            return Err(Error::Json {
                path: path.to_owned(),
                message: "not an object".to_owned(),
            });
        };
        let keys = Keys::new(map, path);
        let model_type = keys.text("model_type")?;
        let mut found = None;
        for family in Family::ALL {
            if family.model().is_told_by(&keys)? {
                found = Some(family);
            }
        }
        let Some(family) = found else {
            let mut known = Family::ALL
                .map(|family| family.model().model_type())
                .to_vec();
            known.sort_unstable();
            known.dedup();
            return Err(keys.bad(
                "model_type",
                format!("is `{model_type}`; this program knows {}", known.join(", ")),
            ));
        };
        let config = family.model().read(&keys)?;
        if config.hidden_size % config.heads != 0 && !keys.has("head_dim") {
            return Err(keys.bad(
                "num_attention_heads",
                format!(
                    "is {}, which does not divide hidden_size {}",
                    config.heads, config.hidden_size
                ),
            ));
        }
        Ok(config)
    }

    /// The content of a `config.json` that `transformers` reads back.
    pub fn to_json(&self, architecture: &str) -> Value {
        let mut json = json!({
            "architectures": [architecture],
            "model_type": self.family.model().model_type(),
        });
        if let (Value::Object(all), Value::Object(own)) =
            (&mut json, self.family.model().write(self))
        {
            all.extend(own);
        }
        json
    }
}
