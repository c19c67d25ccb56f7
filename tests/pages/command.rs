//! A command as a page prints it.

/// One command of `lingo-pipe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The words behind `lingo-pipe`.
    pub words: Vec<String>,
    /// The file that a shell would write its standard output to.
    pub to: Option<String>,
}

/// How the pages begin a command of the program: installed, or from a checkout.
const BEGINNINGS: [&str; 2] = ["lingo-pipe ", "cargo run -- "];

impl Command {
    /// The command of a shell's line, up to a comment or a pipe; nothing where it is another program's.
    pub fn of_line(line: &str) -> Option<Self> {
        let line = line.trim().strip_prefix("time ").unwrap_or(line.trim());
        let rest = BEGINNINGS
            .iter()
            .find_map(|begin| line.strip_prefix(begin))?;
        let mut words = split(rest);
        if let Some(end) = words.iter().position(|w| w == "|" || w.starts_with('#')) {
            words.truncate(end);
        }
        let to = words.iter().position(|w| w == ">").map(|redirection| {
            let file = words.get(redirection + 1).cloned();
            words.truncate(redirection);
            file.unwrap()
        });
        Some(Self { words, to })
    }

    /// The command of a line under `Examples:` in a help: what it does may stand behind it.
    pub fn of_help(line: &str) -> Option<Self> {
        let line = line.strip_prefix("  ")?;
        let command = line.split("  ").next()?.trim();
        // `lingo-pipe run` alone is one, too.
        Self::of_line(&format!("{command} "))
    }
}

/// The words of a shell's line: spaces part them, unless they stand between quotes.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (None, ' ') => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == letter => quote = None,
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[test]
fn commands_are_told_from_what_stands_around_them() {
    fn t(found: Option<Command>, words: &[&str], to: Option<&str>) {
        let found = found.unwrap();
        assert_eq!(found.words, words);
        assert_eq!(found.to.as_deref(), to);
    }
    let line = "lingo-pipe tokenize decode --out -   # comment";
    t(
        Command::of_line(line),
        &["tokenize", "decode", "--out", "-"],
        None,
    );
    t(
        Command::of_line("cargo run -- run a.yaml --set \"seeds=[1, 2]\""),
        &["run", "a.yaml", "--set", "seeds=[1, 2]"],
        None,
    );
    t(
        Command::of_line("lingo-pipe schema > s.json"),
        &["schema"],
        Some("s.json"),
    );
    t(
        Command::of_line("lingo-pipe plan a.yaml --json | jq '.cells[] | .id'"),
        &["plan", "a.yaml", "--json"],
        None,
    );
    t(
        Command::of_help("  lingo-pipe run            the built-in demo"),
        &["run"],
        None,
    );
    assert_eq!(Command::of_line("cargo test --workspace"), None);
    assert_eq!(Command::of_help("lingo-pipe reads it"), None);
}
