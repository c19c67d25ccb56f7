//! Typed access to the keys of a `config.json`, with errors that name file and key.

use std::path::Path;

use serde_json::{Map, Value};

use crate::config::activation::Activation;
use crate::error::Error;

/// The keys of one `config.json`. A key set to null counts as absent.
pub(crate) struct Keys<'a> {
    map: Map<String, Value>,
    /// The object's key, where it is not the whole file.
    within: Option<String>,
    path: &'a Path,
}

/// Larger sizes are lies: no product of three of them can overflow an `usize` of 64 bits.
const LARGEST_SIZE: u64 = 1 << 20;

impl<'a> Keys<'a> {
    /// `path` is for messages only.
    pub fn new(map: Map<String, Value>, path: &'a Path) -> Self {
        Self {
            map,
            within: None,
            path,
        }
    }

    pub fn bad(&self, key: &str, problem: String) -> Error {
        Error::Config {
            path: self.path.to_owned(),
            key: self.named(key),
            problem,
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Whether a key is there, and not null.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether a key is there, and null.
    pub fn is_null(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_null)
    }

    /// The keys of an object.
    pub fn object(&self, key: &str) -> Result<Option<Keys<'a>>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Keys {
                map: map.clone(),
                within: Some(self.named(key)),
                path: self.path,
            })),
            Some(other) => Err(self.bad(key, format!("is {other}, not an object"))),
        }
    }

    /// The keys of an object that says nothing.
    pub fn empty(&self, key: &str) -> Keys<'a> {
        Keys {
            map: Map::new(),
            within: Some(self.named(key)),
            path: self.path,
        }
    }

    /// A key with what it stands in.
    fn named(&self, key: &str) -> String {
        match &self.within {
            Some(within) => format!("{within}.{key}"),
            None => key.to_owned(),
        }
    }

    fn need(&self, key: &str) -> Result<&Value, Error> {
        self.get(key)
            .ok_or_else(|| self.bad(key, "is missing".to_owned()))
    }

    pub fn text(&self, key: &str) -> Result<&str, Error> {
        let value = self.need(key)?;
        value
            .as_str()
            .ok_or_else(|| self.bad(key, format!("is {value}, not a string")))
    }

    pub fn text_or<'b>(&'b self, key: &str, default: &'b str) -> Result<&'b str, Error> {
        self.get(key).map_or(Ok(default), |_| self.text(key))
    }

    pub fn size(&self, key: &str) -> Result<usize, Error> {
        let value = self.need(key)?;
        match value.as_u64() {
            Some(n @ 1..=LARGEST_SIZE) => Ok(n as usize),
            _ => Err(self.bad(
                key,
                format!("is {value}, not a whole number from 1 to {LARGEST_SIZE}"),
            )),
        }
    }

    pub fn size_or(&self, key: &str, default: usize) -> Result<usize, Error> {
        self.get(key).map_or(Ok(default), |_| self.size(key))
    }

    pub fn id(&self, key: &str) -> Result<u32, Error> {
        self.need(key)?;
        self.id_or(key, 0)
    }

    pub fn id_or(&self, key: &str, default: u32) -> Result<u32, Error> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        value
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .ok_or_else(|| self.bad(key, format!("is {value}, not a token id")))
    }

    pub fn number(&self, key: &str) -> Result<f64, Error> {
        self.need(key)?;
        self.number_or(key, 0.0)
    }

    /// A list of strings.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&str>>, Error> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let texts = value
            .as_array()
            .and_then(|list| list.iter().map(Value::as_str).collect());
        match texts {
            Some(texts) => Ok(Some(texts)),
            None => Err(self.bad(key, format!("is {value}, not a list of strings"))),
        }
    }

    /// A whole number from 0 on.
    pub fn count_or(&self, key: &str, default: usize) -> Result<usize, Error> {
        match self.get(key).and_then(Value::as_u64) {
            Some(0) => Ok(0),
            _ => self.size_or(key, default),
        }
    }

    pub fn number_or(&self, key: &str, default: f64) -> Result<f64, Error> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        value
            .as_f64()
            .filter(|number| *number >= 0.0)
            .ok_or_else(|| self.bad(key, format!("is {value}, not a number from 0 up")))
    }

    pub fn probability_or(&self, key: &str, default: f64) -> Result<f64, Error> {
        let number = self.number_or(key, default)?;
        if number < 1.0 {
            Ok(number)
        } else {
            Err(self.bad(key, format!("is {number}, not below 1")))
        }
    }

    pub fn flag_or(&self, key: &str, default: bool) -> Result<bool, Error> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        value
            .as_bool()
            .ok_or_else(|| self.bad(key, format!("is {value}, not true or false")))
    }

    pub fn activation(&self, key: &str, default: &str) -> Result<Activation, Error> {
        let name = self.text_or(key, default)?;
        Activation::parse(name).ok_or_else(|| {
            self.bad(
                key,
                format!("is `{name}`; known are gelu, gelu_new, gelu_pytorch_tanh, relu and silu"),
            )
        })
    }
}
