//! `tune`.

use lingo_workflow::Error;
use lingo_workflow::run::Settings as RunSettings;
use lingo_workflow::tune::{Found, Row, Settings, search};

use crate::arguments::Tune;
use crate::commands::run::request;
use crate::output::{columns, print};
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;
use crate::typed::{quoted, typed};

/// `tune`.
pub fn tune(arguments: &Tune, terminal: &Terminal) -> Result<(), Error> {
    let stop = stop_on_signals()?;
    let settings = Settings {
        file: &arguments.pipeline,
        sets: &arguments.selection.set,
        request: request(&arguments.selection, arguments.skip_missing)?,
        run: RunSettings {
            jobs: arguments.jobs.get() as usize,
            checkpoint_every: arguments.checkpoint_every,
            skip_missing: arguments.skip_missing,
        },
    };
    let found = search(&settings, &typed(), terminal, &stop)?;
    terminal.finish();
    terminal.note(of_found(&found).trim_end());
    if let Some(best) = found.best() {
        let sets: Vec<String> = best
            .sets
            .iter()
            .map(|set| format!("--set {}", quoted(set)))
            .collect();
        terminal.note(&format!("best on dev: {}", sets.join(" ")));
    }
    print(&format!("{}\n", found.table.display()))
}

/// The trials of the last rung, then those that were given up before it.
fn of_found(found: &Found) -> String {
    let mut rows = vec![["rung", "dev", "seconds", "", "settings"].map(String::from)];
    let row = |row: &Row| {
        [
            row.rung.to_string(),
            row.score
                .map_or_else(|| "failed".into(), |s| format!("{s:.4}")),
            format!("{:.0}", row.seconds),
            if row.kept { "kept" } else { "" }.to_string(),
            row.sets.join(" "),
        ]
    };
    rows.extend(found.rows.iter().map(row));
    columns(&rows)
}
