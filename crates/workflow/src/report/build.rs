//! The report of a run, built from what lies in its folder.

use std::collections::BTreeMap;
use std::path::Path;

use lingo_adapt::AdaptedFirst;
use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::{CellFolder, RunFolder};
use lingo_evaluate::report::{Conditions, InputFile, RunBy};
use lingo_evaluate::{ReportPlan, TaskInfo};
use serde_json::Value;

use crate::cell::{CellRecord, differences};
use crate::exports;
use crate::failure::{Error, kept};
use crate::lock::{self, Lock, LockedTask, RunKind};
use crate::plan::conditions::{common_inputs, conditions, first_of};
use crate::prepare::model::ModelRecord;
use crate::prepare::task_record::TaskRecord;
use crate::report::integrity::altered;

/// Writes `report.html`, `metrics.parquet`, `metrics.csv`, `differences.csv` and `figures/` of a run, and what other programs
/// read of it; cells that are not there are holes.
///
/// # Errors
/// The folder holds no run; a file of a cell that is as the cell left it but cannot be read; a file that cannot be written.
pub fn build(run: &Path) -> Result<(), Error> {
    let lock = Lock::current(run)?;
    // The lock names the hashes of the report's files.
    lock::around_report(lock, run, |lock| match lock.kind {
        RunKind::Pipeline => {
            lingo_evaluate::report(&plan(lock, run))?;
            exports::write(lock, run)
        }
        RunKind::Design => Ok(lingo_evaluate::report::designs::report(&of_designs(
            lock, run,
        ))?),
    })
}

fn plan(lock: &Lock, run: &Path) -> ReportPlan {
    let mut warnings = Vec::new();
    let tasks = lock
        .tasks
        .iter()
        .map(|task| task_info(task, run, &mut warnings))
        .collect();
    warnings.extend(stale(lock, run));
    warnings.extend(unlike(lock, run));
    let records = records(lock, run);
    let failures = failures(lock, run);
    if let Some((label, why)) = failures.first_key_value() {
        let more = match failures.len() {
            1 => String::new(),
            n => format!(
                " ({} more failed: each is told where its result would be)",
                n - 1
            ),
        };
        warnings.push(format!("{label} failed: {why}{more}"));
    }
    warnings.extend(without_motifs(lock));
    ReportPlan {
        tasks,
        warnings,
        conditions: records.iter().map(of_record(conditions)).collect(),
        methods_text: exports::methods(lock, run),
        failures,
        ..of_any(lock, run, &records)
    }
}

/// What is said of a run of language models that have nothing beside them but counts of words: that a small network trained
/// from nothing may be ahead is what such a report is most easily silent about.
fn without_motifs(lock: &Lock) -> Option<String> {
    let methods = lock.cells.values().map(|cell| &cell.parameters["method"]);
    let mut methods = methods.filter(|method| method.is_object()).peekable();
    methods.peek()?;
    let is_floor = |method: &Value| method.get("motif_cnn").is_some();
    (!methods.any(is_floor)).then(|| {
        "no method here is a small network of motifs, which trains from nothing in seconds to minutes and which a language \
         model has to beat: add `floor: { motif_cnn: { epochs: 20 } }` to `methods`"
            .to_owned()
    })
}

/// What the report of a run of designs is about.
fn of_designs(lock: &Lock, run: &Path) -> ReportPlan {
    let tasks = lock.tasks.iter().map(|task| TaskInfo {
        name: task.name.clone(),
        description: task.description.clone(),
        ..TaskInfo::default()
    });
    ReportPlan {
        tasks: tasks.collect(),
        warnings: stale(lock, run),
        failures: failures(lock, run),
        ..of_any(lock, run, &records(lock, run))
    }
}

/// What reports of both kinds are about.
fn of_any(lock: &Lock, run: &Path, records: &BTreeMap<String, CellRecord>) -> ReportPlan {
    ReportPlan {
        name: lock.name.clone(),
        pipeline: lock
            .arguments
            .clone()
            .unwrap_or_else(|| lock.pipeline.clone()),
        run: run.to_path_buf(),
        tasks: Vec::new(),
        methods: lock.methods.clone(),
        seeds: lock.seeds.clone(),
        facts: facts(lock, run),
        warnings: Vec::new(),
        conditions: BTreeMap::new(),
        altered: altered(run, records),
        run_by: records.iter().map(of_record(run_by)).collect(),
        inputs: inputs(lock),
        methods_text: String::new(),
        failures: BTreeMap::new(),
    }
}

/// What is known of a run as a whole.
fn facts(lock: &Lock, run: &Path) -> Vec<(String, String)> {
    let mut facts = vec![
        (
            "program".to_string(),
            format!("lingo-pipe {}", lock.version),
        ),
        ("pipeline".into(), lock.pipeline.clone()),
        ("model".into(), model_fact(lock)),
        ("device".into(), lock.device.clone()),
        ("date".into(), lock.date.clone()),
        ("command".into(), lock.command.clone()),
    ];
    if !lock.description.is_empty() {
        facts.insert(0, ("about".into(), lock.description.clone()));
    }
    if let Ok(ModelRecord { outcome, .. }) = atomic::read_json(&RunFolder::new(run).model_record())
    {
        let number = |key: &str| outcome.get(key).and_then(serde_json::Value::as_f64);
        if let (Some(own), Some(markov)) =
            (number("loss_per_base"), number("markov3_loss_per_base"))
        {
            facts.push((
                "pretraining".into(),
                format!("held-out loss {own:.4} nats a base (order-3 Markov model: {markov:.4})"),
            ));
        }
    }
    let first = RunFolder::new(run).adapt_first_record();
    if let Ok(ModelRecord { outcome, id }) = atomic::read_json(&first)
        && let Some(id) = id.map(|id| id.to_string())
        && (lock.cells.values()).any(|cell| first_of(&cell.parameters) == Some(&id))
        && let Ok(first) = serde_json::from_value::<AdaptedFirst>(outcome)
    {
        facts.push(("adapted first".into(), adapted_first(&first)));
    }
    facts
}

/// What was learnt first, from several tasks together or from DNA without labels.
fn adapted_first(first: &AdaptedFirst) -> String {
    if let Some(dna) = &first.dna {
        return format!(
            "to {} windows of DNA without labels ({} more held out, {} near to what is held out left out), with {} parameters, in {} \
             steps: held-out loss {:.4} nats a base (order-3 Markov model: {:.4})",
            dna.windows,
            dna.held_out,
            dna.left_out,
            first.trainable_parameters,
            first.steps,
            dna.loss_per_base,
            dna.markov3_loss_per_base
        );
    }
    let tasks = first.tasks.iter().map(|task| match task.left_out {
        0 => format!("{} ({} rows)", task.task, task.rows),
        n => format!(
            "{} ({} rows, {n} near to what another holds out left out)",
            task.task, task.rows
        ),
    });
    format!(
        "to {}, with {} parameters, in {} steps",
        tasks.collect::<Vec<_>>().join(", "),
        first.trainable_parameters,
        first.steps
    )
}

/// The record of each finished cell in the folder, by label, also of those that the lock does not know.
fn records(lock: &Lock, run: &Path) -> BTreeMap<String, CellRecord> {
    let finished = |label: &String| CellFolder::new(run.join(label)).finished();
    labels(lock)
        .filter_map(|label| Some((label.clone(), CellRecord::read(&finished(&label))?)))
        .collect()
}

/// What `of` says of a record, by its label.
fn of_record<'r, T>(
    of: impl Fn(&'r CellRecord) -> T,
) -> impl Fn((&'r String, &'r CellRecord)) -> (String, T) {
    move |(label, record)| (label.clone(), of(record))
}

fn run_by(record: &CellRecord) -> RunBy {
    let by = &record.made_by;
    // Results of earlier versions have them among their settings.
    let text = |key: &str| {
        let value = record.parameters.get(key).and_then(Value::as_str);
        value.unwrap_or_default().to_string()
    };
    let commit = by
        .commit
        .as_ref()
        .map_or_else(String::new, |commit| format!(" ({commit})"));
    match by.version.is_empty() {
        true => RunBy {
            version: text("version"),
            device: text("device"),
        },
        false => RunBy {
            version: format!("{}{commit}", by.version),
            device: by.device.clone(),
        },
    }
}

/// The files that went in, and those of the model.
fn inputs(lock: &Lock) -> Vec<InputFile> {
    // A model that is pretrained is made from a file, too.
    let known = |sha256: &Digest| lock.inputs.values().any(|hash| hash.sha256 == *sha256);
    let of_model = lock.model_hashes.iter().filter(|(_, h)| !known(h));
    let of_model = of_model.map(|(path, sha256)| InputFile {
        path: path.clone(),
        sha256: *sha256,
        bytes: None,
    });
    let files = lock.inputs.iter().map(|(path, hash)| InputFile {
        path: path.display().to_string(),
        sha256: hash.sha256,
        bytes: Some(hash.bytes),
    });
    of_model.chain(files).collect()
}

/// Methods whose cells were run under other settings than those of a method before, with the settings: their numbers tell of
/// both. Tasks of which the same is to be said share a sentence.
fn unlike(lock: &Lock, run: &Path) -> Vec<String> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let folder = RunFolder::new(run);
    for task in &lock.tasks {
        for &seed in &lock.seeds {
            let records = lock.methods.iter().filter_map(|method| {
                CellRecord::read(&folder.cell(&task.name, method, seed).finished())
            });
            let records = records.map(|record| (conditions(&record), record));
            let records: Vec<(Conditions, CellRecord)> = records.collect();
            for (number, (now_under, other)) in records.iter().enumerate() {
                let mut before = records[..number].iter();
                let Some((was_under, first)) = before.find(|(under, _)| !under.alike(now_under))
                else {
                    continue;
                };
                let [was, now] = [first, other].map(common_settings);
                let differences = differences(&was, &now);
                let told = differences.iter().map(ToString::to_string);
                let mut told: Vec<String> = told.collect();
                if let Some(name) = was_under.read_otherwise(now_under) {
                    told.push(format!("not the same of {name}"));
                }
                if common_inputs(first) != common_inputs(other) {
                    told.push("other inputs".into());
                }
                let sentence = format!(
                    "{} was run under other settings than {} ({}), and is not compared with it",
                    other.method,
                    first.method,
                    told.join("; ")
                );
                let tasks = found.entry(sentence).or_default();
                if !tasks.contains(&task.name.as_str()) {
                    tasks.push(&task.name);
                }
            }
        }
    }
    let sentence = |(sentence, tasks): (String, Vec<&str>)| match &tasks[..] {
        [one] => format!("{one}: {sentence}"),
        [one, more @ ..] => format!("{one} and {} more: {sentence}", more.len()),
        [] => sentence,
    };
    found.into_iter().map(sentence).collect()
}

/// The settings of a cell but those of its method and seed, and those that change no result.
fn common_settings(record: &CellRecord) -> Value {
    let mut settings = record.parameters.clone();
    if let Some(map) = settings.as_object_mut() {
        // What a method lays over `train` is the method.
        if let Some(common) = map.remove("train_of_task") {
            map.insert("train".into(), common);
        }
        map.retain(|key, _| !["method", "seed", "model", "adapt_first"].contains(&key.as_str()));
        if let Some(evaluate) = map.get_mut("evaluate").and_then(Value::as_object_mut) {
            evaluate.retain(|key, _| ["strands", "threshold"].contains(&key.as_str()));
        }
    }
    settings
}

/// Why cells that are not there failed, by label: their own failure, or that of what their task's cells share.
fn failures(lock: &Lock, run: &Path) -> BTreeMap<String, String> {
    let folder = RunFolder::new(run);
    let mut found = BTreeMap::new();
    for task in &lock.tasks {
        let shared = kept::read(&folder.task(&task.name).failure());
        for method in &lock.methods {
            for &seed in &lock.seeds {
                let cell = folder.cell(&task.name, method, seed);
                if cell.finished().is_file() {
                    continue;
                }
                let failure = shared.clone().or_else(|| kept::read(&cell.failure()));
                if let Some(failure) = failure {
                    let label = CellFolder::label(&task.name, method, seed);
                    found.insert(label, failure.error);
                }
            }
        }
    }
    found
}

/// Every cell of the lock's matrix, finished or not.
fn labels(lock: &Lock) -> impl Iterator<Item = String> {
    lock.tasks.iter().flat_map(move |task| {
        lock.methods.iter().flat_map(move |method| {
            let seeds = lock.seeds.iter();
            seeds.map(move |seed| CellFolder::label(&task.name, method, *seed))
        })
    })
}

/// Results in the folder that the lock does not know: they were made from what has changed since.
fn stale(lock: &Lock, run: &Path) -> Vec<String> {
    labels(lock)
        .filter(|label| {
            let folder = CellFolder::new(run.join(label));
            !lock.cells.contains_key(label) && folder.finished().is_file()
        })
        .map(|label| {
            format!("{label}: this result was made before its input changed; it is not of what lies there now")
        })
        .collect()
}

fn model_fact(lock: &Lock) -> String {
    if lock.model.is_null() {
        return "none".into();
    }
    let of = |key: &str| lock.model.get(key);
    let hub = of("hub").map(|hub| {
        let word = |key: &str| hub.get(key).and_then(Value::as_str).unwrap_or_default();
        format!("{} at commit {}", word("name"), word("commit"))
    });
    let path = of("path").and_then(Value::as_str).map(String::from);
    if let Some(path) = hub.or(path) {
        let hash = lock.model_hashes.get("model/model.safetensors");
        let hash = hash.map_or_else(String::new, |h| {
            format!(" (model.safetensors sha256 {})", h.short())
        });
        return format!("{path}{hash}");
    }
    let fasta = of("pretrain")
        .and_then(|p| p.get("fasta"))
        .and_then(|f| f.as_str());
    format!("pretrained on {}", fasta.unwrap_or("a FASTA"))
}

fn task_info(task: &LockedTask, run: &Path, warnings: &mut Vec<String>) -> TaskInfo {
    let record = TaskRecord::read(&RunFolder::new(run).task(&task.name));
    let truncated: u64 = record.truncated.iter().sum();
    let rows: u64 = record.counts.iter().sum();
    if truncated > 0 {
        warnings.push(format!(
            "{}: {truncated} of {rows} sequences lost DNA at their ends",
            task.name
        ));
    }
    TaskInfo {
        name: task.name.clone(),
        fold_of: task.fold_of.clone(),
        description: task.description.clone(),
        classes: record
            .labels
            .map(|l| l.names().to_vec())
            .unwrap_or_default(),
        counts: record.counts,
        audit: record.audit,
        floors: record.floors,
        published: task.published.clone(),
        missing: task.missing.clone(),
    }
}
