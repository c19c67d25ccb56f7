//! `explain`, `clean`.

use lingo_artifact::run_folder::RunFolder;
use lingo_workflow::store::Making;
use lingo_workflow::{Error, Kind, jobs, store};

use crate::arguments::{Clean, Explain};
use crate::output::{print, print_json};

/// `explain`.
pub fn explain(arguments: &Explain) -> Result<(), Error> {
    let run = RunFolder::new(&arguments.run);
    let found = store::explain(&run, arguments.cell.as_deref());
    let is_wanted = |label: &str| arguments.cell.as_ref().is_none_or(|cell| cell == label);
    if !found.iter().any(|(label, _)| is_wanted(label)) {
        let what = match &arguments.cell {
            Some(cell) => format!("no result of {cell}, such as binding/lora/seed-1"),
            None => "no results".into(),
        };
        let message = format!(
            "{} has {what}; is it the folder of a run, such as runs/demo?",
            run.store().display()
        );
        return Err(Error::stage(Kind::Input, message));
    }
    if arguments.json {
        let labels = found
            .iter()
            .map(|(label, makings)| serde_json::json!({ "label": label, "makings": makings }));
        return print_json(&serde_json::json!({
            "schema": "lingo-pipe/explain/1", "results": labels.collect::<Vec<_>>(),
        }));
    }
    let mut text = String::new();
    for (label, makings) in &found {
        // Without a cell's name only what has a history is told.
        let stages: Vec<&str> = makings.iter().map(|making| making.stage.as_str()).collect();
        let again = |stage: &str| stages.iter().filter(|s| **s == stage).count() > 1;
        if arguments.cell.is_none() && !stages.iter().any(|stage| again(stage)) {
            continue;
        }
        text += &format!("{label}\n");
        for making in makings {
            text += &format!(
                "  {}  {}  {}\n",
                making.finished,
                making.stage,
                told(making)
            );
        }
    }
    if text.is_empty() {
        text = format!("all of the {} results were made once\n", found.len());
    }
    print(&text)
}

fn told(making: &Making) -> String {
    let mut parts: Vec<String> = making.changed.iter().map(ToString::to_string).collect();
    parts.extend(
        making
            .inputs
            .iter()
            .map(|role| format!("{role} has another content")),
    );
    let by = &making.made_by;
    let commit = by
        .commit
        .as_ref()
        .map_or_else(String::new, |c| format!(" ({c})"));
    let by = format!(
        "lingo-pipe {}{commit} on {}, {}",
        by.version, by.device, by.kernels
    );
    match parts.is_empty() {
        true => format!("{} by {by}", making.id),
        false => format!("{} by {by}: {}", making.id, parts.join("; ")),
    }
}

/// `clean`.
pub fn clean(arguments: &Clean) -> Result<(), Error> {
    let cleaned = jobs::remove_unused(&arguments.run, arguments.dry_run)?;
    let mut text = String::new();
    let mut bytes = 0;
    for (folder, what, size) in &cleaned.folders {
        text += &format!("{}  {what}\n", folder.display());
        bytes += size;
    }
    text += &format!(
        "{} {} folders with {:.1} MB; {} results stay\n",
        if arguments.dry_run {
            "would remove"
        } else {
            "removed"
        },
        cleaned.folders.len(),
        bytes as f64 / 1e6,
        cleaned.kept
    );
    print(&text)
}
