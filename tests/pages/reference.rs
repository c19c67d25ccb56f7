//! `docs/reference` is what the program says of itself: a page for each command, and the JSON Schema.
//!
//! `just reference` writes it anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::pages::{files_below, root};
use crate::toy::{Ran, lingo};

const SCHEMA: &str = "lingo.schema.json";

/// A command of the program.
pub struct Command {
    /// The words behind `lingo-pipe`; none for the program itself.
    pub words: Vec<String>,
    /// What it does, as the help of the command above it says.
    pub summary: String,
    /// Its own long help.
    pub help: String,
}

/// The program, and every command that its help lists, each in front of those that its own help lists.
pub fn commands() -> Vec<Command> {
    let mut all = Vec::new();
    let mut waiting = vec![(Vec::new(), String::new())];
    while let Some((words, summary)) = waiting.pop() {
        let help = help(&words);
        for (name, summary) in listed(&help).into_iter().rev() {
            waiting.push(([words.clone(), vec![name]].concat(), summary));
        }
        all.push(Command {
            words,
            summary,
            help,
        });
    }
    all
}

/// The long help of a command, without spaces at the ends of lines.
fn help(words: &[String]) -> String {
    let ran = Ran::of(lingo().args(words).arg("--help").output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// The commands that a help lists, with what it says of them.
fn listed(help: &str) -> Vec<(String, String)> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    list.take_while(|line| !line.is_empty())
        .map(|line| line.trim().split_once(' ').unwrap())
        .filter(|(name, _)| *name != "help")
        .map(|(name, summary)| (name.to_string(), summary.trim().to_string()))
        .collect()
}

impl Command {
    /// Where its page stands below `docs/reference`.
    fn page(&self) -> String {
        match self.words.as_slice() {
            [] => "README.md".to_string(),
            words => words.join("/") + ".md",
        }
    }

    /// The page: its title, the commands below it, its help.
    fn text(&self, all: &[Self]) -> String {
        let typed = [&["lingo-pipe".to_string()], self.words.as_slice()].concat();
        let typed = typed.join(" ");
        let (title, schema) = match self.words.as_slice() {
            [] => (
                "Reference".to_string(),
                format!(
                    "\n[{SCHEMA}]({SCHEMA}) is the JSON Schema of pipeline files, with every key, its type, its default and what it means: what `lingo-pipe schema` prints.\n"
                ),
            ),
            _ => (typed.clone(), String::new()),
        };
        let mut text = format!(
            "# {title}\n\nMade by `just reference` from the program's own help; a test holds it true.\n{schema}"
        );
        let below = |c: &&Self| {
            c.words
                .split_last()
                .is_some_and(|(_, above)| above == self.words)
        };
        let rows: Vec<String> = all
            .iter()
            .filter(below)
            .map(|c| {
                // A page lies in the folder that is named after the command above it.
                let folder = self
                    .words
                    .last()
                    .map_or(String::new(), |name| format!("{name}/"));
                let name = c.words.last().unwrap();
                format!("| [{name}]({folder}{name}.md) | {} |\n", c.summary)
            })
            .collect();
        if !rows.is_empty() {
            text += &format!("\n| command | what it does |\n|---|---|\n{}", rows.concat());
        }
        text + &format!("\n```text\n$ {typed} --help\n{}```\n", self.help)
    }
}

/// The files of the reference, by their paths below its folder.
fn made() -> BTreeMap<PathBuf, String> {
    let all = commands();
    assert!(all.len() > 15, "{} commands", all.len());
    let pages = all.iter().map(|c| (c.page().into(), c.text(&all)));
    let ran = Ran::of(lingo().arg("schema").output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    pages.chain([(SCHEMA.into(), ran.stdout)]).collect()
}

#[test]
fn the_reference_is_what_the_program_says_of_itself() {
    let folder = root().join("docs/reference");
    let made = made();
    if std::env::var_os("LINGO_WRITE_REFERENCE").is_some() {
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        for (name, text) in &made {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        return;
    }
    let found: BTreeMap<PathBuf, String> = files_below(&folder)
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(&folder).unwrap().to_path_buf(), text)
        })
        .collect();
    let names = |files: &BTreeMap<PathBuf, String>| files.keys().cloned().collect::<Vec<_>>();
    let advice = "`just reference` writes it anew";
    assert_eq!(names(&found), names(&made), "docs/reference: {advice}");
    for (name, text) in &made {
        assert!(
            found[name] == *text,
            "docs/reference/{}: {advice}; the program says:\n{text}",
            name.display()
        );
    }
}
