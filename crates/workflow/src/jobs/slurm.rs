//! Jobs of a plan on a Slurm cluster: a script for each stage and class of resources, and one array of jobs from it (more
//! where the cluster's limit is lower). Slurm queues; nothing here watches a queue.
//!
//! A task's tokens and its floor wait for its examples alone (`aftercorr`). Cells wait until all tokens have come to an end,
//! good or bad, and fail at once where theirs are not there; the report waits for the end of all. A cell is scored, which
//! takes seconds, by the job that trained it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lingo_artifact::atomic;
use lingo_artifact::run_folder::RunFolder;
use serde::{Deserialize, Serialize};

use super::estimate::Estimates;
use super::job::{Job, Work};
use super::profile::{Profile, Resources};
use super::progress::JobState;
use super::shell::quoted;
use crate::failure::{Error, Kind};

/// Slurm's own default for `MaxArraySize`.
const MAX_ARRAY_SIZE: usize = 1001;

/// An array that is, or would be, submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The stage.
    pub stage: String,
    /// Which part of its stage, where the stage is larger than an array may be.
    #[serde(default)]
    pub part: usize,
    /// The index of the job that the array's 0 stands for.
    pub first: usize,
    /// The array's numbers: `0-5,8`.
    pub array: String,
    /// Slurm's number of it; none where nothing was submitted.
    pub job: Option<String>,
    /// The command.
    pub command: Vec<String>,
}

/// Submits the jobs that are not done. With `print`, nothing is written or submitted.
///
/// # Errors
/// Slurm's commands fail; jobs of an earlier submission are still queued; a script cannot be written.
pub fn submit(
    run: &Path,
    jobs: &[Job],
    states: &[JobState],
    profile: &Profile,
    print: bool,
) -> Result<(Vec<Submission>, BTreeMap<PathBuf, String>), Error> {
    let folder = RunFolder::new(run);
    let absolute = std::path::absolute(run).unwrap_or_else(|_| run.to_owned());
    let slurm = RunFolder::new(&absolute).slurm();
    let record = folder.slurm().join("submitted.json");
    if !print {
        refuse_queued(&record)?;
    }
    let largest = match profile.max_array_size {
        Some(size) => size.get() as usize,
        None if print => MAX_ARRAY_SIZE,
        None => max_array_size(),
    };
    let mut scripts = BTreeMap::new();
    let mut submissions: Vec<Submission> = Vec::new();
    let scores = Scores::of(jobs);
    profile.check(jobs)?;
    let margin = profile.estimate;
    let estimates = margin.map(|margin| Estimates::of(run, jobs, margin.get()));
    for stage in Work::STAGES.into_iter().filter(|stage| *stage != SCORE) {
        let of_stage: Vec<&Job> = jobs
            .iter()
            .filter(|job| job.work.stage() == stage)
            .collect();
        for (part, some) in of_stage.chunks(largest).enumerate() {
            let Some(first) = some.first().map(|job| job.index) else {
                continue;
            };
            let is_open = |job: &Job| {
                let indices = [Some(job.index), scores.behind(job)];
                let mut states = indices.into_iter().flatten().map(|index| &states[index]);
                states.any(|state| *state != JobState::Done)
            };
            // Jobs that may take the same are one array.
            let mut classes: Vec<(Resources, Vec<usize>)> = Vec::new();
            for job in some {
                let resources = profile.resources(&job.work);
                let resources = match &estimates {
                    Some(estimates) => estimates.complete(&job.work, resources),
                    None => resources,
                };
                let known = classes.iter().position(|(known, _)| *known == resources);
                let at = known.unwrap_or(classes.len());
                if known.is_none() {
                    classes.push((resources, Vec::new()));
                }
                if is_open(job) {
                    classes[at].1.push(job.index - first);
                }
            }
            let several = classes.len() > 1;
            for (class, (resources, numbers)) in classes.into_iter().enumerate() {
                if numbers.is_empty() {
                    continue;
                }
                let mut name = stage.to_owned();
                if of_stage.len() > largest {
                    name += &format!("-{part}");
                }
                if several {
                    name += &format!("-class-{class}");
                }
                let path = slurm.join(name + ".sh");
                let indices = [Some(first), scores.behind(some[0])];
                let text = script(stage, &indices, &absolute, (profile, &resources))?;
                scripts.insert(path.clone(), text);
                let throttle = profile.throttle.filter(|_| stage == "adapt");
                let throttle = throttle.map_or_else(String::new, |most| format!("%{most}"));
                let array = ranges(&numbers) + &throttle;
                let command = command(stage, &array, part, &submissions, &path);
                submissions.push(Submission {
                    stage: stage.into(),
                    part,
                    first,
                    array,
                    job: None,
                    command,
                });
            }
        }
    }
    if print {
        return Ok((submissions, scripts));
    }
    std::fs::create_dir_all(slurm.join("log"))
        .map_err(lingo_artifact::Error::io("create folder", &slurm))?;
    for (path, text) in &scripts {
        atomic::write_bytes(path, text.as_bytes())?;
    }
    let mut numbers = BTreeMap::new();
    for i in 0..submissions.len() {
        // What stands for the numbers of earlier ones in the command that `print` shows.
        let words = submissions[i].command.iter();
        let words: Vec<String> = words.map(|word| with_numbers(word, &numbers)).collect();
        let job = sbatch(&words)?;
        numbers.insert(
            variable(&submissions[i].stage, i, &submissions),
            job.clone(),
        );
        submissions[i].job = Some(job);
        submissions[i].command = words;
        // A submission that is interrupted is known as far as it came.
        atomic::write_json(&record, &submissions[..=i].to_vec())?;
    }
    Ok((submissions, scripts))
}

/// The queue's word on jobs of the last submission, by their index; empty where there was none, or Slurm is not here.
pub fn queued(run: &Path) -> BTreeMap<usize, String> {
    let record = RunFolder::new(run).slurm().join("submitted.json");
    let submitted: Vec<Submission> = atomic::read_json(&record).unwrap_or_default();
    let numbers: Vec<&str> = submitted.iter().filter_map(|s| s.job.as_deref()).collect();
    if numbers.is_empty() {
        return BTreeMap::new();
    }
    let mut squeue = Command::new("squeue");
    squeue.args([
        "--noheader",
        "--array",
        "--states=all",
        "--format=%F %K %T %R",
        "--jobs",
    ]);
    let Ok(output) = squeue.arg(numbers.join(",")).output() else {
        return BTreeMap::new();
    };
    let index = |job: &str, number: &str| -> Option<usize> {
        let submission = submitted.iter().find(|s| s.job.as_deref() == Some(job))?;
        Some(submission.first + number.parse::<usize>().ok()?)
    };
    let mut known = accounted(&numbers, &index);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (job, number, state) = (words.next()?, words.next()?, words.next()?);
        let why: Vec<&str> = words.collect();
        Some((
            index(job, number)?,
            format!("{state} {}", why.join(" ")).trim().to_lowercase(),
        ))
    };
    known.extend(text.lines().filter_map(line));
    known
}

/// What the cluster's accounting says of jobs that the queue has forgotten; empty where it keeps none.
fn accounted(
    numbers: &[&str],
    index: &dyn Fn(&str, &str) -> Option<usize>,
) -> BTreeMap<usize, String> {
    let mut sacct = Command::new("sacct");
    sacct.args([
        "--allocations",
        "--noheader",
        "--parsable2",
        "--format=JobID,State,ExitCode",
        "--jobs",
    ]);
    let Ok(output) = sacct.arg(numbers.join(",")).output() else {
        return BTreeMap::new();
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let mut fields = line.split('|');
        let (job, number) = fields.next()?.split_once('_')?;
        let (state, code) = (fields.next()?, fields.next()?);
        // `CANCELLED by 0` names a user; `0:0` says nothing.
        let state = state.split_whitespace().next()?.to_lowercase();
        let code = Some(code).filter(|code| *code != "0:0");
        let told = code.map_or(state.clone(), |code| format!("{state} exit {code}"));
        Some((index(job, number)?, told))
    };
    text.lines().filter_map(line).collect()
}

fn refuse_queued(record: &Path) -> Result<(), Error> {
    let submitted: Vec<Submission> = atomic::read_json(record).unwrap_or_default();
    let numbers: Vec<&str> = submitted.iter().filter_map(|s| s.job.as_deref()).collect();
    if numbers.is_empty() {
        return Ok(());
    }
    let mut squeue = Command::new("squeue");
    squeue.args(["--noheader", "--format=%F", "--jobs"]);
    // Numbers that Slurm has forgotten are an error, and no job of theirs is queued.
    let Ok(output) = squeue.arg(numbers.join(",")).output() else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut queued: Vec<&str> = text.split_whitespace().collect();
    queued.sort_unstable();
    queued.dedup();
    if !output.status.success() || queued.is_empty() {
        return Ok(());
    }
    Err(Error::stage(
        Kind::Usage,
        format!(
            "jobs of the last submission are still queued: wait for them, or end them with `scancel {}`",
            queued.join(" ")
        ),
    ))
}

fn max_array_size() -> usize {
    let output = Command::new("scontrol").args(["show", "config"]).output();
    let text = output
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
        .unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MaxArraySize"));
    let size = line.and_then(|rest| rest.trim_start_matches([' ', '=']).trim().parse().ok());
    size.filter(|&size: &usize| size > 0)
        .unwrap_or(MAX_ARRAY_SIZE)
}

fn sbatch(words: &[String]) -> Result<String, Error> {
    let failed = |why: String| {
        let message = format!("{}: {why}", words.join(" "));
        Error::stage(Kind::Failed, message)
    };
    let output = Command::new(&words[0]).args(&words[1..]).output();
    let output = output.map_err(|e| {
        failed(format!(
            "{e}; is Slurm on this machine? `--print` shows the scripts"
        ))
    })?;
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Behind a semicolon stands the cluster's name, where there are several.
    let number = text.trim().split(';').next().unwrap_or_default().to_owned();
    match number.is_empty() {
        true => Err(failed("no job's number was printed".into())),
        false => Ok(number),
    }
}

/// The shell variable that holds an array's number in what `print` shows.
fn variable(stage: &str, at: usize, submissions: &[Submission]) -> String {
    let part = submissions[..at]
        .iter()
        .filter(|s| s.stage == stage)
        .count();
    format!("${}_{part}", stage.to_uppercase())
}

fn with_numbers(word: &str, numbers: &BTreeMap<String, String>) -> String {
    let mut word = word.to_owned();
    // The longest first: one name can be the beginning of another.
    for (name, number) in numbers.iter().rev() {
        word = word.replace(name, number);
    }
    word
}

fn command(
    stage: &str,
    array: &str,
    part: usize,
    before: &[Submission],
    script: &Path,
) -> Vec<String> {
    let of = |wanted: &str| -> Vec<String> {
        let all = before.iter().enumerate();
        let some = all.filter(|(_, s)| s.stage == wanted);
        some.map(|(i, s)| variable(&s.stage, i, before)).collect()
    };
    // Parts of stages that go through the same tasks have the same bounds. Number waits for number where both arrays have the
    // same: where some are done already, or are of another class, for the end of all.
    let same_part = |wanted: &str| -> Vec<String> {
        let mut parts = before.iter().filter(|s| s.stage == wanted);
        let same = parts.position(|s| s.part == part && bare(&s.array) == bare(array));
        match same.and_then(|at| of(wanted).get(at).cloned()) {
            Some(name) => vec![format!("aftercorr:{name}")],
            None => of(wanted)
                .iter()
                .map(|name| format!("afterany:{name}"))
                .collect(),
        }
    };
    let mut needs = Vec::new();
    match stage {
        "tokens" => {
            needs.extend(of("model").first().map(|model| format!("afterok:{model}")));
            needs.extend(same_part("examples"));
        }
        "floor" => needs.extend(same_part("examples")),
        "adapt_first" => {
            // It says itself what is not there; tasks that it does not need may fail.
            let needed = [of("examples"), of("tokens")].concat();
            needs.extend(needed.iter().map(|array| format!("afterany:{array}")));
        }
        "adapt" => {
            needs.extend(of("tokens").iter().map(|array| format!("afterany:{array}")));
            // A cell that does not begin with it does not need it, and the others say that it is not there.
            needs.extend(
                of("adapt_first")
                    .iter()
                    .map(|array| format!("afterany:{array}")),
            );
        }
        "report" => {
            let all = Work::STAGES.iter().flat_map(|stage| of(stage));
            needs.extend(all.map(|array| format!("afterany:{array}")));
        }
        _ => {}
    }
    let mut words: Vec<String> = ["sbatch", "--parsable"].map(String::from).into();
    if !needs.is_empty() {
        words.push(format!("--dependency={}", needs.join(",")));
        words.push("--kill-on-invalid-dep=yes".into());
    }
    words.push(format!("--array={array}"));
    words.push(script.display().to_string());
    words
}

/// An array's numbers without how many of it may run at a time.
fn bare(array: &str) -> &str {
    array.split('%').next().unwrap_or_default()
}

/// `0-5,8` of sorted numbers.
fn ranges(numbers: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let text = parts.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    text.collect::<Vec<_>>().join(",")
}

/// The stage whose jobs are done behind those of another.
const SCORE: &str = "score";

/// Which job scores what a job has trained: both stages go through the cells in one order.
struct Scores {
    /// From a training to its scores.
    distance: usize,
}

impl Scores {
    fn of(jobs: &[Job]) -> Self {
        let first = |wanted: fn(&Work) -> bool| jobs.iter().position(|job| wanted(&job.work));
        let trainings = first(|work| matches!(work, Work::Adapt { .. }));
        let scores = first(|work| matches!(work, Work::Score { .. }));
        let distance = trainings.zip(scores).map(|(a, b)| b.saturating_sub(a));
        Self {
            distance: distance.unwrap_or(0),
        }
    }

    fn behind(&self, job: &Job) -> Option<usize> {
        matches!(job.work, Work::Adapt { .. }).then_some(job.index + self.distance)
    }
}

/// A script for jobs of a stage: the array's number is added to each of the indices.
fn script(
    stage: &str,
    indices: &[Option<usize>],
    run: &Path,
    (profile, resources): (&Profile, &Resources),
) -> Result<String, Error> {
    let indices = indices.iter().flatten();
    let indices: String = indices
        .map(|first| format!(" --index $(({first} + SLURM_ARRAY_TASK_ID))"))
        .collect();
    let mut text = String::from("#!/bin/bash\n");
    let mut option = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "#SBATCH --{name}={value}");
    };
    option("job-name", &format!("lingo-{stage}"));
    option(
        "output",
        &run.join("slurm/log")
            .join(format!("{stage}-%A_%a.txt"))
            .display(),
    );
    if let Some(partition) = &profile.partition {
        option("partition", partition);
    }
    if let Some(account) = &profile.account {
        option("account", account);
    }
    for (name, value) in [
        ("time", &resources.time),
        ("mem", &resources.memory),
        ("gres", &resources.gres),
    ] {
        if let Some(value) = value {
            option(name, value);
        }
    }
    if let Some(cpus) = resources.cpus {
        option("cpus-per-task", &cpus);
    }
    option("signal", &format!("B:USR1@{}", profile.notice));
    text += "#SBATCH --requeue\n#SBATCH --open-mode=append\n";
    for more in &profile.sbatch {
        let _ = writeln!(text, "#SBATCH {more}");
    }
    text += "\n";
    for module in &profile.modules {
        let _ = writeln!(text, "module load {}", quoted(module));
    }
    let program = match &profile.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()
            .map_err(lingo_artifact::Error::io("find", Path::new("the program")))?
            .display()
            .to_string(),
    };
    let container = profile
        .container
        .as_ref()
        .map_or_else(String::new, |c| format!("{c} "));
    let every = profile.checkpoint_every.as_ref();
    let every = every.map_or_else(String::new, |every| format!(" --checkpoint-every {every}"));
    let threads = resources
        .cpus
        .map_or_else(String::new, |cpus| format!(" --threads {cpus}"));
    let _ = write!(
        text,
        "# Shortly before the time limit, or when the job must make room, a checkpoint is written, and the job queued again.\n\
         {container}{}{threads} run-cell --plan {}{indices}{every} &\n\
         pid=$!\n\
         trap 'kill -USR1 $pid' USR1 TERM\n\
         wait $pid; code=$?\n\
         while kill -0 $pid 2> /dev/null; do wait $pid; code=$?; done\n\
         if [ $code = 75 ]; then scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"; fi\n\
         exit $code\n",
        quoted(&program),
        quoted(&run.display().to_string()),
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_slurm_reads_them() {
        let t = |numbers: &[usize], text: &str| assert_eq!(ranges(numbers), text);
        t(&[0], "0");
        t(&[0, 1, 2, 3], "0-3");
        t(&[0, 2, 3, 7], "0,2-3,7");
        t(&[], "");
    }
}
