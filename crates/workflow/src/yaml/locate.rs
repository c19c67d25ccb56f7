//! Where a place of the tree stands in the text.
//!
//! The parser keeps no positions, but every error that is raised while it reads carries one: so the
//! place is walked to once more, and an error raised there.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fault::Step;
use super::node::without_mark;

/// The byte range of the value at `path` (of its key with `key`, or when the value is a block of its own).
pub fn locate(text: &str, path: &[Step], key: bool) -> Option<std::ops::Range<usize>> {
    let (last, above) = path.split_last()?;
    let by_key = |wanted| {
        let (line, column) = probe(text, above, Some(wanted))?;
        range(text, line, column, true)
    };
    if let (true, Step::Key(name)) = (key, last) {
        return by_key(name);
    }
    let (line, column) = probe(text, path, None)?;
    let found = range(text, line, column, false);
    match last {
        // A block of many lines is told by its name.
        Step::Key(name) if key_before(text, line, column).is_none() => by_key(name).or(found),
        _ => found,
    }
}

/// `Some` when the value at this position is a scalar or a one-line collection on the line of its key.
fn key_before(text: &str, line: usize, column: usize) -> Option<()> {
    let line = without_mark(text).lines().nth(line.checked_sub(1)?)?;
    let before: String = line.chars().take(column.saturating_sub(1)).collect();
    before.contains([':', '-', '[', ',', '{']).then_some(())
}

fn probe(text: &str, path: &[Step], key: Option<&str>) -> Option<(usize, usize)> {
    let document = serde_yaml::Deserializer::from_str(without_mark(text)).next()?;
    let error = Walk { path, key }.deserialize(document).err()?;
    let at = error.location()?;
    error
        .to_string()
        .contains(HERE)
        .then(|| (at.line(), at.column()))
}

/// The bytes of the scalar (or key) that starts at line and column, both from 1, counted in characters.
pub fn range(text: &str, line: usize, column: usize, key: bool) -> Option<std::ops::Range<usize>> {
    let mut start = text.len() - without_mark(text).len();
    for _ in 1..line {
        start += text.get(start..)?.find('\n')? + 1;
    }
    let rest = text.get(start..)?.lines().next().unwrap_or_default();
    let offset: usize = rest.chars().take(column - 1).map(char::len_utf8).sum();
    let token = rest.get(offset..)?;
    let length = token_length(token, key);
    Some(start + offset..start + offset + length.max(usize::from(!token.is_empty())))
}

fn token_length(token: &str, key: bool) -> usize {
    let mut characters = token.char_indices();
    match characters.next() {
        Some((_, quote @ ('"' | '\''))) => characters
            .find(|(_, c)| *c == quote)
            .map_or(token.len(), |(i, c)| i + c.len_utf8()),
        Some((_, '[' | '{')) => bracketed(token),
        _ => {
            let mut end = token.len();
            for (i, c) in token.char_indices() {
                let behind = &token[i + c.len_utf8()..];
                let gap = behind.is_empty() || behind.starts_with([' ', ',', '}', ']']);
                if matches!(c, ',' | '}' | ']')
                    || (key && c == ':' && gap)
                    || behind.starts_with(" #")
                {
                    end = if behind.starts_with(" #") {
                        i + c.len_utf8()
                    } else {
                        i
                    };
                    break;
                }
            }
            token[..end].trim_end().len()
        }
    }
}

/// The length of a list or mapping that is closed on its line; without its end, the rest of the line.
fn bracketed(token: &str) -> usize {
    let mut depth = 0usize;
    let mut quote = None;
    for (i, c) in token.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
    }
    token.trim_end().len()
}

const HERE: &str = "\u{1}here\u{1}";

/// Goes down `path`, then raises an error: at the value, or at its key `key`.
#[derive(Clone, Copy)]
struct Walk<'a> {
    path: &'a [Step],
    key: Option<&'a str>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Walk<'_> {
    fn arrived<E: de::Error>(&self) -> Result<(), E> {
        if self.path.is_empty() && self.key.is_none() {
            Err(E::custom(HERE))
        } else {
            Ok(())
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.arrived()
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.arrived()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.arrived()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.arrived()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.arrived()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.arrived()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.arrived()?;
        let Some((Step::Item(wanted), below)) = self.path.split_first() else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let mut at = 0;
        loop {
            let more = if at == *wanted {
                let walk = Walk {
                    path: below,
                    key: self.key,
                };
                seq.next_element_seed(walk)?.is_some()
            } else {
                seq.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            at += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.arrived()?;
        let wanted = match self.path.first() {
            Some(Step::Key(key)) => Some(key.as_str()),
            _ => None,
        };
        let at_key = if self.path.is_empty() { self.key } else { None };
        while let Some(key) = map.next_key_seed(Name(at_key))? {
            if wanted == Some(key.as_str()) {
                map.next_value_seed(Walk {
                    path: &self.path[1..],
                    key: self.key,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Reads a key, raising an error at the wanted one.
struct Name<'a>(Option<&'a str>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = String;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        if self.0 == Some(key) {
            Err(E::custom(HERE))
        } else {
            Ok(key.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::fault::keys;

    const TEXT: &str = "# é\nname: demo # why\ntasks:\n  H3:\n    ingest: {fasta: \"g a.fa\", n: 3}\nseeds: [1, two, 3]\nmethods:\n- a: é\n- b\ndeep: {a: {b: [1, \"}\"]}, c: 1}\n";

    #[test]
    fn a_path_is_found_in_the_text() {
        fn t(path: Vec<Step>, key: bool, want: Option<&str>) {
            assert_eq!(
                locate(TEXT, &path, key).map(|r| &TEXT[r]),
                want,
                "{path:?} {key}"
            );
        }
        t(keys(&["name"]), false, Some("demo"));
        t(keys(&["name"]), true, Some("name"));
        t(keys(&["tasks"]), false, Some("tasks"));
        t(keys(&["tasks", "H3"]), false, Some("H3"));
        t(
            keys(&["tasks", "H3", "ingest"]),
            false,
            Some("{fasta: \"g a.fa\", n: 3}"),
        );
        t(keys(&["deep", "a"]), false, Some("{b: [1, \"}\"]}"));
        t(
            keys(&["tasks", "H3", "ingest", "fasta"]),
            false,
            Some("\"g a.fa\""),
        );
        t(keys(&["tasks", "H3", "ingest", "n"]), false, Some("3"));
        t(keys(&["tasks", "H3", "ingest", "n"]), true, Some("n"));
        t(
            vec![Step::Key("seeds".into()), Step::Item(1)],
            false,
            Some("two"),
        );
        let in_list = vec![
            Step::Key("methods".into()),
            Step::Item(0),
            Step::Key("a".into()),
        ];
        t(in_list, false, Some("é"));
        t(keys(&["nowhere"]), false, None);
        t(keys(&["tasks", "H4"]), true, None);
    }
}
