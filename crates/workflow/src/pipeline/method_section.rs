//! A method in the pipeline file, with what it trains otherwise than the other methods.

use lingo_adapt::{Method, TrainConfig};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::partial::Partial;
use crate::yaml::deserialize::from_node;
use crate::yaml::fault::Fault;
use crate::yaml::node::Node;

/// How a language model is adapted to a task, and beside it `train`: what this method trains otherwise than the file and
/// the task say, key by key.
#[derive(Clone, Debug)]
pub struct MethodSection {
    /// What the file says.
    pub node: Node,
}

impl MethodSection {
    /// The method without its `train`.
    pub(super) fn method(&self) -> Result<Method, Fault> {
        match &self.node {
            Node::Map(entries) => {
                let rest = entries.iter().filter(|(key, _)| key != "train");
                from_node(&Node::Map(rest.cloned().collect()))
            }
            other => from_node(other),
        }
    }

    /// The keys of `train` that stand beside the method.
    pub(super) fn train(&self) -> Node {
        match self.node.get("train") {
            None | Some(Node::Null) => Node::Map(Vec::new()),
            Some(node) => node.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for MethodSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            node: Node::deserialize(deserializer)?,
        })
    }
}

impl JsonSchema for MethodSection {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MethodSection".into()
    }

    /// That of [`Method`], whose variants are mappings of one key, with `train` beside that key.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut train = generator.subschema_for::<Partial<TrainConfig>>();
        train.insert(
            "description".into(),
            "What this method trains otherwise than the file and the task say, key by key.".into(),
        );
        let mut schema = Method::json_schema(generator);
        let variants = schema.get_mut("oneOf").and_then(Value::as_array_mut);
        for variant in variants.into_iter().flatten() {
            let properties = variant.get_mut("properties").and_then(Value::as_object_mut);
            if let Some(properties) = properties {
                properties.insert("train".into(), json!(train));
            }
        }
        schema
    }
}
