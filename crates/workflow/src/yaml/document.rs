//! A YAML file with the overrides of the command line, and its mistakes as diagnostics.

use std::path::{Path as FilePath, PathBuf};

use miette::NamedSource;

use super::fault::{Fault, Path, Step, display, keys, suggest};
use super::locate::{locate, range};
use super::mistakes::{Mistake, Mistakes};
use super::node::Node;
use super::overrides::{put, same_setting, split_key};
use super::variable_use::{VariableUse, uses};
use super::variables;

/// A parsed file: the tree with variables expanded and overrides in place.
#[derive(Clone, Debug)]
pub struct Document {
    /// How the file is called in messages.
    pub name: String,
    /// The folder that relative paths in the file start from.
    pub folder: PathBuf,
    /// The file's text.
    pub text: String,
    /// What the text says.
    pub node: Node,
    overrides: Vec<Override>,
    variables: Vec<VariableUse>,
}

#[derive(Clone, Debug)]
struct Override {
    argument: String,
    path: Path,
    /// Whether the argument named another place, which says the same for all tasks or methods.
    spread: bool,
}

impl Document {
    /// Reads a file and applies `--set` arguments.
    ///
    /// # Errors
    /// [`Mistakes`]: an unreadable file, YAML's own errors, unset variables, arguments that are no `KEY=VALUE`.
    pub fn read(path: &FilePath, sets: &[String]) -> Result<Self, Mistakes> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Mistakes::plain(&name, format!("could not read {name}: {e}")))?;
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
            _ => PathBuf::from("."),
        };
        Self::parse(&name, &folder, text, sets, &|v| std::env::var(v).ok())
    }

    /// [`Document::read`] for text that is already in memory.
    ///
    /// # Errors
    /// As [`Document::read`].
    pub fn parse(
        name: &str,
        folder: &FilePath,
        text: String,
        sets: &[String],
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Mistakes> {
        let node = match Node::parse(&text) {
            Ok(node) => node,
            Err(e) => return Err(syntax(name, text, &e)),
        };
        let mut document = Self {
            name: name.to_string(),
            folder: folder.to_path_buf(),
            text,
            node,
            overrides: Vec::new(),
            variables: Vec::new(),
        };
        for set in sets {
            document.set(set)?;
        }
        document.variables = uses(&document.node, lookup);
        let mut node = std::mem::take(&mut document.node);
        let expanded = variables::expand(&mut node, lookup);
        document.node = node;
        match expanded {
            Ok(()) => Ok(document),
            Err(faults) => Err(document.mistakes(faults)),
        }
    }

    /// Applies one `a.b.c=value`; the value is YAML.
    fn set(&mut self, argument: &str) -> Result<(), Mistakes> {
        let wrong = |why: &str| {
            Mistakes::plain("--set", format!("`--set {argument}`: {why}"))
                .help("write `--set KEY=VALUE`, for example `--set train.epochs=1`")
        };
        let Some((key, value)) = argument.split_once('=') else {
            return Err(wrong("there is no `=`"));
        };
        let value = if value.is_empty() {
            Node::Null
        } else {
            Node::parse(value).map_err(|e| wrong(&format!("the value is no YAML: {e}")))?
        };
        if key.is_empty() || key.split('.').any(str::is_empty) {
            return Err(wrong("the key is empty, or a part of it is"));
        }
        let path = split_key(&self.node, key);
        // `train={epochs: 1}` says what `train.epochs=1` says.
        let settings: Vec<(Path, Node)> = match (&value, path.as_slice()) {
            (Node::Map(entries), [section]) => entries
                .iter()
                .map(|(key, value)| (vec![section.clone(), Step::Key(key.clone())], value.clone()))
                .collect(),
            _ => vec![(path.clone(), value.clone())],
        };
        self.put(argument, path, value).map_err(|why| wrong(&why))?;
        for (path, value) in settings {
            for place in same_setting(&self.node, &path) {
                // What was set for this one place before, on the command line too, stays.
                let own = self
                    .overrides
                    .iter()
                    .any(|o| !o.spread && o.path.starts_with(&place));
                if !own {
                    put(&mut self.node, &place, value.clone()).map_err(|why| wrong(&why))?;
                    self.overrides.push(Override {
                        argument: argument.to_string(),
                        path: place,
                        spread: true,
                    });
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, argument: &str, path: Path, value: Node) -> Result<(), String> {
        put(&mut self.node, &path, value)?;
        self.overrides.push(Override {
            argument: argument.to_string(),
            path,
            spread: false,
        });
        Ok(())
    }

    /// The faults with their places looked up in the text.
    pub fn mistakes(&self, faults: Vec<Fault>) -> Mistakes {
        let mut list: Vec<Mistake> = Vec::new();
        for mistake in faults.into_iter().map(|f| self.mistake(f)) {
            // One `--set` reaches many tasks: what is wrong with it is told once.
            if !list.iter().any(|told| told.is_same(&mistake)) {
                list.push(mistake);
            }
        }
        Mistakes {
            file: self.name.clone(),
            list,
        }
    }

    fn mistake(&self, fault: Fault) -> Mistake {
        let overridden = self.overrides.iter().rev().find(|o| {
            fault.path.starts_with(&o.path)
                || (o.path.starts_with(&fault.path)
                    && locate(&self.text, &fault.path, true).is_none())
        });
        let label = context(&fault);
        if let Some(o) = overridden {
            let text = format!("--set {}", o.argument);
            let start = "--set ".len();
            let end = text.find('=').map_or(text.len(), |i| i);
            let span = if fault.at_key || fault.path.len() < o.path.len() {
                start..end
            } else {
                (end + 1).min(text.len())..text.len()
            };
            return Mistake {
                message: fault.message,
                help: fault.help,
                label,
                source: Some(NamedSource::new("the command line", text)),
                span: Some(span),
            };
        }
        // What is not in the file is told at the nearest place that is.
        let (span, label) = match locate(&self.text, &fault.path, fault.at_key) {
            Some(span) => (Some(span), label),
            None => (locate_above(&self.text, &fault.path), "here".to_string()),
        };
        Mistake {
            span,
            message: fault.message,
            help: fault.help,
            label,
            source: Some(NamedSource::new(&self.name, self.text.clone())),
        }
    }

    /// The variable that the path of a file was written with, and where: `pipelines/gue.yaml:15`.
    pub(crate) fn variable_of(&self, file: &FilePath) -> Option<(&VariableUse, String)> {
        let found = self.variables.iter().find(|used| {
            let text = used.in_tree(&self.node);
            text.is_some_and(|text| self.resolve(FilePath::new(text)) == file)
        })?;
        Some((found, self.place(&found.place)))
    }

    /// Where something of the tree stands: `pipelines/gue.yaml:15`, or in no file.
    pub(crate) fn place(&self, path: &[Step]) -> String {
        match locate(&self.text, path, false) {
            Some(span) => {
                let above = self.text.get(..span.start).unwrap_or_default();
                format!("{}:{}", self.name, 1 + above.matches('\n').count())
            }
            None => "--set".to_string(),
        }
    }

    /// A path of the file, seen from the working folder.
    pub fn resolve(&self, path: &FilePath) -> PathBuf {
        if path.is_absolute() || self.folder == FilePath::new(".") {
            path.to_path_buf()
        } else {
            self.folder.join(path)
        }
    }
}

/// The nearest enclosing place that the text has.
fn locate_above(text: &str, path: &[Step]) -> Option<std::ops::Range<usize>> {
    let above = path
        .split_last()
        .map(|(_, above)| above)
        .unwrap_or_default();
    if above.is_empty() {
        let line = 1 + text
            .lines()
            .position(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'))
            .unwrap_or(0);
        return range(text, line, 1, true);
    }
    locate(text, above, true).or_else(|| locate_above(text, above))
}

fn context(fault: &Fault) -> String {
    let shown = if fault.at_key {
        fault
            .path
            .split_last()
            .map(|(_, above)| above)
            .unwrap_or_default()
    } else {
        &fault.path
    };
    match (shown.is_empty(), fault.at_key) {
        (true, _) => "here".to_string(),
        (false, true) => format!("in `{}`", display(shown)),
        (false, false) => format!("`{}`", display(shown)),
    }
}

fn syntax(name: &str, text: String, e: &serde_yaml::Error) -> Mistakes {
    let message = e.to_string();
    // The parser repeats the position in its message; the diagnostic shows it better.
    let message = message
        .split(" at line ")
        .next()
        .unwrap_or(&message)
        .to_string();
    // Our own messages come with the path of keys in front, which the place shows as well.
    let message = match message.split_once(": ") {
        Some((_, own)) if own.contains("is here twice") || own.starts_with("the tag") => {
            own.to_string()
        }
        _ => message,
    };
    let span = e.location().and_then(|at| {
        // The end of the file has no text to underline: the last line that has some is shown.
        let found = range(&text, at.line(), at.column(), true).filter(|r| !r.is_empty());
        found.or_else(|| {
            let above = text.lines().take(at.line()).collect::<Vec<_>>();
            let line = above.iter().rposition(|l| !l.trim().is_empty())?;
            range(&text, line + 1, 1, false)
        })
    });
    let tab = span
        .as_ref()
        .is_some_and(|r| text[r.clone()].starts_with('\t'));
    Mistakes {
        file: name.to_string(),
        list: vec![Mistake {
            message,
            help: tab.then(|| "YAML indents with spaces, never with tabs".to_string()),
            label: "here".into(),
            source: span.as_ref().map(|_| NamedSource::new(name, text)),
            span,
        }],
    }
}

/// A fault about a name that is not in the file, for the semantic checks.
pub fn unknown<'a>(
    path: Path,
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Fault {
    let mut fault = Fault::new(path, format!("there is no {what} `{name}`"));
    fault.help = suggest(name, known);
    fault
}

/// The path of a top-level key.
pub fn top(key: &str) -> Path {
    keys(&[key])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, sets: &[&str]) -> Result<Document, Mistakes> {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        Document::parse("p.yaml", FilePath::new("."), text.into(), &sets, &|_| None)
    }

    #[test]
    fn overrides_reach_any_key() {
        fn t(text: &str, set: &str, want: &str) {
            let document = parse(text, &[set]).unwrap();
            assert_eq!(document.node, Node::parse(want).unwrap(), "{set}");
        }
        t("train: {epochs: 3}", "train.epochs=1", "train: {epochs: 1}");
        t("{}", "train.epochs=1", "train: {epochs: 1}");
        t(
            "tasks: {a.b: {x: 1}}",
            "tasks.a.b.x=2",
            "tasks: {a.b: {x: 2}}",
        );
        t("seeds: [1, 2]", "seeds=[7]", "seeds: [7]");
        t("seeds: [1, 2]", "seeds.1=5", "seeds: [1, 5]");
        t(
            "m: {a: lora}",
            "m.a.lora.rank=4",
            "m: {a: {lora: {rank: 4}}}",
        );
        t("name: x", "name=", "name: ~");
        // Over a task's own setting, and a method's own learning rate; other keys of theirs stay.
        t(
            "tasks: {a: {train: {epochs: 3, batch: 2}}, b: {train: {batch: 4}}}",
            "train.epochs=1",
            "{tasks: {a: {train: {epochs: 1, batch: 2}}, b: {train: {batch: 4}}}, train: {epochs: 1}}",
        );
        t(
            "tasks: {a: {train: {epochs: 3}}}",
            "train={epochs: 1}",
            "{tasks: {a: {train: {epochs: 1}}}, train: {epochs: 1}}",
        );
        t(
            "tasks: {a: {tokenize: {scheme: {kmer: {k: 3}}}}}",
            "tokenize.scheme.kmer.k=4",
            "{tasks: {a: {tokenize: {scheme: {kmer: {k: 4}}}}}, tokenize: {scheme: {kmer: {k: 4}}}}",
        );
        t(
            "methods: {l: {lora: {rank: 8, learning_rate: 0.1, warmup_steps: 2}}, f: full}",
            "train.learning_rate=0.5",
            "{methods: {l: {lora: {rank: 8, learning_rate: 0.5, warmup_steps: 2}}, f: full}, train: {learning_rate: 0.5}}",
        );
        t(
            "methods: {l: {adalora: {warmup_steps: 2}}}",
            "train.warmup_steps=5",
            "{methods: {l: {adalora: {warmup_steps: 2}}}, train: {warmup_steps: 5}}",
        );
        t("a: x", "a={kmer: {k: 3}}", "a: {kmer: {k: 3}}");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_key() {
        let text = "\u{feff}name: x\nseeds: [1]\n";
        let document = parse(text, &[]).unwrap();
        assert_eq!(document.node, Node::parse("{name: x, seeds: [1]}").unwrap());
        // The hash of the file is of all of its bytes.
        assert_eq!(document.text, text);
        for (key, value) in [("name", "x"), ("seeds", "[1]")] {
            let found = locate(text, &top(key), false).map(|range| &text[range]);
            assert_eq!(found, Some(value));
        }
        assert_eq!(locate(text, &top("name"), true), Some(3..7));
    }

    #[test]
    fn a_setting_of_one_task_on_the_command_line_stands_beside_one_for_all() {
        let text = "tasks: {a: {train: {epochs: 3}}, b: {train: {epochs: 3}}}";
        let want =
            "{tasks: {a: {train: {epochs: 7}}, b: {train: {epochs: 1}}}, train: {epochs: 1}}";
        for sets in [
            ["tasks.a.train.epochs=7", "train.epochs=1"],
            ["train.epochs=1", "tasks.a.train.epochs=7"],
        ] {
            let document = parse(text, &sets).unwrap();
            assert_eq!(document.node, Node::parse(want).unwrap(), "{sets:?}");
        }
    }

    #[test]
    fn bad_overrides_are_refused_with_the_argument() {
        fn t(set: &str, message: &str) {
            let text = "seeds: [1]\nname: x";
            assert_eq!(parse(text, &[set]).unwrap_err().to_string(), message);
        }
        t("x", "`--set x`: there is no `=`");
        t("=1", "`--set =1`: the key is empty, or a part of it is");
        t(
            "seeds.4=1",
            "`--set seeds.4=1`: there is no item 4 (counted from 0) in a list of 1",
        );
        t(
            "name.a=1",
            "`--set name.a=1`: `a` cannot be set inside the text `x`",
        );
    }
}
