//! What stands beside the report for other programs: true, whole, and read by those programs where they are installed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lingo_artifact::digest::Digest;
use serde_json::Value;
use toy::Toy;

const EXPORTS: [&str; 8] = [
    "metrics_mqc.json",
    "metrics_plot_mqc.json",
    "software_versions.yml",
    "trace.tsv",
    "methods.md",
    "references.bib",
    "pipeline.yaml",
    "ro-crate-metadata.json",
];

const COLUMNS: &str = "task_id\thash\tnative_id\tname\tstatus\texit\tsubmit\tduration\trealtime\t%cpu\tpeak_rss\tpeak_vmem\trchar\twchar";

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The rows of a trace, by the names of its columns.
fn trace(run: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(run.join("trace.tsv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap(), COLUMNS);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let names: Vec<&str> = COLUMNS.split('\t').collect();
        assert_eq!(cells.len(), names.len(), "{line}");
        let pairs = names.into_iter().zip(cells);
        pairs
            .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
            .collect()
    };
    lines.map(row).collect()
}

/// Entities of a crate by their ids.
fn entities(run: &Path) -> BTreeMap<String, Value> {
    let metadata = json(&run.join("ro-crate-metadata.json"));
    let graph = metadata["@graph"].as_array().unwrap();
    let found: BTreeMap<String, Value> = graph
        .iter()
        .map(|entity| (entity["@id"].as_str().unwrap().to_owned(), entity.clone()))
        .collect();
    assert_eq!(found.len(), graph.len(), "ids are unique");
    found
}

fn ids(value: &Value) -> Vec<String> {
    let of = |value: &Value| value["@id"].as_str().unwrap().to_owned();
    match value {
        Value::Array(values) => values.iter().map(of).collect(),
        Value::Null => Vec::new(),
        one => vec![of(one)],
    }
}

/// Every reference leads to an entity, every part to a file in the folder with the hash that is told, by a relative path.
fn check_crate(run: &Path) -> BTreeMap<String, Value> {
    let found = entities(run);
    let root = &found["./"];
    let parts = ids(&root["hasPart"]);
    assert!(parts.contains(&"lingo.lock".to_owned()), "{parts:?}");
    for part in &parts {
        assert!(
            !part.starts_with('/') && !part.contains(':') && !part.contains(".."),
            "{part}"
        );
        let path = run.join(part);
        assert!(path.is_file(), "{part}");
        let entity = &found[part];
        if let Some(hash) = entity["sha256"].as_str() {
            let (sha256, bytes) = Digest::of_file(&path).unwrap();
            assert_eq!(sha256.to_string(), hash, "{part}");
            assert_eq!(entity["contentSize"], bytes.to_string(), "{part}");
        } else {
            assert_eq!(part, "lingo.lock");
        }
    }
    for (id, entity) in &found {
        for key in ["object", "result", "instrument", "about", "mentions"] {
            for to in ids(&entity[key]) {
                assert!(found.contains_key(&to), "{id}: {key} {to}");
            }
        }
        if entity["@type"] == "File" {
            assert!(parts.contains(id), "{id} is no part");
        }
    }
    for profile in ids(&root["conformsTo"]) {
        assert_eq!(found[&profile]["@type"], "CreativeWork", "{profile}");
    }
    found
}

/// Every key that the text cites has an entry, and every entry is cited.
fn check_citations(run: &Path) -> String {
    let text = fs::read_to_string(run.join("methods.md")).unwrap();
    let bibliography = fs::read_to_string(run.join("references.bib")).unwrap();
    let cited: BTreeSet<&str> = text
        .split('@')
        .skip(1)
        .map(|rest| rest.split([']', ';', ' ']).next().unwrap())
        .collect();
    let entries: BTreeSet<&str> = bibliography
        .lines()
        .filter(|line| line.starts_with('@'))
        .map(|line| line.split(['{', ',']).nth(1).unwrap())
        .collect();
    let program = BTreeSet::from(["lingo_pipe"]);
    let cited: BTreeSet<&str> = cited.union(&program).copied().collect();
    assert_eq!(cited, entries);
    text
}

#[test]
fn a_run_is_told_to_other_programs_as_it_is() {
    let toy = Toy::new();
    toy.ok(&[
        "run",
        "toy.yaml",
        "--set",
        "seeds=[1, 2]",
        "--device",
        "cpu",
    ]);
    let run = toy.path("runs/toy");
    for name in EXPORTS {
        assert!(run.join(name).is_file(), "{name}");
    }
    // The lock has their hashes.
    let lock = json(&run.join("lingo.lock"));
    for name in EXPORTS {
        let (sha256, _) = Digest::of_file(&run.join(name)).unwrap();
        assert_eq!(lock["artifacts"][name]["sha256"], sha256.to_string());
    }
    toy.ok(&["verify", "runs/toy"]);
    assert_eq!(toy.read("runs/toy/pipeline.yaml"), toy.read("toy.yaml"));

    // MultiQC: the keys that its custom content needs, and the means of the cells' own numbers.
    let table = json(&run.join("metrics_mqc.json"));
    for key in [
        "id",
        "section_name",
        "description",
        "plot_type",
        "parent_id",
    ] {
        assert!(table[key].is_string(), "{key}");
    }
    assert_eq!(table["plot_type"], "table");
    assert!(table["pconfig"]["id"].is_string() && table["pconfig"]["title"].is_string());
    let plot = json(&run.join("metrics_plot_mqc.json"));
    assert_eq!(plot["plot_type"], "bargraph");
    assert_ne!(plot["id"], table["id"]);
    for task in ["left", "right"] {
        for method in ["lora", "ars"] {
            let of =
                |seed: u64| json(&run.join(format!("{task}/{method}/seed-{seed}/metrics.json")));
            let cells = [of(1), of(2)];
            let mean = |of: &dyn Fn(&Value) -> f64| (of(&cells[0]) + of(&cells[1])) / 2.0;
            let row = &table["data"][format!("{task} | {method}")];
            let near = |told: &Value, expected: f64| {
                assert!((told.as_f64().unwrap() - expected).abs() < 1e-12);
            };
            let mcc = |cell: &Value| cell["test"]["mcc"].as_f64().unwrap();
            let end =
                |cell: &Value, end: usize| cell["intervals"]["test"]["mcc"][end].as_f64().unwrap();
            near(&row["mcc"], mean(&mcc));
            near(&row["mcc_low"], mean(&|cell| end(cell, 0)));
            near(&row["mcc_high"], mean(&|cell| end(cell, 1)));
            let distance = mcc(&cells[0]) - mcc(&cells[1]);
            near(&row["mcc_sd"], distance.abs() / 2f64.sqrt());
            near(&plot["data"][task][method], mean(&mcc));
            assert_eq!(
                (&row["finished"], &row["planned"]),
                (&2.0.into(), &2.0.into())
            );
        }
    }
    let headers = table["headers"].as_object().unwrap();
    for row in table["data"].as_object().unwrap().values() {
        for key in row.as_object().unwrap().keys() {
            assert!(headers.contains_key(key), "{key} has no header");
        }
    }

    // nf-core: process, tool, version, all of them strings.
    let versions: BTreeMap<String, BTreeMap<String, String>> =
        serde_yaml::from_str(&toy.read("runs/toy/software_versions.yml")).unwrap();
    let adapt = &versions["LINGO_PIPE:ADAPT"];
    assert_eq!(adapt["lingo-pipe"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        versions["Workflow"]["lingo-pipe"],
        env!("CARGO_PKG_VERSION")
    );
    let (weights, _) = Digest::of_file(&toy.path("model/model.safetensors")).unwrap();
    assert!(adapt["model"].contains(&weights.to_string()), "{adapt:?}");
    assert!(adapt["kernels"].parse::<lingo_lm::Level>().is_ok());
    assert_eq!(
        (adapt["device"].as_str(), adapt["precision"].as_str()),
        ("cpu", "f32")
    );

    // Nextflow: a row a cell.
    let rows = trace(&run);
    assert_eq!(rows.len(), 8);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row["task_id"], (index + 1).to_string());
        assert_eq!(
            (row["status"].as_str(), row["exit"].as_str()),
            ("COMPLETED", "0")
        );
        let label = row["name"]
            .trim_start_matches("adapt (")
            .trim_end_matches(')');
        let id = lock["cells"][label]["id"].as_str().unwrap();
        assert_eq!(row["hash"], format!("{}/{}", &id[..2], &id[2..8]));
        assert_eq!(row["submit"].len(), "2014-10-23 16:33:16.288".len());
        let resources = json(&run.join(label).join("resources.json"));
        let seconds = resources["wall_seconds"].as_f64().unwrap();
        let training = json(&run.join(label).join("training.json"));
        assert!(seconds >= training["seconds"].as_f64().unwrap(), "{label}");
        if cfg!(target_os = "linux") {
            for column in ["%cpu", "peak_rss", "peak_vmem", "rchar", "wchar"] {
                assert_ne!(row[column], "-", "{column}");
            }
        }
        // What it took is no part of what came out.
        let outputs = lock["cells"][label]["outputs"].as_object().unwrap();
        assert!(!outputs.contains_key("resources.json"));
    }

    let methods = check_citations(&run);
    for told in [
        "Task *left* (more A than C) has 80 training, 20 dev and 20 test rows of 2 classes (0, 1), from intervals (BED)",
        "by chromosome (dev: b; test: c)",
        "`lora` is low-rank adaptation (LoRA) [@hu2022lora] (rank 2,",
        "adaptive rank sampling [@zhan2024lingo] (variant as-described,",
        "epochs 4, batch 8,",
        "with the seeds 1, 2.",
        "(20 resamples)",
        &weights.to_string(),
    ] {
        assert!(methods.contains(told), "{told}\n{methods}");
    }

    let found = check_crate(&run);
    assert_eq!(found["./"]["mainEntity"]["@id"], "pipeline.yaml");
    let action = &found["#run"];
    assert_eq!(ids(&action["instrument"]), ["pipeline.yaml"]);
    assert_eq!(
        action["actionStatus"],
        "http://schema.org/CompletedActionStatus"
    );
    let times = [&action["startTime"], &action["endTime"]].map(|t| t.as_str().unwrap());
    assert!(times[0] < times[1], "{times:?}");
    for hash in lock["inputs"].as_object().unwrap().values() {
        let id = format!("#input-{}", hash["sha256"].as_str().unwrap());
        assert_eq!(found[&id]["sha256"], hash["sha256"]);
        assert!(ids(&action["object"]).contains(&id));
    }
    let cell = &found["#cell-left-lora-seed-1"];
    for name in [
        "adapter/adapter_model.safetensors",
        "predictions.parquet",
        "metrics.json",
    ] {
        let path = format!("left/lora/seed-1/{name}");
        assert!(ids(&cell["result"]).contains(&path) && ids(&action["result"]).contains(&path));
    }

    // Made anew without the pipeline file they are the same, but for the time of the lock.
    let before = EXPORTS.map(|name| toy.read(&format!("runs/toy/{name}")));
    fs::rename(toy.path("toy.yaml"), toy.path("other.yaml")).unwrap();
    toy.ok(&["report", "runs/toy"]);
    for (name, before) in EXPORTS.iter().zip(before) {
        assert!(toy.read(&format!("runs/toy/{name}")) == before, "{name}");
    }
    // The lock has the text, as of the demo, whose file is none of the reader's.
    fs::remove_file(run.join("pipeline.yaml")).unwrap();
    toy.ok(&["report", "runs/toy"]);
    assert_eq!(toy.read("runs/toy/pipeline.yaml"), toy.read("other.yaml"));
}

#[test]
fn what_is_not_finished_is_not_told_as_if_it_were() {
    let toy = Toy::new();
    let bed = toy.read("right.bed").replacen("a\t20\t30", "a\t20\t1", 1);
    toy.write("right.bed", &bed);
    let failing = "methods.lora.train.learning_rate=1e30";
    let ran = toy.lingo(&["run", "toy.yaml", "--set", failing, "--device", "cpu"]);
    assert_ne!(ran.code, 0);
    let run = toy.path("runs/toy");
    let statuses: BTreeMap<String, String> = trace(&run)
        .into_iter()
        .map(|row| (row["name"].clone(), row["status"].clone()))
        .collect();
    let expected = [
        ("adapt (left/ars/seed-1)", "COMPLETED"),
        ("adapt (left/lora/seed-1)", "FAILED"),
        ("adapt (right/ars/seed-1)", "ABORTED"),
        ("adapt (right/lora/seed-1)", "ABORTED"),
    ];
    let expected = expected.map(|(name, status)| (name.to_owned(), status.to_owned()));
    assert_eq!(statuses, BTreeMap::from(expected));
    let failed = trace(&run).remove(0);
    assert_eq!(failed["name"], "adapt (left/lora/seed-1)");
    for column in ["exit", "submit", "duration", "%cpu", "peak_rss"] {
        assert_eq!(failed[column], "-", "{column}");
    }
    let table = json(&run.join("metrics_mqc.json"));
    assert_eq!(table["data"]["left | lora"]["finished"], 0.0);
    assert!(table["data"]["left | lora"].get("mcc").is_none());
    assert!(
        table["description"]
            .as_str()
            .unwrap()
            .contains("3 of 4 planned cells")
    );
    let methods = check_citations(&run);
    assert!(methods.contains("Of 4 planned cells (task, method and seed), 1 are finished"));
    assert!(
        !methods.contains("hu2022lora") && !methods.contains("*right*"),
        "{methods}"
    );
    let found = check_crate(&run);
    assert_eq!(
        found["#run"]["actionStatus"],
        "http://schema.org/FailedActionStatus"
    );
    let failure = json(&run.join("left/lora/seed-1/failure.json"));
    assert_eq!(found["#cell-left-lora-seed-1"]["error"], failure["error"]);
    let of_task = json(&run.join("right/failure.json"));
    assert_eq!(found["#cell-right-ars-seed-1"]["error"], of_task["error"]);
    assert!(found["#cell-left-lora-seed-1"].get("result").is_none());

    // A run of which no cell is finished, as a report finds it that is asked for.
    fs::remove_dir_all(run.join("left/ars")).unwrap();
    toy.ok(&["report", "runs/toy"]);
    assert!(!run.join("metrics_plot_mqc.json").exists());
    assert!(check_citations(&run).contains("none of the 4 planned cells"));
    assert!(!toy.read("runs/toy/software_versions.yml").contains("ADAPT"));
    assert!(trace(&run).iter().all(|row| row["status"] != "COMPLETED"));
    let found = check_crate(&run);
    assert!(found["#run"].get("endTime").is_none());
    assert!(
        found["#run"]["error"]
            .as_str()
            .unwrap()
            .starts_with("4 of 4")
    );
    toy.ok(&["verify", "runs/toy"]);
}

#[test]
fn networks_of_motifs_are_told_with_their_own_defaults() {
    let toy = Toy::new();
    toy.ok(&[
        "run",
        "toy.yaml",
        "--only",
        "left",
        "--methods",
        "lora,motifs",
        "--set",
        "train.stem={filters: 3, folds: 2, epochs: 1}",
        "--set",
        "methods.motifs={motif_cnn: {width: 7}}",
        "--device",
        "cpu",
    ]);
    let methods = check_citations(&toy.path("runs/toy"));
    let of_method =
        "(filters 3, width 7, bins 1, dropout 0.1, epochs 1, learning rate 0.003, folds 2)";
    assert!(methods.contains(of_method), "{methods}");
    let of_stem =
        "stem (filters 3, width 15, bins 1, dropout 0.1, epochs 1, learning rate 0.003, folds 2)";
    assert!(methods.contains(of_stem), "{methods}");
}

#[test]
fn a_trial_that_never_saw_test_says_nothing_of_it() {
    let toy = Toy::new();
    let tune = "\ntune: { space: { train.learning_rate: [0.01] } }\n";
    toy.write("toy.yaml", &(toy.read("toy.yaml") + tune));
    let only = ["--only", "left", "--methods", "lora", "--device", "cpu"];
    toy.ok(&[&["tune", "toy.yaml"], &only[..]].concat());
    let is_lock = |path: &PathBuf| path.ends_with("lingo.lock");
    let lock = below(&toy.path("runs/toy-tune")).into_iter().find(is_lock);
    let run = lock.unwrap().parent().unwrap().to_owned();
    assert!(!run.join("metrics_mqc.json").exists());
    toy.ok(&["report", run.to_str().unwrap()]);
    assert!(!run.join("metrics_plot_mqc.json").exists());
    let row = &json(&run.join("metrics_mqc.json"))["data"]["left | lora"];
    assert_eq!(row["finished"], 1.0);
    assert!(
        row.get("mcc").is_none() && row.get("mcc_low").is_none(),
        "{row}"
    );
    let methods = check_citations(&run);
    assert!(
        methods.contains("The test rows were not looked at."),
        "{methods}"
    );
    assert!(!methods.contains("bootstrap"), "{methods}");
    check_crate(&run);
}

/// All files below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// A program that `variable` names, or that is found under `name`; where there is none, or it lacks what `needs` asks of it,
/// that is told past the test harness.
fn program(variable: &str, name: &str, needs: &[&str]) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from);
    let ran = Command::new(&found).args(needs).output();
    if ran.is_ok_and(|output| output.status.success()) {
        return Some(found);
    }
    let told = format!(
        "LEFT OUT: `{} {}` does not run; {variable} names another\n",
        found.display(),
        needs.join(" ")
    );
    tell(&told);
    None
}

/// Says it past the test harness, which keeps to itself what a test that passes prints.
fn tell(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text))
        .concat()
}

#[test]
fn the_programs_that_they_are_for_read_them() {
    let toy = Toy::new();
    toy.ok(&["run", "toy.yaml", "--device", "cpu"]);
    let run = toy.path("runs/toy");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));

    if let Some(multiqc) = program("LINGO_MULTIQC", "multiqc", &["--version"]) {
        let out = toy.path("multiqc");
        let versions = "sp: { software_versions: { fn_re: 'software_versions[.]yml' } }";
        let output = Command::new(multiqc)
            .args([
                "--strict",
                "--no-version-check",
                "--cl-config",
                versions,
                "--outdir",
            ])
            .args([&out, &run])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let html = fs::read_to_string(out.join("multiqc_report.html")).unwrap();
        for told in [
            "toy: scores",
            "toy: bars",
            "left | lora",
            "right | ars",
            "LINGO_PIPE:ADAPT",
        ] {
            assert!(html.contains(told), "{told}");
        }
        let data = json(&out.join("multiqc_data/multiqc_data.json")).to_string();
        let score = &json(&run.join("metrics_mqc.json"))["data"]["left | lora"]["mcc"];
        assert!(data.contains(&score.to_string()), "{score}");
    }

    let validator = program(
        "LINGO_ROCRATE_VALIDATOR",
        "rocrate-validator",
        &["--version"],
    );
    if let Some(validator) = validator {
        let output = Command::new(validator)
            .args(["-y", "validate", "--no-paging", "--profile-identifier"])
            .args([
                "workflow-run-crate-0.5",
                "--requirement-severity",
                "required",
            ])
            .arg(&run)
            .output()
            .unwrap();
        match output.status.code() {
            Some(0) => assert!(said(&output).contains("is a valid workflow-run-crate-0.5")),
            // It reads the contexts of the crate from the network.
            Some(2) => tell("LEFT OUT: rocrate-validator could not do its work\n"),
            _ => panic!("{}", said(&output)),
        }
    }

    let needs = ["-c", "import numpy, pyarrow, sklearn"];
    if let Some(python) = program("LINGO_PYTHON", "python3", &needs) {
        let script = root.join("examples/python/read_run.py");
        let read = |more: &[&str]| {
            let mut command = Command::new(&python);
            command
                .arg(&script)
                .arg(&run)
                .args(more)
                .current_dir(toy.path(""));
            command.env("HF_HUB_OFFLINE", "1").output().unwrap()
        };
        let output = read(&[]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("4 finished cells, 0 differences"));
        assert_eq!(said(&output).matches("as in metrics.json").count(), 8);
        let needs = ["-c", "import torch, transformers, peft, safetensors"];
        if program("LINGO_PYTHON", "python3", &needs).is_some() {
            let output = read(&["--peft"]);
            assert!(output.status.success(), "{}", said(&output));
            assert_eq!(said(&output).matches("every tensor loaded").count(), 4);
        }
        // A score that is not the one of the predictions is found.
        let metrics = "runs/toy/left/lora/seed-1/metrics.json";
        let whole = toy.read(metrics);
        let mut wrong: Value = serde_json::from_str(&whole).unwrap();
        wrong["test"]["mcc"] = 0.123.into();
        toy.write(metrics, &wrong.to_string());
        assert!(!read(&[]).status.success());
        toy.write(metrics, &whole);
    }

    if let Some(r) = program("LINGO_RSCRIPT", "Rscript", &["--version"]) {
        let script = root.join("examples/r/read_run.R");
        let output = Command::new(&r).arg(script).arg(&run).output().unwrap();
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("4 cells, 4 completed"), "{said}");
        if said.contains("LEFT OUT") {
            tell(
                "LEFT OUT: R has neither arrow nor nanoparquet; only the tables of text were read\n",
            );
        } else {
            assert!(said.contains("8 scores computed again"), "{said}");
        }
    }
}
