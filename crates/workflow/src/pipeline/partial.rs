//! Some of the keys of a section.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};

use crate::yaml::node::Node;

/// Some of the keys of `T`: what stands in one place of the file is laid over what stands in another.
#[derive(Clone, Debug)]
pub struct Partial<T> {
    /// What the file says.
    pub node: Node,
    of: PhantomData<T>,
}

impl<T> Default for Partial<T> {
    fn default() -> Self {
        Self {
            node: Node::Map(Vec::new()),
            of: PhantomData,
        }
    }
}

impl<'de, T> Deserialize<'de> for Partial<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Node::deserialize(deserializer)? {
            node @ Node::Map(_) => Ok(Self {
                node,
                of: PhantomData,
            }),
            Node::Null => Ok(Self::default()),
            other => Err(de::Error::custom(format!(
                "a mapping is needed here, found {}",
                other.describe()
            ))),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Partial<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Partial{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.remove("required");
        schema
    }
}
