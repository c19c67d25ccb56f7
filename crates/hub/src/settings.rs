//! Where the hub is, where the cache is, and who asks: from the environment variables of Python's huggingface_hub.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};

/// The hub that is asked where none is named.
pub const ENDPOINT: &str = "https://huggingface.co";

/// A secret: it is sent, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token; nothing where the text holds none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_string()))
    }

    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// How a hub is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The hub's address: `HF_ENDPOINT`.
    pub endpoint: String,
    /// The cache: `HF_HUB_CACHE`, else `hub` below `HF_HOME`.
    pub cache: PathBuf,
    /// `HF_TOKEN`, else what stands in the file `HF_TOKEN_PATH`, else in `token` below `HF_HOME`.
    pub token: Option<Token>,
    /// Whether only the cache is to be used: `HF_HUB_OFFLINE`.
    pub offline: bool,
    /// Root certificates instead of those in the binary: `SSL_CERT_FILE`, else `REQUESTS_CA_BUNDLE`.
    pub certificates: Option<(&'static str, PathBuf)>,
    /// Whether a proxy that the environment names is asked: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, but for `NO_PROXY`.
    pub proxy: bool,
    /// How often in a row a connection may fail.
    pub tries: u32,
    /// How long is waited after the first failure; it doubles with each.
    pub wait: Duration,
}

impl Settings {
    /// As the environment says.
    ///
    /// # Errors
    /// [`Error::Setting`]; a token file that is there and cannot be read.
    pub fn from_environment() -> Result<Self> {
        Self::of(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// As these variables say.
    fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let home = variable("HF_HOME").map(PathBuf::from).or_else(|| {
            let caches = variable("XDG_CACHE_HOME").map(PathBuf::from);
            let caches = caches.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")));
            Some(caches?.join("huggingface"))
        });
        let home = home.ok_or_else(|| Error::Setting {
            name: "HF_HOME",
            problem: "is not set, and neither is HOME: set it to the folder for models".into(),
        })?;
        let cache = variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE"));
        let token = match variable("HF_TOKEN").and_then(|text| Token::new(&text)) {
            Some(token) => Some(token),
            None => {
                let file =
                    variable("HF_TOKEN_PATH").map_or_else(|| home.join("token"), PathBuf::from);
                match fs::read_to_string(&file) {
                    Ok(text) => Token::new(&text),
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
                    Err(e) => return Err(lingo_artifact::Error::io("read", &file)(e).into()),
                }
            }
        };
        let is_on = |name: &str| {
            variable(name).is_some_and(|value| {
                ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
            })
        };
        let certificates = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]
            .into_iter()
            .find_map(|name| Some((name, PathBuf::from(variable(name)?))));
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_string());
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_string(),
            cache: cache.map_or_else(|| home.join("hub"), PathBuf::from),
            token,
            offline: is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE"),
            certificates,
            proxy: true,
            tries: 5,
            wait: Duration::from_secs(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Settings {
        let find = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_string())
        };
        Settings::of(&find).unwrap()
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        for (variables, cache) in [
            (vec![("HOME", "/h")], "/h/.cache/huggingface/hub"),
            (
                vec![("HOME", "/h"), ("XDG_CACHE_HOME", "/c")],
                "/c/huggingface/hub",
            ),
            (vec![("HOME", "/h"), ("HF_HOME", "/m")], "/m/hub"),
            (vec![("HF_HOME", "/m"), ("HF_HUB_CACHE", "/n")], "/n"),
        ] {
            assert_eq!(of(&variables).cache, PathBuf::from(cache));
        }
        assert!(Settings::of(&|_| None).is_err());
    }

    #[test]
    fn a_token_is_found_and_never_shown() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap();
        assert_eq!(of(&[("HF_HOME", path)]).token, None);
        fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let token = |variables: &[(&str, &str)]| of(variables).token.unwrap().header();
        assert_eq!(token(&[("HF_HOME", path)]), "Bearer hf_file");
        let both = [("HF_HOME", path), ("HF_TOKEN", "hf_given")];
        assert_eq!(token(&both), "Bearer hf_given");
        assert!(!format!("{:?}", of(&both)).contains("hf_"));
    }

    #[test]
    fn offline_is_what_python_takes_for_yes() {
        for (value, is_on) in [("1", true), ("TRUE", true), ("yes", true), ("0", false)] {
            let variables = [("HOME", "/h"), ("HF_HUB_OFFLINE", value)];
            assert_eq!(of(&variables).offline, is_on, "{value}");
        }
    }
}
