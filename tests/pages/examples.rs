//! Every command in the pages and in the help is run, on stand-in files.
//!
//! What would take minutes or needs data that nobody has at hand is shortened by a word or two, which stand in
//! [`SHORTER`]; everything else runs as it is printed. Commands of other programs are not looked at.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::pages::command::Command;
use crate::pages::pieces::{SITE, name_of};
use crate::pages::shelf::{Shelf, run};
use crate::pages::{blocks, files_below, reference, root, spans, written};

/// How commands begin that are run with words added, these words, and why.
const SHORTER: [(&str, &[&str], &str); 5] = [
    (
        "run pipelines/",
        &["--dry-run"],
        "needs data of others, or a minute",
    ),
    (
        "run benches/",
        &["--dry-run"],
        "needs data of others, and hours",
    ),
    ("submit", &["--print"], "needs a cluster"),
    ("pretrain", &["--set", "steps=2"], "500 steps take a minute"),
    ("run", &["--dry-run"], "the built-in demo takes a minute"),
];

/// The words to add to a command, if there are any.
fn shortened(command: &Command) -> &'static [&'static str] {
    let words = command.words.join(" ");
    let matching = SHORTER.iter().find(|(begin, ..)| match *begin {
        // Only the built-in demo, which is `run` without a file.
        "run" => words == "run",
        begin => words.starts_with(begin),
    });
    let is_there = |add: &&[&str]| {
        add.iter()
            .all(|word| command.words.iter().any(|w| w == word))
    };
    let add: &[&str] = matching.map_or(&[], |(_, add, _)| add);
    if is_there(&add) { &[] } else { add }
}

/// Runs a command of a page as a shell would.
fn check(folder: &Path, place: &str, command: &Command) {
    let mut words = command.words.clone();
    words.extend(shortened(command).iter().map(ToString::to_string));
    let ran = run(folder, &words);
    assert_eq!(
        ran.code,
        0,
        "{place}: lingo-pipe {}\n{}",
        words.join(" "),
        ran.stderr
    );
    if let Some(to) = command.to.as_ref().filter(|to| !to.starts_with('/')) {
        fs::write(folder.join(to), ran.stdout).unwrap();
    }
}

/// The commands of a page: in blocks of shell, on lines of their own, and within sentences.
fn commands(text: &str) -> Vec<Command> {
    let blocks = blocks(text, "sh").into_iter().flat_map(str::lines);
    let outside = text.split("```").step_by(2).flat_map(str::lines);
    let lines = outside.filter(|line| line.starts_with("    "));
    let whole = blocks.chain(lines).filter_map(Command::of_line);
    let within = spans(text).into_iter().filter_map(Command::of_line);
    // `lingo-pipe ingest` in a sentence is the command's name.
    let named = within.map(|mut command| {
        if command.words.iter().all(|word| !word.starts_with('-')) && command.words.len() == 1 {
            command.words.push("--help".into());
        }
        command
    });
    whole.chain(named).collect()
}

#[test]
fn every_command_in_the_pages_and_in_the_help_runs() {
    let shelf = Shelf::new();
    let mut ran = 0;
    for page in written() {
        let place = page.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&page).unwrap();
        let commands = commands(&text);
        if commands.is_empty() {
            continue;
        }
        // What stands on a page runs in its order, in one folder.
        let folder = shelf.copy();
        for block in blocks(&text, "yaml")
            .iter()
            .filter_map(|b| Some((name_of(b)?, b)))
        {
            let (name, block) = block;
            fs::write(folder.path().join(format!("{name}.yaml")), block).unwrap();
        }
        for site in blocks(&text, "yaml").iter().filter(|b| b.starts_with(SITE)) {
            fs::write(folder.path().join("site.yaml"), site).unwrap();
        }
        for command in &commands {
            check(folder.path(), &place, command);
        }
        ran += commands.len();
        if place == "docs/provenance.md" || place == "README.md" {
            everything_in_a_run_is_on_the_page(&folder.path().join("runs"));
        }
    }
    assert!(ran > 20, "{ran} commands in the pages");
    ran = 0;
    for command in reference::commands() {
        let folder = shelf.copy();
        let place = format!("lingo-pipe {} --help", command.words.join(" "));
        for example in command.help.lines().filter_map(Command::of_help) {
            check(folder.path(), &place, &example);
            ran += 1;
        }
    }
    assert!(ran > 40, "{ran} commands in the help");
}

/// Every file that runs have left has its name in docs/provenance.md.
fn everything_in_a_run_is_on_the_page(runs: &Path) {
    let page = fs::read_to_string(root().join("docs/provenance.md")).unwrap();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for path in files_below(runs) {
        let mut name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path
            .parent()
            .is_some_and(|folder| folder.ends_with("figures"))
        {
            // Of a figure what it shows: `binding.loss.svg`, `front.mcc.time.tsv`.
            let mut parts = name.split('.');
            let of_run = parts.next() == Some("front");
            let what = parts.nth(usize::from(of_run)).unwrap();
            name = format!(".{what}");
        }
        names.insert(name, path.display().to_string());
    }
    assert!(names.len() > 12, "{names:?}");
    for (name, path) in names {
        assert!(page.contains(&name), "docs/provenance.md: {path}");
    }
}
