//! What is wrong at one place of the tree, before the place is looked up in the text.

use std::fmt;

use serde::de;

/// One step from the root of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Under a key.
    Key(String),
    /// An item of a list, from 0.
    Item(usize),
}

/// A place in the tree.
pub type Path = Vec<Step>;

/// A path as text: `tasks.H3.train.epochs`, `seeds[1]`.
pub fn display(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Item(i) => text.push_str(&format!("[{i}]")),
        }
    }
    text
}

/// A path of keys.
pub fn keys(keys: &[&str]) -> Path {
    keys.iter().map(|k| Step::Key((*k).to_string())).collect()
}

/// A mistake of the writer of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where.
    pub path: Path,
    /// Whether the key itself is at fault, not the value behind it.
    pub at_key: bool,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault of the value at `path`.
    pub fn new(path: Path, message: impl Into<String>) -> Self {
        Self {
            path,
            at_key: false,
            message: message.into(),
            help: None,
        }
    }

    /// With a hint.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// About the key, not its value.
    pub fn key(mut self) -> Self {
        self.at_key = true;
        self
    }

    /// The same, seen from one step above.
    pub fn below(mut self, step: Step) -> Self {
        self.path.insert(0, step);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", display(&self.path), self.message)
    }
}

impl std::error::Error for Fault {}

/// "did you mean ...?", or the names that there are.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let near = known
        .iter()
        .map(|k| {
            (
                strsim::damerau_levenshtein(&k.to_lowercase(), &name.to_lowercase()),
                *k,
            )
        })
        .min()
        .filter(|(distance, k)| *distance <= 1 + k.chars().count().min(name.chars().count()) / 4);
    match near {
        Some((_, near)) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", known.join(", "))),
    }
}

/// What Rust's types call themselves, in the words of the reader.
fn expected(e: &dyn de::Expected) -> String {
    let text = e.to_string();
    let plain = match text.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "a borrowed string" | "path string" => "text",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "unit" => "nothing",
        t if t.starts_with("a nonzero u") => "a whole number above 0",
        t if t.starts_with("struct") => "a mapping",
        t if t.starts_with("enum") || t.starts_with("variant") => "one of the names known here",
        t => t,
    };
    plain.to_string()
}

fn found(unexpected: de::Unexpected<'_>) -> String {
    use de::Unexpected as U;
    match unexpected {
        U::Bool(b) => format!("`{b}`"),
        U::Unsigned(n) => format!("the number `{n}`"),
        U::Signed(n) => format!("the number `{n}`"),
        U::Float(n) => format!("the number `{n}`"),
        U::Str(s) => format!("the text `{s}`"),
        U::Unit | U::Option => "nothing".into(),
        U::Seq => "a list".into(),
        U::Map | U::StructVariant | U::NewtypeVariant => "a mapping".into(),
        U::UnitVariant => "a bare name".into(),
        other => other.to_string(),
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(Path::new(), message.to_string())
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, e: &dyn de::Expected) -> Self {
        Fault::new(
            Path::new(),
            format!(
                "{} is needed here, found {}",
                expected(e),
                found(unexpected)
            ),
        )
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, e: &dyn de::Expected) -> Self {
        Self::invalid_type(unexpected, e)
    }

    fn invalid_length(length: usize, e: &dyn de::Expected) -> Self {
        Fault::new(
            Path::new(),
            format!("{} is needed here, found {length} items", expected(e)),
        )
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        let mut fault = Fault::new(Path::new(), format!("unknown name `{variant}`"));
        fault.help = suggest(variant, known.iter().copied());
        fault
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let mut fault = Fault::new(Path::new(), format!("unknown key `{field}`"));
        fault.help = suggest(field, known.iter().copied());
        fault
    }

    fn missing_field(field: &'static str) -> Self {
        Fault::new(Path::new(), format!("the key `{field}` is missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_others_listed() {
        fn t(name: &str, known: &[&str], want: Option<&str>) {
            assert_eq!(
                suggest(name, known.iter().copied()).as_deref(),
                want,
                "{name}"
            );
        }
        t(
            "epoch",
            &["epochs", "batch"],
            Some("did you mean `epochs`?"),
        );
        t(
            "tokenise",
            &["tokenize", "train"],
            Some("did you mean `tokenize`?"),
        );
        t("Lora", &["lora", "full"], Some("did you mean `lora`?"));
        t(
            "rank",
            &["dropout", "alpha"],
            Some("known here: dropout, alpha"),
        );
        t("x", &[], None);
    }
}
