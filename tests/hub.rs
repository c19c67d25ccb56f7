//! Models of a hub, from the command line and in a pipeline, on a hub of this machine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

#[path = "../crates/hub/tests/server/mod.rs"]
mod server;
mod toy;

use std::fs;

use lingo_artifact::digest::Digest;
use serde_json::Value;
use server::{COMMIT, Content, Server, TOKEN};
use toy::{PIPELINE, Ran, Toy};

/// A toy whose model lies on a hub.
struct Bench {
    toy: Toy,
    server: Server,
}

impl Bench {
    fn new() -> Self {
        let toy = Toy::new();
        let names = ["config.json", "tokenizer.json", "model.safetensors"];
        let file = |name: &str| (name.into(), fs::read(toy.path("model").join(name)).unwrap());
        let server = Server::new(Content {
            name: "org/tiny".into(),
            commit: COMMIT.into(),
            files: names.map(file).into(),
            large: vec!["model.safetensors".into()],
            gated: true,
            ..Content::default()
        });
        let hub = "{ hub: { name: org/tiny } }";
        toy.write("hub.yaml", &PIPELINE.replace("{ path: model }", hub));
        Self { toy, server }
    }

    fn with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.toy.command(arguments);
        command
            .env("HF_ENDPOINT", &self.server.endpoint)
            .env("HF_HOME", self.toy.path("hf"))
            .env("HF_TOKEN", TOKEN)
            .envs(variables.iter().copied());
        let ran = Ran::of(command.output().unwrap());
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(TOKEN));
        ran
    }

    fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.with(arguments, &[]);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        ran
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.toy.read(path)).unwrap()
    }

    fn asked_storage(&self) -> bool {
        self.server.requests().iter().any(|r| r.of_storage)
    }
}

/// One of the toy's cells.
const ONE: [&str; 4] = ["--only", "left", "--methods", "lora"];

#[test]
fn a_pipeline_takes_its_model_from_a_hub_and_locks_the_commit() {
    let bench = Bench::new();
    let weights = fs::read(bench.toy.path("model/model.safetensors")).unwrap();
    let sum = Digest::of_bytes(&weights).to_string();

    let plan = bench.ok(&[&["plan", "hub.yaml"], &ONE[..]].concat());
    let line = format!(
        "org/tiny (main) is at commit {COMMIT}; {:.1} MB of weights are to be fetched",
        weights.len() as f64 / 1e6
    );
    assert!(plan.stdout.contains(&line), "{}", plan.stdout);
    let valid = bench.ok(&["validate", "hub.yaml"]);
    assert!(
        valid.stderr.contains("weights are not fetched yet"),
        "{}",
        valid.stderr
    );
    let json = bench.ok(&[&["plan", "hub.yaml", "--json"], &ONE[..]].concat());
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["to_fetch"][0]["sha256"], sum.as_str());
    assert!(!bench.asked_storage(), "a plan fetches no weights");

    bench.ok(&[&["run", "hub.yaml"], &ONE[..]].concat());
    assert!(bench.asked_storage());
    let lock = bench.json("runs/toy/lingo.lock");
    let hub = &lock["model"]["hub"];
    assert_eq!(
        (hub["name"].as_str(), hub["revision"].as_str()),
        (Some("org/tiny"), Some("main"))
    );
    assert_eq!(hub["commit"], COMMIT);
    assert_eq!(
        lock["model_hashes"]["model/model.safetensors"],
        sum.as_str()
    );
    let inputs = lock["inputs"].as_object().unwrap();
    let of_weights = inputs
        .iter()
        .find(|(path, _)| path.ends_with("/model.safetensors"));
    let (path, hash) = of_weights.unwrap();
    assert!(
        path.contains(&format!("hf/hub/models--org--tiny/snapshots/{COMMIT}")),
        "{path}"
    );
    assert_eq!(hash["bytes"], weights.len());
    // The id was known before the weights were.
    let cell = bench.json("runs/toy/left/lora/seed-1/cell.json");
    assert_eq!(cell["id"], json["cells"][0]["id"]);
    let config = bench.json("runs/toy/left/lora/seed-1/adapter/adapter_config.json");
    assert_eq!(config["base_model_name_or_path"], "org/tiny");
    let report = bench.toy.read("runs/toy/report.html");
    assert!(report.contains(&format!("org/tiny at commit {COMMIT}")));
    bench.ok(&["verify", "runs/toy"]);

    // The same files from a folder are the same model.
    let is_cached = |ran: &Ran| ran.stdout.contains("cached");
    let folder = bench.ok(&[&["plan", "toy.yaml"], &ONE[..]].concat());
    assert!(is_cached(&folder), "{}", folder.stdout);
    let again = bench.ok(&[&["plan", "hub.yaml"], &ONE[..]].concat());
    assert!(is_cached(&again) && again.stdout.contains("weights are in the cache"));

    // Prediction finds the model by the lock, without the hub.
    let adapter = "runs/toy/left/lora/seed-1/adapter";
    let predict = [
        "predict",
        "--adapter",
        adapter,
        "--fasta",
        "left.fa",
        "--width",
        "10",
    ];
    let predicted = bench.with(&predict, &[("HF_HUB_OFFLINE", "1")]);
    assert_eq!(predicted.code, 0, "{}", predicted.stderr);
    assert!(!bench.asked_storage());
}

#[test]
fn a_branch_that_moved_on_is_the_same_model_unless_its_files_changed() {
    let bench = Bench::new();
    bench.ok(&[&["run", "hub.yaml"], &ONE[..]].concat());
    bench.server.requests();
    bench.server.change(|content| {
        content.commit = "f".repeat(40);
        content
            .files
            .insert("README.md".into(), b"a word more".to_vec());
    });
    let plan = bench.ok(&[&["plan", "hub.yaml"], &ONE[..]].concat());
    assert!(plan.stdout.contains("cached") && plan.stdout.contains(&"f".repeat(40)));
    assert!(!bench.asked_storage());
    bench.server.change(|content| {
        content.commit = "e".repeat(40);
        let weights = content.files.get_mut("model.safetensors").unwrap();
        *weights.last_mut().unwrap() ^= 1;
    });
    let plan = bench.ok(&[&["plan", "hub.yaml"], &ONE[..]].concat());
    let told = format!("model.hub.commit: \"{COMMIT}\" -> \"{}\"", "e".repeat(40));
    assert!(plan.stdout.contains(&told), "{}", plan.stdout);
    let set = format!("model.hub.revision={COMMIT}");
    let pinned = ["plan", "hub.yaml", "--set", &set];
    let pinned = bench.ok(&[&pinned, &ONE[..]].concat());
    assert!(pinned.stdout.contains("cached"), "{}", pinned.stdout);
}

#[test]
fn all_trials_of_a_search_take_the_commit_that_the_first_one_found() {
    let bench = Bench::new();
    let tune = "tune: { space: { methods.lora.lora.rank: [1, 2] }, rungs: [1] }\n";
    bench
        .toy
        .write("tune.yaml", &(bench.toy.read("hub.yaml") + tune));
    bench.ok(&[&["tune", "tune.yaml"], &ONE[..]].concat());
    let requests = bench.server.requests();
    let of_main = requests
        .iter()
        .filter(|r| r.path.contains("/revision/main"));
    assert_eq!(of_main.count(), 1);
    assert_eq!(requests.iter().filter(|r| r.of_storage).count(), 1);
}

#[test]
fn offline_runs_from_the_cache_or_says_what_to_fetch() {
    let bench = Bench::new();
    let offline = [("HF_HUB_OFFLINE", "1")];
    let run = [&["run", "hub.yaml"], &ONE[..]].concat();
    let ran = bench.with(&run, &offline);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("lingo-pipe model fetch org/tiny"),
        "{}",
        ran.stderr
    );
    assert!(!bench.toy.path("runs").exists());
    bench.ok(&["model", "fetch", "org/tiny"]);
    bench.server.requests();
    let ran = bench.with(&run, &offline);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(bench.server.requests().is_empty());
}

#[test]
fn fetch_prints_the_folder_for_the_next_command() {
    let bench = Bench::new();
    let fetched = bench.ok(&["model", "fetch", "org/tiny"]);
    let folder = fetched.stdout.trim_end();
    assert!(
        folder.ends_with(&format!("models--org--tiny/snapshots/{COMMIT}")),
        "{folder}"
    );
    assert!(fetched.stderr.contains("3 files"), "{}", fetched.stderr);
    bench.ok(&["model", "inspect", folder]);
    let again = bench.ok(&["model", "fetch", "org/tiny", "--json"]);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (again["folder"].as_str(), again["fetched_bytes"].as_u64()),
        (Some(folder), Some(0))
    );
}

#[test]
fn a_pickle_is_fetched_and_the_next_step_told_and_no_pipeline_takes_it() {
    let bench = Bench::new();
    let pickle = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/crates/lm/tests/fixtures/pickled/zip.bin"
    );
    bench.server.change(|content| {
        content.files.remove("model.safetensors");
        content
            .files
            .insert("pytorch_model.bin".into(), fs::read(pickle).unwrap());
    });
    let ran = bench.with(&["run", "hub.yaml"], &[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("`lingo-pipe model fetch org/tiny`"),
        "{}",
        ran.stderr
    );
    let fetched = bench.ok(&["model", "fetch", "org/tiny"]);
    let next = fetched
        .stderr
        .split_once("next: lingo-pipe ")
        .unwrap()
        .1
        .trim_end();
    let words: Vec<&str> = next
        .split(' ')
        .map(|w| if w == "FOLDER" { "made" } else { w })
        .collect();
    bench.ok(&words);
    assert!(bench.toy.path("made/model.safetensors").is_file());
}

#[test]
fn mistakes_are_told_with_their_exit_codes() {
    let bench = Bench::new();
    for (arguments, code, words) in [
        (["model", "fetch", "org/a/b"], 2, "with one slash"),
        (
            ["model", "fetch", "org/none"],
            3,
            "shows no model `org/none`",
        ),
        (
            ["model", "fetch", "org/tiny@v3"],
            3,
            "it has `v1.1`, `v2.0`, `main`",
        ),
    ] {
        let ran = bench.with(&arguments, &[]);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let ran = bench.with(&["model", "fetch", "org/tiny"], &[("HF_TOKEN", "hf_other")]);
    assert!(
        ran.code == 3 && ran.stderr.contains("is gated"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("hf_other"));
    let ran = bench.with(
        &["model", "fetch", "org/tiny"],
        &[("HF_ENDPOINT", "huggingface.co")],
    );
    assert!(
        ran.code == 2 && ran.stderr.contains("HF_ENDPOINT"),
        "{}",
        ran.stderr
    );
    let text = bench.toy.read("hub.yaml");
    bench
        .toy
        .write("bad.yaml", &text.replace("org/tiny", "org/tiny/x"));
    let ran = bench.with(&["validate", "bad.yaml"], &[]);
    assert!(
        ran.code == 2 && ran.stderr.contains("bad.yaml:3:23"),
        "{}",
        ran.stderr
    );
    bench.toy.write(
        "bad.yaml",
        &text.replace("org/tiny", "org/tiny, branch: main"),
    );
    let ran = bench.with(&["validate", "bad.yaml"], &[]);
    assert!(
        ran.code == 2 && ran.stderr.contains("unknown key `branch`"),
        "{}",
        ran.stderr
    );
}
