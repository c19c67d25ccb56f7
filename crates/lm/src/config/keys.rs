//! Typed access to the keys of a `config.json`, with errors that name file and key.

use std::path::Path;

use serde_json::{Map, Value};

use crate::config::activation::Activation;
use crate::error::Error;

/// The keys of one `config.json`. A key set to null counts as absent.
pub(crate) struct Keys<'a> {
    map: Map<String, Value>,
    path: &'a Path,
}

/// Larger sizes are lies: no product of three of them can overflow an `usize` of 64 bits.
const LARGEST_SIZE: u64 = 1 << 20;

impl<'a> Keys<'a> {
    /// `path` is for messages only.
    pub fn new(map: Map<String, Value>, path: &'a Path) -> Self {
        Self { map, path }
    }

    pub fn bad(&self, key: &str, problem: String) -> Error {
        Error::Config {
            path: self.path.to_owned(),
            key: key.to_owned(),
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
