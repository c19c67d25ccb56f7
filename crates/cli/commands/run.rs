//! `run`, `report`, `verify`.

use std::path::Path;

use lingo_artifact::run_folder::RunFolder;
use lingo_workflow::run::Settings;
use lingo_workflow::{Error, Kind, Pipeline, Plan, Request, lock, report as reports};

use crate::arguments::{Run, Selection, VerifyArguments};
use crate::device::device;
use crate::output::{print, print_json, say};
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;
use crate::typed::{quoted, typed};
use crate::{demo, tables};

/// What part of a pipeline a command line asks for.
pub fn request(selection: &Selection, skip_missing: bool) -> Result<Request, Error> {
    Ok(Request {
        only: selection.only.clone(),
        methods: selection.methods.clone(),
        seeds: selection.seeds.clone(),
        out: selection.out.clone(),
        device: device(&selection.device)?,
        fresh: selection.fresh,
        skip_missing,
        hide_test: false,
    })
}

/// Says which methods a `--set train.learning_rate` does not reach.
fn of_own_rates(plan: &Plan, sets: &[String]) {
    if sets
        .iter()
        .any(|set| set.starts_with("train.learning_rate="))
    {
        let methods = plan.methods.iter();
        for (key, rate) in methods.filter_map(|name| plan.pipeline.own_rate(name)) {
            say(&format!(
                "`train.learning_rate` does not reach the method that has {rate} of its own: set `{key}`"
            ));
        }
    }
}

/// `run`.
pub fn run(arguments: Run, terminal: &Terminal) -> Result<(), Error> {
    let file = match &arguments.pipeline {
        Some(file) => file.clone(),
        None => demo::unpack()?,
    };
    let mut pipeline = Pipeline::read(&file, &arguments.selection.set)?;
    if arguments.pipeline.is_none() {
        // What a reader would type: the demo needs no file.
        pipeline.file = "demo".to_string();
    }
    let apart = RunFolder::of_pipeline(&format!("{}-dev", pipeline.name));
    let apart = arguments.hide_test.then(|| apart.path().to_path_buf());
    let request = Request {
        hide_test: arguments.hide_test,
        out: arguments.selection.out.clone().or(apart),
        ..request(&arguments.selection, arguments.skip_missing)?
    };
    let mut plan = Plan::new(pipeline, &request)?;
    plan.arguments = repeatable(
        arguments.pipeline.as_deref(),
        &arguments.selection,
        arguments.skip_missing,
    );
    if let Some(file) = &arguments.locked {
        let lock = match file {
            None => lock::Lock::read(&plan.run)?,
            Some(file) => lock::Lock::at(file)?,
        };
        refuse_drift(&lock, &lock::drift(&plan, &lock))?;
    }
    if arguments.dry_run {
        return print(&tables::of_plan(&plan));
    }
    if let Some(why) = &plan.model.unasked {
        say(&format!("{why}; taken from the cache"));
    }
    of_own_rates(&plan, &arguments.selection.set);
    let settings = Settings {
        jobs: arguments.jobs.get() as usize,
        skip_missing: arguments.skip_missing,
        checkpoint_every: arguments.checkpoint_every,
    };
    let stop = stop_on_signals()?;
    let result = lingo_workflow::run::run(&plan, settings, &typed(), terminal, &stop);
    terminal.finish();
    if matches!(
        &result,
        Ok(_) | Err(Error::Cells { .. } | Error::Interrupted { .. })
    ) {
        terminal.note(tables::of_scores(&plan).trim_end());
    }
    match &result {
        Ok(summary) => {
            let skipped = match summary.skipped.len() {
                0 => String::new(),
                n => format!(", {n} tasks skipped: files missing"),
            };
            terminal.note(&format!(
                "{} cells run, {} finished before{skipped}",
                summary.run, summary.cached
            ));
            match plan.hide_test {
                true => terminal.note(
                    "these are scores of dev: test was not looked at, and no report is written",
                ),
                false => print(&format!(
                    "{}\n",
                    RunFolder::new(&plan.run).report().display()
                ))?,
            }
        }
        Err(Error::Cells { .. }) if !plan.hide_test => {
            say(&format!(
                "the report shows what there is: {}",
                RunFolder::new(&plan.run).report().display()
            ));
        }
        Err(Error::Interrupted { checkpoint: true }) if plan.fresh => {
            say("hint: leave --fresh out to go on; with it, everything is begun anew");
        }
        Err(_) => {}
    }
    result.map(|_| ())
}

/// Nothing may differ from the lock.
pub fn refuse_drift(lock: &lock::Lock, drift: &[String]) -> Result<(), Error> {
    if drift.is_empty() {
        return Ok(());
    }
    let message = format!(
        "--locked: this is not what the lock of {} says:\n  {}",
        lock.date,
        drift.join("\n  ")
    );
    Err(Error::stage(Kind::Usage, message))
}

/// The arguments of `run` that change its results, but for the selection of cells: the report prints commands with
/// them. `--fresh`, `--jobs` and the like change nothing.
pub fn repeatable(file: Option<&Path>, selection: &Selection, skip_missing: bool) -> String {
    let file = file.iter().map(|file| file.display().to_string());
    let sets = selection
        .set
        .iter()
        .flat_map(|set| ["--set".to_string(), set.clone()]);
    let mut words: Vec<String> = file.chain(sets).collect();
    if let Some(out) = &selection.out {
        words.extend(["--out".to_string(), out.display().to_string()]);
    }
    if selection.device != "auto" {
        words.extend(["--device".to_string(), selection.device.clone()]);
    }
    if skip_missing {
        words.push("--skip-missing".to_string());
    }
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    quoted.join(" ")
}

/// `report`.
pub fn report(run: &Path) -> Result<(), Error> {
    reports::build(run)?;
    print(&format!("{}\n", RunFolder::new(run).report().display()))
}

/// `verify`.
pub fn verify(arguments: &VerifyArguments) -> Result<(), Error> {
    let found = lock::verify(&arguments.run, &arguments.map)?;
    if arguments.json {
        print_json(&serde_json::json!({
            "schema": "lingo-pipe/verify/1",
            "files": found.files,
            "differences": found.differences,
            "finished_since": found.finished_since,
            "unfinished": found.unfinished,
        }))?;
    }
    if let Some(first) = found.finished_since.first() {
        say(&format!(
            "{} cells, such as {first}, were finished after lingo.lock was written: their run was killed; `lingo-pipe \
             report {}` takes them in",
            found.finished_since.len(),
            arguments.run.display()
        ));
    }
    if let Some(first) = found.unfinished.first() {
        say(&format!(
            "{} planned cells, such as {first}, are not finished: the same `lingo-pipe run` goes on with them",
            found.unfinished.len()
        ));
    }
    match found.differences.as_slice() {
        [] => {
            say(&format!("{} files are as lingo.lock says", found.files));
            Ok(())
        }
        differences => Err(Error::stage(
            Kind::Failed,
            format!(
                "{} of {} files differ from lingo.lock:\n  {}",
                differences.len(),
                found.files,
                differences.join("\n  ")
            ),
        )),
    }
}
