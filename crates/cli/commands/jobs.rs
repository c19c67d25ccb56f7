//! `run-cell`, `submit`, `status`, `export`.

use std::collections::BTreeMap;
use std::path::Path;

use lingo_artifact::run_folder::RunFolder;
use lingo_workflow::jobs::{
    self, Context, Job, JobState, Outcome, PlanFile, PlanFolder, Profile, Submission, Work,
};
use lingo_workflow::{Error, Kind};
use serde_json::json;

use crate::arguments::{Export, RunCell, Status, Submit};
use crate::output::{columns, print, print_json};
use crate::signals::stop_on_signals;
use crate::terminal::Terminal;
use crate::typed::{quoted, typed};

/// `run-cell`.
pub fn run_cell(arguments: &RunCell, terminal: &Terminal) -> Result<(), Error> {
    let stop = stop_on_signals()?;
    let folder = PlanFolder::new(&arguments.plan);
    let file = folder.read()?;
    let job = |&index: &usize| {
        file.jobs.get(index).ok_or_else(|| {
            Error::stage(
                Kind::Usage,
                format!(
                    "{} has {} jobs, from 0 to {}: there is no job {index}",
                    arguments.plan.display(),
                    file.jobs.len(),
                    file.jobs.len().saturating_sub(1),
                ),
            )
        })
    };
    let todo: Vec<&Job> = arguments.index.iter().map(job).collect::<Result<_, _>>()?;
    let plan = folder.plan(&file)?;
    let command = typed();
    let every = arguments.checkpoint_every;
    let context = Context::new(&plan, &[], &command, every, (terminal, &stop));
    for job in todo {
        let outcome = jobs::execute(&plan, job, &context);
        terminal.finish();
        let outcome = match outcome? {
            Outcome::Done => "done",
            Outcome::WasThere => "was done before",
            Outcome::OtherWasFirst => "another process was done first, with the same result",
        };
        terminal.note(&format!(
            "job {}, {} {}: {outcome}",
            job.index,
            job.work.stage(),
            job.work.label()
        ));
    }
    Ok(())
}

/// `submit`.
pub fn submit(arguments: &Submit, terminal: &Terminal) -> Result<(), Error> {
    let file = PlanFolder::new(&arguments.plan).read()?;
    let profile = match &arguments.profile {
        Some(path) => Profile::read(path)?,
        None => Profile::default(),
    };
    let states = jobs::states(&arguments.plan, &file.jobs);
    let found = jobs::submit(
        &arguments.plan,
        &file.jobs,
        &states,
        &profile,
        arguments.print,
    );
    let (submissions, scripts) = found?;
    if arguments.print {
        let mut text = String::new();
        for (path, script) in &scripts {
            text += &format!("# {}\n{script}\n", path.display());
        }
        let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
        for submission in &submissions {
            let part = parts.entry(&submission.stage).or_default();
            let name = format!("{}_{part}", submission.stage.to_uppercase());
            *part += 1;
            // The numbers of earlier arrays are variables, which quotes would hide.
            let word = |word: &String| match word.contains('$') {
                true => word.clone(),
                false => quoted(word),
            };
            let words: Vec<String> = submission.command.iter().map(word).collect();
            text += &format!("{name}=$({})\n", words.join(" "));
        }
        return print(&text);
    }
    if submissions.is_empty() {
        terminal.note("all jobs are done: nothing is submitted");
        return Ok(());
    }
    let row = |s: &Submission| {
        let jobs = numbers(&s.array);
        [
            s.stage.clone(),
            jobs.to_string(),
            s.job.clone().unwrap_or_default(),
        ]
    };
    let head = [["stage", "jobs", "Slurm job"].map(String::from)];
    let rows: Vec<[String; 3]> = head
        .into_iter()
        .chain(submissions.iter().map(row))
        .collect();
    print(&columns(&rows))
}

/// How many numbers an array has.
fn numbers(array: &str) -> usize {
    let array = array.split('%').next().unwrap_or_default();
    let of = |part: &str| match part.split_once('-') {
        Some((first, last)) => {
            let [first, last] = [first, last].map(|n| n.parse::<usize>().unwrap_or(0));
            last.saturating_sub(first) + 1
        }
        None => 1,
    };
    array.split(',').map(of).sum()
}

/// `status`.
pub fn status(arguments: &Status) -> Result<(), Error> {
    let file = PlanFolder::new(&arguments.plan).read()?;
    let states = jobs::states(&arguments.plan, &file.jobs);
    let queued = jobs::queued(&arguments.plan);
    if arguments.json {
        let jobs = file.jobs.iter().zip(&states).map(|(job, state)| {
            let (state, error) = match state {
                JobState::Done => ("done", None),
                JobState::Failed(error) => ("failed", Some(error)),
                JobState::Begun => ("begun", None),
                JobState::Waits => ("waits", None),
                JobState::Ready => ("ready", None),
            };
            json!({
                "index": job.index, "stage": job.work.stage(), "label": job.work.label(), "id": job.id,
                "state": state, "error": error, "queue": queued.get(&job.index),
            })
        });
        return print_json(
            &json!({ "schema": "lingo-pipe/status/1", "jobs": jobs.collect::<Vec<_>>() }),
        );
    }
    print(&told(&file, &states, &queued))
}

fn told(file: &PlanFile, states: &[JobState], queued: &BTreeMap<usize, String>) -> String {
    let head = [
        "stage",
        "jobs",
        "done",
        "failed",
        "begun",
        "ready",
        "wait",
        "in the queue",
    ];
    let mut rows = vec![head.map(String::from)];
    for stage in Work::STAGES {
        let of_stage = || {
            let all = file.jobs.iter().zip(states);
            all.filter(|(job, _)| job.work.stage() == stage)
        };
        let jobs = of_stage().count();
        if jobs == 0 {
            continue;
        }
        let count =
            |is: fn(&JobState) -> bool| of_stage().filter(|(_, s)| is(s)).count().to_string();
        let mut words: BTreeMap<&str, usize> = BTreeMap::new();
        for (job, state) in of_stage() {
            let word = queued
                .get(&job.index)
                .and_then(|q| q.split_whitespace().next());
            if let Some(word) = word.filter(|_| *state != JobState::Done) {
                *words.entry(word).or_default() += 1;
            }
        }
        let words: Vec<String> = words
            .iter()
            .map(|(word, n)| format!("{n} {word}"))
            .collect();
        rows.push([
            stage.into(),
            jobs.to_string(),
            count(|s| *s == JobState::Done),
            count(|s| matches!(s, JobState::Failed(_))),
            count(|s| *s == JobState::Begun),
            count(|s| *s == JobState::Ready),
            count(|s| *s == JobState::Waits),
            words.join(", "),
        ]);
    }
    let mut text = columns(&rows);
    const MOST: usize = 20;
    let failed = file
        .jobs
        .iter()
        .zip(states)
        .filter_map(|(job, state)| match state {
            JobState::Failed(error) => Some((job, error)),
            _ => None,
        });
    let failed: Vec<_> = failed.collect();
    for (job, error) in failed.iter().take(MOST) {
        text += &format!(
            "\nfailed: {}, {} {}: {error}",
            job.index,
            job.work.stage(),
            job.work.label()
        );
    }
    if failed.len() > MOST {
        text += &format!("\nand {} more: --json has them all", failed.len() - MOST);
    }
    if !failed.is_empty() {
        text += "\n";
    }
    text
}

/// `export`.
pub fn export(command: &Export) -> Result<(), Error> {
    let Export::Snakemake(arguments) = command;
    PlanFolder::new(&arguments.plan).read()?;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let plan = absolute(&arguments.plan);
    jobs::export(&arguments.out, &plan.display().to_string())?;
    let report = RunFolder::new(&plan).report();
    print(&format!(
        "cd {} && snakemake --cores 4\n# the report will be {}\n",
        arguments.out.display(),
        report.display()
    ))
}
