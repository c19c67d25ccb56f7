//! A kernel machine on words, beside networks of motifs.

use std::fmt;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize, Serializer};

/// A kernel machine on the words (k-mers) of a sequence: which words stand together is what it learns beyond a linear model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WordKernel {
    /// Training rows that it is made of; of more, so many are drawn. It takes four bytes for each pair of them. Default:
    /// 40000, which take 6 GiB.
    pub rows: NonZeroU32,
    /// Whether a word and its reverse complement are one. Default: true.
    pub both_strands: bool,
}

impl Default for WordKernel {
    fn default() -> Self {
        Self {
            rows: NonZeroU32::new(40_000).unwrap_or(NonZeroU32::MIN),
            both_strands: true,
        }
    }
}

/// A kernel machine on words, or `false`: none, whatever the stem has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKernelChoice {
    /// None.
    Off,
    /// With these settings.
    On(WordKernel),
}

impl WordKernelChoice {
    /// The settings, where there is one.
    pub(crate) fn on(self) -> Option<WordKernel> {
        match self {
            Self::Off => None,
            Self::On(settings) => Some(settings),
        }
    }
}

impl Serialize for WordKernelChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::On(settings) => settings.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for WordKernelChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = WordKernelChoice;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("`false` or the settings of a kernel machine, `{}` for its defaults")
    }

    fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<WordKernelChoice, E> {
        Ok(match on {
            false => WordKernelChoice::Off,
            true => WordKernelChoice::On(WordKernel::default()),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WordKernelChoice, A::Error> {
        WordKernel::deserialize(MapAccessDeserializer::new(map)).map(WordKernelChoice::On)
    }
}

impl JsonSchema for WordKernelChoice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WordKernelChoice".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let settings = generator.subschema_for::<WordKernel>();
        schemars::json_schema!({ "anyOf": [settings, { "type": "boolean" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_or_false() {
        let read = serde_json::from_str::<WordKernelChoice>;
        let default = WordKernelChoice::On(WordKernel::default());
        assert_eq!(read("{}").unwrap(), default);
        assert_eq!(read("true").unwrap(), default);
        assert_eq!(read("false").unwrap(), WordKernelChoice::Off);
        for text in ["false", r#"{"rows":5,"both_strands":false}"#] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
        for bad in [r#"{"rows": 0}"#, r#"{"row": 3}"#, "3", "\"none\""] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read("3").unwrap_err().to_string().contains("`false`"));
    }
}
