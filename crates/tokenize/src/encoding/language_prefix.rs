//! The language prefix: a template around the DNA, such as `Task: {task}. Sequence: {sequence} Answer:`.

use std::collections::BTreeMap;

use crate::error::Error;

/// The key that the DNA takes the place of.
const SEQUENCE: &str = "sequence";

/// A template with every key filled in but `{sequence}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguagePrefix {
    /// The text before the DNA.
    pub before: String,
    /// The text behind the DNA.
    pub after: String,
}

impl LanguagePrefix {
    /// Fills in `keys`; `{{` and `}}` are braces that stay.
    ///
    /// # Errors
    /// [`Error::Prefix`]: an unknown key, no `{sequence}` or two, a brace without its partner.
    pub fn resolve(template: &str, keys: &BTreeMap<String, String>) -> Result<Self, Error> {
        let bad = |message: String| Error::Prefix {
            template: template.to_string(),
            message,
        };
        let mut before: Option<String> = None;
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix(brace) {
                text.push_str(brace);
                rest = behind;
                continue;
            }
            let Some(end) = rest.find('}').filter(|_| brace == "{") else {
                return Err(bad(format!(
                    "a `{brace}` stands alone; write `{brace}{brace}` for one that stays"
                )));
            };
            let key = &rest[..end];
            rest = &rest[end + 1..];
            if key == SEQUENCE {
                if before.is_some() {
                    return Err(bad("`{sequence}` stands in it twice".to_string()));
                }
                before = Some(std::mem::take(&mut text));
            } else {
                let value = keys.get(key).ok_or_else(|| {
                    let known: Vec<String> = std::iter::once(SEQUENCE)
                        .chain(keys.keys().map(String::as_str).filter(|k| *k != SEQUENCE))
                        .map(|k| format!("{{{k}}}"))
                        .collect();
                    bad(format!(
                        "`{{{key}}}` is not a key; there are: {}",
                        known.join(", ")
                    ))
                })?;
                text.push_str(value);
            }
        }
        text.push_str(rest);
        match before {
            Some(before) => Ok(Self {
                before,
                after: text,
            }),
            None => {
                let known: Vec<String> = keys.keys().map(|k| format!("{{{k}}}")).collect();
                Err(bad(format!(
                    "`{{sequence}}` is missing, which the DNA takes the place of; the other keys are: {}",
                    known.join(", ")
                )))
            }
        }
    }

    /// The template with its keys filled in, `{sequence}` still there.
    pub fn text(&self) -> String {
        format!("{}{{{SEQUENCE}}}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(template: &str) -> Result<LanguagePrefix, Error> {
        let keys = [("task", "H3"), ("organism", "yeast {sequence}")];
        let keys = keys.map(|(k, v)| (k.to_string(), v.to_string())).into();
        LanguagePrefix::resolve(template, &keys)
    }

    #[test]
    fn keys_are_filled_in() {
        fn t(template: &str, before: &str, after: &str) {
            let found = resolve(template).unwrap();
            assert_eq!(
                (found.before.as_str(), found.after.as_str()),
                (before, after)
            );
        }
        t("{sequence}", "", "");
        t(
            "Task: {task}\nDNA: {sequence}\nAnswer:",
            "Task: H3\nDNA: ",
            "\nAnswer:",
        );
        t("{sequence} of {task}{task}", "", " of H3H3");
        t("{{{task}}} {sequence}", "{H3} ", "");
        // A value is text: what looks like a key in it is not one.
        t("{organism}: {sequence}", "yeast {sequence}: ", "");
    }

    #[test]
    fn mistakes_are_named_with_the_keys_there_are() {
        fn t(template: &str, expected: &[&str]) {
            let message = resolve(template).unwrap_err().to_string();
            for part in expected {
                assert!(message.contains(part), "{message}");
            }
        }
        t(
            "{mark} {sequence}",
            &["`{mark}` is not a key", "{sequence}, {organism}, {task}"],
        );
        t("{task}", &["`{sequence}` is missing", "{organism}, {task}"]);
        t("", &["`{sequence}` is missing"]);
        t("{sequence} {sequence}", &["twice"]);
        t("{sequence", &["`{` stands alone"]);
        t("{sequence} }", &["`}` stands alone"]);
        t("{} {sequence}", &["`{}` is not a key"]);
    }
}
