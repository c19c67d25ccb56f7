//! `ro-crate-metadata.json`: the run as a Workflow Run RO-Crate 0.5 (<https://w3id.org/ro/wfrun/workflow/0.5>). Where the
//! text of the pipeline file is not to be had any more it is a Process Run Crate, which needs no workflow.
//!
//! Paths are relative to the folder of the run. Input files lie elsewhere, so they are no parts of the crate but named by
//! their sha256.

use std::collections::BTreeMap;
use std::path::Path;

use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;
use serde_json::{Value, json};

use super::facts::{Cell, Facts, Standing};
use super::versions;
use crate::failure::Error;
use crate::inputs::FileHash;

const CONTEXT: [&str; 2] = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
];

const CRATE: &str = "https://w3id.org/ro/crate/1.1";
const PROCESS_RUN: (&str, &str, &str) = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "Process Run Crate",
    "0.5",
);
const WORKFLOW_RUN: (&str, &str, &str) = (
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "Workflow Run Crate",
    "0.5",
);
const WORKFLOW: (&str, &str, &str) = (
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    "Workflow RO-Crate",
    "1.0",
);
const NEXTFLOW_TRACE: &str = "https://www.nextflow.io/docs/latest/tracing.html#trace-report";

const COMPLETED: &str = "http://schema.org/CompletedActionStatus";
const FAILED: &str = "http://schema.org/FailedActionStatus";

const RUN: &str = "#run";
const PROGRAM: &str = "#lingo-pipe";
const LANGUAGE: &str = "#lingo-pipe-file";

/// The graph of the run.
///
/// # Errors
/// A file of the report cannot be read.
pub(super) fn metadata(facts: &Facts) -> Result<Value, Error> {
    let folder = &facts.folder;
    let name_of = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let workflow = folder
        .pipeline()
        .is_file()
        .then(|| name_of(&folder.pipeline()));
    let mut parts = BTreeMap::new();
    of_report(facts, &mut parts)?;
    for (path, hash) in &facts.lock.artifacts {
        let is_of_report = RunFolder::REPORT_FILES.contains(&path.as_str());
        if !is_of_report && is_there(folder, path, hash) {
            parts.insert(path.clone(), file(path, Some(hash)));
        }
    }
    let mut results = Vec::new();
    for (cell, finished) in facts.finished() {
        for (name, hash) in &finished.locked.outputs {
            let path = format!("{}/{name}", cell.label);
            if is_there(folder, &path, hash) {
                parts.insert(path.clone(), file(&path, Some(hash)));
                results.push(path);
            }
        }
    }
    if let Some(workflow) = &workflow {
        let entity = parts
            .entry(workflow.clone())
            .or_insert_with(|| file(workflow, None));
        entity["@type"] = json!(["File", "SoftwareSourceCode", "ComputationalWorkflow"]);
        entity["name"] = json!(facts.lock.name);
        entity["programmingLanguage"] = reference(LANGUAGE);
        entity["version"] = json!(facts.lock.pipeline_sha256.short());
    }
    let inputs = inputs(facts);
    let mut graph = vec![descriptor(workflow.is_some())];
    let actions: Vec<Value> = [run(facts, workflow.as_deref(), &inputs, &results)]
        .into_iter()
        .chain(
            facts
                .cells
                .iter()
                .filter_map(|cell| of_cell(facts, cell, &parts)),
        )
        .collect();
    let ids = |entities: &[Value]| -> Vec<Value> {
        let ids = entities.iter().filter_map(|entity| entity.get("@id"));
        ids.map(|id| json!({ "@id": id })).collect()
    };
    graph.push(root(facts, workflow.as_deref(), &parts, ids(&actions)));
    graph.extend(profiles(workflow.is_some()));
    graph.push(json!({
        "@id": PROGRAM, "@type": "SoftwareApplication", "name": "lingo-pipe", "softwareVersion": facts.lock.version,
    }));
    if workflow.is_some() {
        graph.push(json!({
            "@id": LANGUAGE, "@type": "ComputerLanguage", "name": "lingo-pipe pipeline file (YAML)",
            "version": facts.lock.version,
        }));
    }
    graph.push(json!({
        "@id": NEXTFLOW_TRACE, "@type": "CreativeWork", "name": "Nextflow trace report",
    }));
    graph.extend(inputs);
    graph.extend(seeds(facts));
    graph.extend(actions);
    graph.extend(parts.into_values());
    Ok(json!({ "@context": CONTEXT, "@graph": graph }))
}

fn reference(id: &str) -> Value {
    json!({ "@id": id })
}

/// The files of the report, with their hashes as they are now; the crate itself is not among its parts, and the lock, which
/// has the hash of this file, is named without one.
fn of_report(facts: &Facts, parts: &mut BTreeMap<String, Value>) -> Result<(), Error> {
    let folder = &facts.folder;
    for name in RunFolder::REPORT_FILES {
        let path = folder.path().join(name);
        if !path.is_file() || path == folder.ro_crate() {
            continue;
        }
        let (sha256, bytes) = Digest::of_file(&path)?;
        let mut entity = file(name, Some(&FileHash { sha256, bytes }));
        if path != folder.pipeline() {
            entity["about"] = reference(RUN);
        }
        if path == folder.trace() {
            entity["conformsTo"] = reference(NEXTFLOW_TRACE);
        }
        parts.insert(name.to_owned(), entity);
    }
    if let Some(name) = folder.lock().file_name().and_then(|name| name.to_str()) {
        let mut entity = file(name, None);
        entity["encodingFormat"] = json!("application/json");
        entity["about"] = reference(RUN);
        parts.insert(name.to_owned(), entity);
    }
    Ok(())
}

fn is_there(folder: &RunFolder, path: &str, hash: &FileHash) -> bool {
    let found = std::fs::metadata(folder.path().join(path));
    found.is_ok_and(|found| found.is_file() && found.len() == hash.bytes)
}

fn file(path: &str, hash: Option<&FileHash>) -> Value {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut entity = json!({ "@id": path, "@type": "File", "name": name });
    if let Some(format) = format_of(name) {
        entity["encodingFormat"] = json!(format);
    }
    if let Some(hash) = hash {
        entity["contentSize"] = json!(hash.bytes.to_string());
        entity["sha256"] = json!(hash.sha256);
    }
    entity
}

fn format_of(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "json" => "application/json",
        "jsonl" => "application/jsonl",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "html" => "text/html",
        "md" => "text/markdown",
        "bib" => "application/x-bibtex",
        "yaml" | "yml" => "application/yaml",
        "parquet" => "application/vnd.apache.parquet",
        _ => return None,
    })
}

fn descriptor(has_workflow: bool) -> Value {
    let mut conforms = vec![reference(CRATE)];
    if has_workflow {
        conforms.push(reference(WORKFLOW.0));
    }
    json!({
        "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": reference("./"), "conformsTo": conforms,
    })
}

fn profiles_of(has_workflow: bool) -> Vec<(&'static str, &'static str, &'static str)> {
    match has_workflow {
        true => vec![PROCESS_RUN, WORKFLOW_RUN, WORKFLOW],
        false => vec![PROCESS_RUN],
    }
}

fn profiles(has_workflow: bool) -> impl Iterator<Item = Value> {
    let profiles = profiles_of(has_workflow).into_iter();
    profiles.map(|(id, name, version)| {
        json!({ "@id": id, "@type": "CreativeWork", "name": name, "version": version })
    })
}

fn root(
    facts: &Facts,
    workflow: Option<&str>,
    parts: &BTreeMap<String, Value>,
    mentions: Vec<Value>,
) -> Value {
    let lock = facts.lock;
    let conforms = profiles_of(workflow.is_some());
    let conforms: Vec<Value> = conforms.iter().map(|(id, ..)| reference(id)).collect();
    let parts: Vec<Value> = parts.keys().map(|path| reference(path)).collect();
    let about = match lock.description.as_str() {
        "" => format!("Run {} of lingo-pipe.", lock.name),
        description => description.to_owned(),
    };
    let mut root = json!({
        "@id": "./", "@type": "Dataset",
        "name": format!("lingo-pipe run: {}", lock.name),
        "description": about,
        "datePublished": lock.date,
        // The profile asks for one, and a run knows of none.
        "license": "Not stated: ask whoever made this run.",
        "conformsTo": conforms,
        "hasPart": parts,
        "mentions": mentions,
    });
    if let Some(workflow) = workflow {
        root["mainEntity"] = reference(workflow);
    }
    root
}

/// The input files, each once.
fn inputs(facts: &Facts) -> Vec<Value> {
    let mut found = BTreeMap::new();
    for (path, hash) in &facts.lock.inputs {
        let id = format!("#input-{}", hash.sha256);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let entity = json!({
            "@id": id, "@type": "CreativeWork", "name": name, "sha256": hash.sha256,
            "contentSize": hash.bytes.to_string(),
        });
        found.entry(id).or_insert(entity);
    }
    found.into_values().collect()
}

fn seeds(facts: &Facts) -> impl Iterator<Item = Value> {
    let seeds = facts.lock.seeds.iter();
    seeds.map(|seed| {
        json!({ "@id": format!("#seed-{seed}"), "@type": "PropertyValue", "name": "seed", "value": seed })
    })
}

/// The whole run: an execution of the pipeline file.
fn run(facts: &Facts, workflow: Option<&str>, inputs: &[Value], results: &[String]) -> Value {
    let lock = facts.lock;
    let began = facts.finished().filter_map(|(_, f)| f.resources.as_ref());
    let began = began.map(|r| r.started.as_str()).min();
    let ended = facts.finished().map(|(_, f)| f.ended()).max();
    let objects = inputs.iter().filter_map(|input| input.get("@id"));
    let objects = objects.map(|id| json!({ "@id": id }));
    let seeds = lock
        .seeds
        .iter()
        .map(|seed| reference(&format!("#seed-{seed}")));
    let objects: Vec<Value> = objects.chain(seeds).collect();
    let results: Vec<Value> = results.iter().map(|path| reference(path)).collect();
    let mut action = json!({
        "@id": RUN, "@type": "CreateAction",
        "name": format!("{}: {}", facts.program(), lock.name),
        "description": format!("`{}` on {}, model {}", lock.command, lock.device, versions::model(lock)),
        "instrument": reference(workflow.unwrap_or(PROGRAM)),
        "object": objects,
        "result": results,
    });
    if let Some(began) = began {
        action["startTime"] = json!(moment(began));
    }
    let holes: Vec<&Cell> = facts
        .cells
        .iter()
        .filter(|c| c.finished().is_none())
        .collect();
    if holes.is_empty() {
        action["actionStatus"] = json!(COMPLETED);
        if let Some(ended) = ended {
            action["endTime"] = json!(moment(ended));
        }
    } else {
        action["actionStatus"] = json!(FAILED);
        action["error"] = json!(format!(
            "{} of {} planned cells are not finished",
            holes.len(),
            facts.cells.len()
        ));
    }
    action
}

/// The profile's form of a moment in UTC: with an offset.
fn moment(iso: &str) -> String {
    iso.replace('Z', "+00:00")
}

/// A cell: what the program did for it. A cell that was never begun is no action.
fn of_cell(facts: &Facts, cell: &Cell, parts: &BTreeMap<String, Value>) -> Option<Value> {
    let (task, method, seed) = (cell.task, cell.method, cell.seed);
    let shared = facts.folder.task(task);
    let shared = [shared.examples(), shared.tokens()]
        .into_iter()
        .filter_map(|path| {
            let path = path.strip_prefix(facts.folder.path()).ok()?;
            let path = path.to_string_lossy().replace('\\', "/");
            parts.contains_key(&path).then(|| reference(&path))
        });
    let objects: Vec<Value> = shared
        .chain([reference(&format!("#seed-{seed}"))])
        .collect();
    let mut action = json!({
        "@id": format!("#cell-{}", cell.label.replace('/', "-")), "@type": "CreateAction",
        "name": cell.label,
        "description": format!("Training, predictions and scores of method {method} on task {task} with seed {seed}"),
        "instrument": reference(PROGRAM),
        "object": objects,
    });
    match &cell.standing {
        Standing::Finished(finished) => {
            let below = format!("{}/", cell.label);
            let results = parts.keys().filter(|path| path.starts_with(&below));
            let results: Vec<Value> = results.map(|path| reference(path)).collect();
            action["result"] = json!(results);
            action["actionStatus"] = json!(COMPLETED);
            if let Some(resources) = &finished.resources {
                action["startTime"] = json!(moment(&resources.started));
            }
            action["endTime"] = json!(moment(finished.ended()));
        }
        Standing::Failed(why) => {
            action["actionStatus"] = json!(FAILED);
            action["error"] = json!(why);
        }
        Standing::Aborted(why) => {
            let why = why.as_deref().unwrap_or("begun and not finished");
            action["actionStatus"] = json!(FAILED);
            action["error"] = json!(why);
        }
        Standing::New => return None,
    }
    Some(action)
}
