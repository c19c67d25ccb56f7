//! The tree of a YAML document: what is left to do after parsing (variables, overrides, merging) works on it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, Serializer};

/// A value of a YAML document. Mappings keep the order of the file: it is the order of the report.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Node {
    /// Nothing: `~`, `null` or an empty value.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number below 0.
    Negative(i64),
    /// A whole number.
    Whole(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping; keys are unique.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value under `key` of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Map(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Sets `key` of a mapping, which anything else becomes first.
    pub fn set(&mut self, key: &str, value: Node) {
        if !matches!(self, Node::Map(_)) {
            *self = Node::Map(Vec::new());
        }
        if let Node::Map(entries) = self {
            match entries.iter_mut().find(|(k, _)| k == key) {
                Some((_, old)) => *old = value,
                None => entries.push((key.to_string(), value)),
            }
        }
    }

    /// What the value is, for messages.
    pub fn describe(&self) -> String {
        match self {
            Node::Null => "nothing".into(),
            Node::Bool(b) => format!("`{b}`"),
            Node::Negative(n) => format!("the number `{n}`"),
            Node::Whole(n) => format!("the number `{n}`"),
            Node::Float(n) => format!("the number `{n}`"),
            Node::Text(s) => format!("the text `{s}`"),
            Node::List(_) => "a list".into(),
            Node::Map(_) => "a mapping".into(),
        }
    }

    /// Parses YAML text; an empty document is an empty mapping.
    ///
    /// # Errors
    /// The parser's, with line and column: syntax, duplicate keys, tags.
    pub fn parse(text: &str) -> Result<Self, serde_yaml::Error> {
        let mut documents = serde_yaml::Deserializer::from_str(without_mark(text));
        let Some(document) = documents.next() else {
            return Ok(Node::Map(Vec::new()));
        };
        let node = NodeSeed.deserialize(document)?;
        match documents.next() {
            Some(_) => Err(de::Error::custom(
                "one YAML document is expected, found more",
            )),
            None if node == Node::Null => Ok(Node::Map(Vec::new())),
            None => Ok(node),
        }
    }
}

/// The text without the byte order mark that some editors begin a file with: the parser would count it as a column, and see
/// a second document below it.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Null => serializer.serialize_unit(),
            Node::Bool(b) => serializer.serialize_bool(*b),
            Node::Negative(n) => serializer.serialize_i64(*n),
            Node::Whole(n) => serializer.serialize_u64(*n),
            Node::Float(n) => serializer.serialize_f64(*n),
            Node::Text(s) => serializer.serialize_str(s),
            Node::List(items) => items.serialize(serializer),
            Node::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (k, v) in entries {
                    map.serialize_entry(k, v)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> de::Deserialize<'de> for Node {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NodeSeed.deserialize(deserializer)
    }
}

struct NodeSeed;

impl<'de> DeserializeSeed<'de> for NodeSeed {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Node, E> {
        Ok(Node::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Node, E> {
        Ok(u64::try_from(n).map_or(Node::Negative(n), Node::Whole))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Node, E> {
        Ok(Node::Whole(n))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Node, E> {
        Ok(Node::Float(n))
    }

    fn visit_str<E>(self, s: &str) -> Result<Node, E> {
        Ok(Node::Text(s.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(NodeSeed)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let seen = RefCell::new(BTreeSet::new());
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(KeySeed(&seen))? {
            entries.push((key, map.next_value_seed(NodeSeed)?));
        }
        Ok(Node::Map(entries))
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, data: A) -> Result<Node, A::Error> {
        let (tag, _) = data.variant::<String>()?;
        Err(de::Error::custom(format!(
            "the tag `!{tag}` has no meaning here; write `{tag}: ...`"
        )))
    }
}

/// Reads a key, refusing one that was there before: raised here, the error carries the key's own position.
struct KeySeed<'a>(&'a RefCell<BTreeSet<String>>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = String;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        if self.0.borrow_mut().insert(key.to_string()) {
            Ok(key.to_string())
        } else {
            Err(E::custom(format!("the key `{key}` is here twice")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_key_of_one_name_is_refused_where_it_stands() {
        let error = Node::parse("a: 1\nb:\n  c: 1\n  c: 2\n").unwrap_err();
        let at = error.location().unwrap();
        assert_eq!((at.line(), at.column()), (4, 3));
        assert!(error.to_string().contains("`c` is here twice"), "{error}");
    }

    #[test]
    fn values_keep_their_kinds_and_maps_their_order() {
        let node = Node::parse("z: [1, -2, 0.5, true, ~, \"1\"]\na: x\n4: y").unwrap();
        assert_eq!(
            node,
            Node::Map(vec![
                (
                    "z".into(),
                    Node::List(vec![
                        Node::Whole(1),
                        Node::Negative(-2),
                        Node::Float(0.5),
                        Node::Bool(true),
                        Node::Null,
                        Node::Text("1".into()),
                    ])
                ),
                ("a".into(), Node::Text("x".into())),
                ("4".into(), Node::Text("y".into())),
            ])
        );
    }

    #[test]
    fn aliases_are_followed_and_tags_refused() {
        let node = Node::parse("a: &x {b: 1}\nc: *x").unwrap();
        assert_eq!(node.get("a"), node.get("c"));
        let error = Node::parse("a: !kmer {k: 3}").unwrap_err().to_string();
        assert!(error.contains("write `kmer: ...`"), "{error}");
    }
}
