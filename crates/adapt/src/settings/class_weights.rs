//! What each class weighs in the loss of training.

use std::fmt;

use lingo_artifact::bounded::Positive;
use schemars::JsonSchema;
use serde::de::{Deserializer, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Serialize, Serializer};

/// What each class weighs in the loss of training; of several labels at once, what a 1 of each weighs beside a 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClassWeights {
    /// The same.
    #[default]
    None,
    /// As much less as it has more training rows.
    Balanced,
    /// These, in the order of the classes.
    Each(Vec<Positive>),
}

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Balanced => serializer.serialize_str("balanced"),
            Self::Each(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = ClassWeights;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("`none`, `balanced` or a list with a number above 0 for each class")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ClassWeights, E> {
        match text {
            "none" => Ok(ClassWeights::None),
            "balanced" => Ok(ClassWeights::Balanced),
            other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ClassWeights, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(ClassWeights::Each)
    }
}

impl JsonSchema for ClassWeights {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClassWeights".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "oneOf": [
                { "enum": ["none", "balanced"] },
                {
                    "type": "array",
                    "items": { "type": "number", "exclusiveMinimum": 0 },
                    "minItems": 1
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_or_a_list_of_numbers_above_0() {
        for text in [r#""none""#, r#""balanced""#, "[1.0,2.5]"] {
            let read: ClassWeights = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        for bad in [r#""even""#, "[1,0]", "[1,-2]", "3", "null"] {
            assert!(serde_json::from_str::<ClassWeights>(bad).is_err(), "{bad}");
        }
        let message = serde_json::from_str::<ClassWeights>(r#""even""#).unwrap_err();
        assert!(message.to_string().contains("`balanced`"), "{message}");
    }
}
