//! From the tree to typed configuration, every error with its path.
//!
//! Enumerations are externally tagged maps (`scheme: { kmer: { k: 3 } }`), unit variants bare names
//! (`scheme: base`), at any depth.

use serde::de::{self, IntoDeserializer as _, Visitor};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, Step};
use super::node::Node;

/// Reads `T` from `node`.
///
/// # Errors
/// The first [`Fault`], its path counted from `node`.
pub fn from_node<'de, T: de::Deserialize<'de>>(node: &'de Node) -> Result<T, Fault> {
    T::deserialize(Reader(node))
}

struct Reader<'de>(&'de Node);

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Node::Null => visitor.visit_unit(),
            Node::Bool(b) => visitor.visit_bool(*b),
            Node::Negative(n) => visitor.visit_i64(*n),
            Node::Whole(n) => visitor.visit_u64(*n),
            Node::Float(n) => visitor.visit_f64(*n),
            Node::Text(s) => visitor.visit_borrowed_str(s),
            Node::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Node::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// A whole number is text as well: chromosomes and classes are often called `4`.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Node::Whole(n) => visitor.visit_string(n.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// A mapping without a value (`train:` and nothing below) is an empty one.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Node::Null => visitor.visit_map(Entries {
                entries: &[],
                next: 0,
            }),
            // A derived struct would take a list as its fields in order: nobody means that.
            Node::List(_) => Err(de::Error::invalid_type(de::Unexpected::Seq, &"a mapping")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Node::Text(name) => visitor.visit_enum(Choice { name, value: None }),
            Node::Map(entries) => match entries.as_slice() {
                [(name, value)] => visitor.visit_enum(Choice {
                    name,
                    value: Some(value),
                }),
                _ => Err(Fault::new(
                    Vec::new(),
                    format!("exactly one key is needed here, found {}", entries.len()),
                )
                .help(format!("one of: {}", variants.join(", ")))),
            },
            other => Err(Fault::new(
                Vec::new(),
                format!("a name is needed here, found {}", other.describe()),
            )
            .help(format!("one of: {}", variants.join(", ")))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char
        bytes byte_buf unit unit_struct seq tuple tuple_struct identifier ignored_any
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.get(self.next) else {
            return Ok(None);
        };
        let at = self.next;
        self.next += 1;
        seed.deserialize(Reader(item))
            .map(Some)
            .map_err(|fault| fault.below(Step::Item(at)))
    }
}

struct Entries<'de> {
    entries: &'de [(String, Node)],
    next: usize,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, _)) = self.entries.get(self.next) else {
            return Ok(None);
        };
        let reader = de::value::BorrowedStrDeserializer::new(key);
        seed.deserialize(reader)
            .map(Some)
            .map_err(|fault: Fault| fault.key().below(Step::Key(key.clone())))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.entries.get(self.next) else {
            return Err(de::Error::custom("a value without a key"));
        };
        self.next += 1;
        seed.deserialize(Reader(value))
            .map_err(|fault| fault.below(Step::Key(key.clone())))
    }
}

/// One variant of an enumeration.
struct Choice<'de> {
    name: &'de str,
    value: Option<&'de Node>,
}

impl<'de> de::EnumAccess<'de> for Choice<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let value = seed
            .deserialize(self.name.into_deserializer())
            .map_err(|fault: Fault| match self.value {
                None => fault,
                Some(_) => fault.key().below(Step::Key(self.name.to_string())),
            })?;
        Ok((value, self))
    }
}

impl<'de> Choice<'de> {
    /// The content of the variant; a bare name is one with nothing in it (`methods: { a: lora }`).
    fn content<T>(self, read: impl FnOnce(Reader<'de>) -> Result<T, Fault>) -> Result<T, Fault> {
        static NOTHING: Node = Node::Null;
        match self.value {
            None => read(Reader(&NOTHING)),
            Some(value) => {
                read(Reader(value)).map_err(|fault| fault.below(Step::Key(self.name.to_string())))
            }
        }
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None | Some(Node::Null) => Ok(()),
            Some(Node::Map(entries)) if entries.is_empty() => Ok(()),
            Some(_) => {
                let name = self.name.to_string();
                Err(Fault::new(
                    vec![Step::Key(name.clone())],
                    format!("`{name}` takes no settings"),
                ))
            }
        }
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.content(|reader| seed.deserialize(reader))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content(|reader| de::Deserializer::deserialize_any(reader, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.content(|reader| de::Deserializer::deserialize_map(reader, visitor))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::yaml::fault::display;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, rename_all = "snake_case")]
    enum Scheme {
        Base,
        Kmer { k: std::num::NonZeroU32 },
        Named(Inner),
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(default)]
        dropout: Option<lingo_artifact::bounded::Rate>,
        #[serde(default)]
        chromosomes: Vec<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct File {
        scheme: Scheme,
    }

    #[test]
    fn enumerations_are_maps_of_one_key_at_any_depth() {
        fn t(text: &str, want: Scheme) {
            let node = Node::parse(text).unwrap();
            assert_eq!(
                from_node::<File>(&node).unwrap(),
                File { scheme: want },
                "{text}"
            );
        }
        t("scheme: base", Scheme::Base);
        t("scheme: {base: }", Scheme::Base);
        t(
            "scheme: {kmer: {k: 3}}",
            Scheme::Kmer {
                k: 3.try_into().unwrap(),
            },
        );
        let nothing = Inner {
            dropout: None,
            chromosomes: vec![],
        };
        t("scheme: named", Scheme::Named(nothing));
        let chromosomes = vec!["4".into(), "X".into()];
        t(
            "scheme: {named: {chromosomes: [4, X]}}",
            Scheme::Named(Inner {
                dropout: None,
                chromosomes,
            }),
        );
    }

    #[test]
    fn a_fault_carries_its_path() {
        fn t(text: &str, path: &str, at_key: bool, message: &str) {
            let node = Node::parse(text).unwrap();
            let fault = from_node::<File>(&node).unwrap_err();
            assert_eq!(
                (
                    display(&fault.path).as_str(),
                    fault.at_key,
                    fault.message.as_str()
                ),
                (path, at_key, message),
                "{text}"
            );
        }
        t("schem: base", "schem", true, "unknown key `schem`");
        t("{}", "", false, "the key `scheme` is missing");
        t("scheme: bas", "scheme", false, "unknown name `bas`");
        t(
            "scheme: {kmr: {k: 3}}",
            "scheme.kmr",
            true,
            "unknown name `kmr`",
        );
        t(
            "scheme: {kmer: {k: 0}}",
            "scheme.kmer.k",
            false,
            "a whole number above 0 is needed here, found the number `0`",
        );
        t(
            "scheme: {kmer: {q: 0}}",
            "scheme.kmer.q",
            true,
            "unknown key `q`",
        );
        t("scheme: kmer", "scheme", false, "the key `k` is missing");
        t(
            "scheme: {base: 3}",
            "scheme.base",
            false,
            "`base` takes no settings",
        );
        t(
            "scheme: {named: {dropout: 1.5}}",
            "scheme.named.dropout",
            false,
            "1.5 is out of range: a number from 0 to 1, 1 not included, is needed",
        );
        t(
            "scheme: {named: {chromosomes: [a, {b: c}]}}",
            "scheme.named.chromosomes[1]",
            false,
            "text is needed here, found a mapping",
        );
        t(
            "scheme: {base: , kmer: }",
            "scheme",
            false,
            "exactly one key is needed here, found 2",
        );
    }
}
