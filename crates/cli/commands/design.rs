//! `design`, and what `run`, `plan` and `validate` do with a design file.

use std::path::Path;

use lingo_artifact::run_folder::RunFolder;
use lingo_workflow::lock::Lock;
use lingo_workflow::pipeline::design_file::DesignPlan;
use lingo_workflow::run::design::{DesignCell, Planned, run};
use lingo_workflow::{Error, Kind, State};
use serde_json::{Map, Value};

use crate::arguments::{Design, Run, Selection};
use crate::commands::run::{refuse_drift, repeatable, request};
use crate::output::{columns, print, print_json, say};
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;
use crate::typed::typed;

/// `design`.
pub fn design(arguments: &Design, terminal: &Terminal) -> Result<(), Error> {
    let planned = planned(
        &arguments.file,
        &arguments.selection,
        arguments.skip_missing,
    )?;
    if let Some(file) = &arguments.locked {
        not_drifted(&planned, file.as_deref())?;
    }
    if arguments.dry_run {
        return print(&cells(&planned));
    }
    finish(&planned, terminal)
}

/// `run` with a design file.
pub fn run_file(file: &Path, arguments: &Run, terminal: &Terminal) -> Result<(), Error> {
    let design = Design {
        file: file.to_path_buf(),
        selection: arguments.selection.clone(),
        dry_run: arguments.dry_run,
        skip_missing: arguments.skip_missing,
        locked: arguments.locked.clone(),
    };
    if arguments.hide_test {
        let message = "--hide-test: a design file has no test rows; `offline` of its tasks says what methods may see";
        return Err(Error::stage(Kind::Usage, message));
    }
    if arguments.jobs.get() > 1 {
        say("--jobs: cells of a design file are made one after another; each takes all threads");
    }
    self::design(&design, terminal)
}

/// `validate` with a design file.
pub fn validate(file: &Path, sets: &[String]) -> Result<(), Error> {
    let plan = DesignPlan::read(file, sets)?;
    let planned = Planned::new(plan, &lingo_workflow::Request::default())?;
    say(&format!(
        "{} is valid: {} tasks x {} methods x {} seeds = {} cells",
        file.display(),
        planned.plan.tasks.len(),
        planned.plan.methods.len(),
        planned.plan.seeds.len(),
        planned.cells.len()
    ));
    Ok(())
}

/// `plan` with a design file.
pub fn plan(file: &Path, selection: &Selection, json: bool, skip: bool) -> Result<(), Error> {
    let planned = planned(file, selection, skip)?;
    match json {
        true => print_json(&planned.json()),
        false => print(&cells(&planned)),
    }
}

fn planned(file: &Path, selection: &Selection, skip_missing: bool) -> Result<Planned, Error> {
    let plan = DesignPlan::read(file, &selection.set)?;
    let mut planned = Planned::new(plan, &request(selection, skip_missing)?)?;
    planned.arguments = repeatable(Some(file), selection, skip_missing);
    Ok(planned)
}

fn not_drifted(planned: &Planned, file: Option<&Path>) -> Result<(), Error> {
    let lock = match file {
        None => Lock::read(&planned.run)?,
        Some(file) => Lock::at(file)?,
    };
    refuse_drift(&lock, &planned.drift(&lock))
}

fn finish(planned: &Planned, terminal: &Terminal) -> Result<(), Error> {
    let stop = stop_on_signals()?;
    let result = run(planned, &typed(), terminal, &stop);
    terminal.finish();
    let report = RunFolder::new(&planned.run).report();
    match &result {
        Ok(summary) => {
            print(&table(planned)?)?;
            terminal.note(&format!(
                "{} cells run, {} finished before",
                summary.run, summary.cached
            ));
            print(&format!("{}\n", report.display()))?;
        }
        Err(Error::Cells { .. }) => {
            print(&table(planned)?)?;
            say(&format!(
                "the report shows what there is: {}",
                report.display()
            ));
        }
        Err(Error::Interrupted { checkpoint: true }) if planned.fresh => {
            say("hint: leave --fresh out to go on; with it, everything is begun anew");
        }
        Err(_) => {}
    }
    result.map(|_| ())
}

/// The cells and what is to be done with each.
fn cells(planned: &Planned) -> String {
    let mut rows = vec![["task", "method", "seed", "state", "why"].map(String::from)];
    let mut to_run = 0;
    for cell in &planned.cells {
        let (state, why) = match &cell.state {
            State::Cached => ("cached", format!("id {}", cell.id.short())),
            State::Run(why) => ("run", why.clone()),
            State::Refused(differences) => {
                let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
                let why = format!("holds a result of other settings: {}", told.join("; "));
                ("refused", why)
            }
            // A missing table has stopped the plan.
            State::Missing(_) => ("missing", String::new()),
        };
        to_run += usize::from(state == "run");
        rows.push([
            cell.task.clone(),
            cell.method.clone(),
            cell.seed.to_string(),
            state.into(),
            why,
        ]);
    }
    let is_cached = |cell: &&DesignCell| cell.state == State::Cached;
    let cached = planned.cells.iter().filter(is_cached).count();
    format!(
        "{}\n{} cells: {to_run} to run, {cached} cached\n",
        columns(&rows),
        planned.cells.len()
    )
}

/// Mean and standard deviation over the seeds.
fn table(planned: &Planned) -> Result<String, Error> {
    let mut rows = vec![
        [
            "task", "method", "seeds", "designs", "max", "median", "mean", "unique",
        ]
        .map(String::from),
    ];
    let is_same = |a: &DesignCell, b: &DesignCell| (&a.task, &a.method) == (&b.task, &b.method);
    for of_method in planned.cells.chunk_by(is_same) {
        let mut all: Vec<Map<String, Value>> = Vec::new();
        for cell in of_method {
            // A result of other settings may still lie where this one failed.
            if cell.is_finished() {
                all.push(lingo_artifact::atomic::read_json(&cell.folder.metrics())?);
            }
        }
        let number = |metrics: &Map<String, Value>, key: &str| metrics.get(key)?.as_f64();
        let designs = |metrics: &Map<String, Value>| number(metrics, "designs").unwrap_or_default();
        let over = |name: &str, digits: usize| {
            let of = |metrics| number(metrics, &format!("{name}_{}", designs(metrics)));
            spread(&all.iter().filter_map(of).collect::<Vec<f64>>(), digits)
        };
        rows.push([
            of_method[0].task.clone(),
            of_method[0].method.clone(),
            all.len().to_string(),
            all.first()
                .map_or_else(|| "-".into(), |m| designs(m).to_string()),
            over("max", 3),
            over("median", 3),
            over("mean", 3),
            over("unique", 1),
        ]);
    }
    Ok(columns(&rows))
}

fn spread(values: &[f64], digits: usize) -> String {
    if values.is_empty() {
        return "-".into();
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() == 1 {
        return format!("{mean:.digits$}");
    }
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    format!(
        "{mean:.digits$} ± {:.digits$}",
        (squares / (n - 1.0)).sqrt()
    )
}
